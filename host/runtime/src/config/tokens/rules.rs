//! What the files of `tokens/` are checked against: the agents of `deed.toml`, and digests that no token may have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deed_spec::digest::Digest;

use super::{AgentToken, FOLDER, Found};
use crate::config::fault::Fault;
use crate::config::{Tenant, raw};

#[derive(Debug)]
pub(in crate::config) struct Rules {
    /// The agents of each tenant.
    agents: BTreeMap<String, BTreeSet<String>>,
    /// Digests that belong to something else, each with what it belongs to.
    taken: BTreeMap<Digest, String>,
}

impl Rules {
    /// The rules for these tenants. No token may be one of these secrets of the host.
    pub(in crate::config) fn of(
        raw: &raw::Host,
        tenants: &BTreeMap<String, Arc<Tenant>>,
        secrets: &BTreeMap<Digest, &'static str>,
    ) -> Self {
        let names = |one: &raw::Tenant| -> BTreeSet<String> { one.agent.keys().cloned().collect() };
        let agents = raw.tenant.iter().map(|(tenant, one)| (tenant.clone(), names(one)));
        let mut taken = BTreeMap::from([(Digest::of(b""), "an empty token".to_owned())]);
        taken.extend(secrets.iter().map(|(digest, what)| (*digest, (*what).to_owned())));
        for (name, digest) in tenants.values().flat_map(|tenant| tenant.tokens()) {
            taken.insert(digest, format!("the token of `{name}` in deed.toml"));
        }
        Self { agents: agents.collect(), taken }
    }

    /// Separates the tokens that identify an agent from those with a fault. If files have the same token, all of them
    /// have a fault, because the host could not tell whose token it is.
    pub(super) fn check(&self, found: Vec<Found>) -> (Vec<AgentToken>, Vec<Fault>) {
        let mut holders: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
        for Found { token, .. } in &found {
            holders.entry(token.hash).or_default().push(token.id.clone());
        }
        let (mut valid, mut faults) = (Vec::new(), Vec::new());
        for Found { token, source } in found {
            let others = holders.get(&token.hash).into_iter().flatten();
            let twin = others.into_iter().find(|id| **id != token.id);
            match self.objection(&token, twin) {
                None => valid.push(token),
                Some((key, what)) => faults.push(source.fault(key, &what)),
            }
        }
        (valid, faults)
    }

    /// Why the host does not accept a token, and the field of the file that says so.
    fn objection(
        &self,
        token: &AgentToken,
        twin: Option<&String>,
    ) -> Option<(&'static str, String)> {
        let AgentToken { id, tenant, agent, hash, .. } = token;
        let Some(agents) = self.agents.get(tenant) else {
            let what =
                format!("deed.toml has no tenant `{tenant}`; run `deed token revoke DIR {id}`");
            return Some(("tenant", what));
        };
        if !agents.contains(agent) {
            let what = format!(
                "tenant `{tenant}` has no agent `{agent}` in deed.toml; run `deed token revoke DIR {id}`"
            );
            return Some(("agent", what));
        }
        let belongs = |whose: &str| {
            format!(
                "this is also {whose}; run `deed token add` for another one, and `deed token revoke DIR {id}`"
            )
        };
        if let Some(whose) = self.taken.get(hash) {
            return Some(("hash", belongs(whose)));
        }
        twin.map(|other| ("hash", belongs(&format!("the token in `{FOLDER}/{other}.toml`"))))
    }
}
