//! The folders in which the host stores the secrets that upstreams create for a grant.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::contract::Contract;
use deed_sandbox::credentials::{Memory, Vault, learn_stored};
use deed_system::files::Files;

use super::{Granted, Wrong};
use crate::config::raw;

/// Makes the secrets that are stored for these grants known to redaction.
pub(super) fn learn(memory: &Memory, grants: &BTreeMap<String, Granted>) {
    learn_stored(memory, grants.values().flat_map(|granted| granted.vaults.values()));
}

/// The folder of each secret of the contract, by the name of the secret.
///
/// # Errors
///
/// Fails if the grant does not name exactly one folder for each secret of the contract, or if a folder cannot be used.
pub(super) fn of_grant(
    file: &str,
    contract: &Contract,
    raw: &raw::Grant,
    files: &Arc<Files>,
) -> Result<BTreeMap<String, Arc<Vault>>, Wrong> {
    let is_declared = |name: &String| contract.secrets().any(|(one, _)| one == name);
    if let Some(other) = raw.vault.keys().find(|name| !is_declared(name)) {
        let what = format!("{file} has no secret `{other}`; remove it from `vault`");
        return Err(("vault", what));
    }
    let mut vaults = BTreeMap::new();
    for (name, _) in contract.secrets() {
        let Some(folder) = raw.vault.get(name) else {
            let what = format!(
                "{file} returns the secret `{name}`, and the grant has no place for it; add \
                 `vault = {{ {name} = \"vault/NAME\" }}` with a folder below the served directory"
            );
            return Err(("", what));
        };
        let opened = Vault::open(files, folder).and_then(|vault| vault.newest().map(|_| vault));
        let vault = opened.map_err(|e| ("vault", format!("`vault.{name}`: {e}")))?;
        vaults.insert(name.clone(), Arc::new(vault));
    }
    Ok(vaults)
}
