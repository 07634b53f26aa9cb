//! The served directory: `deed.toml`, contracts, policies, adapters, keys and secrets, read once and checked.
//!
//! Loading returns a [`Config`] in which every name resolves and every digest matches, or a list of faults, each with
//! file, line and remedy. No other module reads environment variables.

mod accepted;
mod address;
mod algorithm;
mod channels;
mod code;
mod credential_use;
pub mod declared;
mod enrolment;
mod expiry;
mod fault;
mod fixed;
mod issuer;
pub mod keys;
mod limits;
mod misplaced;
pub(crate) mod moment;
mod notify;
mod origin;
mod parts;
mod pin;
pub mod public_url;
pub mod raw;
mod secret;
mod size;
mod stamp;
mod tenant;
mod test_request;
mod tokens;
pub mod trial;
mod vaults;
mod warnings;
mod webhook;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deed_record::action::id;
use deed_record::contract::Duration;
use deed_record::policy::Vocabulary;
use deed_record::statement::approver::ApproverKey;
use deed_sandbox::upstream::Credential;
use deed_spec::digest::Digest;
use deed_store::log::witnesses::Witnesses;
use deed_system::files::{CONFIG_MAX, Files, Stamp as FileStamp};
use ed25519_dalek::VerifyingKey;

pub use self::address::Address;
pub use self::algorithm::Algorithm;
pub use self::channels::{Channels, Chat, MailLogin, Relay};
pub use self::code::{COMPILE_CACHE, CodeCache};
pub use self::credential_use::CredentialUse;
pub use self::enrolment::{
    EnrolmentFolder, EnrolmentStore, INVITATION_MS, Invitation, InviteError, NamedPerson, Offer,
    OfferError, relying_party,
};
pub use self::expiry::{Expiry, ExpiryKind};
pub use self::fault::{Fault, Faults, place};
pub use self::fixed::Fixed;
pub use self::issuer::{Introspection, Issuer};
pub use self::limits::{Bounds, Limits};
use self::misplaced::Misplaced;
pub use self::parts::{PartChange, Parts};
pub use self::pin::{Change, Done, PinError, Pinned, Plan};
pub use self::secret::{NamedSecret, secrets};
pub use self::size::Size;
pub use self::stamp::Stamp;
pub use self::tenant::{Agent, Delegation, Granted, PasskeyFile, Person, Tenant, TokenRule};
pub use self::test_request::test_request;
pub use self::tokens::{
    AgentToken, NamedAgent, TokenFolder, TokenStore, Tokens, is_token_id, token_id,
};
pub(crate) use self::tokens::{FOLDER as TOKENS, TOKEN_MAX};
pub use self::webhook::{Webhook, WebhookEvent, WebhookSecret};

/// The default of `disk_reserve`. An action usually writes about 100 KiB, and at most 16 MiB. The reserve therefore has
/// room for hundreds of actions to end, and for the current journal segment. The reserve fits on any disk that a host
/// is likely to have.
const DISK_RESERVE: Size = Size::mib(64);

/// A checked configuration. A running host replaces it as a whole when it reloads the directory.
#[derive(Debug)]
pub struct Config {
    pub dir: PathBuf,
    pub environment: String,
    pub listen: SocketAddr,
    pub operations: SocketAddr,
    /// Whether a proxy in front of the host terminates TLS.
    pub behind_proxy: bool,
    /// The beginning of links to the host's pages, without a slash at the end; `None` if the address at which people
    /// reach the host is not known.
    pub public_url: Option<String>,
    /// Free space on the file system of `state/` that new actions must leave for actions under way.
    pub disk_reserve: Size,
    /// How many runs and actions the host handles at once.
    pub limits: Limits,
    /// The name of the logs. The origin of a tenant's log is this name, a slash and the tenant's name.
    pub log_origin: String,
    /// How long people have to answer a request for approval.
    pub approval_expires: Duration,
    pub notify: Option<Notify>,
    /// The witnesses of the logs of all tenants.
    pub witnesses: Arc<Witnesses>,
    /// The issuers whose access tokens identify agents.
    pub issuers: BTreeMap<String, Arc<Issuer>>,
    pub tenants: BTreeMap<String, Arc<Tenant>>,
    /// The token files of agents, which the host reads again and again while it runs.
    pub tokens: TokenFolder,
    /// The bytes of all granted adapters, by digest. The code that loads the adapters removes the bytes from this map,
    /// because they can have megabytes and are not needed again.
    pub adapters: BTreeMap<Digest, Vec<u8>>,
    /// Settings that are allowed but probably not intended.
    pub warnings: Vec<Fault>,
    /// The values that a running host cannot change.
    pub fixed: Fixed,
    /// A digest of each part, by which two configurations are compared.
    pub parts: Parts,
    /// The stamps of the files; `None` if a file changed while the configuration was read, so that its parts may not
    /// belong together.
    pub stamp: Option<Stamp>,
    /// The stamp of the served directory itself.
    pub place: Option<FileStamp>,
}

