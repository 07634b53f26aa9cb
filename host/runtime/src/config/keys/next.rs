//! Key rotation: stores the next key of a host, which is created before the present key is retired, and the public keys
//! of the retired keys.
//!
//! A rotation is under way as long as `keys/next-PURPOSE.key` exists. A single rename replaces the old key with the new
//! key, so a crash leaves one of the two keys.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use deed_record::statement::rotation::Purpose;
use deed_spec::dsse::{self, key_id};
use deed_system::files::{Files, PEM_MAX};
use ed25519_dalek::{SigningKey, VerifyingKey};

use super::{KEY_MAX, KeyError, parse, random, to_pem};

/// The key that will replace the present key.
#[derive(Debug)]
pub struct Next {
    dir: PathBuf,
    purpose: Purpose,
    key: SigningKey,
}

impl Next {
    /// Checks that no key is being rotated.
    ///
    /// # Errors
    ///
    /// Fails while a rotation of any key is under way, because the host must sign nothing until the rotation is
    /// finished.
    pub fn must_be_none(dir: &Path) -> Result<(), KeyError> {
        let found = [Purpose::Receipt, Purpose::Log].into_iter().find(|one| is_there(dir, *one));
        found.map_or(Ok(()), |purpose| Err(KeyError::Rotating(purpose)))
    }

    /// Returns the next key that an earlier run left, or creates a new key. The key is on disk when this function
    /// returns.
    ///
    /// # Errors
    ///
    /// Fails when the host's other key is being rotated, or when a file cannot be read or written.
    pub fn make(dir: &Path, purpose: Purpose) -> Result<Self, KeyError> {
        let other = match purpose {
            Purpose::Receipt => Purpose::Log,
            Purpose::Log => Purpose::Receipt,
        };
        if is_there(dir, other) {
            return Err(KeyError::Rotating(other));
        }
        let path = path(dir, purpose);
        if !is_there(dir, purpose) {
            let key = SigningKey::from_bytes(&random::<32>()?);
            let pem = to_pem(&key).ok_or_else(|| KeyError::Form(path.clone()))?;
            replace(&path, pem.as_bytes(), 0o600)?;
        }
        let files = Files::open(dir).map_err(KeyError::File)?;
        let name = format!("keys/{}", name(purpose));
        let pem = files.private(&name, KEY_MAX).map_err(|e| KeyError::of(&name, e))?;
        Ok(Self { dir: dir.to_owned(), purpose, key: parse(&path, &pem)? })
    }

    pub fn public(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// Replaces the old key and stores the public half of the old key.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be written.
    pub fn take_over(self, old: &VerifyingKey) -> Result<(), KeyError> {
        let keys = self.dir.join("keys");
        let form = |path: &Path| KeyError::Form(path.to_owned());
        let folder = keys.join("retired");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.and_then(|()| sync(&keys)).map_err(|e| KeyError::Write(folder.clone(), e))?;
        let id = key_id(old).map_err(|_| form(&folder))?;
        let kept = folder.join(format!("{}-{id}.pub", self.purpose.as_str()));
        replace(&kept, dsse::to_pem(old).map_err(|_| form(&kept))?.as_bytes(), 0o644)?;
        let present = keys.join(format!("{}.key", self.purpose.as_str()));
        let public = present.with_extension("pub");
        let pem = dsse::to_pem(&self.public()).map_err(|_| form(&public))?;
        replace(&public, pem.as_bytes(), 0o644)?;
        let moved = fs::rename(path(&self.dir, self.purpose), &present);
        moved.and_then(|()| sync(&keys)).map_err(|e| KeyError::Write(present, e))
    }
}

/// The public keys of the retired keys that this host used for this purpose, in no particular order.
///
/// # Errors
///
/// Fails when a key cannot be read.
pub fn retired(dir: &Path, purpose: Purpose) -> Result<Vec<VerifyingKey>, KeyError> {
    let files = Files::open(dir).map_err(KeyError::File)?;
    let names = files.names("keys/retired").map_err(KeyError::File)?;
    let begin = format!("{}-", purpose.as_str());
    let is_one = |name: &&String| {
        name.strip_prefix(&begin).is_some_and(|rest| rest.strip_suffix(".pub").is_some())
    };
    let read = |name: &String| {
        let path = format!("keys/retired/{name}");
        let text = files.text(&path, PEM_MAX).map_err(KeyError::File)?;
        dsse::from_pem(&text).map_err(|_| KeyError::Form(path.into()))
    };
    names.iter().filter(is_one).map(read).collect()
}

fn name(purpose: Purpose) -> String {
    format!("next-{}.key", purpose.as_str())
}

fn path(dir: &Path, purpose: Purpose) -> PathBuf {
    dir.join("keys").join(name(purpose))
}

fn is_there(dir: &Path, purpose: Purpose) -> bool {
    fs::symlink_metadata(path(dir, purpose)).is_ok()
}

/// Writes a file atomically: temporary file, fsync, rename, fsync of the folder.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let draft = path.with_extension("tmp");
    let written = || -> io::Result<()> {
        // A temporary file that an interrupted run left may contain an incomplete key, so it is replaced.
        match fs::remove_file(&draft) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        path.parent().map_or(Ok(()), sync)
    };
    written().map_err(|e| KeyError::Write(path.to_owned(), e))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
