//! Builds one tenant from its tables in `deed.toml`, with every name resolved.

mod adapters;
mod channels;
mod credentials;
mod delegations;
mod ends;
mod grants;
pub(super) mod passkeys;
mod people;
mod policies;
mod reserved;
mod sigv4;
mod taken;
mod tokens;
mod upstreams;
mod vocabulary;
mod webhooks;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deed_record::action::id;
use deed_record::contract::{Contract, Question, questions};
use deed_record::exchange::Rendered;
use deed_record::policy::Policies;
use deed_record::statement::approver::ApproverKey;
use deed_sandbox::World;
use deed_sandbox::credentials::{Memory, Vault};
use deed_sandbox::upstream::Upstream;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_system::files::{Files, TEXT_MAX};
use serde_json::Value;

pub(super) use self::adapters::Adapters;
pub use self::delegations::Delegation;
pub use self::passkeys::PasskeyFile;
pub(super) use self::vocabulary::vocabulary;
use super::address::Address;
use super::channels::Channels;
use super::fault::{Fault, Faults, Source};
use super::raw;
use super::webhook::Webhook;

/// One tenant. No other tenant can see this tenant's data.
#[derive(Debug)]
pub struct Tenant {
    pub name: String,
    pub agents: BTreeMap<String, Agent>,
    /// The webhooks of agents, by the name of the agent.
    pub webhooks: BTreeMap<String, Arc<Webhook>>,
    pub persons: BTreeMap<String, Person>,
    /// How people are notified.
    pub channels: Channels,
    pub upstreams: BTreeMap<String, Arc<Upstream>>,
    /// What the upstreams got, for redaction. The memory stays the same when the configuration is replaced.
    pub memory: Arc<Memory>,
    /// The digest of the TLS roots, for each upstream that has its own roots.
    pub tls_roots: BTreeMap<String, Digest>,
    /// When the last of its TLS roots expires, in Unix milliseconds, for each upstream that has its own roots.
    pub roots_end: BTreeMap<String, i64>,
    /// When a secret expires, in Unix milliseconds, for each secret of which the operator declares it.
    pub secrets_end: BTreeMap<String, i64>,
    /// The request with which the credentials of an upstream are tried, for each upstream that has one.
    pub tests: BTreeMap<String, Rendered>,
    pub grants: BTreeMap<String, Granted>,
    pub resources: BTreeMap<String, BTreeMap<String, Value>>,
    pub policies: Policies,
}

impl Tenant {
    /// The first upstream of a grant that is reached with a token for the access token of the request, and the name of
    /// that token.
    pub fn exchanged(&self, granted: &Granted) -> Option<(&str, &str)> {
        let reached = self.upstreams.iter().filter(|(name, _)| granted.upstreams.contains(*name));
        let mut credentials = reached.flat_map(|(name, upstream)| {
            upstream.read.iter().chain(&upstream.write).map(move |one| (name, &one.source))
        });
        let (name, source) = credentials.find(|(_, source)| source.is_of_requests())?;
        Some((name.as_str(), source.name()))
    }

    /// Returns the person whose key the envelope names. The caller must check the signature with that key.
    pub fn signer(&self, envelope: &Envelope) -> Option<(&str, &Person, &ApproverKey)> {
        let hint = envelope.key_hint().unwrap_or_default();
        let owns = |key: &&ApproverKey| key.id().is_ok_and(|id| id == hint);
        self.persons.iter().find_map(|(name, person)| {
            person.keys.iter().find(owns).map(|key| (name.as_str(), person, key))
        })
    }

    /// The agents and persons that have a token in `deed.toml`, each with the hash of the token.
    pub(super) fn tokens(&self) -> impl Iterator<Item = (&String, Digest)> {
        let agents = self.agents.iter().filter_map(|(name, agent)| Some((name, agent.token?)));
        agents.chain(self.persons.iter().filter_map(|(name, p)| Some((name, p.token?))))
    }
}

