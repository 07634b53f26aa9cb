//! What ended without an answer: looked at again, at growing distances, until a look settles it.
//!
//! Never sends anything, and never changes the receipt: what settles it is signed beside it.

use std::sync::Arc;
use std::time::Duration;

use deed_record::event::Event;
use deed_record::id::{ActionId, IdError};
use deed_record::outcome::Outcome;
use deed_record::status::Status;
use deed_record::story::Story;

use super::Pipeline;
use super::drive::{Drive, Step};
use super::ledger::LedgerError;
use crate::journal::Row;
use crate::{receipt, reconcile};

/// The first pause between two looks; each is twice as long as the one before, up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_hours(1);

impl Drive<'_> {
    /// Looks once more. Only a look that answers what happened is written down.
    pub(super) async fn settle(&mut self) -> Result<Step, LedgerError> {
        self.settling = false;
        let Some(granted) = self.granted() else { return Ok(Step::Rest) };
        let Some(adapter) = self.pipeline.adapters.get(&granted.adapter) else {
            return Ok(Step::Rest);
        };
        // In another world the look would be another one; and what was sent must not land after it.
        let settle_ms = granted.contract.verify.settle.as_signed();
        let lands_until_ms = self.story.lands_until_ms(settle_ms).unwrap_or(0);
        if self.other_world(&granted)?.is_some() || self.pipeline.clock.now_ms() < lands_until_ms {
            return Ok(Step::Rest);
        }
        // Nobody else may be in the middle of changing what this looks at.
        if self.take_resource().await?.is_some() {
            return Ok(Step::Rest);
        }
        if let Some(other) = self.written_since()? {
            self.lease = None;
            let id = &self.story.bound.action.id;
            tracing::warn!(action = %id, %other, "it stays open: another action has changed what a look would see");
            return Ok(Step::Rest);
        }
        let look = self.look(&granted, adapter).await;
        self.lease = None;
        let look = look?;
        let judgement = reconcile::settle(&granted.contract, &self.story, &look);
        if judgement.outcome == Outcome::Indeterminate {
            let (id, reason) = (&self.story.bound.action.id, &judgement.reason);
            tracing::warn!(action = %id, reason, "looked again, and it is still open");
            return Ok(Step::Rest);
        }
        let (observation, judgement) = (Box::new(look), Box::new(judgement));
        self.append(vec![Event::Settled { observation, judgement }], false).await
    }

    /// Another action that may have changed the same resource since this one was attempted. What a look
    /// sees after it may be of either, and so it settles neither.
    fn written_since(&self) -> Result<Option<ActionId>, LedgerError> {
        let action = &self.story.bound.action;
        let Some(began_ms) = self.story.attempts.first().map(|first| first.started_ms) else {
            return Ok(None);
        };
        let near =
            |row: &Row| row.summary.resource == action.resource && row.summary.at_ms >= began_ms;
        for (id, _) in self.pipeline.journal.list(&action.tenant, near, usize::MAX)? {
            let id = id.parse().map_err(|e: IdError| LedgerError::Failed(e.to_string()))?;
            if id == action.id {
                continue;
            }
            let other = self.pipeline.story(&id)?;
            let since = other.attempts.iter().any(|one| one.started_ms >= began_ms);
            if other.running.is_some() || (since && other.may_have_changed_something()) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    pub(super) async fn seal_settled(&mut self) -> Result<Step, LedgerError> {
        let signed = receipt::reconcile(&self.story, &self.pipeline.keys.receipt);
        let envelope = signed.map_err(|e| LedgerError::Failed(e.to_string()))?;
        self.append(vec![Event::Reconciled { envelope: Box::new(envelope) }], true).await
    }
}

impl Pipeline {
    /// Wakes the driver of an open outcome again and again, until it is settled or the host stops.
    pub(super) fn settle_later(self: &Arc<Self>, story: &Story) {
        if story.status != Status::Ended(Outcome::Indeterminate) {
            return;
        }
        let (pipeline, id) = (Arc::downgrade(self), story.bound.action.id.clone());
        tokio::spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                tokio::time::sleep(pause).await;
                let Some(pipeline) = pipeline.upgrade().filter(|p| !p.is_stopping()) else {
                    return;
                };
                match pipeline.story(&id) {
                    Ok(story) if story.status.is_final() => return,
                    Ok(_) => drop(pipeline.launch(&id, true)),
                    Err(error) => {
                        tracing::error!(action = %id, %error, "an open outcome cannot be read");
                        return;
                    }
                }
                pause = (pause * 2).min(LAST_PAUSE);
            }
        });
    }
}
