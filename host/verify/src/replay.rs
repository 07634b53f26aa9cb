//! Reruns the adapter of a bundle on the recorded inputs, and reports the first difference between each recorded run
//! and its rerun.
//!
//! Replay does not establish who recorded the bundle. A forged bundle can replay without a difference; only `verify`
//! detects the forgery.

mod case;
mod compare;

use deed_spec::digest::Digest;
use serde::Serialize;
use serde_json::Value;

pub use self::case::{Case, Part, Recorded, ReplayError};
pub use self::compare::{Seen, compare};

/// The result of replaying a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub verdict: ReplayVerdict,
    pub action: String,
    /// Digest of the adapter that was rerun.
    pub adapter: Digest,
    /// The adapter that the receipt names, if it differs from the one that was rerun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_adapter: Option<Digest>,
    /// Parts of the evidence that do not match the receipt.
    pub faults: Vec<String>,
    /// The runs in the original order: the observation before, the rehearsal, the attempts, the observation after.
    pub runs: Vec<Line>,
}

/// What a reader may conclude from the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayVerdict {
    /// Every recorded run had the same result when it was repeated.
    Identical,
    Different,
    /// No difference was found, but at least one run could not be compared to its end.
    NotReplayed,
}

/// One recorded run, and the result of comparing it with its rerun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub run: String,
    pub status: Status,
    /// What was compared, or why the comparison is incomplete.
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// The result of comparing a recorded run with its rerun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Same,
    Different,
    NotReplayed,
}

/// The first difference between a recorded run and its rerun, after which nothing is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The place of the difference in words, such as `exchange 2`.
    pub place: String,
    /// The value in the recorded run; null if it has no value at this place.
    pub expected: Value,
    /// The value in the repeated run; null if it has no value at this place.
    pub got: Value,
}

impl ReplayVerdict {
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