/// An agent and the person who is responsible for it.
#[derive(Clone, Debug)]
pub struct Agent {
    pub person: String,
    pub roles: BTreeSet<String>,
    /// SHA-256 of the bearer token in `deed.toml`.
    pub token: Option<Digest>,
    pub oauth: Option<TokenRule>,
}

/// Which access tokens are those of an agent: tokens of this issuer in which each of these claims has this value, or is
/// an array that contains it.
#[derive(Clone, Debug)]
pub struct TokenRule {
    pub issuer: String,
    pub claims: BTreeMap<String, String>,
}

/// A person: approver keys and roles.
#[derive(Clone, Debug)]
pub struct Person {
    pub roles: BTreeSet<String>,
    /// Roles that the person may use for other persons.
    pub delegations: Vec<Delegation>,
    /// Key files and passkeys.
    pub keys: Vec<ApproverKey>,
    /// The credential IDs of the passkeys, by the ID of the key. A browser needs them to find a passkey.
    pub credentials: BTreeMap<String, String>,
    /// Where notifications are sent.
    pub email: Option<Arc<Address>>,
    pub token: Option<Digest>,
}

impl Person {
    pub fn has_passkeys(&self) -> bool {
        self.keys.iter().any(|key| key.passkey().is_some())
    }

    /// The person's roles, and those that the person may use now for others.
    pub fn roles_at(&self, now_ms: i64) -> BTreeSet<String> {
        let delegated = self.delegations.iter().filter(|one| !one.is_over(now_ms));
        self.roles.iter().chain(delegated.map(|one| &one.role)).cloned().collect()
    }
}

/// A contract together with what the operator granted for it.
#[derive(Clone, Debug)]
pub struct Granted {
    pub contract: Arc<Contract>,
    pub digest: Digest,
    pub adapter: Digest,
    pub upstreams: BTreeSet<String>,
    /// The requests of the `observe` rules that may send a POST, because the operator accepts that they only read.
    pub safe: BTreeSet<String>,
    /// What the adapter may import.
    pub world: World,
    /// Where the host stores the secrets that the upstreams create, by the name of the secret.
    pub vaults: BTreeMap<String, Arc<Vault>>,
}

/// Contract files by action name.
pub(super) type Contracts = BTreeMap<String, (String, Arc<Contract>, Digest)>;

/// Reads `contracts/*.toml`, except the test cases of contracts, `contracts/*.cases.toml`.
pub(super) fn contracts(files: &Files, faults: &mut Faults) -> Contracts {
    let mut found = Contracts::new();
    let names = files.names("contracts").unwrap_or_else(|e| {
        faults.push(Fault::new("contracts/", 0, e.to_string()));
        Vec::new()
    });
    let is_contract = |name: &&String| match name.strip_suffix(".toml") {
        Some(start) => start.strip_suffix(".cases").is_none_or(str::is_empty),
        None => false,
    };
    for name in names.iter().filter(is_contract) {
        let name = format!("contracts/{name}");
        match contract(files, &name) {
            Err(fault) => faults.push(fault),
            Ok((contract, digest, open)) => {
                for question in &open {
                    faults.push(not_answered(&name, question));
                }
                let action = contract.action.name.clone();
                if let Some((other, ..)) =
                    found.insert(action.clone(), (name.clone(), Arc::new(contract), digest))
                {
                    faults.push(Fault::new(
                        &name,
                        0,
                        format!("`{action}` is also in {other}; keep one file"),
                    ));
                }
            }
        }
    }
    found
}

/// A draft is not served before its author has answered all of its questions.
fn not_answered(name: &str, question: &Question) -> Fault {
    let text = question.text.trim_end_matches('.');
    let what = format!("question not answered: {text}; edit the contract and remove this line");
    Fault::new(name, question.line, what)
}

