//! Any sequence of events folds to a legal status or is refused; what is refused leaves no trace.

mod sequence;

use proptest::prelude::*;

use self::sequence::{Pick, candidates, picks, proposed};
use super::*;
use crate::event::Entry;
use crate::policy::Verdict;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Most picks are events that are legal where they stand, so that the walk gets far; the rest are anything.
    #[test]
    fn every_legal_prefix_is_sound_and_a_refused_event_changes_nothing(picks in picks()) {
        walk(&picks)?;
    }

    #[test]
    fn a_sequence_without_any_order_is_refused_or_sound(picks in picks()) {
        let blind: Vec<Pick> = picks.iter().map(|pick| Pick { helped: false, ..*pick }).collect();
        walk(&blind)?;
    }

    /// The journal's way: all at once. The first illegal event refuses the whole, and says which it was.
    #[test]
    fn folding_at_once_is_folding_one_by_one(picks in picks()) {
        let taken = walk(&picks)?;
        let story = Story::fold(&taken).unwrap();
        let mut step = Story::fold(&taken[..1]).unwrap();
        for entry in &taken[1..] {
            step.apply(entry).unwrap();
        }
        prop_assert_eq!(written(&story), written(&step));
        prop_assert!(Story::fold(&taken[1..]).is_err(), "a story begins with a proposal");
    }
}

#[test]
fn nothing_is_no_story() {
    assert_eq!(Story::fold(&[]).unwrap_err(), StoryError::Empty);
}

/// The walks must get somewhere, or they prove nothing.
#[test]
fn walks_reach_every_status() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let (mut runner, strategy) = (TestRunner::deterministic(), picks());
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..2_000 {
        let picks = strategy.new_tree(&mut runner).unwrap().current();
        let mut story = Story::fold(&[proposed()]).unwrap();
        for (at_ms, pick) in (2..).zip(&picks) {
            reached.insert(word(story.status));
            story = step(story, pick, at_ms).0;
        }
        reached.insert(word(story.status));
    }
    let missing: Vec<String> =
        sequence::statuses().iter().map(|s| word(*s)).filter(|s| !reached.contains(s)).collect();
    assert!(missing.is_empty(), "no walk came to {missing:?}");
}

fn word(status: Status) -> String {
    format!("{status:?}")
}

/// Everything of a story, to see whether something changed.
fn written(story: &Story) -> String {
    format!("{story:?}")
}

/// One pick on a story: what it became, and the entry when it was taken.
fn step(story: Story, pick: &Pick, at_ms: i64) -> (Story, Option<Entry>) {
    let all = candidates();
    let start = usize::from(pick.index) % all.len();
    let tries = if pick.helped { all.len() } else { 1 };
    for event in all.iter().cycle().skip(start).take(tries) {
        let ends = matches!(event, Event::Judged { .. } | Event::CancelRequested { .. });
        if pick.helped && ends && !pick.ends {
            continue;
        }
        let entry = Entry { at_ms, event: event.clone() };
        let mut next = story.clone();
        if next.apply(&entry).is_ok() {
            return (next, Some(entry));
        }
    }
    (story, None)
}

/// Goes through the picks, checks after each, and gives the entries that were taken.
fn walk(picks: &[Pick]) -> Result<Vec<Entry>, TestCaseError> {
    let mut taken = vec![proposed()];
    let mut story = Story::fold(&taken).unwrap();
    for (at_ms, pick) in (2..).zip(picks) {
        refuse_what_is_illegal(&story, pick, at_ms)?;
        let (next, entry) = step(story.clone(), pick, at_ms);
        if let Some(entry) = entry {
            prop_assert!(
                !story.status.is_final(),
                "{:?} took {}",
                story.status,
                entry.event.name()
            );
            taken.push(entry);
        }
        story = next;
        sound(&story, &taken)?;
    }
    Ok(taken)
}

