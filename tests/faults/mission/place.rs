//! The requests of an action that can fail, and the cells of the fault table.

use deed_tests::record::{How, Lands, On};

use super::system::{Action, Read};
use crate::cell::word;
use crate::rules::Site;

/// The request that fails. The requests of one observation are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Before(usize),
    Write(Lands),
    After(usize),
}

impl Place {
    pub(super) fn all(action: &Action) -> impl Iterator<Item = Self> {
        let reads = 0..action.reads.len();
        let writes = [Lands::Never, Lands::Before].map(Self::Write);
        reads.clone().map(Self::Before).chain(writes).chain(reads.map(Self::After))
    }

    pub(super) fn site(self) -> Site {
        match self {
            Self::Before(_) => Site::Read(0),
            Self::Write(_) => Site::Write(0),
            Self::After(_) => Site::Read(1),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Before(n) => format!("read {} before", n + 1),
            Self::Write(Lands::Before) => "write landed".to_owned(),
            Self::Write(_) => "write never".to_owned(),
            Self::After(n) => format!("read {} after", n + 1),
        }
    }

    /// Whether the request names what the action changes, so that other actions can run at the same time.
    pub(super) fn is_named(self, action: &Action) -> bool {
        self.read(action).is_none_or(|read| read == Read::Named)
    }

    /// Whether the action needs a complete answer to the request.
    pub(super) fn is_needed(self, action: &Action) -> bool {
        self.read(action) != Some(Read::Unneeded)
    }

    fn read(self, action: &Action) -> Option<Read> {
        match self {
            Self::Write(_) => None,
            Self::Before(n) | Self::After(n) => Some(action.reads[n]),
        }
    }
}

/// A fault in one action. Without a way to fail, connections are refused for some time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) action: Action,
    pub(super) place: Place,
    pub(super) how: Option<How>,
}

impl Cell {
    pub(super) fn row(&self) -> String {
        format!("{}: {}", self.action.contract, self.place.text())
    }

    pub(super) fn column(&self) -> String {
        self.how.map_or_else(|| "refused".to_owned(), word)
    }

    /// The requests to count for the fault, and how many of them precede the one that fails. `text` names what the
    /// action changes. If other actions run at the same time, only reads with this text count.
    pub(super) fn on(&self, text: &str, named: bool) -> (On, usize) {
        let reads = self.action.reads;
        let counts = |read: &&Read| !named || **read == Read::Named;
        let count = |reads: &[Read]| reads.iter().filter(counts).count();
        let read = if named { On::reads_naming(text) } else { On::reads("") };
        match self.place {
            Place::Write(_) => (On::writes_naming(text), 0),
            Place::Before(n) => (read, count(&reads[..n])),
            Place::After(n) => (read, count(reads) + count(&reads[..n])),
        }
    }
}
