//! Builds one tenant from its tables in `deed.toml`, with every name resolved.

mod adapters;
mod grants;
mod people;
mod policies;
mod upstreams;
mod vocabulary;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deed_record::action::id;
use deed_record::contract::Contract;
use deed_record::policy::Policies;
use deed_sandbox::upstream::Upstream;
use deed_spec::digest::Digest;
use deed_spec::dsse::{Envelope, key_id};
use deed_system::files::{Files, TEXT_MAX};
use ed25519_dalek::VerifyingKey;
use serde_json::Value;

pub(super) use self::adapters::Adapters;
pub(super) use self::vocabulary::vocabulary;
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
    pub upstreams: BTreeMap<String, Arc<Upstream>>,
    /// The digest of the TLS roots, for each upstream that has its own roots.
    pub tls_roots: BTreeMap<String, Digest>,
    pub grants: BTreeMap<String, Granted>,
    pub resources: BTreeMap<String, BTreeMap<String, Value>>,
    pub policies: Policies,
}

impl Tenant {
    /// Returns the person whose key the envelope names. The caller must check the signature with that key.
    pub fn signer(&self, envelope: &Envelope) -> Option<(&str, &Person, &VerifyingKey)> {
        let hint = envelope.key_hint().unwrap_or_default();
        let owns = |key: &&VerifyingKey| key_id(key).is_ok_and(|id| id == hint);
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
    pub keys: Vec<VerifyingKey>,
    pub token: Option<Digest>,
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
            Ok((contract, digest)) => {
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

fn contract(files: &Files, name: &str) -> Result<(Contract, Digest), Fault> {
    if !is_plain(name) {
        let what = "the file name of a contract must be letters, digits, `_`, `-` and `.`, and start with a letter or \
                    digit; rename it";
        return Err(Fault::new(name, 0, what));
    }
    let text = files.text(name, TEXT_MAX).map_err(|e| Fault::new(name, 0, e.to_string()))?;
    let contract = Contract::from_toml(name, &text)?;
    let digest = contract.digest().map_err(|e| Fault::new(name, 0, e.to_string()))?;
    Ok((contract, digest))
}

/// Whether the file is not hidden, and its name has only characters that a directory listing shows unchanged.
fn is_plain(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

pub(super) fn build(
    files: &Files,
    name: &str,
    raw: &raw::Tenant,
    (contracts, adapters): (&Contracts, &Adapters),
    here: &Source,
    faults: &mut Faults,
) -> Option<Tenant> {
    let mut builder = Builder { files, name, raw, contracts, adapters, here, faults };
    builder.names();
    let secrets = builder.secrets();
    let (upstreams, tls_roots) = builder.upstreams(&secrets);
    let (agents, persons) = (builder.agents(), builder.persons());
    let webhooks = builder.webhooks();
    let grants = builder.grants(&upstreams);
    let (resources, attributes) = builder.resources();
    let policies = builder.policies(&agents, &persons, &grants, attributes)?;
    Some(Tenant {
        name: name.to_owned(),
        agents,
        webhooks,
        persons,
        upstreams,
        tls_roots,
        grants,
        resources,
        policies,
    })
}

struct Builder<'a> {
    files: &'a Files,
    name: &'a str,
    raw: &'a raw::Tenant,
    contracts: &'a Contracts,
    adapters: &'a Adapters,
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
            .chain(raw.agent.keys().map(String::as_str))
            .chain(raw.person.keys().map(String::as_str))
            .chain(raw.agent.values().flat_map(|a| a.roles.iter().map(String::as_str)))
            .chain(raw.person.values().flat_map(|p| p.roles.iter().map(String::as_str)));
        for name in all.filter(|name| !id::is_name(name)) {
            let what =
                format!("`{name}` is not a name; use lower-case letters, digits, `_` and `-`");
            let fault = self.here.fault(name, &what);
            self.faults.push(fault);
        }
    }
}
