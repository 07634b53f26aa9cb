//! Secrets that `deed.toml` names: where each one is, and its value when the host loads it.
//!
//! An error's text carries the remedy and never the value.

use std::path::Path;

use super::fault::Fault;
use super::raw;
use crate::files::Files;
use crate::vault::{self, Secret, SecretSource};

/// A secret that a table of `deed.toml` names.
#[derive(Debug)]
pub struct NamedSecret {
    /// Whose it is; nothing for the webhook's.
    pub tenant: Option<String>,
    pub name: String,
    /// Where it is, or what is wrong with its table.
    pub source: Result<SecretSource, String>,
}

/// The webhook's secret has no name of its own in `deed.toml`.
pub(super) const NOTIFY: &str = "notify";

/// Every secret that the directory's `deed.toml` names, whether it is stored yet or not.
pub fn secrets(dir: &Path) -> Result<Vec<NamedSecret>, Fault> {
    let (_, _, raw) = super::read_one(dir)?;
    let named = |tenant: Option<&String>, name: &str, from: &raw::SecretFrom| NamedSecret {
        tenant: tenant.cloned(),
        name: name.to_owned(),
        source: source(name, from),
    };
    let mut all: Vec<NamedSecret> =
        raw.notify.iter().map(|notify| named(None, NOTIFY, &notify.secret)).collect();
    for (tenant, tables) in &raw.tenant {
        all.extend(tables.secret.iter().map(|(name, from)| named(Some(tenant), name, from)));
    }
    Ok(all)
}

/// Loads one secret.
pub(super) fn load(name: &str, files: &Files, raw: &raw::SecretFrom) -> Result<Secret, String> {
    vault::load(name, files, &source(name, raw)?).map_err(|e| e.to_string())
}

fn source(name: &str, raw: &raw::SecretFrom) -> Result<SecretSource, String> {
    match (&raw.file, &raw.env) {
        (Some(file), None) => Ok(SecretSource::File(file.clone())),
        (None, Some(variable)) => Ok(SecretSource::Env(variable.clone())),
        _ => Err(format!("secret `{name}` has either `file` or `env`")),
    }
}