/// The webhook of the host's operators.
#[derive(Debug)]
pub struct Notify {
    pub webhook: Arc<Webhook>,
    /// The events that the webhook reports.
    pub events: BTreeSet<WebhookEvent>,
}

/// Reads and checks a served directory.
///
/// # Errors
///
/// Fails with every fault that was found.
pub fn load(dir: &Path) -> Result<Config, Faults> {
    load_after(dir, None)
}

/// Like [`load`], for a host that has the configuration `before` in force: what upstreams got under it is still
/// redacted.
///
/// # Errors
///
/// Fails with every fault that was found.
pub fn load_after(dir: &Path, before: Option<&Config>) -> Result<Config, Faults> {
    let (files, text, raw) = read(dir)?;
    let (files, mut faults) = (Arc::new(files), Faults::default());
    let here = fault::Source { name: "deed.toml".to_owned(), text };
    check_host(&raw, &here, &mut faults);
    origin::check(&raw, &files, &here, &mut faults);
    vaults::check(&raw, &here, &mut faults);
    let (contracts, adapters) =
        (tenant::contracts(&files, &mut faults), tenant::Adapters::default());
    let mut tenants = BTreeMap::new();
    for (name, tenant) in &raw.tenant {
        let known = before.and_then(|before| before.tenants.get(name));
        let memory = known.map(|known| Arc::clone(&known.memory)).unwrap_or_default();
        let named = (&contracts, &adapters, &memory);
        if let Some(tenant) = tenant::build(&files, name, tenant, named, &here, &mut faults) {
            tenants.insert(name.clone(), Arc::new(tenant));
        }
    }
    check_tokens(&tenants, &here, &mut faults);
    check_worlds(&tenants, &here, &mut faults);
    let notify = notify::build(&files, &raw, &here, &mut faults);
    notify::check_times(&raw, &here, &mut faults);
    let public_url = public_url::build(&raw.http, &here, &mut faults);
    let issuers = issuer::build(&files, &raw, &here, &mut faults);
    issuer::check_agents(&tenants, &raw.issuer, &here, &mut faults);
    let witnesses = Arc::new(witness::build(&raw, &tenants, &here, &mut faults));
    let held = held(&tenants, &issuers, notify.as_ref());
    check_credentials(&tenants, &held, &here, &mut faults);
    let rules = tokens::Rules::of(&raw, &tenants, &held);
    let (tokens, read) = token_files(&files, rules, &mut faults)?;
    let limits = limits::build(&raw.limits, &here, &mut faults);
    let mut config = Config {
        dir: dir.to_owned(),
        environment: raw.environment.clone(),
        listen: raw.http.listen,
        operations: raw.http.operations,
        behind_proxy: raw.http.behind_proxy,
        public_url,
        disk_reserve: raw.disk_reserve.unwrap_or(DISK_RESERVE),
        limits,
        log_origin: raw.log.origin.clone(),
        approval_expires: raw.approval.expires,
        notify,
        witnesses,
        issuers,
        tenants,
        tokens,
        adapters: adapters.into_bytes(),
        warnings: Vec::new(),
        fixed: Fixed::of(&raw, &limits, &here),
        parts: Parts::default(),
        stamp: None,
        place: files.stamp(".").ok(),
    };
    config.parts = Parts::of(&here.text, &config.tenants);
    let misplaced = Misplaced::of(&here.text);
    let mut warnings = warnings::find(&config, (&raw, &contracts), &files, &here);
    warnings.extend(warnings::tokenless(&config, &read, &here));
    warnings.extend(warnings::expiring_tokens(&config, &read));
    config.warnings = warnings.into_iter().map(|one| one.hiding(&misplaced)).collect();
    config.stamp = Stamp::of(&files).filter(|_| is_unchanged(&files, &here.text));
    faults.hiding(&misplaced).into_result(config)
}

