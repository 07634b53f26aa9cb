//! Takes a bundle, gives the runs of its adapter with everything that decided them; takes what a run
//! came to when it was made again, gives the first difference.
//!
//! Never says who recorded it: a bundle that somebody made up may replay, `verify` tells them apart.

mod case;
mod compare;

use deed_spec::digest::Digest;
use serde::Serialize;
use serde_json::Value;

pub use self::case::{Case, Recorded, ReplayError};
pub use self::compare::{Seen, compare};

/// What replaying a bundle showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub verdict: Verdict,
    pub action: String,
    /// The adapter that ran.
    pub adapter: Digest,
    /// The adapter that the receipt names, where it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_adapter: Option<Digest>,
    /// Parts of the evidence that are not those of the receipt.
    pub faults: Vec<String>,
    /// In the order in which they ran first: the look before, the attempts, the look after.
    pub runs: Vec<Line>,
}

/// What a reader may conclude.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every run that was recorded came to the same again.
    Identical,
    Different,
    /// Nothing differs, and at least one run could not be compared to its end.
    NotReplayed,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub run: String,
    pub status: Status,
    /// What was compared, or why not all of it was.
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Same,
    Different,
    NotReplayed,
}

/// The first place where a run differs; nothing is compared behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// In words, as in `exchange 2`.
    pub place: String,
    /// What the record has; null is nothing.
    pub expected: Value,
    /// What the run gave; null is nothing.
    pub got: Value,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Different => "different",
            Self::NotReplayed => "not replayed",
        }
    }

    fn of(faults: &[String], runs: &[Line]) -> Self {
        let any = |status| runs.iter().any(|run| run.status == status);
        if !faults.is_empty() || any(Status::Different) {
            Self::Different
        } else if any(Status::NotReplayed) {
            Self::NotReplayed
        } else {
            Self::Identical
        }
    }
}

#[cfg(test)]
mod tests;
