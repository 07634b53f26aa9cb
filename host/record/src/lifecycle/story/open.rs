//! What is asked of people about an action that no look can settle.

use deed_spec::digest::Digest;

use super::Story;
use crate::lifecycle::outcome::Outcome;
use crate::lifecycle::status::Status;
use crate::statement::envelope::Kind;

impl Story {
    /// What a word to the present asking names. It follows from what is asked about, so that an asking
    /// outlives a restart: the receipt, and how many words there were before.
    pub fn resolution_nonce(&self) -> Option<String> {
        let receipt = self.envelope.as_ref()?.payload_digest().ok()?;
        let before = self.chain.iter().filter(|(kind, _)| *kind == Kind::Reconciliation).count();
        let text = format!("urn:deed:resolution:v1\n{} {before}\n", receipt.hex());
        Some(Digest::of(text.as_bytes()).hex().chars().take(32).collect())
    }

    /// Whether an operator has to say what happened.
    pub fn needs_resolution(&self) -> bool {
        self.status == Status::Ended(Outcome::Indeterminate) && self.escalated.is_some()
    }
}
