//! The adapter files that grants name: the digest of each file, and one copy of its bytes even if it serves several
//! contracts. This module does not compile or run adapters.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use deed_spec::digest::Digest;
use deed_system::files::{ADAPTER_MAX, Files};

/// The adapter files that were read. Each adapter file is read once.
#[derive(Debug, Default)]
pub(in crate::config) struct Adapters {
    read: RefCell<BTreeMap<String, Read>>,
    /// Files that were already reported as unreadable. An unreadable file is reported once, even if several grants name
    /// it.
    told: RefCell<BTreeSet<String>>,
}

/// Digest and bytes of a file, or the reason why the file could not be read.
type Read = Result<(Digest, Vec<u8>), String>;

impl Adapters {
    /// Returns the digest of this file's bytes. If the file cannot be read, fails with the reason, or with `None` if
    /// the reason was reported before.
    pub(super) fn digest(&self, files: &Files, name: &str) -> Result<Digest, Option<String>> {
        let mut read = self.read.borrow_mut();
        let found = read.entry(name.to_owned()).or_insert_with(|| {
            let bytes = files.bytes(name, ADAPTER_MAX).map_err(|e| e.to_string())?;
            Ok((Digest::of(&bytes), bytes))
        });
        let is_new = || self.told.borrow_mut().insert(name.to_owned());
        found.as_ref().map(|(digest, _)| *digest).map_err(|why| is_new().then(|| why.clone()))
    }

    /// Adds an adapter that ships with the host.
    pub(super) fn ship(&self, digest: Digest, bytes: &[u8]) {
        let mut read = self.read.borrow_mut();
        read.entry(digest.to_string()).or_insert_with(|| Ok((digest, bytes.to_vec())));
    }

    /// The bytes of the adapter files that were read, by digest.
    pub(in crate::config) fn into_bytes(self) -> BTreeMap<Digest, Vec<u8>> {
        self.read.into_inner().into_values().flatten().collect()
    }
}
