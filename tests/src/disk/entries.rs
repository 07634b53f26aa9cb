//! The names in one folder: what a program sees, what is durable, and the changes in between.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

type Names = BTreeMap<OsString, u64>;

/// A folder's names, each with the number of its file.
#[derive(Debug, Clone, Default)]
pub(in crate::disk) struct Entries {
    now: Names,
    durable: Names,
    open: Vec<(u64, Change)>,
}

#[derive(Debug, Clone)]
enum Change {
    Set(OsString, u64),
    Removed(OsString),
    Renamed { from: OsString, to: OsString, number: u64 },
}

impl Entries {
    /// Creates a folder with these names, all of them durable.
    pub(in crate::disk) fn with(names: Names) -> Self {
        Self { now: names.clone(), durable: names, open: Vec::new() }
    }

    pub(in crate::disk) fn now(&self) -> &Names {
        &self.now
    }

    pub(in crate::disk) fn set(&mut self, order: u64, name: &OsStr, number: u64) {
        self.take(order, Change::Set(name.to_owned(), number));
    }

    pub(in crate::disk) fn remove(&mut self, order: u64, name: &OsStr) {
        self.take(order, Change::Removed(name.to_owned()));
    }

    pub(in crate::disk) fn rename(&mut self, order: u64, from: &OsStr, to: &OsStr, number: u64) {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.take(order, Change::Renamed { from, to, number });
    }

    fn take(&mut self, order: u64, change: Change) {
        change.apply(&mut self.now);
        self.open.push((order, change));
    }

    pub(in crate::disk) fn sync(&mut self) {
        self.durable.clone_from(&self.now);
        self.open.clear();
    }

    /// The names that remain after a power cut.
    pub(in crate::disk) fn after(&self, mut keep: impl FnMut(u64) -> bool) -> Names {
        let mut names = self.durable.clone();
        for (order, change) in &self.open {
            if keep(*order) {
                change.apply(&mut names);
            }
        }
        names
    }

    pub(in crate::disk) fn renumber(&mut self, renamed: impl Fn(u64) -> u64) {
        for names in [&mut self.now, &mut self.durable] {
            for number in names.values_mut() {
                *number = renamed(*number);
            }
        }
        for (_, change) in &mut self.open {
            if let Change::Set(_, number) | Change::Renamed { number, .. } = change {
                *number = renamed(*number);
            }
        }
    }
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Set(name, number) => {
                names.insert(name.clone(), *number);
            }
            Self::Removed(name) => {
                names.remove(name);
            }
            Self::Renamed { from, to, number } => {
                if names.get(from) == Some(number) {
                    names.remove(from);
                }
                names.insert(to.clone(), *number);
            }
        }
    }
}
