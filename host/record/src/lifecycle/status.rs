//! The status of an action, which is computed from its events alone. Only this module decides which event may follow
//! which.

use serde::{Deserialize, Serialize};

use crate::lifecycle::event::{Event, Phase};
use crate::lifecycle::outcome::Outcome;
use crate::policy::Verdict;

/// The current stage of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Proposed,
    Decided(Verdict),
    Observing(Phase),
    Observed(Phase),
    /// Policy was evaluated again at the gate.
    Gated(Verdict),
    /// The action waits for people to answer a request for approval.
    Waiting,
    /// What people approved is no longer valid, so people will be asked again.
    Stale,
    CancelRequested,
    Cleared,
    Attempting,
    Attempted,
    /// Another attempt is planned. The next attempt is based on the state before the first attempt and on the writes
    /// that have succeeded since then.
    Retrying,
    Judged(Outcome),
    Sealed(Outcome),
    Ended(Outcome),
    /// The action ended with an unknown outcome, and a person has stated what happened.
    Resolved,
    /// The action ended with an unknown outcome, which a later observation or a person has settled.
    Settled(Outcome),
    Reconciled(Outcome),
}

/// An event that cannot follow the status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event `{event}` cannot follow status {status:?}")]
pub struct Illegal {
    pub status: Option<Status>,
    pub event: &'static str,
}

impl Status {
    /// All texts that [`Status::word`] can return.
    pub const WORDS: [&str; 11] = [
        "pending",
        "waiting",
        "running",
        "verified",
        "mismatch",
        "denied",
        "failed",
        "indeterminate",
        "expired",
        "cancelled",
        "rehearsed",
    ];

    /// Whether the action makes no progress until a person or its caller acts.
    pub fn rests(self) -> bool {
        matches!(self, Self::Waiting | Self::Ended(_))
    }

    /// The status after one more event. `from` is `None` for the first event.
    ///
    /// # Errors
    ///
    /// Fails when the event cannot follow.
    pub fn next(from: Option<Self>, event: &Event) -> Result<Self, Illegal> {
        let illegal = || Illegal { status: from, event: event.name() };
        let Some(status) = from else {
            return match event {
                Event::Proposed { .. } => Ok(Self::Proposed),
                _ => Err(illegal()),
            };
        };
        status.after(event).ok_or_else(illegal)
    }

