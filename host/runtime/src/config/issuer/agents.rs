//! Checks which tokens belong to which agent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Issuer;
use crate::config::fault::{Fault, Faults, Source};
use crate::config::tenant::TokenRule;
use crate::config::{Tenant, raw};

/// Claims that say nothing about the holder of a token: every token of an issuer has them, or they differ for each
/// token.
const OF_EVERY_TOKEN: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "active"];

type Tenants = BTreeMap<String, Arc<Tenant>>;
type Issuers = BTreeMap<String, Arc<Issuer>>;

/// An agent with the rule for its tokens.
struct Ruled<'a> {
    tenant: &'a str,
    agent: &'a str,
    rule: &'a TokenRule,
}

impl Ruled<'_> {
    fn fault(&self, here: &Source, what: &str) -> Fault {
        here.fault_in(&format!("[tenant.{}.agent.{}]", self.tenant, self.agent), "oauth", what)
    }

    /// Whether each token of the other agent is also a token of this one.
    fn covers(&self, other: &Ruled<'_>) -> bool {
        let has = |(claim, value): (&String, &String)| other.rule.claims.get(claim) == Some(value);
        self.rule.issuer == other.rule.issuer && self.rule.claims.iter().all(has)
    }
}

fn ruled(tenants: &Tenants) -> Vec<Ruled<'_>> {
    tenants.values().flat_map(of_tenant).collect()
}

fn of_tenant(tenant: &Arc<Tenant>) -> Vec<Ruled<'_>> {
    let ruled = tenant.agents.iter().filter_map(|(agent, entry)| {
        let rule = entry.oauth.as_ref()?;
        Some(Ruled { tenant: &tenant.name, agent, rule })
    });
    ruled.collect()
}

/// Checks the rule of each agent. `named` has all tables of issuers, also those with a fault of their own.
pub(in crate::config) fn check(
    tenants: &Tenants,
    named: &BTreeMap<String, raw::Issuer>,
    here: &Source,
    faults: &mut Faults,
) {
    let ruled = ruled(tenants);
    for one in &ruled {
        let TokenRule { issuer, claims } = one.rule;
        if !named.contains_key(issuer) {
            let what = format!("issuer `{issuer}` is missing; add [issuer.{issuer}]");
            faults.push(one.fault(here, &what));
        }
        if claims.is_empty() {
            let what = "`claims` is empty, so every token of the issuer would be this agent; name a claim, such as \
                        `client_id`";
            faults.push(one.fault(here, what));
        }
        if let Some(claim) = claims.keys().find(|name| OF_EVERY_TOKEN.contains(&name.as_str())) {
            let what = format!(
                "the claim `{claim}` does not tell agents apart; name one that does, such as `client_id` or `sub`"
            );
            faults.push(one.fault(here, &what));
        }
    }
    overlapping(&ruled, here, faults);
}

/// Reports an agent whose tokens are all refused, because each is also a token of another agent.
fn overlapping(ruled: &[Ruled<'_>], here: &Source, faults: &mut Faults) {
    for (index, one) in ruled.iter().enumerate() {
        let others = ruled.iter().enumerate().filter(|(other, _)| *other != index);
        let wider = others.map(|(_, other)| other).find(|other| other.covers(one));
        if let Some(other) = wider.filter(|other| !other.rule.claims.is_empty()) {
            let what = format!(
                "every token of `{}` is also one of `{}` of tenant `{}`, and a token of two agents is refused; add a \
                 claim that tells them apart",
                one.agent, other.agent, other.tenant
            );
            faults.push(one.fault(here, &what));
        }
    }
}

/// Warns about issuers that no agent names.
pub(in crate::config) fn warn(tenants: &Tenants, issuers: &Issuers, here: &Source) -> Vec<Fault> {
    let ruled = ruled(tenants);
    let idle = |name: &&String| !ruled.iter().any(|one| one.rule.issuer == **name);
    let warning = |name: &String| {
        let what = format!(
            "no agent accepts tokens of issuer `{name}`; remove it, or name it in `oauth` of an agent"
        );
        here.fault_in(&super::table(name), "", &what)
    };
    issuers.keys().filter(idle).map(warning).collect()
}
