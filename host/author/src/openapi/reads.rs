//! The reads of a document, found by the form of their paths.

use std::collections::BTreeMap;

use super::operation::{Operation, form, last_parameter};

/// All operations that read, by the form of their paths.
#[derive(Debug)]
pub(super) struct Reads<'d>(BTreeMap<String, Operation<'d>>);

impl<'d> Reads<'d> {
    /// If several paths have one form, the first of the document counts.
    pub(super) fn of(all: &[Operation<'d>]) -> Self {
        let mut found = BTreeMap::new();
        for one in all.iter().filter(|one| one.method == "GET") {
            found.entry(form(one.path)).or_insert(*one);
        }
        Self(found)
    }

    /// The read whose path has the form of this one.
    pub(super) fn at(&self, path: &str) -> Option<Operation<'d>> {
        self.0.get(&form(path)).copied()
    }

    /// The read of one object of a collection.
    pub(super) fn child(&self, collection: &str) -> Option<Operation<'d>> {
        let found = self.0.get(&format!("{}/{{}}", form(collection))).copied();
        found.filter(|one| last_parameter(one.path).is_some())
    }
}
