//! The shape of `deed.toml`, field by field; unknown fields are errors.

mod delegation;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use deed_record::action::{Slot, TokenKind};
use deed_record::contract::Duration;
use deed_sandbox::World;
use serde::Deserialize;

pub use self::delegation::Delegation;
pub use self::people::{Chat, ChatFormat, Escalate, PeopleNotify, Smtp, SmtpTls};
use super::accepted;
use super::algorithm::Algorithm;
use super::size::Size;
use super::webhook::WebhookEvent;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    pub environment: String,
    /// The free space below which the host refuses new actions, on the file system of `state/`.
    pub disk_reserve: Option<Size>,
    #[serde(default)]
    pub limits: Limits,
    pub http: Http,
    pub log: Log,
    #[serde(default)]
    pub approval: Approval,
    #[serde(default)]
    pub notify: Option<Notify>,
    #[serde(default)]
    pub witness: Vec<Witness>,
    /// Authorization servers whose access tokens identify agents.
    #[serde(default)]
    pub issuer: BTreeMap<String, Issuer>,
    #[serde(default)]
    pub tenant: BTreeMap<String, Tenant>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Maximum number of concurrent runs of adapters.
    pub runs: Option<u32>,
    /// Limits on the number of actions that were accepted, have not ended and do not wait for people.
    pub under_way: Option<Bounds>,
    /// Limits on the number of actions that wait for people.
    pub waiting: Option<Bounds>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    pub host: Option<usize>,
    pub tenant: Option<usize>,
    pub agent: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: SocketAddr,
    pub operations: SocketAddr,
    /// Whether a proxy in front of the host terminates TLS. Without such a proxy, the host listens only on loopback
    /// addresses.
    #[serde(default)]
    pub behind_proxy: bool,
    /// The address at which people reach the host, such as `https://deed.example.com`.
    pub public_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub origin: String,
    /// How many witnesses must cosign a checkpoint before the host stops waiting; all witnesses by default.
    pub witness_quorum: Option<usize>,
    /// How long the last step of an action waits for the witnesses.
    pub witness_wait: Option<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// The name of the witness in reports and policies.
    pub name: String,
    /// The verifier key of the witness in the form `NAME+KEYID+KEY`, for Ed25519 cosignatures (C2SP tlog-cosignature).
    pub vkey: String,
    /// The submission prefix of the witness (C2SP tlog-witness).
    pub url: String,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Approval {
    pub expires: Duration,
}

