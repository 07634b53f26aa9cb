//! Dry runs end without an approval and without an attempt.

use std::sync::Arc;

use super::sequence::{cleared, decided, look, proposed};
use super::*;
use crate::lifecycle::observation::Sight;
use crate::lifecycle::outcome::{Judgement, Outcome};
use crate::statement::approval::Ask;

fn begun(dry_run: bool) -> Story {
    let mut first = proposed();
    if let Event::Proposed { bound, .. } = &mut first.event {
        let mut changed = (**bound).clone();
        let mut action = (*changed.action).clone();
        action.dry_run = dry_run;
        changed.action = action.into();
        *bound = Arc::new(changed);
    }
    let mut story = Story::fold(&[first]).unwrap();
    take(&mut story, decided(false, Verdict::Ask)).unwrap();
    take(&mut story, Event::ObserveStarted { phase: Phase::Pre }).unwrap();
    let observation = Sight::shared(look());
    take(&mut story, Event::Observed { phase: Phase::Pre, observation }).unwrap();
    story
}

fn take(story: &mut Story, event: Event) -> Result<(), StoryError> {
    story.apply(&Entry { at_ms: 1, event })
}

fn judged(outcome: Outcome) -> Event {
    Event::Judged { judgement: Arc::new(Judgement::plain(outcome, "r")) }
}

fn asked() -> Event {
    let digest = Digest::of(b"");
    let ask = Ask {
        nonce: "11".repeat(16),
        expires_ms: 1_000,
        pre_state: digest,
        plan: None,
        policy_set: digest,
        obligations: vec![],
    };
    Event::Asked { ask: Arc::new(ask) }
}

#[test]
fn nobody_is_asked_about_a_dry_run_and_it_is_never_cleared() {
    let mut story = begun(true);
    assert!(story.is_dry_run());
    assert_eq!(take(&mut story, asked()), Err(StoryError::DryRun("asked")));
    assert_eq!(story.status, Status::Observed(Phase::Pre), "a refused event changes nothing");
    take(&mut story, decided(true, Verdict::Allow)).unwrap();
    assert_eq!(take(&mut story, cleared()), Err(StoryError::DryRun("cleared")));
    take(&mut story, judged(Outcome::Rehearsed)).unwrap();
    assert_eq!(story.status, Status::Judged(Outcome::Rehearsed));
    let mut other = begun(false);
    take(&mut other, asked()).unwrap();
}

#[test]
fn only_a_dry_run_ends_rehearsed_and_it_never_ends_with_an_effect() {
    for (outcome, dry_run, other) in [
        (Outcome::Rehearsed, true, false),
        (Outcome::Verified, false, true),
        (Outcome::Mismatch, false, true),
        (Outcome::Indeterminate, false, true),
        (Outcome::Denied, true, true),
        (Outcome::Failed, true, true),
        (Outcome::Expired, true, true),
        (Outcome::Cancelled, true, true),
    ] {
        let ends = |dry_run| take(&mut begun(dry_run), judged(outcome)).is_ok();
        assert_eq!((ends(true), ends(false)), (dry_run, other), "{outcome:?}");
    }
}
