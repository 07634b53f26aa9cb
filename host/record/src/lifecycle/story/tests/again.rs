//! Tests of a second attempt that is cut off, or that is allowed but never starts.

use std::sync::Arc;

use super::sequence::{cleared, decided, exchange, intended, look, proposed};
use super::*;
use crate::exchange::claim::Claim;
use crate::fixtures::envelope;
use crate::lifecycle::event::Phase;
use crate::lifecycle::outcome::{Judgement, Outcome};
use crate::lifecycle::recovery;

const DONE: Fate = Fate::Answered { status: 200 };

fn take(story: &mut Story, events: Vec<Event>) {
    for event in events {
        let name = event.name();
        story.apply(&Entry { at_ms: 100, event }).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

fn seen(phase: Phase) -> [Event; 2] {
    [Event::ObserveStarted { phase }, Event::Observed { phase, observation: Sight::shared(look()) }]
}

fn started(n: u32) -> Event {
    let (epoch, decision) = (n.into(), envelope());
    Event::AttemptStarted { n, epoch, deadline_ms: 10, decision }
}

/// A story after one attempt with two equal writes, of which the first succeeded, and with another attempt planned.
fn between() -> Story {
    let writes = [Exchange { fate: DONE, ..exchange(0) }, exchange(1)];
    let first = Attempt {
        n: 1,
        claim: Claim::Done,
        exchanges: writes.to_vec(),
        refused: vec![],
        started_ms: 1,
        ended_ms: 2,
    };
    let mut story = Story::fold(&[proposed()]).unwrap();
    let mut events = vec![decided(false, Verdict::Allow)];
    events.extend(seen(Phase::Pre));
    events.extend([decided(true, Verdict::Allow), cleared(), started(1)]);
    events.push(Event::AttemptEnded { attempt: Arc::new(first) });
    events.extend(seen(Phase::Post));
    events.push(Event::RetryPlanned { reason: "again".into(), not_before_ms: 5 });
    take(&mut story, events);
    story
}

#[test]
fn of_equal_writes_a_lost_attempt_tells_which_was_done() {
    let mut story = between();
    let carried = Exchange { fate: DONE, carried_from: Some(1), ..exchange(0) };
    let ended = |one: Exchange| Event::WriteEnded { n: 2, epoch: 2, exchange: Arc::new(one) };
    let second = Exchange { fate: DONE, ..exchange(1) };
    take(&mut story, vec![decided(true, Verdict::Allow), started(2), ended(carried.clone())]);
    take(&mut story, vec![intended(2, Some(2), 1), ended(second)]);
    let again = story.apply(&Entry { at_ms: 100, event: ended(carried) });
    assert_eq!(again, Err(StoryError::NotIntended(0)));
    let lost = story.lost_attempt(contract(), 200).unwrap();
    assert_eq!(lost.exchanges.iter().map(|one| one.ordinal).collect::<Vec<_>>(), [0, 1]);
    let attempts = [story.attempts[0].clone(), lost];
    let known = recovery::known(&attempts);
    assert_eq!(known.iter().map(|one| one.done.is_some()).collect::<Vec<_>>(), [true, true]);
    let runs: Vec<Vec<_>> =
        attempts.iter().map(|one| one.exchanges.iter().map(Exchange::summary).collect()).collect();
    assert_eq!(recovery::sent_twice(&runs), None);
}

#[test]
fn what_a_lost_attempt_left_open_is_waited_for_again() {
    let mut story = between();
    let busy = Exchange { fate: Fate::Answered { status: 503 }, deadline_ms: 9, ..exchange(0) };
    let ended = Event::WriteEnded { n: 2, epoch: 2, exchange: Arc::new(busy) };
    let allowed = decided(true, Verdict::Allow);
    take(&mut story, vec![allowed, started(2), intended(2, Some(2), 0), ended]);
    // The exchange of the write ended at time 2 (ms), and the write could take effect until time 9.
    assert_eq!(story.lost_attempt(contract(), 1_000).unwrap().exchanges[0].deadline_ms, 1_007);
}

#[test]
fn what_was_allowed_and_never_started_is_not_what_the_end_rests_on() {
    let mut story = between();
    let Event::Decided { gate, mut decision, facts, .. } = decided(true, Verdict::Allow) else {
        unreachable!()
    };
    let activated = Digest::of(b"a later one");
    Arc::make_mut(&mut decision).policy_set = activated;
    let before = (story.decision.clone(), story.activations());
    take(&mut story, vec![Event::Decided { gate, decision, facts, activated }]);
    assert_ne!((story.decision.clone(), story.activations()), before);
    let judgement = Arc::new(Judgement::plain(Outcome::Failed, "given up"));
    take(&mut story, vec![Event::Judged { judgement }]);
    assert_eq!((story.decision.clone(), story.activations()), before);
}