/// A contract, its digest, and the questions that are not answered.
fn contract(files: &Files, name: &str) -> Result<(Contract, Digest, Vec<Question>), Fault> {
    if !is_plain(name) {
        let what = "the file name of a contract must be letters, digits, `_`, `-` and `.`, and start with a letter or \
                    digit; rename it";
        return Err(Fault::new(name, 0, what));
    }
    let text = files.text(name, TEXT_MAX).map_err(|e| Fault::new(name, 0, e.to_string()))?;
    let contract = Contract::from_toml(name, &text)?;
    let digest = contract.digest().map_err(|e| Fault::new(name, 0, e.to_string()))?;
    Ok((contract, digest, questions(&text)))
}

/// Whether the file is not hidden, and its name has only characters that a directory listing shows unchanged.
fn is_plain(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

pub(super) fn build(
    files: &Arc<Files>,
    name: &str,
    raw: &raw::Tenant,
    (contracts, adapters, memory): (&Contracts, &Adapters, &Arc<Memory>),
    here: &Source,
    faults: &mut Faults,
) -> Option<Tenant> {
    let mut builder = Builder { files, name, raw, contracts, adapters, memory, here, faults };
    builder.names();
    builder.reserved_roles();
    let secrets = builder.secrets();
    let (reached, tls_roots) = builder.upstreams(&secrets);
    let tokens = builder.tokens((&reached, &tls_roots), &secrets);
    let upstreams = builder.credentials(reached, &secrets, &tokens);
    let (agents, persons) = (builder.agents(), builder.persons());
    let (webhooks, channels) = (builder.webhooks(), builder.channels(&secrets));
    let (roots_end, secrets_end) = (builder.roots_end(), builder.secrets_end());
    let tests = builder.tests();
    let grants = builder.grants(&upstreams);
    let (resources, attributes) = builder.resources();
    let policies = builder.policies(&agents, &persons, &grants, attributes)?;
    Some(Tenant {
        name: name.to_owned(),
        agents,
        webhooks,
        persons,
        channels,
        upstreams,
        memory: Arc::clone(memory),
        tls_roots,
        roots_end,
        secrets_end,
        tests,
        grants,
        resources,
        policies,
    })
}

struct Builder<'a> {
    files: &'a Arc<Files>,
    name: &'a str,
    raw: &'a raw::Tenant,
    contracts: &'a Contracts,
    adapters: &'a Adapters,
    memory: &'a Arc<Memory>,
    here: &'a Source,
    faults: &'a mut Faults,
}

impl Builder<'_> {
    /// Reports a fault in `[tenant.NAME.KIND.ENTRY]`.
    fn fault(&mut self, kind: &str, entry: &str, needle: &str, what: &str) {
        let plain = format!("[tenant.{}.{kind}.{entry}]", self.name);
        let quoted = format!("[tenant.{}.{kind}.\"{entry}\"]", self.name);
        let table = if self.here.text.contains(&plain) { plain } else { quoted };
        let fault = self.here.fault_in(&table, needle, what);
        self.faults.push(fault);
    }

    fn names(&mut self) {
        let raw = self.raw;
        let names = [self.name].into_iter();
        let all = names
            .chain(raw.upstream.keys().map(String::as_str))
            .chain(raw.secret.keys().map(String::as_str))
            .chain(raw.token.keys().map(String::as_str))
            .chain(raw.agent.keys().map(String::as_str))
            .chain(raw.person.keys().map(String::as_str))
            .chain(raw.agent.values().flat_map(|a| a.roles.iter().map(String::as_str)))
            .chain(raw.person.values().flat_map(|p| p.roles.iter().map(String::as_str)));
        for name in all.filter(|name| !id::is_name(name)) {
            let what = format!(
                "`{}` is not a name; use lower-case letters, digits, `_` and `-`",
                credentials::shown(name)
            );
            let fault = self.here.fault(name, &what);
            self.faults.push(fault);
        }
    }
}
