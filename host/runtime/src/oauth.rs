//! Access tokens of configured issuers (OAuth 2.1, RFC 9728). The host is a resource server: it checks tokens, and
//! issues none.
//!
//! An access token identifies an agent, and never a person: the entry of an agent in `deed.toml` says which tokens are
//! those of the agent, and its roles and the person responsible for it come from that entry.

mod claims;
mod fetch;
mod introspection;
mod jws;
mod key_source;
mod keys;
mod queue;
mod refusal;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use self::claims::Origin;
use self::fetch::Fetcher;
use self::introspection::Introspector;
use self::key_source::KeySource;
pub(crate) use self::refusal::Refusal;
use self::rules::Rules;
use crate::config::{Issuer, Tenant};

/// The longest access token in bytes. All headers of a request together have at most 16 KiB.
const TOKEN_MAX: usize = 12 * 1024;
/// How the host's own tokens begin (`deed token new`). They are never shown to an issuer, also those that were revoked.
const OWN_PREFIX: &str = "deed_";

/// The members of a token, or of an issuer's answer about it.
type Members = Map<String, Value>;

/// All configured issuers, and the rules that say which token is which agent.
#[derive(Debug)]
pub(crate) struct Issuers {
    all: Vec<Checked>,
    rules: Rules,
}

/// An issuer with its keys and the answers about its tokens.
#[derive(Debug)]
struct Checked {
    issuer: Arc<Issuer>,
    keys: Option<KeySource>,
    introspector: Option<Introspector>,
}

/// The agent that an access token identifies.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) tenant: String,
    pub(crate) agent: String,
    /// For whom the agent acts, if the issuer's tokens say it.
    pub(crate) on_behalf_of: Option<String>,
}

impl Issuers {
    pub(crate) fn new(
        issuers: &BTreeMap<String, Arc<Issuer>>,
        tenants: &BTreeMap<String, Arc<Tenant>>,
    ) -> Self {
        let fetcher = Fetcher::new();
        let checked = |issuer: &Arc<Issuer>| Checked {
            issuer: Arc::clone(issuer),
            keys: issuer.jwks.as_ref().map(|url| KeySource::new(url, &fetcher)),
            introspector: issuer
                .introspection
                .is_some()
                .then(|| Introspector::new(Arc::clone(issuer), &fetcher)),
        };
        Self { all: issuers.values().map(checked).collect(), rules: Rules::of(tenants) }
    }

    /// The configured issuers; none if the host accepts no access tokens.
    pub(crate) fn configured(&self) -> impl Iterator<Item = &Issuer> {
        self.all.iter().map(|one| &*one.issuer)
    }

    /// The agent that this token identifies at this time, in Unix seconds.
    pub(crate) async fn identify(&self, token: &str, now_s: i64) -> Result<Identity, Refusal> {
        let (issuer, claims) = self.claims(token, now_s).await?;
        let (tenant, agent) = self.rules.agent(&issuer.name, &claims)?;
        let on_behalf_of = claims::on_behalf_of(issuer, &claims)?;
        Ok(Identity { tenant: tenant.to_owned(), agent: agent.to_owned(), on_behalf_of })
    }

    /// The checked claims of a token, and its issuer.
    async fn claims(&self, token: &str, now_s: i64) -> Result<(&Issuer, Members), Refusal> {
        if token.len() > TOKEN_MAX {
            return Err(Refusal::Invalid("the access token is too long"));
        }
        if jws::is_one(token) {
            return self.claims_of_jws(token, now_s).await;
        }
        let is_foreign = !token.starts_with(OWN_PREFIX);
        let mut asked = self.all.iter().filter(|_| is_foreign);
        let asked = asked.find_map(|one| Some((one, one.introspector.as_ref()?)));
        let (checked, introspector) = asked.ok_or(Refusal::Invalid("the token is not known"))?;
        let claims = introspector.ask(token, now_s).await?;
        Ok((&*checked.issuer, claims))
    }

    /// The claims of a token in the form of a JWS. Its claim `iss` selects the issuer whose keys must have signed it.
    async fn claims_of_jws(&self, token: &str, now_s: i64) -> Result<(&Issuer, Members), Refusal> {
        let jws = jws::Jws::parse(token)?;
        let named = |one: &&Checked| {
            jws.payload.get("iss").and_then(Value::as_str) == Some(one.issuer.url.as_str())
        };
        let unknown = Refusal::Invalid("the issuer of the access token is not configured");
        let checked = self.all.iter().find(named).ok_or(unknown)?;
        let issuer = &*checked.issuer;
        match (&checked.keys, &checked.introspector) {
            (Some(keys), _) => {
                if !issuer.algorithms.contains(&jws.header.algorithm) {
                    let what = "the algorithm of the signature is not accepted from this issuer";
                    return Err(Refusal::Invalid(what));
                }
                let key = keys.key(&jws.header).await?;
                jws.verify(&key)?;
                claims::check(issuer, &jws.payload, Origin::Jws, now_s)?;
                Ok((issuer, jws.payload))
            }
            (None, Some(introspector)) => Ok((issuer, introspector.ask(token, now_s).await?)),
            (None, None) => Err(Refusal::Unavailable),
        }
    }
}