impl Default for Approval {
    fn default() -> Self {
        Self { expires: Duration::from_millis(24 * 3_600_000) }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    pub url: String,
    pub secret: SecretFrom,
    /// The secret before a change; the host signs with both.
    pub previous: Option<SecretFrom>,
    /// The events that are reported.
    pub events: Option<BTreeSet<WebhookEvent>>,
}

impl Notify {
    /// The files of its secrets.
    fn files(&self) -> impl Iterator<Item = String> {
        let secrets = std::iter::once(&self.secret).chain(&self.previous);
        secrets.filter_map(|secret| secret.file.clone())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The exact value of the claim `iss`.
    pub url: String,
    /// The value that the claim `aud` must have.
    pub audience: String,
    /// The scope that a token must have.
    pub scope: Option<String>,
    /// The URL of the issuer's keys, for tokens that are JWTs.
    pub jwks: Option<String>,
    /// For all other tokens.
    pub introspection: Option<Introspection>,
    /// The claim that names the party for whom the agent acts.
    pub on_behalf_of: Option<String>,
    pub algorithms: Option<BTreeSet<Algorithm>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introspection {
    pub url: String,
    /// The client id of this host.
    pub client: String,
    pub secret: SecretFrom,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretFrom {
    pub file: Option<String>,
    pub env: Option<String>,
}

/// A secret of a tenant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub file: Option<String>,
    pub env: Option<String>,
    /// When the value stops being valid, as far as the operator knows: a date or a time in UTC.
    pub expires: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    pub policies: Vec<String>,
    #[serde(default)]
    pub upstream: BTreeMap<String, Upstream>,
    #[serde(default)]
    pub secret: BTreeMap<String, Secret>,
    /// Tokens that the host obtains for upstreams.
    #[serde(default)]
    pub token: BTreeMap<String, Token>,
    #[serde(default)]
    pub agent: BTreeMap<String, Agent>,
    #[serde(default)]
    pub person: BTreeMap<String, Person>,
    /// How people are notified.
    pub notify: Option<PeopleNotify>,
    #[serde(default)]
    pub resource: BTreeMap<String, BTreeMap<String, toml::Value>>,
    #[serde(default)]
    pub grant: BTreeMap<String, Grant>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    pub base_url: String,
    /// Required, unless there is a proxy.
    #[serde(default)]
    pub addresses: Vec<String>,
    pub timeout: Option<Duration>,
    /// How many runs may use the upstream at once. Each run has one exchange at a time.
    pub concurrency: Option<usize>,
    pub tls_roots: Option<String>,
    /// The certificate with which the host identifies itself in TLS, in PEM format, and the file of its private key.
    pub client_certificate: Option<String>,
    pub client_key: Option<String>,
    /// The HTTP proxy through which the host reaches the upstream, such as `http://proxy.internal:3128`.
    pub proxy: Option<String>,
    /// Classes of addresses of the proxy to which the host may connect.
    #[serde(default)]
    pub proxy_addresses: Vec<String>,
    /// The user with which the host identifies itself to the proxy, and the secret with the password.
    pub proxy_user: Option<String>,
    pub proxy_secret: Option<String>,
    /// Headers that the host adds to every request to the upstream.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Names of request headers that contracts may set, in addition to those that every contract may set.
    #[serde(default)]
    pub allow_headers: Vec<String>,
    /// Content types of the upstream's answers that the host decodes in addition to the usual ones.
    #[serde(default)]
    pub content_types: Vec<String>,
    /// Whether the upstream may compress its answers with gzip.
    #[serde(default)]
    pub gzip: bool,
    pub read: Option<Credential>,
    pub write: Option<Credential>,
    pub idempotency: Option<Idempotency>,
    /// The request with which `deed upstream test` tries a credential, such as `GET /Users?count=1`.
    pub test: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// The request header from which the upstream reads the idempotency key.
    pub header: String,
    /// How long the upstream remembers an idempotency key.
    pub window: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// The name of a secret. A credential has either a secret or a token.
    pub secret: Option<String>,
    /// The name of a token.
    pub token: Option<String>,
    /// Where the host puts it; a token is a bearer token by default.
    pub slot: Option<Slot>,
    /// Names of further secrets, by the header in which the host sends each.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// A token that the host obtains. Each kind of token has some of these fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub kind: TokenKind,
    /// Where the host asks for the token.
    pub endpoint: Option<Endpoint>,
    /// The client id of the host.
    pub client: Option<String>,
    /// The name of the secret of the client.
    pub secret: Option<String>,
    /// How the client proves itself.
    pub auth: Option<ClientAuth>,
    /// The file with the private key of the host, in PEM form.
    pub key: Option<String>,
    /// The id of the key at the authorization server.
    pub key_id: Option<String>,
    /// Who signs an assertion; the client by default.
    pub issuer: Option<String>,
    /// For whom the token is.
    pub subject: Option<Subject>,
    /// Who shall accept the assertions that the host signs; the endpoint by default.
    pub assertion_audience: Option<String>,
    #[serde(default)]
    pub scopes: Vec<String>,
    pub audience: Option<String>,
    pub resource: Option<String>,
    /// The absolute path of the program that prints the token, its digest and its arguments.
    pub program: Option<String>,
    pub digest: Option<String>,
    #[serde(default)]
    pub args: Vec<String>,
}

/// A token endpoint: a path below the base URL of an upstream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    pub upstream: String,
    pub path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// The secret as a password of HTTP Basic authentication.
    Basic,
    /// The secret in the body.
    Post,
    /// An assertion that is signed with the key.
    Key,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The person who is responsible for the agent.
    Person,
    /// The subject of the access token of the request that proposed the action.
    Request,
    /// Always this party.
    Name(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    pub person: String,
    #[serde(default)]
    pub roles: Vec<String>,
    /// The digest of a token that stays valid while the host runs; `tokens/` has those that can be revoked meanwhile.
    pub token: Option<String>,
    /// The webhook that reports the end of the agent's actions.
    pub notify: Option<Notify>,
    /// Which access tokens are those of this agent.
    pub oauth: Option<TokenRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRule {
    pub issuer: String,
    /// Claims that a token must have, each with this value or with an array that contains it.
    pub claims: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    #[serde(default)]
    pub roles: Vec<String>,
    /// PEM files with the person's public keys.
    #[serde(default)]
    pub keys: Vec<String>,
    /// JSON files with the person's passkeys.
    #[serde(default)]
    pub passkeys: Vec<String>,
    /// Roles that the person may use for other persons.
    #[serde(default)]
    pub delegations: Vec<Delegation>,
    /// The address to which notifications are sent.
    pub email: Option<String>,
    pub token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub contract: Option<String>,
    pub adapter: Option<String>,
    pub upstreams: Vec<String>,
    /// The POST requests of `observe` that only read, each with the digest of its rule.
    #[serde(default)]
    pub safe: BTreeMap<String, String>,
    /// Whether the adapter may import WASI.
    #[serde(default)]
    pub wasi: bool,
    /// The folders in which the host stores the secrets that the upstreams create, by the name of the secret.
    #[serde(default)]
    pub vault: BTreeMap<String, String>,
}

/// The files that a configuration names, the name of its logs, and its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    pub environment: String,
    pub log_origin: String,
    /// Policies, TLS roots, client certificates, public keys of people, and accepted contracts.
    pub named: BTreeSet<String>,
    /// Files that hold secrets, including private keys of client certificates.
    pub secrets: BTreeSet<String>,
}

impl Secret {
    /// Where its value is.
    pub fn source(&self) -> SecretFrom {
        SecretFrom { file: self.file.clone(), env: self.env.clone() }
    }
}

impl Grant {
    /// What the adapter may import.
    pub fn world(&self) -> World {
        if self.wasi { World::Wasi } else { World::Strict }
    }
}

impl Credential {
    /// The headers in which it is sent, besides `Authorization`.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        let slot = self.slot.as_ref().and_then(Slot::header);
        slot.into_iter().chain(self.headers.keys().map(String::as_str))
    }

    /// The names of its secrets.
    pub fn secret_names(&self) -> impl Iterator<Item = &String> {
        self.secret.iter().chain(self.headers.values())
    }
}

impl Outline {
    pub(super) fn of(host: &Host) -> Self {
        let (mut named, mut secrets) = (BTreeSet::new(), BTreeSet::new());
        secrets.extend(host.notify.iter().flat_map(Notify::files));
        let asking = host.issuer.values().filter_map(|issuer| issuer.introspection.as_ref());
        secrets.extend(asking.filter_map(|one| one.secret.file.clone()));
        for tenant in host.tenant.values() {
            let webhooks = tenant.agent.values().filter_map(|agent| agent.notify.as_ref());
            secrets.extend(webhooks.flat_map(Notify::files));
            secrets.extend(tenant.secret.values().filter_map(|secret| secret.file.clone()));
            secrets.extend(tenant.token.values().filter_map(|token| token.key.clone()));
            named.extend(tenant.policies.iter().cloned());
            named.extend(tenant.upstream.values().filter_map(|one| one.tls_roots.clone()));
            let relay = tenant.notify.as_ref().and_then(|notify| notify.smtp.as_ref());
            named.extend(relay.and_then(|smtp| smtp.tls_roots.clone()));
            let own = tenant.upstream.values().filter_map(|one| one.client_certificate.clone());
            named.extend(own);
            secrets.extend(tenant.upstream.values().filter_map(|one| one.client_key.clone()));
            let pinned = tenant.grant.values().filter_map(|grant| grant.contract.as_ref());
            named.extend(pinned.filter_map(|text| Some(accepted::path(text.parse().ok()?))));
            let files = |person: &Person| [person.keys.clone(), person.passkeys.clone()].concat();
            named.extend(tenant.person.values().flat_map(files));
        }
        let (environment, log_origin) = (host.environment.clone(), host.log.origin.clone());
        Self { environment, log_origin, named, secrets }
    }
}
