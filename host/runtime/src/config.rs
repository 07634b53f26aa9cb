//! The served directory: `deed.toml`, contracts, policies, adapters, keys and secrets, read once and checked.
//!
//! Takes a directory, gives a [`Config`] in which every name resolves and every digest fits, or the
//! list of faults with file, line and remedy. It is the only module that reads environment variables.

mod fault;
mod pin;
pub mod raw;
mod tenant;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deed_record::contract::Duration;
use deed_record::id;

pub use self::fault::{Fault, Faults};
pub use self::pin::{PinError, Pinned, pin};
pub use self::tenant::{Agent, Granted, Person, Tenant};
use crate::vault::{self, Secret, SecretSource};

/// A checked configuration. Nothing in it changes while the host runs.
#[derive(Debug)]
pub struct Config {
    pub dir: PathBuf,
    pub environment: String,
    pub listen: SocketAddr,
    pub operations: SocketAddr,
    /// Name of the logs: a tenant's origin is this, a slash and the tenant's name.
    pub log_origin: String,
    /// How long people have to answer.
    pub approval_expires: Duration,
    pub notify: Option<Notify>,
    pub tenants: BTreeMap<String, Arc<Tenant>>,
}

/// Where to tell people that something waits.
#[derive(Debug)]
pub struct Notify {
    pub url: String,
    pub secret: Arc<Secret>,
}

/// Reads and checks a served directory.
pub fn load(dir: &Path) -> Result<Config, Faults> {
    let file = dir.join("deed.toml");
    let text = fault::read(&file).map_err(Faults::one)?;
    let raw: raw::Host =
        toml::from_str(&text).map_err(|e| Faults::one(Fault::toml("deed.toml", &text, &e)))?;
    let mut faults = Faults::default();
    let here = fault::Source { name: "deed.toml".to_owned(), text };
    check_host(&raw, &here, &mut faults);
    let contracts = tenant::contracts(dir, &mut faults);
    let mut tenants = BTreeMap::new();
    for (name, tenant) in &raw.tenant {
        if let Some(tenant) = tenant::build(dir, name, tenant, &contracts, &here, &mut faults) {
            tenants.insert(name.clone(), Arc::new(tenant));
        }
    }
    check_tokens(&tenants, &here, &mut faults);
    let notify = notify(dir, &raw, &here, &mut faults);
    faults.into_result(Config {
        dir: dir.to_owned(),
        environment: raw.environment,
        listen: raw.http.listen,
        operations: raw.http.operations,
        log_origin: raw.log.origin,
        approval_expires: raw.approval.expires,
        notify,
        tenants,
    })
}

fn check_host(raw: &raw::Host, here: &fault::Source, faults: &mut Faults) {
    if !id::is_name(&raw.environment) {
        faults.push(
            here.fault("environment", "`environment` is a lower-case name, such as `production`"),
        );
    }
    for (key, address) in [("listen", raw.http.listen), ("operations", raw.http.operations)] {
        if !address.ip().is_loopback() && !raw.http.behind_proxy {
            let what = format!(
                "`{key}` = {address} is beyond loopback; put a TLS proxy in front and set `behind_proxy = true`"
            );
            faults.push(here.fault(key, &what));
        }
    }
    let origin = &raw.log.origin;
    if origin.is_empty() || origin.contains(['+', ' ', '\n', '"']) || origin.contains("://") {
        faults.push(
            here.fault(
                "origin",
                "`origin` is a URL without scheme, such as `deed.example.org/logs`",
            ),
        );
    }
    let expires = raw.approval.expires.as_millis();
    if !(1_000..=30 * 24 * 3_600_000).contains(&expires) {
        faults.push(here.fault("expires", "`expires` is from 1s to 720h"));
    }
    if raw.tenant.is_empty() {
        faults.push(here.fault("", "there is no [tenant.NAME]; add one"));
    }
}

/// A token belongs to one agent or person of one tenant: it is all that tells callers apart.
fn check_tokens(
    tenants: &BTreeMap<String, Arc<Tenant>>,
    here: &fault::Source,
    faults: &mut Faults,
) {
    let mut seen = BTreeMap::new();
    for tenant in tenants.values() {
        let agents = tenant.agents.iter().map(|(name, a)| (name, Some(a.token)));
        for (name, token) in agents.chain(tenant.persons.iter().map(|(name, p)| (name, p.token))) {
            let Some(token) = token else { continue };
            if let Some(other) = seen.insert(token, name.clone()) {
                let what = format!(
                    "`{name}` and `{other}` have the same token; run `deed token new` for one of them"
                );
                faults.push(here.fault(&token.hex(), &what));
            }
        }
    }
}

fn notify(
    dir: &Path,
    raw: &raw::Host,
    here: &fault::Source,
    faults: &mut Faults,
) -> Option<Notify> {
    let notify = raw.notify.as_ref()?;
    if !notify.url.starts_with("https://") && !notify.url.starts_with("http://127.0.0.1:") {
        faults.push(here.fault(
            &notify.url,
            "`url` under [notify] starts with https:// (or http://127.0.0.1:)",
        ));
    }
    match secret("notify", dir, &notify.secret) {
        Ok(secret) => Some(Notify { url: notify.url.clone(), secret: Arc::new(secret) }),
        Err(what) => {
            faults.push(here.fault("[notify]", &what));
            None
        }
    }
}

/// Loads one secret; the error's text carries the remedy and never the value.
fn secret(name: &str, dir: &Path, raw: &raw::SecretFrom) -> Result<Secret, String> {
    let source = match (&raw.file, &raw.env) {
        (Some(file), None) => SecretSource::File(inside(dir, file)?),
        (None, Some(variable)) => SecretSource::Env(variable.clone()),
        _ => return Err(format!("secret `{name}` has either `file` or `env`")),
    };
    vault::load(name, &source).map_err(|e| e.to_string())
}

/// A path below the served directory: relative, without `..`.
fn inside(dir: &Path, path: &str) -> Result<PathBuf, String> {
    let relative = Path::new(path);
    let plain = |c: std::path::Component<'_>| matches!(c, std::path::Component::Normal(_));
    if path.is_empty() || !relative.components().all(plain) {
        return Err(format!(
            "`{path}` leaves the served directory; use a relative path without `..`"
        ));
    }
    Ok(dir.join(relative))
}