/// Whether `deed.toml` still has this text.
fn is_unchanged(files: &Files, text: &str) -> bool {
    files.text("deed.toml", CONFIG_MAX).is_ok_and(|now| now == text)
}

/// The token files of agents, and the tokens that they have now. At a start, every file must be valid.
fn token_files(
    files: &Files,
    rules: tokens::Rules,
    faults: &mut Faults,
) -> Result<(TokenFolder, Tokens), Fault> {
    let files = files.again().map_err(|e| Fault::new(TOKENS, 0, e.to_string()))?;
    let folder = TokenFolder::new(files, rules);
    let read = folder.read().unwrap_or_else(Tokens::none);
    read.faults.iter().for_each(|fault| faults.push(fault.clone()));
    Ok((folder, read))
}

/// The names that the policies of each tenant may use. This function does not read policies and upstreams, so it does
/// not report their faults.
///
/// # Errors
///
/// Fails with all faults of the files that this function reads.
pub fn vocabularies(dir: &Path) -> Result<BTreeMap<String, Vocabulary>, Faults> {
    let (files, text, raw) = read(dir)?;
    let here = fault::Source { name: "deed.toml".to_owned(), text };
    let (files, mut faults) = (Arc::new(files), Faults::default());
    let named = &(tenant::contracts(&files, &mut faults), tenant::Adapters::default());
    let mut found = BTreeMap::new();
    for (name, tenant) in &raw.tenant {
        let vocabulary = tenant::vocabulary(&files, name, tenant, named, &here, &mut faults);
        found.insert(name.clone(), vocabulary);
    }
    faults.hiding(&Misplaced::of(&here.text)).into_result(found)
}

/// Returns the name of the logs and every file that `deed.toml` names, whether or not the file exists. Commands use
/// this function to read or copy a directory without serving it.
///
/// # Errors
///
/// Fails when `deed.toml` cannot be read.
pub fn outline(dir: &Path) -> Result<raw::Outline, Fault> {
    let (_, _, raw) = read_one(dir)?;
    Ok(raw::Outline::of(&raw))
}

/// The directory, the text of its `deed.toml`, and the parsed file.
fn read(dir: &Path) -> Result<(Files, String, raw::Host), Faults> {
    read_one(dir).map_err(Faults::from)
}

fn read_one(dir: &Path) -> Result<(Files, String, raw::Host), Fault> {
    let files = Files::open(dir).map_err(|e| Fault::no_directory(dir, &e))?;
    files.start_record();
    let text = files.text("deed.toml", CONFIG_MAX).map_err(|e| Fault::no_file(dir, &e))?;
    let raw = toml::from_str(&text).map_err(|e| Fault::private_toml("deed.toml", &text, &e))?;
    Ok((files, text, raw))
}

impl Config {
    /// Checks that no other party has a key of the host.
    ///
    /// # Errors
    ///
    /// Fails when a person or a witness has a key of the host, because the host could then sign in the name of that
    /// party.
    pub fn check_keys(&self, of_host: &[VerifyingKey]) -> Result<(), Fault> {
        let people = self.tenants.values().flat_map(|tenant| &tenant.persons);
        for (name, person) in people {
            if person.keys.iter().filter_map(ApproverKey::ed25519).any(|key| of_host.contains(key))
            {
                let what = format!(
                    "`{name}` has a key with which the host signs receipts or checkpoints; `deed key new` creates one \
                     for a person"
                );
                return Err(Fault::new("deed.toml", 0, what));
            }
        }
        witness::check_keys(&self.witnesses, of_host)
    }
}

fn check_host(raw: &raw::Host, here: &fault::Source, faults: &mut Faults) {
    if !id::is_name(&raw.environment) {
        faults.push(
            here.fault(
                "environment",
                "`environment` must be a lower-case name, such as `production`",
            ),
        );
    }
    for (key, address) in [("listen", raw.http.listen), ("operations", raw.http.operations)] {
        if !address.ip().is_loopback() && !raw.http.behind_proxy {
            let what = format!(
                "`{key}` = {address} is not a loopback address; put a TLS proxy in front and set `behind_proxy = true`"
            );
            faults.push(here.fault(key, &what));
        }
    }
    let expires = raw.approval.expires.as_millis();
    if !(1_000..=30 * 24 * 3_600_000).contains(&expires) {
        faults.push(here.fault("expires", "`expires` must be from 1s to 720h"));
    }
    if raw.tenant.is_empty() {
        faults.push(here.fault("", "there is no [tenant.NAME]; add one"));
    }
}

