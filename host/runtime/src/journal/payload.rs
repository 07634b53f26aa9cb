//! Large payloads as files under their own SHA-256: takes bytes, gives their name, and gives them
//! back checked. Names are hex digits in a directory that cap-std confines; a file is never changed.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use deed_record::digest::Digest;

use super::PayloadError;
use crate::failpoint;

/// The directory of payloads: one directory for each pair of first digits.
#[derive(Debug)]
pub(super) struct Payloads {
    dir: Dir,
    /// Makes the names of temporary files differ within this process.
    next: AtomicU64,
}

impl Payloads {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(dir, ambient_authority())?;
        Ok(Self { dir, next: AtomicU64::new(0) })
    }

    /// Keeps these bytes; when it returns they are on disk under the name that it gives.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<String, PayloadError> {
        let name = Digest::of(bytes).hex();
        match self.write(&name, bytes) {
            Ok(()) => Ok(name),
            Err(source) => Err(PayloadError::Io { name, source }),
        }
    }

    /// The bytes of this name, if they are kept, and still the same.
    pub(super) fn get(&self, name: &str) -> Result<Option<Vec<u8>>, PayloadError> {
        let digest = Digest::from_hex(name)
            .ok()
            .ok_or_else(|| PayloadError::Name { name: name.chars().take(80).collect() })?;
        match self.dir.read(place(name)) {
            Ok(bytes) if Digest::of(&bytes) == digest => Ok(Some(bytes)),
            Ok(_) => Err(PayloadError::Damaged { name: name.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(PayloadError::Io { name: name.to_owned(), source }),
        }
    }

    /// Temporary file, fsync, rename, fsync of both directories.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let place = place(name);
        let directory = prefix(name);
        self.dir.create_dir_all(&directory)?;
        // A file that is there was whole before it got its name, but its name may not be on disk.
        if !self.dir.try_exists(&place)? {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let temporary = format!("{place}.{}-{number}.tmp", std::process::id());
            let mut file = self.dir.create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            failpoint::hit("payload.rename.before");
            self.dir.rename(&temporary, &self.dir, &place)?;
            failpoint::hit("payload.rename.after");
        }
        sync(&self.dir, &directory)?;
        sync(&self.dir, ".")
    }
}

fn sync(dir: &Dir, path: &str) -> io::Result<()> {
    dir.open(path)?.sync_all()
}

fn prefix(name: &str) -> String {
    name.chars().take(2).collect()
}

fn place(name: &str) -> String {
    format!("{}/{name}", prefix(name))
}
