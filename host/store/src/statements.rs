//! Statements of the host that do not belong to an action: activations and changes of keys. Each statement is a file
//! that is named by its kind and the digest of its payload.
//!
//! A statement is checked against its name when it is read. The file of a statement is never changed, and is complete
//! or absent after a crash. This module does not create or verify signatures.

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use deed_record::statement::envelope::Kind;
use deed_spec::digest::Digest;
use deed_spec::dsse::{DsseError, Envelope};
use deed_spec::webauthn::RelyingParty;
use deed_system::failpoint;
use serde::{Deserialize, Serialize};

/// Maximum size of a statement's file in bytes. Even the activation of a tenant with a hundred thousand resources is
/// smaller than this limit.
const STATEMENT_MAX: u64 = 32 << 20;

/// The folder `state/statements` of a served directory.
#[derive(Debug)]
pub struct Statements {
    dir: Dir,
}

/// A statement with the data that belongs to it but is not signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    pub envelope: Envelope,
    /// The people of an activation, with their public keys. The signed activation has only the ids of the keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Enrolled>,
}

/// A person's key, and the roles for which it is valid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    pub person: String,
    pub roles: Vec<String>,
    /// Public key in PEM form (`SubjectPublicKeyInfo`).
    pub key: String,
    /// Where the key may be used, if it is a passkey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<RelyingParty>,
}

impl Statements {
    /// Opens the folder below `state`, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be created, synced or opened.
    pub fn open(state: &Path) -> Result<Self, StatementError> {
        let failed = |source| StatementError::Io { name: "state/statements".to_owned(), source };
        let state = Dir::open_ambient_dir(state, ambient_authority()).map_err(failed)?;
        state.create_dir_all("statements").map_err(failed)?;
        sync(&state).map_err(failed)?;
        Ok(Self { dir: state.open_dir("statements").map_err(failed)? })
    }

    /// Opens the folder only for reading; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be opened.
    pub fn look(state: &Path) -> Result<Option<Self>, StatementError> {
        let folder = state.join("statements");
        match Dir::open_ambient_dir(&folder, ambient_authority()) {
            Ok(dir) => Ok(Some(Self { dir })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StatementError::Io { name: "state/statements".to_owned(), source }),
        }
    }

    /// Kind, digest and file name of every stored statement, sorted by name.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be read.
    pub fn names(&self) -> Result<Vec<(Kind, Digest, String)>, StatementError> {
        const KINDS: [Kind; 3] = [Kind::Activated, Kind::KeyAdded, Kind::KeyRetired];
        let failed = |source| StatementError::Io { name: "state/statements".to_owned(), source };
        let mut names = Vec::new();
        for entry in self.dir.entries().map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            let found = KINDS.into_iter().find_map(|kind| Some((kind, digest(kind, &name)?)));
            names.extend(found.map(|(kind, digest)| (kind, digest, name)));
        }
        names.sort_by(|one, other| one.2.cmp(&other.2));
        Ok(names)
    }

    /// Stores a statement. The statement is on disk when this function returns.
    ///
    /// # Errors
    ///
    /// Fails when the payload is not valid or the file cannot be written.
    pub fn put(&self, kind: Kind, kept: &Kept) -> Result<Digest, StatementError> {
        let digest = kept.envelope.payload_digest()?;
        let name = name(kind, digest);
        let failed = |source| StatementError::Io { name: name.clone(), source };
        let bytes = serde_json::to_vec(kept).map_err(|e| failed(e.into()))?;
        // An existing file may be from a process that ended before the file's name was on disk, so the folder is synced
        // in any case.
        if !self.dir.try_exists(&name).map_err(failed)? {
            self.write(&name, &bytes).map_err(failed)?;
        }
        sync(&self.dir).map_err(failed)?;
        Ok(digest)
    }

    /// The statement of this kind and digest, if it is stored.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read, or its content does not match its name.
    pub fn get(&self, kind: Kind, digest: Digest) -> Result<Option<Kept>, StatementError> {
        let name = name(kind, digest);
        let file = match self.dir.open(&name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file,
        };
        let mut bytes = Vec::new();
        let read = file.and_then(|file| file.take(STATEMENT_MAX).read_to_end(&mut bytes));
        read.map_err(|source| StatementError::Io { name: name.clone(), source })?;
        let kept = serde_json::from_slice::<Kept>(&bytes).ok();
        let kept = kept.filter(|kept| kept.envelope.payload_digest() == Ok(digest));
        kept.map(Some).ok_or(StatementError::Damaged { name })
    }

    /// Every statement of this kind, in no particular order.
    ///
    /// # Errors
    ///
    /// Fails when one of these statements cannot be read or does not match its name.
    pub fn all(&self, kind: Kind) -> Result<Vec<Kept>, StatementError> {
        let failed = |source| StatementError::Io { name: "state/statements".to_owned(), source };
        let mut found = Vec::new();
        for entry in self.dir.entries().map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            if let Some(digest) = digest(kind, &name) {
                found.extend(self.get(kind, digest)?);
            }
        }
        Ok(found)
    }

    /// Writes and syncs a temporary file, then renames it.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // The temporary name need not be unique, because the host and the commands that write here hold the lock of the
        // journal.
        let temporary = format!("{name}.tmp");
        let mut file = self.dir.create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        failpoint::hit("statement.rename.before");
        self.dir.rename(&temporary, &self.dir, name)?;
        failpoint::hit("statement.rename.after");
        Ok(())
    }
}

