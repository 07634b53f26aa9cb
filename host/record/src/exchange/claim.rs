//! What an adapter says of its run.

use serde::{Deserialize, Serialize};

/// What the adapter said of its run: a claim, not the truth.
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
    /// The host stopped while it ran; nobody knows what the adapter would have said.
    Lost,
}

impl Claim {
    /// Stands in the text of [`Self::Trapped`] between the trap and the panic that the guest told, where it
    /// told one. `deed replay` compares what stands before it with records that end there.
    pub const LAST_WORDS: &str = "; its last line of level error: ";
}
