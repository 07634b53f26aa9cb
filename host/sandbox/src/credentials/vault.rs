//! Folders in which the host stores secrets that upstreams create, and what an attempt needs to store one.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::action::salts::Salts;
use deed_record::exchange::secret::{TakenSecret, file_name, is_file_name};
use deed_system::failpoint;
use deed_system::files::{FileError, Files};
use zeroize::Zeroizing;

use super::memory::Memory;
use super::secret::{SECRET_MAX, SECRET_MIN, Secret};
use super::token::ordinary::is_ordinary;

/// Maximum number of stored secrets of one folder that the host reads at a start, for redaction.
const LEARNED: usize = 1_000;

/// A folder for secrets below the served directory.
#[derive(Debug)]
pub struct Vault {
    files: Arc<Files>,
    folder: String,
}

/// Where an attempt stores the secrets of its answers, and the salts of the commitments to them.
#[derive(Clone, Debug, Default)]
pub struct VaultSlots {
    /// By the name of the secret.
    pub vaults: BTreeMap<String, Arc<Vault>>,
    pub salts: Salts,
}

/// A secret of an answer: its name, and its value or why there is none that can be stored.
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) value: Result<Zeroizing<String>, String>,
}

impl Vault {
    /// Checks the folder. A folder that does not exist is valid.
    ///
    /// # Errors
    ///
    /// Fails when the folder is a link, or another user can access or replace it.
    pub fn open(files: &Arc<Files>, folder: &str) -> Result<Self, FileError> {
        files.check_vault(folder)?;
        Ok(Self { files: Arc::clone(files), folder: folder.to_owned() })
    }

    /// The path of the folder below the served directory.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The value in a file that the host stored; `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// Fails when the folder or the file cannot be used.
    pub fn stored(&self, file: &str) -> Result<Option<Zeroizing<String>>, FileError> {
        let max = u64::try_from(SECRET_MAX).unwrap_or(u64::MAX);
        let Some(bytes) = self.files.stored_in_vault(&self.folder, file, max)? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| FileError::NotText(self.path(file)))?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    /// The newest files that the host stored.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be used.
    pub fn newest(&self) -> Result<Vec<String>, FileError> {
        let mut files = self.files.newest_in_vault(&self.folder, LEARNED)?;
        files.retain(|file| is_file_name(file));
        Ok(files)
    }

    /// The value in a file, if redaction can search for it in all answers.
    fn searchable(&self, file: &str) -> Option<Arc<Secret>> {
        match self.stored(file) {
            Ok(value) => value
                .filter(|value| value.len() >= SECRET_MIN && !is_ordinary(value))
                .map(|value| Arc::new(Secret::created(file, &value))),
            Err(error) => {
                tracing::warn!("a stored secret is not redacted: {error}");
                None
            }
        }
    }

    fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.folder)
    }
}

/// Makes the secrets in these folders known to redaction, the newest first. Half of the memory is left free, because
/// without room, no token is obtained and no other secret is created.
pub fn learn_stored<'v>(memory: &Memory, vaults: impl Iterator<Item = &'v Arc<Vault>>) {
    let vaults: BTreeMap<&str, &Arc<Vault>> = vaults.map(|vault| (vault.folder(), vault)).collect();
    let mut files: Vec<(String, &Arc<Vault>)> = Vec::new();
    for vault in vaults.into_values() {
        match vault.newest() {
            Ok(names) => files.extend(names.into_iter().map(|name| (name, vault))),
            Err(error) => tracing::warn!("stored secrets are not redacted: {error}"),
        }
    }
    // A name begins with the id of an action, which begins with a time.
    files.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    let mut left = files.into_iter();
    while let Some((file, vault)) = left.next() {
        if !memory.is_half_empty() {
            let count = left.len().saturating_add(1);
            tracing::warn!("{count} stored secrets are not redacted, because there are too many");
            return;
        }
        memory.learn(vault.searchable(&file).iter(), None);
    }
}

impl VaultSlots {
    /// Checks that each of these secrets can be stored. Fails with the name of the first one that cannot be.
    pub(crate) fn prepare(&self, action: &ActionId, names: &[String]) -> Result<(), String> {
        for name in names {
            let Some(vault) = self.vaults.get(name) else {
                tracing::warn!(%action, "the grant has no `vault.{name}`");
                return Err(name.clone());
            };
            let file = file_name(action.as_str(), name);
            if let Err(error) = vault.files.prepare_in_vault(&vault.folder, &file, SECRET_MAX) {
                tracing::warn!(%action, "secret `{name}` could not be stored: {error}");
                return Err(name.clone());
            }
        }
        Ok(())
    }

    /// Stores each secret, and returns what a record has of it.
    pub(crate) fn store(&self, action: &ActionId, found: &[Found]) -> Vec<TakenSecret> {
        found.iter().map(|one| self.store_one(action, one)).collect()
    }

    fn store_one(&self, action: &ActionId, found: &Found) -> TakenSecret {
        let name = &found.name;
        let record = |file, commitment, problem| TakenSecret {
            name: name.clone(),
            file,
            commitment,
            problem,
        };
        let value = match &found.value {
            Ok(value) => value,
            Err(problem) => return record(None, None, Some(problem.clone())),
        };
        let commitment = self.salts.commitment(name, value);
        let file = file_name(action.as_str(), name);
        let Some(vault) = self.vaults.get(name) else {
            return record(None, commitment, Some(format!("the grant has no `vault.{name}`")));
        };
        failpoint::hit("vault.store.before");
        let stored = vault.files.store_in_vault(&vault.folder, &file, value.as_bytes());
        failpoint::hit("vault.store.after");
        match stored {
            Ok(()) => record(Some(vault.path(&file)), commitment, None),
            Err(error) => {
                tracing::error!(%action, "secret `{name}` is lost: {error}");
                record(None, commitment, Some(error.to_string()))
            }
        }
    }
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn text(n: u64) -> String {
        format!("{}-{n:08}-Kq7xZb4mT9w", "x".repeat(16_000))
    }

    #[test]
    fn stored_secrets_leave_half_of_the_memory_free() {
        let dir = std::env::temp_dir().join(format!("deed-stored-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        for folder in ["vault/a", "vault/b"] {
            fs::create_dir_all(dir.join(folder)).unwrap();
            fs::set_permissions(dir.join(folder), Permissions::from_mode(0o700)).unwrap();
        }
        for n in 0..300 {
            let folder = if n % 2 == 0 { "vault/a" } else { "vault/b" };
            let action = ActionId::new(n, [0; 10]);
            let path = dir.join(folder).join(file_name(action.as_str(), "key"));
            fs::write(&path, text(n)).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
        let files = Arc::new(Files::open(&dir).unwrap());
        let vaults = ["vault/a", "vault/b", "vault/a"]
            .map(|folder| Arc::new(Vault::open(&files, folder).unwrap()));
        let memory = Memory::default();
        learn_stored(&memory, vaults.iter());
        for (n, is_known) in [(299, true), (298, true), (150, true), (1, false), (0, false)] {
            assert_eq!(memory.forms().finds(&text(n)), is_known, "{n}");
        }
        assert!(memory.has_room());
        fs::remove_dir_all(&dir).unwrap();
    }
}