/// Why a statement cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    #[error("`{name}`: {source}")]
    Io { name: String, source: io::Error },
    #[error(
        "the content of `state/statements/{name}` does not match its name, a digest; restore the file from a copy"
    )]
    Damaged { name: String },
    #[error(transparent)]
    Envelope(#[from] DsseError),
}

fn name(kind: Kind, digest: Digest) -> String {
    format!("{}-{}.json", kind.as_str(), digest.hex())
}

/// The digest in the file name of a statement of this kind.
fn digest(kind: Kind, name: &str) -> Option<Digest> {
    let hex = name.strip_prefix(kind.as_str())?.strip_prefix('-')?.strip_suffix(".json")?;
    Digest::from_hex(hex).ok()
}

fn sync(dir: &Dir) -> io::Result<()> {
    dir.open(".")?.sync_all()
}

#[cfg(test)]
mod tests {
    use deed_record::statement::envelope::Statement;
    use ed25519_dalek::SigningKey;
    use serde_json::json;

    use super::*;

    fn kept() -> Kept {
        let action = Digest::of(b"a");
        let statement = Statement { kind: Kind::Activated, action, predicate: json!({"a": 1}) };
        let envelope = statement.sign(&SigningKey::from_bytes(&[1; 32])).unwrap();
        let people = vec![Enrolled {
            person: "bob".into(),
            roles: vec!["lead".into()],
            key: "k".into(),
            passkey: None,
        }];
        Kept { envelope, people }
    }

    #[test]
    fn is_given_back_by_kind_and_digest_and_refused_when_it_is_another() {
        let dir = std::env::temp_dir().join(format!("deed-statements-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let statements = Statements::open(&dir).unwrap();
        let digest = statements.put(Kind::Activated, &kept()).unwrap();
        assert_eq!(statements.put(Kind::Activated, &kept()).unwrap(), digest);
        assert_eq!(statements.get(Kind::Activated, digest).unwrap(), Some(kept()));
        assert_eq!(statements.get(Kind::KeyAdded, digest).unwrap(), None);
        assert_eq!(statements.all(Kind::Activated).unwrap(), [kept()]);
        assert_eq!(statements.all(Kind::KeyAdded).unwrap(), []);
        let file = dir.join("statements").join(name(Kind::Activated, digest));
        let mut other = kept();
        other.envelope.payload.replace_range(0..1, "f");
        std::fs::write(&file, serde_json::to_vec(&other).unwrap()).unwrap();
        let refused = statements.get(Kind::Activated, digest);
        assert!(matches!(refused, Err(StatementError::Damaged { .. })));
        std::fs::write(&file, b"{").unwrap();
        assert!(statements.all(Kind::Activated).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
