//! Warnings about a checked configuration: what is allowed but probably not intended.
//!
//! A warning does not stop the host. A configuration that must not be served is reported as a fault instead.

mod clients;
mod confirmers;
mod expiring;
mod requests;
mod route;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use deed_record::contract::Effect;
use deed_sandbox::credentials;
use deed_sandbox::upstream::{AddressClass, Credential, Upstream, classify};
use deed_spec::digest::Digest;
use deed_spec::json;
use deed_system::files::Files;

use super::fault::{Fault, Source};
use super::tenant::{Contracts, Granted};
use super::{Config, Tenant, Tokens, issuer, origin, public_url, raw};

/// The folders with the operator's files. A user who can write to one of these folders controls what the host does.
const FOLDERS: [&str; 6] = [".", "contracts", "policies", "adapters", "approvers", "passkeys"];

pub(super) fn find(
    config: &Config,
    (raw, contracts): (&raw::Host, &Contracts),
    files: &Files,
    here: &Source,
) -> Vec<Fault> {
    let mut found = Vec::new();
    shared_credentials(config, here, &mut found);
    clients::shared(raw, files, here, &mut found);
    for tenant in config.tenants.values() {
        if let Some(raw) = raw.tenant.get(&tenant.name) {
            unused(tenant, raw, here, &mut found);
            route::clear_endpoints(tenant, raw, here, &mut found);
            expiring::find(tenant, raw, here, &mut found);
        }
        requests::unusable(tenant, here, &mut found);
        confirmers::without_key(tenant, here, &mut found);
        keyless(tenant, here, &mut found);
        clear_text(tenant, here, &mut found);
        route::clear_text(tenant, here, &mut found);
        route::expiring(tenant, here, &mut found);
    }
    without_grant(raw, contracts, &mut found);
    unverified(contracts, &mut found);
    found.extend(origin::warn(raw, files, here));
    found.extend(public_url::warn(&raw.http, here));
    found.extend(issuer::warn(&config.tenants, &config.issuers, here));
    near_witnesses(config, here, &mut found);
    folders(files, &mut found);
    private_keys(files, &mut found);
    found
}

/// Warnings about agents that nothing identifies.
pub(super) fn tokenless(config: &Config, tokens: &Tokens, here: &Source) -> Vec<Fault> {
    // A token file with a fault may be the agent's, and the fault is reported anyway.
    if !tokens.faults.is_empty() {
        return Vec::new();
    }
    let (holders, mut found) = (tokens.holders(), Vec::new());
    for tenant in config.tenants.values() {
        for (name, agent) in &tenant.agents {
            let has_token = agent.token.is_some() || agent.oauth.is_some();
            if has_token || holders.contains(&(tenant.name.as_str(), name.as_str())) {
                continue;
            }
            let what = format!(
                "agent `{name}` has no token, so it cannot use the host; run `deed token add DIR {name}`"
            );
            found.push(here.fault_in(&format!("[tenant.{}.agent.{name}]", tenant.name), "", &what));
        }
    }
    found
}

/// Warnings about agents whose tokens end soon or have ended, and that nothing else identifies.
pub(super) fn expiring_tokens(config: &Config, tokens: &Tokens) -> Vec<Fault> {
    expiring::tokens(tokens, |token| {
        let agent = config.tenants.get(&token.tenant).and_then(|one| one.agents.get(&token.agent));
        agent.is_some_and(|agent| agent.token.is_some() || agent.oauth.is_some())
    })
}

/// A table of `deed.toml` that names a credential. Empty texts stand for names that the table does not have.
#[derive(Clone, Copy, Default)]
struct Place<'a> {
    tenant: &'a str,
    upstream: &'a str,
    /// The agent whose webhook has the credential.
    agent: &'a str,
    key: &'static str,
}

impl Place<'_> {
    fn table(&self) -> String {
        match (self.tenant, self.agent) {
            ("", _) => "[notify]".to_owned(),
            (tenant, "") => format!("[tenant.{tenant}.upstream.{}]", self.upstream),
            (tenant, agent) => format!("[tenant.{tenant}.agent.{agent}.notify]"),
        }
    }

    fn name(&self) -> String {
        match (self.tenant, self.agent) {
            ("", _) => "[notify]".to_owned(),
            (tenant, "") => format!("upstream `{}` of `{tenant}`", self.upstream),
            (tenant, agent) => format!("the webhook of agent `{agent}` of `{tenant}`"),
        }
    }
}

