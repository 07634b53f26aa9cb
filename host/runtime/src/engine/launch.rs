//! Starts drivers (the tasks that advance actions) and waits for them. A driver continues to run even if the caller
//! that requested it disconnects.

use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::lifecycle::story::Story;

use super::error::{EngineError, Stopping};
use super::in_flight::DriverHandle;
use super::stored_action::StoredAction;
use super::{Engine, drive};
use crate::capacity::admission::ActivePlace;

impl Engine {
    /// Starts a driver that advances the action as far as possible. The driver continues if the caller disconnects.
    pub(super) fn advance(
        self: &Arc<Self>,
        told: StoredAction,
        course: ActivePlace,
    ) -> DriverHandle {
        let id = told.story.bound.action.id.clone();
        self.launch(&id, Some(told), false, Some(course))
    }

    /// Starts a driver for an action that was accepted earlier, regardless of the number of actions under way.
    pub(super) fn carry_on(self: &Arc<Self>, told: StoredAction) -> DriverHandle {
        let course = self.course_of(&told.story);
        let id = told.story.bound.action.id.clone();
        self.launch(&id, Some(told), false, course)
    }

    /// Counts an action that was accepted earlier as under way, regardless of the number of actions under way.
    pub(super) fn course_of(&self, story: &Story) -> Option<ActivePlace> {
        let action = &story.bound.action;
        // An action that waits or has ended takes no place, because its driver only checks the action and does no work
        // for it.
        (!story.status.rests()).then(|| self.admission.enter(&action.tenant, &action.principal))
    }

    pub(super) fn launch(
        self: &Arc<Self>,
        id: &ActionId,
        told: Option<StoredAction>,
        settling: bool,
        course: Option<ActivePlace>,
    ) -> DriverHandle {
        let (engine, id, course) =
            (Arc::clone(self), id.clone(), course.map(ActivePlace::carrying));
        self.in_flight.launch(&id.clone(), async move {
            let driven = Box::pin(drive::drive(&engine, &id, told, settling)).await;
            drop(course);
            let failed = |error: &EngineError| {
                tracing::error!(action = %id, fault = %error.fault(), %error, "the action cannot continue; its state \
                                                                               is that of the journal");
            };
            driven.inspect_err(failed).ok()
        })
    }

    /// Waits until an action waits for people or has ended, or until the host stops, and returns the action as it is
    /// recorded in the journal then. This function starts no driver.
    ///
    /// # Errors
    ///
    /// Fails when the action cannot be read.
    pub async fn at_rest(&self, id: &ActionId) -> Result<StoredAction, EngineError> {
        let ends = self.in_flight.ended.of(id);
        loop {
            let end = ends.next();
            let told = self.load(id)?;
            if told.story.status.rests() || self.is_stopping() {
                return Ok(told);
            }
            self.in_flight.pause(end).await.ok();
        }
    }

    /// Waits until this time on the host's clock. Fails when the host stops first.
    pub(super) async fn until(&self, at_ms: i64) -> Result<(), Stopping> {
        self.in_flight.pause(self.clock.until(at_ms)).await
    }
}
