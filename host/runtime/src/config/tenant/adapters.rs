//! The adapters that grants name: takes file names, gives the digest of each, and keeps one copy of its bytes,
//! however many contracts it serves. It neither compiles nor runs any.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use deed_spec::digest::Digest;
use deed_system::files::{ADAPTER_MAX, Files};

/// Files that were read, each once.
#[derive(Debug, Default)]
pub(in crate::config) struct Adapters {
    read: RefCell<BTreeMap<String, Read>>,
    /// Files of which it was said why they cannot be read: one fault, however many grants name it.
    told: RefCell<BTreeSet<String>>,
}

/// Digest and bytes, or why there are none.
type Read = Result<(Digest, Vec<u8>), String>;

impl Adapters {
    /// The digest of this file's bytes, or why there is none: nothing where that was told before.
    pub(super) fn digest(&self, files: &Files, name: &str) -> Result<Digest, Option<String>> {
        let mut read = self.read.borrow_mut();
        let found = read.entry(name.to_owned()).or_insert_with(|| {
            let bytes = files.bytes(name, ADAPTER_MAX).map_err(|e| e.to_string())?;
            Ok((Digest::of(&bytes), bytes))
        });
        let is_new = || self.told.borrow_mut().insert(name.to_owned());
        found.as_ref().map(|(digest, _)| *digest).map_err(|why| is_new().then(|| why.clone()))
    }

    /// What was read.
    pub(in crate::config) fn into_bytes(self) -> BTreeMap<Digest, Vec<u8>> {
        self.read.into_inner().into_values().flatten().collect()
    }
}