/// Secrets are compared by value, so two files with the same secret count as one secret. Tokens are compared by what
/// the host asks for.
fn identity(credential: &Credential) -> Digest {
    match &credential.source {
        credentials::Source::Stored(stored) => Digest::of(stored.value().reveal().as_bytes()),
        token => Digest::of(&json::to_canonical(&token.asked()).unwrap_or_default()),
    }
}

fn shared_credentials(config: &Config, here: &Source, found: &mut Vec<Fault>) {
    let mut by_value: BTreeMap<Digest, Vec<Place<'_>>> = BTreeMap::new();
    for tenant in config.tenants.values() {
        for upstream in tenant.upstreams.values() {
            for (key, credential) in [("read", &upstream.read), ("write", &upstream.write)] {
                let Some(credential) = credential else { continue };
                let place =
                    Place { tenant: &tenant.name, upstream: &upstream.name, key, agent: "" };
                by_value.entry(identity(credential)).or_default().push(place);
            }
        }
    }
    let own = config.tenants.values().flat_map(|tenant| {
        tenant.webhooks.iter().map(move |(agent, webhook)| {
            let place = Place { tenant: &tenant.name, agent, ..Place::default() };
            (place, webhook)
        })
    });
    let of_host = config.notify.iter().map(|notify| (Place::default(), &notify.webhook));
    for (place, webhook) in own.chain(of_host) {
        for (key, secret) in ["secret", "previous"].into_iter().zip(webhook.secrets()) {
            let value = Digest::of(secret.reveal().as_bytes());
            by_value.entry(value).or_default().push(Place { key, ..place });
        }
    }
    for places in by_value.values() {
        for (one, other) in places.iter().zip(places.iter().skip(1)) {
            found.push(here.fault_in(&other.table(), other.key, &shared(one, other)));
        }
    }
}

fn shared(one: &Place<'_>, other: &Place<'_>) -> String {
    if one.tenant != other.tenant && !other.tenant.is_empty() {
        return format!(
            "tenants `{}` and `{}` have the same credential, so each can do what the other can; use one for each",
            one.tenant, other.tenant
        );
    }
    if one.tenant == other.tenant && one.upstream == other.upstream && !one.upstream.is_empty() {
        return format!(
            "upstream `{}` reads and writes with one credential; use one for `read` that cannot write",
            one.upstream
        );
    }
    format!(
        "{} and {} have the same credential, so each receives the credential of the other; use a separate one for each",
        one.name(),
        other.name()
    )
}

/// Warns about secrets and tokens that nothing uses, and about write credentials that no granted contract needs.
fn unused(tenant: &Tenant, raw: &raw::Tenant, here: &Source, found: &mut Vec<Fault>) {
    let table = |kind: &str, name: &str| format!("[tenant.{}.{kind}.{name}]", tenant.name);
    let used_by_upstreams = || raw.upstream.values().flat_map(|u| u.read.iter().chain(&u.write));
    for name in raw.token.keys() {
        if !used_by_upstreams().any(|credential| credential.token.as_ref() == Some(name)) {
            let what = format!("no upstream uses token `{name}`; remove it");
            found.push(here.fault_in(&table("token", name), "", &what));
        }
    }
    for name in raw.secret.keys() {
        let of_tokens = raw.token.values().filter_map(|token| token.secret.as_ref());
        let of_proxies = raw.upstream.values().filter_map(|u| u.proxy_secret.as_ref());
        let notify = raw.notify.as_ref();
        let relay = notify.and_then(|one| one.smtp.as_ref()?.secret.as_ref());
        let chat = notify.and_then(|one| one.chat.as_ref()?.secret.as_ref());
        let used = used_by_upstreams().flat_map(raw::Credential::secret_names);
        let mut used = used.chain(of_tokens).chain(of_proxies).chain(relay).chain(chat);
        if !used.any(|one| one == name) {
            let what = format!("no upstream uses secret `{name}`; remove it");
            found.push(here.fault_in(&table("secret", name), "", &what));
        }
    }
    for (name, upstream) in &tenant.upstreams {
        let mut rules = tenant.grants.values().flat_map(|granted| &granted.contract.perform.http);
        if upstream.write.is_some() && !rules.any(|rule| rule.upstream == *name) {
            let what =
                format!("no granted contract writes to `{name}`; remove the credential in `write`");
            found.push(here.fault_in(&table("upstream", name), "write", &what));
        }
    }
}

