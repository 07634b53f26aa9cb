//! Puts a request for approval off for one person. Nothing is decided, so no driver is started.

use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::lifecycle::event::Event;

use super::Engine;
use super::error::EngineError;
use super::intake::IntakeError;
use crate::stage::approval::deferral;

impl Engine {
    /// Puts a request for approval off for this person, with a reason and until a time in Unix milliseconds. Every way
    /// to put a request off ends in this function.
    ///
    /// # Errors
    ///
    /// Fails when the host accepts no answers, the person may not answer, or the reason or the time cannot be accepted.
    pub async fn defer(
        self: &Arc<Self>,
        tenant: &str,
        id: &ActionId,
        person: &str,
        wanted: (&str, i64),
    ) -> Result<(), IntakeError> {
        self.takes_answers()?;
        let configured = self.tenant(tenant).ok_or(EngineError::Unknown)?;
        loop {
            let told = self.load_of(tenant, id)?;
            let now_ms = self.clock.latest_ms();
            let deferral = deferral::receive(&configured, &told.story, person, wanted, now_ms)?;
            let event = Event::Deferred { deferral: Arc::new(deferral) };
            match self.append_fact(told, event, vec![]).await {
                // Another event was appended first, so the loop checks again whether the request still waits.
                Err(EngineError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(told) => {
                    self.remind_after(&told.story);
                    return Ok(());
                }
            }
        }
    }
}
