//! Starts drivers and waits for them. The task of a driver outlives the caller that requested it.

use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::lifecycle::story::Story;

use super::error::{EngineError, Stopping};
use super::in_flight::DriverHandle;
use super::stored_action::StoredAction;
use super::{Engine, drive};
use crate::capacity::admission::ActivePlace;

impl Engine {
    /// Starts carrying an action as far as it can go. The task continues when the caller disconnects.
    pub(super) fn advance(
        self: &Arc<Self>,
        told: StoredAction,
        course: ActivePlace,
    ) -> DriverHandle {
        let id = told.story.bound.action.id.clone();
        self.launch(&id, Some(told), false, Some(course))
    }

    /// The same for an action that was accepted before, however much is under way.
    pub(super) fn carry_on(self: &Arc<Self>, told: StoredAction) -> DriverHandle {
        let course = self.course_of(&told.story);
        let id = told.story.bound.action.id.clone();
        self.launch(&id, Some(told), false, course)
    }

    /// The place of an action that was accepted before, however much is under way.
    pub(super) fn course_of(&self, story: &Story) -> Option<ActivePlace> {
        let action = &story.bound.action;
        // Actions that wait or have ended are checked and rest again; that is not counted as work.
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

    /// Waits until an action waits for people or has ended, and returns it as the journal has it then; when the host
    /// stops, as it is at that time. It starts no driver, so that waiting callers cost none. Fails when the action
    /// cannot be read.
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

    /// Waits until this time by the host's clock. Fails when the host stops first.
    pub(super) async fn until(&self, at_ms: i64) -> Result<(), Stopping> {
        self.in_flight.pause(self.clock.until(at_ms)).await
    }
}