/// A token belongs to one agent or person of one tenant, because the host identifies a caller by the token alone.
fn check_tokens(
    tenants: &BTreeMap<String, Arc<Tenant>>,
    here: &fault::Source,
    faults: &mut Faults,
) {
    let mut seen = BTreeMap::new();
    for tenant in tenants.values() {
        for (name, token) in tenant.tokens() {
            if token == Digest::of(b"") {
                let what = format!(
                    "`token` of `{name}` is the hash of an empty token; run `deed token new`"
                );
                faults.push(here.fault(&token.hex(), &what));
            }
            if let Some(other) = seen.insert(token, name.clone()) {
                let what = format!(
                    "`{name}` and `{other}` have the same token; run `deed token new` for one of them"
                );
                faults.push(here.fault(&token.hex(), &what));
            }
        }
    }
}

/// An adapter is loaded once, so all grants must agree on what it may import.
fn check_worlds(
    tenants: &BTreeMap<String, Arc<Tenant>>,
    here: &fault::Source,
    faults: &mut Faults,
) {
    let mut seen = BTreeMap::new();
    for granted in tenants.values().flat_map(|tenant| tenant.grants.values()) {
        if *seen.entry(granted.adapter).or_insert(granted.world) != granted.world {
            let what = format!(
                "grants of the adapter `{}` differ in `wasi`; write the same value in all of them",
                granted.contract.action.adapter
            );
            faults.push(here.fault(&granted.adapter.to_string(), &what));
        }
    }
}

/// The digests of the secrets that the host holds, each with what it is.
type Held = BTreeMap<Digest, &'static str>;

fn held(
    tenants: &BTreeMap<String, Arc<Tenant>>,
    issuers: &BTreeMap<String, Arc<Issuer>>,
    notify: Option<&Notify>,
) -> Held {
    let upstreams = tenants.values().flat_map(|tenant| tenant.upstreams.values());
    let credentials = upstreams.flat_map(|one| one.read.iter().chain(&one.write));
    let credentials = credentials.flat_map(Credential::secrets);
    let digest = |secret: &str| Digest::of(secret.as_bytes());
    let credentials = credentials.map(|one| (digest(one.reveal()), "a credential of an upstream"));
    let logins = tenants.values().flat_map(|tenant| tenant.upstreams.values());
    let logins = logins.filter_map(|one| one.proxy.as_ref()?.login.as_ref());
    let logins = logins.map(|one| (digest(one.secret.value().reveal()), "the password of a proxy"));
    let told = tenants.values().flat_map(|tenant| tenant.channels.secrets());
    let told = told.map(|one| (digest(one.value().reveal()), "a secret for notifications"));
    let asked = issuers.values().filter_map(|one| one.introspection.as_ref());
    let asked =
        asked.map(|one| (digest(one.secret.reveal()), "the secret of the host at an issuer"));
    let webhooks = tenants.values().flat_map(|tenant| tenant.webhooks.values());
    let webhooks = webhooks.chain(notify.map(|one| &one.webhook)).flat_map(|one| one.secrets());
    let webhooks = webhooks.map(|one| (digest(one.reveal()), "the secret of a webhook"));
    credentials.chain(logins).chain(told).chain(asked).chain(webhooks).collect()
}

/// The token of an agent or person must not be a secret that another party knows. With a credential of an upstream, the
/// agent or person could also bypass the host.
fn check_credentials(
    tenants: &BTreeMap<String, Arc<Tenant>>,
    held: &Held,
    here: &fault::Source,
    faults: &mut Faults,
) {
    for (name, token) in tenants.values().flat_map(|tenant| tenant.tokens()) {
        if let Some(what) = held.get(&token) {
            let what = format!("the token of `{name}` is also {what}; run `deed token new`");
            faults.push(here.fault(&token.hex(), &what));
        }
    }
}
