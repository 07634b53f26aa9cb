//! Waits for an action within a call, and reports its progress to a client that asked for it.

use std::time::Duration;

use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use tokio::time::{Instant, sleep};

use super::context::Call;
use crate::api::problem::Problem;
use crate::engine::StoredAction;
use crate::http;

/// The pause between two looks at an action that waits for people.
const PAUSE: Duration = Duration::from_millis(500);
/// How long one look may wait if progress is to be reported.
const STEP: Duration = Duration::from_secs(1);

/// What ends a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// The action has ended or waits for people.
    Rests,
    /// The action has ended.
    Ends,
}

impl Until {
    fn is_reached(self, story: &Story) -> bool {
        let waits = story.status == Status::Waiting;
        story.concluded().is_some() || (self == Self::Rests && waits)
    }
}

/// How long the first look at an action may wait.
pub(super) fn first(call: Call<'_>, end: Instant) -> Duration {
    let left = end.saturating_duration_since(Instant::now());
    if call.progress.is_some() { left.min(STEP) } else { left }
}

/// Waits until `end`, unless the action reaches what ends the wait or the host stops before.
pub(super) async fn follow(
    call: Call<'_>,
    mut told: StoredAction,
    until: Until,
    end: Instant,
) -> Result<StoredAction, Problem> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let over = left.is_zero() || call.app.engine.is_stopping();
        if over || until.is_reached(&told.story) {
            return Ok(told);
        }
        if let Some(progress) = call.progress {
            progress.report(call.app, &told.story).await;
        }
        if told.story.status == Status::Waiting {
            sleep(PAUSE.min(left)).await;
        }
        let id = told.story.bound.action.id.clone();
        told = http::looked_at(call.app, call.caller, &id, Some(first(call, end))).await?;
    }
}
