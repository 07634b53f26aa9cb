//! Checks that the host stores secrets only in folders that have nothing else.

use std::path::Path;

use deed_record::exchange::secret::is_file_name;
use deed_system::files::quoted;

use super::fault::{Faults, Source};
use super::raw;
use super::secret::{is_taken, normal};

/// The folder in which the operator keeps secrets.
const SECRETS: &str = "secrets";

/// Reports each folder in `vault` of a grant that belongs to other files, or in which another file is named. A file that
/// the host stored there may be named, as the file of a secret.
pub(super) fn check(raw: &raw::Host, here: &Source, faults: &mut Faults) {
    let outline = raw::Outline::of(raw);
    let named: Vec<&String> = outline.named.iter().chain(&outline.secrets).collect();
    for (tenant, tables) in &raw.tenant {
        for (grant, table) in &tables.grant {
            for folder in table.vault.values() {
                let Some(why) = misplaced(folder, &named) else { continue };
                let table = format!("[tenant.{tenant}.grant.\"{grant}\"]");
                faults.push(here.fault_in(&table, "vault", &why));
            }
        }
    }
}

/// Why secrets must not be stored in this folder.
fn misplaced(folder: &str, named: &[&String]) -> Option<String> {
    let place = normal(folder);
    let shown = quoted(folder);
    if is_taken(folder) || place.starts_with(SECRETS) {
        return Some(format!(
            "`vault`: `{shown}` is reserved for other files; name a folder such as `vault/aws`"
        ));
    }
    let is_other = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        path.starts_with(&place) && !name.is_some_and(is_file_name)
    };
    let other = named.iter().find(|file| is_other(&normal(file)))?;
    Some(format!(
        "`vault`: `{}` is in `{shown}`, in which the host stores secrets; name a folder of its own",
        quoted(other)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_is_a_folder_of_its_own() {
        let named = ["tls/roots.pem", "vault/aws/act_0123456789abcdefghijklmnop-key", "v/../w/key"];
        let named: Vec<String> = named.map(str::to_owned).into();
        let named: Vec<&String> = named.iter().collect();
        for folder in ["vault/aws", "vault", "v", "tls/x", "w/k"] {
            assert_eq!(misplaced(folder, &named), None, "{folder}");
        }
        for folder in ["state", "state/x", "keys", "secrets", "secrets/aws", "x/../State/y"] {
            let why = misplaced(folder, &named).unwrap();
            assert!(why.contains("is reserved for other files"), "{why}");
        }
        for folder in ["tls", "w", "./tls/"] {
            assert!(misplaced(folder, &named).unwrap().contains("in which the host"), "{folder}");
        }
    }
}