    fn after(self, event: &Event) -> Option<Self> {
        use Status as S;
        Some(match (self, event) {
            (S::Proposed, Event::Decided { gate: false, decision, .. }) => {
                S::Decided(decision.verdict)
            }
            (
                S::Observed(Phase::Pre | Phase::Gate) | S::Stale,
                Event::Decided { gate: true, decision, .. },
            ) => S::Gated(decision.verdict),
            // The decision for which people are asked next, if it differs from the one before the observation.
            (S::Observed(Phase::Pre) | S::Stale, Event::Decided { gate: false, decision, .. })
                if decision.verdict == Verdict::Ask =>
            {
                self
            }
            (from, Event::ObserveStarted { phase }) if from.may_observe(*phase) => {
                S::Observing(*phase)
            }
            (S::Observing(now), Event::Observed { phase, .. }) if now == *phase => S::Observed(now),
            // A rehearsal belongs to the state that was read last, and nothing may have happened since then.
            (S::Observed(phase @ (Phase::Pre | Phase::Gate)), Event::Rehearsed { .. }) => {
                S::Observed(phase)
            }
            (S::Observed(Phase::Pre) | S::Stale, Event::Asked { .. })
            | (S::Waiting, Event::Answered { .. } | Event::Deferred { .. }) => S::Waiting,
            // After an attempt, approvals become void only if the upstream rejected every write because of its guard
            // and the observation shows no effect.
            (
                S::Observed(Phase::Gate | Phase::Post) | S::Gated(_) | S::Waiting,
                Event::Stale { .. },
            ) => S::Stale,
            (S::Gated(Verdict::Allow), Event::Cleared { .. }) => S::Cleared,
            (S::Cleared, Event::AttemptStarted { .. })
            | (S::Attempting, Event::WriteIntended { .. } | Event::WriteEnded { .. }) => {
                S::Attempting
            }
            (S::Attempting, Event::AttemptEnded { .. }) => S::Attempted,
            (S::Observed(Phase::Post), Event::RetryPlanned { .. }) => S::Retrying,
            // Before a retry, the action still has its grant and holds its resource, so only policy is evaluated again.
            (S::Retrying, Event::Decided { gate: true, decision, .. })
                if decision.verdict == Verdict::Allow =>
            {
                S::Cleared
            }
            (from, Event::CancelRequested { .. }) if from.may_cancel() => S::CancelRequested,
            (from, Event::Judged { judgement }) if from.may_judge(judgement.outcome) => {
                S::Judged(judgement.outcome)
            }
            (S::Judged(outcome), Event::Sealed { .. }) => S::Sealed(outcome),
            (S::Ended(Outcome::Indeterminate), Event::Escalated { .. }) => self,
            (S::Ended(Outcome::Indeterminate), Event::Resolved { .. }) => S::Resolved,
            // Without an observation, only a person's resolution can settle the outcome.
            (
                S::Ended(Outcome::Indeterminate),
                Event::Settled { observation: Some(_), judgement },
            )
            | (S::Resolved, Event::Settled { judgement, .. })
                if !matches!(judgement.outcome, Outcome::Indeterminate | Outcome::Rehearsed) =>
            {
                S::Settled(judgement.outcome)
            }
            (S::Settled(outcome), Event::Reconciled { .. }) => S::Reconciled(outcome),
            (S::Sealed(outcome) | S::Reconciled(outcome), Event::Logged { .. }) => {
                S::Ended(outcome)
            }
            _ => return None,
        })
    }

    fn may_observe(self, phase: Phase) -> bool {
        match phase {
            Phase::Pre => matches!(
                self,
                Self::Decided(Verdict::Allow | Verdict::Ask)
                    | Self::Observing(Phase::Pre)
                    // After a pause before another rehearsal, the state is read again.
                    | Self::Observed(Phase::Pre)
                    | Self::Stale
            ),
            // In the statuses `Gated` and `Cleared`, the host reads the state again only after a restart, because a
            // restart loses the lease of the resource.
            Phase::Gate => matches!(
                self,
                Self::Observed(Phase::Pre | Phase::Gate)
                    | Self::Waiting
                    | Self::Observing(Phase::Gate)
                    | Self::Gated(Verdict::Allow)
                    | Self::Cleared
            ),
            Phase::Post => matches!(
                self,
                Self::Attempted | Self::Observed(Phase::Post) | Self::Observing(Phase::Post)
            ),
        }
    }

    /// Cancelling is legal while no write can be under way: until the attempt starts, and between two attempts.
    pub fn may_cancel(self) -> bool {
        match self {
            // Between two attempts no write is under way. If the action is cancelled then, the writes that were carried
            // out are still judged.
            Self::Proposed
            | Self::Decided(_)
            | Self::Gated(_)
            | Self::Waiting
            | Self::Stale
            | Self::Retrying => true,
            Self::Observing(phase) | Self::Observed(phase) => phase != Phase::Post,
            Self::Cleared
            | Self::CancelRequested
            | Self::Attempting
            | Self::Attempted
            | Self::Judged(_)
            | Self::Sealed(_)
            | Self::Ended(_)
            | Self::Resolved
            | Self::Settled(_)
            | Self::Reconciled(_) => false,
        }
    }

    /// Whether the action may be judged in this way: an action without an outcome may be judged at any time except
    /// during an attempt. A dry run ends where an attempt or a request for approval would follow.
    fn may_judge(self, outcome: Outcome) -> bool {
        let is_dry_end = matches!(self, Self::Observed(Phase::Pre | Phase::Gate) | Self::Gated(_));
        self != Self::Attempting
            && self.outcome().is_none()
            && (outcome != Outcome::Rehearsed || is_dry_end)
    }

