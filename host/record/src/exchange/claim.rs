//! What an adapter reports about its run.

use serde::{Deserialize, Serialize};

/// What the adapter reported about its run: a claim, not a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    Done,
    Refused(String),
    Unavailable(String),
    Unknown(String),
    Invalid(String),
    Trapped(String),
    TimedOut,
    /// The host stopped during the run, so the adapter reported nothing.
    Lost,
}

impl Claim {
    /// Separates the trap from the guest's panic message in the text of [`Self::Trapped`], if the guest reported one.
    /// `deed replay` compares only the text before this separator if a record has no panic message.
    pub const LAST_WORDS: &str = "; its last line of level error: ";

    /// The adapter's own text, if it reported one.
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Refused(words)
            | Self::Unavailable(words)
            | Self::Unknown(words)
            | Self::Invalid(words)
            | Self::Trapped(words) => Some(words),
            Self::Done | Self::TimedOut | Self::Lost => None,
        }
    }
}
