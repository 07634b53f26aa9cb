//! How the host reaches an upstream and identifies itself there, as people see it.

use std::collections::BTreeMap;

use deed_record::action::{Binding, CredentialRef, ProxyRef};
use deed_record::exchange::Rendered;
use deed_record::lifecycle::story::Story;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The credential of requests to an upstream, and the way to it; names and places, but no secret values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Access {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialRef>,
    /// The file of the certificate with which the host identifies itself in TLS, below the served directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyRef>,
    /// The folders in which the host stores the secrets that the upstream creates, by the name of the secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vault: BTreeMap<String, String>,
}

impl Access {
    /// The access that a binding grants to writes, or to the reads of observations.
    pub(crate) fn of(binding: &Binding, writes: bool) -> Self {
        let credential = if writes { &binding.write } else { &binding.read };
        Self {
            credential: credential.clone(),
            client_certificate: binding.client_certificate.clone(),
            proxy: binding.proxy.clone(),
            vault: if writes { binding.vault.clone() } else { BTreeMap::new() },
        }
    }

    /// The part of this access that one request has: only the folders of its own secrets.
    pub(crate) fn for_request(&self, request: &Rendered) -> Self {
        let mut own = self.clone();
        own.vault.retain(|name, _| request.secrets.contains_key(name));
        own
    }
}

/// The access of the action's writes, by upstream.
pub(super) fn of_writes(story: &Story) -> BTreeMap<String, Access> {
    let written = |upstream: &String| {
        story.bound.perform.iter().any(|request| request.writes && request.upstream == *upstream)
    };
    let bindings = story.bindings.iter().filter(|(name, _)| written(name));
    let all = bindings.map(|(name, binding)| (name.clone(), Access::of(binding, true)));
    all.filter(|(_, access)| *access != Access::default()).collect()
}
