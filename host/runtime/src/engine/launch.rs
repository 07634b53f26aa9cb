//! Starts drivers, and waits for them: the task of a driver outlives the caller that asked for it.

use std::sync::Arc;
use std::time::Duration;

use deed_record::action::id::ActionId;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;

use super::error::{EngineError, Stopping};
use super::in_flight::Waiting;
use super::told::Told;
use super::{Engine, drive};
use crate::capacity::admission::Course;

/// Between two questions whether a driver is under way.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

impl Engine {
    /// Starts carrying an action as far as it can go; the task outlives a caller that goes away.
    pub(super) fn advance(self: &Arc<Self>, told: Told, course: Course) -> Waiting {
        let id = told.story.bound.action.id.clone();
        self.launch(&id, Some(told), false, Some(course))
    }

    /// The same for what was accepted before, however much is under way.
    pub(super) fn carry_on(self: &Arc<Self>, told: Told) -> Waiting {
        let course = self.course_of(&told.story);
        let id = told.story.bound.action.id.clone();
        self.launch(&id, Some(told), false, course)
    }

    /// The course of what was accepted before, however much is under way.
    pub(super) fn course_of(&self, story: &Story) -> Option<Course> {
        let action = &story.bound.action;
        // What waits or has ended is looked at and rests; that is no work to count.
        let rests = matches!(story.status, Status::Waiting | Status::Ended(_));
        (!rests).then(|| self.admission.enter(&action.tenant, &action.principal))
    }

    pub(super) fn launch(
        self: &Arc<Self>,
        id: &ActionId,
        told: Option<Told>,
        settling: bool,
        course: Option<Course>,
    ) -> Waiting {
        let (engine, id, course) = (Arc::clone(self), id.clone(), course.map(Course::carrying));
        self.flights.launch(async move {
            let driven = Box::pin(drive::drive(&engine, &id, told, settling)).await;
            drop(course);
            let failed = |error: &EngineError| {
                tracing::error!(action = %id, fault = %error.fault(), %error, "the action cannot go on; it is as the journal has it");
            };
            driven.inspect_err(failed).ok()
        })
    }

    /// Waits until no driver is under way for an action, as far as it is now.
    pub async fn rests(&self, id: &ActionId) {
        if self.flights.pause(self.flights.actions.passes(id.as_str())).await.is_ok() {
            // Where none was, one may be about to begin, or a timer: nobody asks without end.
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Waits until our clock says so, but not through a stop of the host.
    pub(super) async fn until(&self, at_ms: i64) -> Result<(), Stopping> {
        self.flights.pause(self.clock.until(at_ms)).await
    }
}