/// Warns about contracts that no tenant grants.
fn without_grant(raw: &raw::Host, contracts: &Contracts, found: &mut Vec<Fault>) {
    for (name, (file, ..)) in contracts {
        if !raw.tenant.values().any(|tenant| tenant.grant.contains_key(name)) {
            let what = format!(
                "no tenant has a grant for `{name}`, so it cannot be used; add [tenant.NAME.grant.\"{name}\"] or \
                 remove the file"
            );
            found.push(Fault::new(file, 0, what));
        }
    }
}

/// Warns about computed values that no condition compares after the action.
fn unverified(contracts: &Contracts, found: &mut Vec<Fault>) {
    for (file, contract, _) in contracts.values() {
        found.extend(contract.unverified().iter().map(|one| Fault::new(file, 0, one.to_string())));
    }
}

/// Warns about a contract that relies on idempotency keys if its upstream has no `idempotency` table.
fn keyless(tenant: &Tenant, here: &Source, found: &mut Vec<Fault>) {
    let keyed = |granted: &&Granted| granted.contract.action.effect == Effect::Keyed;
    for granted in tenant.grants.values().filter(keyed) {
        let name = &granted.contract.action.name;
        for rule in &granted.contract.perform.http {
            let known = tenant.upstreams.get(&rule.upstream);
            if known.is_none_or(|upstream| upstream.idempotency.is_some()) {
                continue;
            }
            let what = format!(
                "the effect of `{name}` is keyed, but `{}` has no `idempotency = {{ header, window }}`: a write \
                 without an answer is never sent again",
                rule.upstream
            );
            let table = format!("[tenant.{}.upstream.{}]", tenant.name, rule.upstream);
            found.push(here.fault_in(&table, "", &what));
            break;
        }
    }
}

/// Warns about a credential that could be read in transit.
fn clear_text(tenant: &Tenant, here: &Source, found: &mut Vec<Fault>) {
    let has_credential = |one: &&Arc<Upstream>| one.read.is_some() || one.write.is_some();
    let exposed = |one: &&Arc<Upstream>| !one.base.tls && is_public(one);
    for upstream in tenant.upstreams.values().filter(has_credential).filter(exposed) {
        let what = format!(
            "`{}` is a public host without TLS, so the credential would be sent in clear text; use https",
            upstream.base
        );
        let table = format!("[tenant.{}.upstream.{}]", tenant.name, upstream.name);
        found.push(here.fault_in(&table, "base_url", &what));
    }
}

/// An IP address has one class, but a host name may resolve to any class that `addresses` allows.
fn is_public(upstream: &Upstream) -> bool {
    match upstream.base.address() {
        Some(address) => classify(address) == Some(AddressClass::Public),
        None => upstream.addresses.contains(&AddressClass::Public),
    }
}

/// Warns about a witness on this machine, because a party that controls this machine could reset the witness's state
/// together with the log.
fn near_witnesses(config: &Config, here: &Source, found: &mut Vec<Fault>) {
    for witness in config.witnesses.all.iter().filter(|one| one.url.starts_with("http://")) {
        let what = format!(
            "witness `{}` is on this machine, so a party that can change the log can change it too; use one that \
             another party runs",
            witness.name
        );
        found.push(here.fault(&witness.url, &what));
    }
}

fn folders(files: &Files, found: &mut Vec<Fault>) {
    for folder in FOLDERS.into_iter().filter(|folder| files.is_a_groups(folder)) {
        let what = format!(
            "a group can write here and so change what the host does; run `chmod g-w {folder}`"
        );
        found.push(Fault::new(folder, 0, what));
    }
}

fn private_keys(files: &Files, found: &mut Vec<Fault>) {
    let names = files.names("approvers").unwrap_or_default();
    let is_private = |name: &&String| Path::new(name).extension().is_some_and(|e| e == "key");
    for name in names.iter().filter(is_private) {
        let what = "a private key, with which the operator of this directory can approve; keep it on the machine of \
                    its owner";
        found.push(Fault::new(&format!("approvers/{name}"), 0, what));
    }
}
