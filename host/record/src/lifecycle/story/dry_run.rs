//! Dry runs: actions that end before anybody is asked and before anything is sent.

use super::{Story, StoryError};
use crate::lifecycle::event::Event;
use crate::lifecycle::outcome::Outcome;

impl Story {
    /// Whether the action is a dry run, which sends no write.
    pub fn is_dry_run(&self) -> bool {
        self.bound.action.dry_run
    }

    /// Checks that people are not asked about a dry run, that it has no attempt, and that its outcome does not say
    /// otherwise. A fault in the driver therefore cannot turn a dry run into an attempt.
    pub(super) fn check_dry_run(&self, event: &Event) -> Result<(), StoryError> {
        let needs = match event {
            Event::Asked { .. }
            | Event::Answered { .. }
            | Event::Cleared { .. }
            | Event::AttemptStarted { .. } => Some(false),
            Event::Judged { judgement } | Event::Settled { judgement, .. } => {
                only_for(judgement.outcome)
            }
            _ => None,
        };
        match (needs, self.is_dry_run()) {
            (Some(false), true) => Err(StoryError::DryRun(event.name())),
            (Some(true), false) => Err(StoryError::NoDryRun(event.name())),
            _ => Ok(()),
        }
    }
}

/// Whether only dry runs have this outcome, or only other actions; `None` if both can have it.
fn only_for(outcome: Outcome) -> Option<bool> {
    match outcome {
        Outcome::Rehearsed => Some(true),
        Outcome::Verified | Outcome::Mismatch | Outcome::Indeterminate => Some(false),
        Outcome::Denied | Outcome::Failed | Outcome::Expired | Outcome::Cancelled => None,
    }
}
