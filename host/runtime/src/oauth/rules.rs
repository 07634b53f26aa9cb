//! Which agent a token is, by the rules in the entries of the agents.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::claims::{self, has};
use super::{Identity, Members, Refusal};
use crate::config::{Issuer, Tenant, TokenRule};

/// How many names of claims one line of the log has, and how many characters of each.
const NAMES_MAX: usize = 32;
const NAME_MAX: usize = 128;

/// The rules of all agents of all tenants.
#[derive(Debug)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    tenant: String,
    agent: String,
    tokens: TokenRule,
}

impl Rules {
    pub(super) fn of(tenants: &BTreeMap<String, Arc<Tenant>>) -> Self {
        let of_tenant = |tenant: &Arc<Tenant>| -> Vec<Rule> {
            let ruled = tenant.agents.iter().filter_map(|(agent, entry)| {
                let tokens = entry.oauth.clone()?;
                Some(Rule { tenant: tenant.name.clone(), agent: agent.clone(), tokens })
            });
            ruled.collect()
        };
        Self(tenants.values().flat_map(of_tenant).collect())
    }

    /// The agent that a token of this issuer with these checked claims identifies, and for whom it acts.
    pub(super) fn identity(&self, issuer: &Issuer, claims: &Members) -> Result<Identity, Refusal> {
        let (tenant, agent) = self.agent(&issuer.name, claims)?;
        let on_behalf_of = claims::on_behalf_of(issuer, claims)?;
        Ok(Identity {
            tenant: tenant.to_owned(),
            agent: agent.to_owned(),
            on_behalf_of,
            requester: claims::requester(issuer, claims),
            expires_ms: claims::expires_ms(claims),
        })
    }

    /// The tenant and the name of the only agent that a token of this issuer with these claims can be.
    fn agent(&self, issuer: &str, claims: &Members) -> Result<(&str, &str), Refusal> {
        let mut fitting = self.0.iter().filter(|rule| rule.fits(issuer, claims));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Ok((one.tenant.as_str(), one.agent.as_str())),
            (None, _) => {
                let claims = names(claims);
                tracing::info!(issuer, ?claims, "a valid access token is that of no agent");
                Err(Refusal::NoAgent("the access token is valid, and is that of no agent"))
            }
            (Some(one), Some(other)) => {
                let (one, other) = (one.name(), other.name());
                tracing::warn!(issuer, %one, %other, "a valid access token is that of two agents");
                Err(Refusal::NoAgent("the access token is valid, and is that of several agents"))
            }
        }
    }
}

/// The names of the claims of a token, for the log. Their values may be personal data, and never are in the log.
fn names(claims: &Members) -> Vec<String> {
    let short = |name: &String| -> String { name.chars().take(NAME_MAX).collect() };
    claims.keys().take(NAMES_MAX).map(short).collect()
}

impl Rule {
    fn fits(&self, issuer: &str, claims: &Members) -> bool {
        let TokenRule { issuer: own, claims: required } = &self.tokens;
        let holds =
            |(name, value): (&String, &String)| claims.get(name).is_some_and(|c| has(c, value));
        own == issuer && !required.is_empty() && required.iter().all(holds)
    }

    fn name(&self) -> String {
        format!("{}/{}", self.tenant, self.agent)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::oauth::tests::members;

    fn rules() -> Rules {
        let rule = |agent: &str, issuer: &str, claims: &[(&str, &str)]| {
            let claims = claims.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let tokens = TokenRule { issuer: issuer.to_owned(), claims };
            Rule { tenant: "acme".to_owned(), agent: agent.to_owned(), tokens }
        };
        Rules(vec![
            rule("desk", "corp", &[("client_id", "desk"), ("groups", "support")]),
            rule("bot", "corp", &[("client_id", "bot")]),
            rule("other", "corp", &[("sub", "bot")]),
            rule("foreign", "partner", &[("client_id", "desk")]),
        ])
    }

    #[test]
    fn a_token_is_the_one_agent_whose_every_claim_it_has() {
        let rules = rules();
        let agent = |claims: Value| {
            let claims = members(claims);
            rules.agent("corp", &claims).map(|(_, agent)| agent.to_owned()).ok()
        };
        let desk = Some("desk".to_owned());
        assert_eq!(agent(json!({"client_id": "desk", "groups": "support"})), desk);
        assert_eq!(agent(json!({"client_id": "desk", "groups": ["a", "support"]})), desk);
        assert_eq!(agent(json!({"client_id": "bot", "sub": "someone"})), Some("bot".to_owned()));
        for nobody in [
            json!({}),
            json!({"client_id": "desk"}),
            json!({"client_id": "desk", "groups": "support staff"}),
            json!({"client_id": "desk", "groups": {"support": true}}),
            json!({"client_id": "Desk", "groups": "support"}),
        ] {
            assert_eq!(agent(nobody.clone()), None, "{nobody}");
        }
    }

    #[test]
    fn the_log_names_claims_and_has_none_of_their_values() {
        let found = names(&members(json!({"azp": "a-value", "sub": {"name": "a-value"}})));
        assert_eq!(found, ["azp", "sub"]);
        let many: Members = (0..100).map(|n| (format!("{n:0200}"), Value::Null)).collect();
        let found = names(&many);
        assert_eq!(found.len(), NAMES_MAX);
        assert!(found.iter().all(|name| name.len() == NAME_MAX), "{found:?}");
    }

    #[test]
    fn a_token_of_two_agents_is_refused() {
        let claims = members(json!({"client_id": "bot", "sub": "bot"}));
        assert!(matches!(rules().agent("corp", &claims), Err(Refusal::NoAgent(_))));
    }

    #[test]
    fn a_rule_is_for_the_tokens_of_one_issuer() {
        let claims = members(json!({"client_id": "desk", "groups": "support"}));
        assert_eq!(rules().agent("partner", &claims).unwrap(), ("acme", "foreign"));
        assert!(rules().agent("elsewhere", &claims).is_err());
    }
}
