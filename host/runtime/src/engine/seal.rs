//! Signs the host's statements about an action, and adds the statements and their log indexes to the action's story.

use std::sync::Arc;
use std::time::Duration;

use deed_record::lifecycle::event::Event;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::story::Decided;
use deed_record::policy::asked::Question;
use deed_record::statement::envelope::Signed;
use deed_store::log::PublishError;

use super::drive::{Drive, Step};
use super::error::EngineError;
use crate::stage::receipt;

/// Pause before the driver offers leaves to a busy publisher again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

impl Drive<'_> {
    /// Signs the host's statement of why this attempt may run. The statement is on disk before anything can be sent.
    pub(super) fn signed_decision(
        &mut self,
        cleared_ms: i64,
        deadline_ms: i64,
    ) -> Result<Arc<Signed>, EngineError> {
        let asked = self.asked()?.ok_or(EngineError::NotAsked)?;
        let key = &self.engine.keys.receipt;
        let signed = receipt::decide(&self.work.story, &asked, cleared_ms, deadline_ms, key);
        Ok(Arc::new(signed?))
    }

    /// The input of the latest policy decision, in the form in which signed statements refer to it. The input is
    /// cached, because the attempt and the receipt usually refer to the same input.
    pub(super) fn asked(&mut self) -> Result<Option<Question>, EngineError> {
        let Some(latest) = &self.work.story.decision else { return Ok(None) };
        let is_latest = |(decision, facts): &Decided| {
            Arc::ptr_eq(decision, &latest.0) && Arc::ptr_eq(facts, &latest.1)
        };
        if let Some((_, question)) = self.asked.as_ref().filter(|(of, _)| is_latest(of)) {
            return Ok(Some(question.clone()));
        }
        let question = self.engine.asked(&self.work.story)?;
        self.asked = self.work.story.decision.clone().zip(question.clone());
        Ok(question)
    }

    pub(super) async fn seal(&mut self) -> Result<Step, EngineError> {
        let Some(judgement) = self.work.story.judgement.clone() else { return Ok(Step::Rest) };
        let asked = self.asked()?;
        let key = &self.engine.keys.receipt;
        let envelope = receipt::seal(&self.work.story, &judgement, asked.as_ref(), key)?;
        self.append(vec![Event::Sealed { envelope: Arc::new(envelope) }], true).await?;
        // An action with an open outcome keeps its resource until the outcome is settled.
        if judgement.outcome != Outcome::Indeterminate {
            self.release_resource();
        }
        Ok(Step::Go)
    }

    pub(super) async fn publish(&mut self) -> Result<Step, EngineError> {
        let Some(publisher) = self.engine.publisher(&self.tenant.name) else {
            return Err(EngineError::NoLog(self.tenant.name.clone()));
        };
        let leaves = super::activate::leaves(&self.work.story)?;
        let logged = loop {
            match publisher.publish(leaves.clone()).await {
                // The publisher is busy. The receipt is on disk already, so adding it to the log can wait.
                Err(PublishError::Busy) => tokio::time::sleep(BUSY_PAUSE).await,
                other => break other?,
            }
        };
        let event = Event::Logged { leaves: logged.leaves, checkpoint: logged.checkpoint };
        // The log entry is on disk already. The event that records the index of the entry is now synced to disk too,
        // because readers of the checkpoint need the event, and because a caller usually waits for that.
        self.append(vec![event], true).await?;
        self.engine.tell_end(&self.work.story);
        self.engine.expires_no_more(&self.work.story);
        self.engine.release(&self.work.story);
        self.engine.settle_later(&self.work.story);
        Ok(Step::Go)
    }
}