/// The event that was picked first, where it is illegal: a typed refusal, and the story is as it was.
fn refuse_what_is_illegal(story: &Story, pick: &Pick, at_ms: i64) -> Result<(), TestCaseError> {
    let all = candidates();
    let event = all[usize::from(pick.index) % all.len()].clone();
    let (name, before) = (event.name(), written(story));
    let mut after = story.clone();
    if let Err(error) = after.apply(&Entry { at_ms, event }) {
        prop_assert_eq!(written(&after), before, "refused `{}` and changed", name);
        prop_assert!(error.to_string().contains(name), "`{}` does not name `{}`", error, name);
    }
    Ok(())
}

/// What must hold after any legal prefix, read off the entries and not off the fold.
fn sound(story: &Story, taken: &[Entry]) -> Result<(), TestCaseError> {
    prop_assert_eq!(story.version, taken.len() as u64);
    prop_assert_eq!(story.at_ms, taken.last().unwrap().at_ms);
    chain_in_order(story)?;
    attempts_in_order(story, taken)?;
    let judged = taken.iter().any(|entry| matches!(entry.event, Event::Judged { .. }));
    prop_assert_eq!(story.status.outcome().is_some(), judged);
    if let Some(outcome) = story.status.outcome() {
        let settled = story.later.as_ref().map(|(_, judgement)| judgement.outcome);
        let first = story.judgement.as_ref().map(|judgement| judgement.outcome);
        prop_assert_eq!(Some(outcome), settled.or(first));
    }
    Ok(())
}

/// Approvals and decisions, then one receipt, then one reconciliation of what the receipt left open.
fn chain_in_order(story: &Story) -> Result<(), TestCaseError> {
    let kinds: Vec<Kind> = story.chain.iter().map(|(kind, _)| *kind).collect();
    let receipts = kinds.iter().filter(|kind| **kind == Kind::Receipt).count();
    prop_assert!(receipts <= 1, "{kinds:?}");
    prop_assert_eq!(receipts == 1, story.envelope.is_some());
    let rank = |kind: &Kind| match kind {
        Kind::Approval | Kind::Decision => 0,
        Kind::Receipt => 1,
        _ => 2,
    };
    prop_assert!(kinds.is_sorted_by_key(rank), "{kinds:?}");
    let after = kinds.iter().filter(|kind| rank(kind) == 2).count();
    prop_assert!(after <= usize::from(story.later.is_some()), "{kinds:?}");
    Ok(())
}

/// Each attempt has its number, its clearance and its decision; one runs at a time; writes only in one that runs.
fn attempts_in_order(story: &Story, taken: &[Entry]) -> Result<(), TestCaseError> {
    let (mut started, mut ended, mut cleared, mut asked) = (0_u32, 0_u32, false, false);
    for entry in taken {
        match &entry.event {
            Event::Decided { gate: true, decision, .. } => {
                asked = decision.verdict == Verdict::Allow
            }
            Event::Cleared { .. } => {
                prop_assert!(asked, "cleared without policy's last word");
                cleared = true;
            }
            Event::AttemptStarted { n, .. } => {
                prop_assert!(cleared, "attempt {n} without a clearance");
                prop_assert_eq!(*n, started + 1);
                prop_assert_eq!(started, ended, "two attempts at once");
                (started, cleared, asked) = (started + 1, false, false);
            }
            Event::WriteIntended { n, .. } => {
                prop_assert!(started > ended && *n == started, "a write of no running attempt");
            }
            Event::AttemptEnded { attempt } => {
                prop_assert!(started > ended && attempt.n == started, "the end of no attempt");
                ended += 1;
            }
            // Looking again takes back what was cleared: the gate is passed anew.
            Event::ObserveStarted { .. } => (cleared, asked) = (false, false),
            _ => {}
        }
    }
    let numbers: Vec<u32> = story.attempts.iter().map(|attempt| attempt.n).collect();
    prop_assert_eq!(numbers, (1..=ended).collect::<Vec<_>>());
    prop_assert_eq!(story.running.as_ref().map(|r| r.n), (started > ended).then_some(started));
    let decisions = story.chain.iter().filter(|(kind, _)| *kind == Kind::Decision).count();
    prop_assert_eq!(decisions, started as usize);
    Ok(())
}
