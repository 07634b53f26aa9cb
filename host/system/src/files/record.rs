//! What was read of a served directory, so that its reader can check whether all of it belongs together.

use std::collections::BTreeMap;

use super::{Files, Stamp};

/// The files and folders that were read, each as it was when it was read.
///
/// The stamp of a file is that of the descriptor from which it was read. A stamp that is looked up by the path of the
/// file may be that of another file, because a link on the path may lead elsewhere before and after the reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The stamp of each file; `None` if two readings saw different files.
    files: BTreeMap<String, Option<Stamp>>,
    /// The names in each folder; `None` if two readings saw different names.
    folders: BTreeMap<String, Option<Vec<String>>>,
}

impl Record {
    /// The record without the files and folders below these folders of the served directory.
    #[must_use]
    pub fn without(mut self, folders: &[&str]) -> Self {
        let is_kept = |path: &str| !folders.contains(&path.split('/').next().unwrap_or_default());
        self.files.retain(|path, _| is_kept(path));
        self.folders.retain(|path, _| is_kept(path));
        self
    }

    /// Whether every file and folder is now as it was when it was read.
    pub fn is_current(&self, files: &Files) -> bool {
        let mut files_seen = self.files.iter();
        let mut folders_seen = self.folders.iter();
        files_seen.all(|(path, seen)| seen.is_some() && files.stamp(path).ok() == *seen)
            && folders_seen.all(|(path, seen)| seen.is_some() && files.names(path).ok() == *seen)
    }

    pub(super) fn file(&mut self, path: &str, stamp: Stamp) {
        let seen = self.files.entry(path.to_owned()).or_insert(Some(stamp));
        if *seen != Some(stamp) {
            *seen = None;
        }
    }

    pub(super) fn folder(&mut self, path: &str, names: &[String]) {
        let seen = self.folders.entry(path.to_owned()).or_insert_with(|| Some(names.to_vec()));
        if seen.as_deref() != Some(names) {
            *seen = None;
        }
    }
}
