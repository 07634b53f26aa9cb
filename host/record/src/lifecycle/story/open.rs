//! What people are asked about an action that the host cannot settle by reading the state.

use deed_spec::digest::Digest;

use super::Story;
use crate::lifecycle::outcome::Outcome;
use crate::lifecycle::status::Status;
use crate::statement::envelope::Kind;

impl Story {
    /// The nonce of a resolution, which is derived from the receipt and the number of earlier resolutions, so that a
    /// request for a resolution remains valid after a restart.
    pub fn resolution_nonce(&self) -> Option<String> {
        let receipt = self.envelope.as_ref()?.payload_digest().ok()?;
        let before = self.chain.iter().filter(|(kind, _)| *kind == Kind::Reconciliation).count();
        let text = format!("urn:deed:resolution:v1\n{} {before}\n", receipt.hex());
        Some(Digest::of(text.as_bytes()).hex().chars().take(32).collect())
    }

    /// Whether an operator has to state what happened.
    pub fn needs_resolution(&self) -> bool {
        self.status == Status::Ended(Outcome::Indeterminate) && self.escalated.is_some()
    }
}