    /// The outcome, once it is known.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Judged(outcome)
            | Self::Sealed(outcome)
            | Self::Ended(outcome)
            | Self::Settled(outcome)
            | Self::Reconciled(outcome) => Some(outcome),
            Self::Resolved => Some(Outcome::Indeterminate),
            _ => None,
        }
    }

    /// Whether no event can follow. After an indeterminate outcome, a settlement can still follow.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Ended(outcome) if outcome != Outcome::Indeterminate)
    }

    /// The status that people and programs see: the outcome once the action has a receipt, otherwise what the action
    /// waits for.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ended(outcome) => outcome.as_str(),
            // A settlement takes effect once it is in the log.
            Self::Resolved | Self::Settled(_) | Self::Reconciled(_) => {
                Outcome::Indeterminate.as_str()
            }
            Self::Waiting | Self::Stale => "waiting",
            Self::Cleared
            | Self::Attempting
            | Self::Attempted
            | Self::Retrying
            | Self::Observing(Phase::Post) => "running",
            _ => "pending",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::exchange::claim::Claim;
    use crate::lifecycle::event::Deferral;
    use crate::lifecycle::outcome::Judgement;
    use crate::plan::Rehearsal;
    use crate::statement::envelope::Signed;
    use crate::statement::resolution;
    use deed_spec::digest::Digest;
    use deed_spec::dsse::Envelope;

    #[test]
    fn nothing_follows_an_end_and_nothing_runs_without_a_gate() {
        let decision = Signed::shared(Envelope {
            payload: String::new(),
            payload_type: String::new(),
            signatures: vec![],
        });
        let started = Event::AttemptStarted { n: 1, epoch: 1, deadline_ms: 0, decision };
        for status in [
            Status::Proposed,
            Status::Decided(Verdict::Allow),
            Status::Observed(Phase::Gate),
            Status::Waiting,
            Status::Gated(Verdict::Ask),
            Status::Attempted,
            Status::Ended(Outcome::Verified),
        ] {
            assert!(Status::next(Some(status), &started).is_err(), "{status:?}");
        }
        assert_eq!(Status::next(Some(Status::Cleared), &started), Ok(Status::Attempting));
    }

    #[test]
    fn only_what_is_open_is_escalated_resolved_and_settled() {
        let open = Status::Ended(Outcome::Indeterminate);
        let envelope =
            Envelope { payload: String::new(), payload_type: String::new(), signatures: vec![] };
        let resolved = |verdict| Event::Resolved {
            resolution: Arc::new(resolution::Resolution {
                person: "bob".into(),
                role: "operator".into(),
                verdict,
                reason: "seen".into(),
                nonce: String::new(),
                signed_ms: 0,
            }),
            envelope: Signed::shared(envelope.clone()),
        };
        let settled = |outcome| Event::Settled {
            observation: None,
            judgement: Arc::new(crate::lifecycle::outcome::Judgement::plain(outcome, "r")),
        };
        let escalated = Event::Escalated { reason: "r".into() };
        let applied = resolved(resolution::ResolutionVerdict::Applied);
        assert_eq!(Status::next(Some(open), &escalated), Ok(open));
        assert_eq!(Status::next(Some(open), &applied), Ok(Status::Resolved));
        let retry = resolved(resolution::ResolutionVerdict::Retry);
        assert_eq!(Status::next(Some(open), &retry), Ok(Status::Resolved));
        let failed = settled(Outcome::Failed);
        assert_eq!(
            Status::next(Some(Status::Resolved), &failed),
            Ok(Status::Settled(Outcome::Failed))
        );
        assert!(
            Status::next(Some(open), &failed).is_err(),
            "there was neither a look nor a resolution"
        );
        assert!(Status::next(Some(Status::Resolved), &settled(Outcome::Indeterminate)).is_err());
        assert_eq!(Status::Resolved.word(), "indeterminate");
        for status in [
            Status::Resolved,
            Status::Settled(Outcome::Failed),
            Status::Ended(Outcome::Failed),
            Status::Judged(Outcome::Indeterminate),
        ] {
            assert!(Status::next(Some(status), &applied).is_err(), "{status:?}");
            assert!(Status::next(Some(status), &escalated).is_err(), "{status:?}");
        }
    }

    #[test]
    fn a_rehearsal_follows_an_observation_before_an_attempt_and_leaves_it_to_be_cancelled() {
        let rehearsal = Rehearsal {
            seed: Digest::of(b""),
            claim: Claim::Done,
            exchanges: vec![],
            refused: vec![],
            plan: None,
            problem: None,
            started_ms: 0,
            ended_ms: 0,
        };
        let rehearsed = Event::Rehearsed { rehearsal: Arc::new(rehearsal) };
        for phase in [Phase::Pre, Phase::Gate] {
            let seen = Status::Observed(phase);
            assert_eq!(Status::next(Some(seen), &rehearsed), Ok(seen));
            assert!(seen.may_cancel());
        }
        for status in [
            Status::Proposed,
            Status::Decided(Verdict::Allow),
            Status::Observing(Phase::Gate),
            Status::Observed(Phase::Post),
            Status::Gated(Verdict::Allow),
            Status::Waiting,
            Status::Stale,
            Status::Cleared,
            Status::Attempting,
            Status::Retrying,
            Status::Ended(Outcome::Verified),
        ] {
            assert!(Status::next(Some(status), &rehearsed).is_err(), "{status:?}");
        }
    }

    #[test]
    fn a_dry_run_ends_before_anything_could_be_sent() {
        let judged =
            |outcome| Event::Judged { judgement: Arc::new(Judgement::plain(outcome, "r")) };
        let dry = judged(Outcome::Rehearsed);
        let over = Ok(Status::Judged(Outcome::Rehearsed));
        for status in [
            Status::Observed(Phase::Pre),
            Status::Observed(Phase::Gate),
            Status::Gated(Verdict::Allow),
            Status::Gated(Verdict::Ask),
        ] {
            assert_eq!(Status::next(Some(status), &dry), over, "{status:?}");
        }
        for status in [
            Status::Proposed,
            Status::Waiting,
            Status::Cleared,
            Status::Attempting,
            Status::Attempted,
            Status::Observed(Phase::Post),
            Status::Retrying,
        ] {
            assert!(Status::next(Some(status), &dry).is_err(), "{status:?}");
        }
        let settled = Event::Settled {
            observation: None,
            judgement: Arc::new(Judgement::plain(Outcome::Rehearsed, "r")),
        };
        assert!(Status::next(Some(Status::Resolved), &settled).is_err());
        assert!(Status::Ended(Outcome::Rehearsed).is_final());
    }

    #[test]
    fn a_cancel_after_the_attempt_started_is_illegal() {
        let cancel = Event::CancelRequested { by: "helpdesk".into() };
        assert!(Status::next(Some(Status::Attempting), &cancel).is_err());
        assert!(Status::next(Some(Status::Attempted), &cancel).is_err());
        assert_eq!(Status::next(Some(Status::Waiting), &cancel), Ok(Status::CancelRequested));
    }

    #[test]
    fn only_a_request_that_waits_is_put_off_and_still_waits_then() {
        let deferral = Deferral { person: "bob".into(), reason: "r".into(), until_ms: 5 };
        let deferred = Event::Deferred { deferral: Arc::new(deferral) };
        assert_eq!(Status::next(Some(Status::Waiting), &deferred), Ok(Status::Waiting));
        for status in [
            Status::Proposed,
            Status::Stale,
            Status::Gated(Verdict::Allow),
            Status::Attempting,
            Status::CancelRequested,
            Status::Ended(Outcome::Expired),
        ] {
            assert!(Status::next(Some(status), &deferred).is_err(), "{status:?}");
        }
    }
}
