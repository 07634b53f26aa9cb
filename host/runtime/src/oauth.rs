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
mod moment;
mod queue;
mod refusal;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::action::Requester;
use deed_system::clock::Clock;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use self::claims::Origin;
use self::fetch::Fetcher;
use self::introspection::Introspector;
use self::jws::Jws;
use self::key_source::KeySource;
use self::moment::Moment;
pub(crate) use self::refusal::Refusal;
use self::rules::Rules;
use crate::config::{Agent, Issuer, Tenant};

/// The longest access token in bytes. All headers of a request together have at most 16 KiB.
const TOKEN_MAX: usize = 12 * 1024;
/// How the host's own tokens begin (`deed token new`). They are never shown to an issuer, also those that were revoked.
const OWN_PREFIX: &str = "deed_";

/// How many issuers of a host may be asked for their keys at once.
const FETCHES: usize = 1;

/// The members of a token, or of an issuer's answer about it.
type Members = Map<String, Value>;

/// All configured issuers, and the rules that say which token is which agent.
#[derive(Debug)]
pub(crate) struct Issuers {
    all: Vec<Checked>,
    rules: Arc<Rules>,
    clock: Clock,
}

/// An issuer with its keys and the answers about its tokens.
#[derive(Debug)]
struct Checked {
    issuer: Arc<Issuer>,
    keys: Option<Arc<KeySource>>,
    introspector: Option<Arc<Introspector>>,
}

/// The agent that an access token identifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) tenant: String,
    pub(crate) agent: String,
    /// For whom the agent acts, if the issuer's tokens say it.
    pub(crate) on_behalf_of: Option<String>,
    /// The subject of the token; `None` if the token names none.
    pub(crate) requester: Option<Requester>,
    /// When the token expires, in Unix milliseconds.
    pub(crate) expires_ms: i64,
}

impl Issuers {
    pub(crate) fn new(
        issuers: &BTreeMap<String, Arc<Issuer>>,
        tenants: &BTreeMap<String, Arc<Tenant>>,
        clock: &Clock,
    ) -> Self {
        let (fetcher, rules) = (Fetcher::new(), Arc::new(Rules::of(tenants)));
        let turns = Arc::new(Semaphore::new(FETCHES));
        let keys = |url: &String| Arc::new(KeySource::new(url, &fetcher, clock.clone(), &turns));
        let introspector = |issuer: &Arc<Issuer>| {
            let (issuer, rules) = (Arc::clone(issuer), Arc::clone(&rules));
            Arc::new(Introspector::new(issuer, rules, clock.clone(), &fetcher))
        };
        let checked = |issuer: &Arc<Issuer>| Checked {
            issuer: Arc::clone(issuer),
            keys: issuer.jwks.as_ref().map(keys),
            introspector: issuer.introspection.is_some().then(|| introspector(issuer)),
        };
        let all = issuers.values().map(checked).collect();
        Self { all, rules, clock: clock.clone() }
    }

    /// The configured issuers; none if the host accepts no access tokens.
    pub(crate) fn configured(&self) -> impl Iterator<Item = &Issuer> {
        self.all.iter().map(|one| &*one.issuer)
    }

    /// Whether the access tokens of this agent say for whom it acts, so that no other token of the agent may.
    pub(crate) fn say_for_whom(&self, agent: &Agent) -> bool {
        let issuer = agent.oauth.as_ref().map(|rule| rule.issuer.as_str());
        let mut all = self.configured();
        all.any(|one| issuer == Some(one.name.as_str()) && one.on_behalf_of.is_some())
    }

    /// The agent that this token identifies now.
    pub(crate) async fn identify(&self, token: &str) -> Result<Identity, Refusal> {
        if token.len() > TOKEN_MAX {
            return Err(Refusal::Invalid("the access token is too long"));
        }
        if jws::is_one(token) {
            return self.identify_jws(token).await;
        }
        let is_foreign = !token.starts_with(OWN_PREFIX);
        let mut asked = self.all.iter().filter(|_| is_foreign);
        let introspector = asked.find_map(|one| one.introspector.as_ref());
        introspector.ok_or(Refusal::Invalid("the token is not known"))?.ask(token).await
    }

    /// The agent that a token in the form of a JWS identifies. Its claim `iss` selects the issuer whose keys must have
    /// signed it.
    async fn identify_jws(&self, token: &str) -> Result<Identity, Refusal> {
        let jws = Arc::new(Jws::parse(token)?);
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
                keys.verify(&jws).await?;
                let now_s = Moment::now(&self.clock).unix_s();
                claims::check(issuer, &jws.payload, Origin::Jws, now_s)?;
                self.rules.identity(issuer, &jws.payload)
            }
            (None, Some(introspector)) => introspector.ask(token).await,
            (None, None) => Err(Refusal::Unavailable),
        }
    }
}
