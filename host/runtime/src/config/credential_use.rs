//! The credentials that upstreams get, and what the host has noticed about them.

use deed_sandbox::credentials::CredentialStanding;
use deed_sandbox::upstream::{Credential, Upstream};

use super::tenant::Tenant;

/// A secret or token that an upstream gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialUse {
    pub upstream: String,
    /// The requests that have it: `reads`, `writes`, or both.
    pub requests: &'static str,
    /// The name of the secret or token.
    pub name: String,
    pub standing: CredentialStanding,
}

impl Tenant {
    /// The secrets and tokens of each upstream, by its name. Their number is bounded by the configuration.
    pub fn credential_uses(&self) -> Vec<CredentialUse> {
        self.upstreams.values().flat_map(|upstream| uses(upstream)).collect()
    }
}

fn uses(upstream: &Upstream) -> Vec<CredentialUse> {
    let mut found: Vec<CredentialUse> = Vec::new();
    let kinds = [("reads", &upstream.read), ("writes", &upstream.write)];
    let each = kinds.into_iter().filter_map(|(requests, one)| Some((requests, one.as_ref()?)));
    for (requests, (name, standing)) in
        each.flat_map(|(requests, one)| parts(one).into_iter().map(move |part| (requests, part)))
    {
        match found.iter_mut().find(|known| known.name == name) {
            Some(known) if known.requests != requests => known.requests = "reads and writes",
            Some(_) => {}
            None => {
                let upstream = upstream.name.clone();
                found.push(CredentialUse { upstream, requests, name, standing });
            }
        }
    }
    found
}

/// The secret or token of a credential, and the secrets in its further headers.
fn parts(credential: &Credential) -> Vec<(String, CredentialStanding)> {
    let source = &credential.source;
    let more = credential.headers.iter().map(|(_, one)| (one.name().to_owned(), one.standing()));
    [(source.name().to_owned(), source.standing())].into_iter().chain(more).collect()
}
