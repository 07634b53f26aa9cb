//! Secrets that `deed.toml` names: where each secret is stored, and its value when the host loads it.
//!
//! An error text contains the remedy but never the secret's value.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use deed_sandbox::credentials::{self, Secret, SecretSource, Stored};
use deed_system::files::Files;

use super::fault::Fault;
use super::misplaced::{self, Misplaced};
use super::raw;

/// A secret that a table of `deed.toml` names.
#[derive(Debug)]
pub struct NamedSecret {
    /// The tenant that the secret belongs to; `None` for a secret of the host, such as those of `[notify]`.
    pub tenant: Option<String>,
    pub name: String,
    /// The name for people: `…` if it may itself be a secret.
    pub shown: String,
    /// Where the secret is stored, or what is wrong with its table.
    pub source: Result<SecretSource, String>,
}

/// The name under which commands address the secret of `[notify]`, which has no name in `deed.toml`.
pub(super) const NOTIFY: &str = "notify";

/// The name of the secret of an agent's webhook. A name in `deed.toml` has no dots, so no other secret has this name.
pub(super) fn of_agent(agent: &str) -> String {
    format!("agent.{agent}.{NOTIFY}")
}

/// The name of the secret before a change.
pub(super) fn previous(name: &str) -> String {
    format!("{name}.previous")
}

/// The name under which commands address the secret for the introspection of an issuer's tokens. Names of secrets of
/// tenants have no dots.
pub(super) fn of_issuer(name: &str) -> String {
    format!("issuer.{name}")
}

/// Folders of the served directory that are reserved for other files. A secret stored in a reserved folder could
/// replace one of these other files, or be copied together with the folder.
const TAKEN: [&str; 9] = [
    "keys",
    "state",
    "contracts",
    "policies",
    "adapters",
    "approvers",
    "passkeys",
    "accepted",
    "tokens",
];

/// Every secret that the directory's `deed.toml` names, whether or not it is stored yet.
///
/// # Errors
///
/// Fails when `deed.toml` cannot be read.
pub fn secrets(dir: &Path) -> Result<Vec<NamedSecret>, Fault> {
    let (_, text, raw) = super::read_one(dir)?;
    let misplaced = Misplaced::of(&text);
    let named = |tenant: Option<&String>, name: &str, from: &raw::SecretFrom| NamedSecret {
        tenant: tenant.cloned(),
        name: name.to_owned(),
        shown: misplaced.hidden_in(name),
        source: source(name, from).map_err(|why| misplaced.hidden_in(&why)),
    };
    let of_webhook = |tenant: Option<&String>, name: &str, notify: &raw::Notify| {
        let mut secrets = vec![named(tenant, name, &notify.secret)];
        secrets.extend(notify.previous.iter().map(|from| named(tenant, &previous(name), from)));
        secrets
    };
    let mut all = Vec::new();
    all.extend(raw.notify.iter().flat_map(|notify| of_webhook(None, NOTIFY, notify)));
    for (name, issuer) in &raw.issuer {
        let asking = issuer.introspection.iter();
        all.extend(asking.map(|one| named(None, &of_issuer(name), &one.secret)));
    }
    for (tenant, tables) in &raw.tenant {
        let own = tables.secret.iter();
        all.extend(own.map(|(name, secret)| named(Some(tenant), name, &secret.source())));
        for (agent, table) in &tables.agent {
            let name = of_agent(agent);
            all.extend(table.notify.iter().flat_map(|one| of_webhook(Some(tenant), &name, one)));
        }
    }
    Ok(all)
}

/// Loads one secret. Fails when the table of the secret is invalid, or when the secret is missing or not usable.
pub(super) fn load(name: &str, files: &Files, raw: &raw::SecretFrom) -> Result<Secret, String> {
    credentials::load(name, files, &source(name, raw)?).map_err(|e| e.to_string())
}

/// Loads one secret of an upstream, whose file is read again when it changes.
pub(super) fn stored(
    name: &str,
    files: &Arc<Files>,
    raw: &raw::SecretFrom,
) -> Result<Stored, String> {
    Stored::load(name, files, &source(name, raw)?)
}

/// Checks that a private key is not stored where other files belong.
pub(super) fn check_key(token: &str, file: &str) -> Result<(), String> {
    if is_taken(file) {
        return Err(format!(
            "`key` of token `{token}`: `{file}` is reserved for other files; name a file below `secrets/`"
        ));
    }
    Ok(())
}

fn source(name: &str, raw: &raw::SecretFrom) -> Result<SecretSource, String> {
    match (&raw.file, &raw.env) {
        (Some(file), None) if misplaced::is_no_path(file) => Err(format!(
            "secret `{name}`: `file` does not look like the path of a file, so it is not shown; name a file below \
             `secrets/`, and if that text is a secret, replace the secret where it is used"
        )),
        (Some(file), None) if is_taken(file) => Err(format!(
            "secret `{name}`: `{file}` is reserved for other files; name a file below `secrets/`"
        )),
        (Some(file), None) => Ok(SecretSource::File(file.clone())),
        (None, Some(variable)) => Ok(SecretSource::Env(variable.clone())),
        _ => Err(format!("secret `{name}` must have either `file` or `env`")),
    }
}

/// Whether a path belongs to other files than secrets.
pub(super) fn is_taken(file: &str) -> bool {
    let path = normal(file);
    let first = path.components().next().map(|step| step.as_os_str().to_ascii_lowercase());
    // The comparison ignores case, because some file systems are case-insensitive.
    first.is_some_and(|first| first == "deed.toml" || TAKEN.iter().any(|taken| first == **taken))
}

/// Removes `.`, `..` and doubled slashes from a path, as if the path had no symbolic links.
pub(super) fn normal(path: &str) -> PathBuf {
    let mut normal = PathBuf::new();
    for step in Path::new(path).components() {
        match step {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            _ => {}
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_a_place_of_its_own() {
        let from = |file: &str| raw::SecretFrom { file: Some(file.to_owned()), env: None };
        for file in [
            "deed.toml",
            "./deed.toml",
            "secrets/../deed.toml",
            "keys/receipt.key",
            "./keys/x",
            "keys//x",
            "secrets/../keys/x",
            "Keys/receipt.key",
            "../keys/x",
            "state/VERSION",
            "contracts/x.toml",
            "policies/x",
            "adapters/x",
            "approvers/bob.pub",
            "accepted/x",
            "tokens/x",
            "keys",
        ] {
            let why = source("idp", &from(file)).unwrap_err();
            assert!(why.contains(&format!("`{file}` is reserved for other files")), "{why}");
        }
        for file in [
            "sk_live_51HqLyjWDarjtT1zdp7dcXYZ",
            "keys/sk_live_51HqLyjWDarjtT1zdp7dcXYZ",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "secrets/-----BEGIN PRIVATE KEY-----",
        ] {
            let why = source("idp", &from(file)).unwrap_err();
            assert!(why.contains("does not look like the path") && !why.contains(file), "{why}");
        }
        for file in [
            "secrets/idp",
            "secrets/Okta2026Key-of-production",
            "idp",
            "secrets/keys/idp",
            "keys.d/idp",
            "private/deed.toml",
        ] {
            assert_eq!(source("idp", &from(file)), Ok(SecretSource::File(file.to_owned())));
        }
    }
}
