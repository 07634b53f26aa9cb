//! The signature counters of passkeys. An authenticator that counts increases its counter with each signature, so a
//! counter that does not grow shows that the key was copied.
//!
//! The last counter of a key is kept as a claim in the store, which is appended together with the answer: the store
//! refuses a claim while it is held, and compares numbers. The counter takes the place of the time in the claim, in
//! steps of the life of a claim, so a claim is held for all counters up to its own. The check and the record are thus
//! one step, and are as durable as the answer.

use deed_record::statement::approver;
use deed_spec::dsse::Envelope;
use deed_store::store::{CLAIM_LIFE_MS, KeyClaim};

use super::Engine;
use super::error::EngineError;
use super::intake::IntakeError;
use crate::stage::approval::AnswerError;

/// The owner of these claims. No agent can have this name, because names have no spaces.
const COUNTERS: &str = "passkey counters";

impl Engine {
    /// Whether a passkey has counted its signatures in this tenant.
    ///
    /// # Errors
    ///
    /// Fails when the store cannot be read.
    pub(crate) fn has_counted(&self, tenant: &str, keyid: &str) -> Result<bool, EngineError> {
        Ok(self.store.last_claim(tenant, COUNTERS, keyid)?.is_some())
    }

    /// The claim that records the counter of the passkey that signed; `None` if a key file signed, or if the
    /// authenticator does not count. The envelope must have been opened.
    ///
    /// # Errors
    ///
    /// Fails when the counter is 0 although the key has counted before.
    pub(super) fn counter_claim(
        &self,
        tenant: &str,
        envelope: &Envelope,
    ) -> Result<Option<KeyClaim>, IntakeError> {
        let counter = approver::counter(envelope).map_err(|e| AnswerError::Open(e.to_string()))?;
        let (Some(counter), Some(keyid)) = (counter, envelope.key_hint()) else { return Ok(None) };
        if counter == 0 {
            let last = self.store.last_claim(tenant, COUNTERS, keyid).map_err(EngineError::from)?;
            return if last.is_none() { Ok(None) } else { Err(AnswerError::Counter.into()) };
        }
        Ok(Some(KeyClaim {
            tenant: tenant.to_owned(),
            agent: COUNTERS.to_owned(),
            key: keyid.to_owned(),
            body_sha256: envelope
                .payload_digest()
                .map_err(|e| AnswerError::Open(e.to_string()))?
                .hex(),
            at_ms: i64::from(counter).saturating_mul(CLAIM_LIFE_MS),
        }))
    }
}
