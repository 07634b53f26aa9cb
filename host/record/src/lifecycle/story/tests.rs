//! Property tests: every sequence of events results in a legal status or is refused, and a refused event leaves the
//! story unchanged.

mod again;
mod dry_run;
mod planned;
mod sequence;

use std::sync::OnceLock;

use proptest::prelude::*;

use self::sequence::{Pick, candidates, picks, proposed};
use super::*;
use crate::exchange::Fate;
use crate::fixtures;
use crate::lifecycle::event::Entry;
use crate::policy::Verdict;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Most picks select legal events, so that the generated sequence of events becomes long; the other picks are
    /// arbitrary.
    #[test]
    fn every_legal_prefix_is_sound_and_a_refused_event_changes_nothing(picks in picks()) {
        walk(&picks)?;
    }

    #[test]
    fn a_sequence_without_any_order_is_refused_or_sound(picks in picks()) {
        let blind: Vec<Pick> = picks.iter().map(|pick| Pick { helped: false, ..*pick }).collect();
        walk(&blind)?;
    }

    /// Computes the story from all events at once, as the journal does. The first illegal event rejects the whole
    /// sequence and is named in the error.
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

/// Tests that the random sequences of events reach every status; otherwise the other tests would prove nothing.
#[test]
fn walks_reach_every_status() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let (mut runner, strategy) = (TestRunner::deterministic(), picks());
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..1_000 {
        let picks = strategy.new_tree(&mut runner).unwrap().current();
        let mut story = Story::fold(&[proposed()]).unwrap();
        for (at_ms, pick) in (2..).zip(picks) {
            reached.insert(word(story.status));
            story = step(story, pick, at_ms).0;
        }
        reached.insert(word(story.status));
    }
    let missing: Vec<String> =
        sequence::statuses().iter().map(|s| word(*s)).filter(|s| !reached.contains(s)).collect();
    assert!(missing.is_empty(), "no walk came to {missing:?}");
}

/// A contract without named answers, because the events of these tests have none.
fn contract() -> &'static Contract {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    CONTRACT.get_or_init(|| fixtures::contract("observable", ""))
}

fn word(status: Status) -> String {
    format!("{status:?}")
}

/// The complete story as text, to detect changes.
fn written(story: &Story) -> String {
    format!("{story:?}")
}

/// Applies one pick to a story. Returns the resulting story, and the entry if the story accepted its event.
fn step(story: Story, pick: Pick, at_ms: i64) -> (Story, Option<Entry>) {
    let ends =
        |event: &Event| matches!(event, Event::Judged { .. } | Event::CancelRequested { .. });
    let fits = |event: &&Event| {
        !pick.helped
            || (Status::next(Some(story.status), event).is_ok() && (pick.ends || !ends(event)))
    };
    let all: Vec<&Event> = candidates().iter().filter(fits).collect();
    let start = usize::from(pick.index) % all.len().max(1);
    let tries = if pick.helped { all.len() } else { 1 };
    for event in all.iter().cycle().skip(start).take(tries) {
        let entry = Entry { at_ms, event: (*event).clone() };
        let mut next = story.clone();
        if next.apply(&entry).is_ok() {
            return (next, Some(entry));
        }
    }
    (story, None)
}

/// Applies the picks one by one, checks the story after each pick, and returns the accepted entries.
fn walk(picks: &[Pick]) -> Result<Vec<Entry>, TestCaseError> {
    let mut taken = vec![proposed()];
    let mut story = Story::fold(&taken).unwrap();
    for (at_ms, pick) in (2..).zip(picks.iter().copied()) {
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

/// Checks that an illegal first pick is refused with a typed error and leaves the story unchanged.
fn refuse_what_is_illegal(story: &Story, pick: Pick, at_ms: i64) -> Result<(), TestCaseError> {
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

/// Checks the invariants of a legal prefix of events, which are computed from the entries and not from the fold.
fn sound(story: &Story, taken: &[Entry]) -> Result<(), TestCaseError> {
    prop_assert_eq!(story.version, taken.len() as u64);
    prop_assert_eq!(story.at_ms, taken.last().unwrap().at_ms);
    chain_in_order(story)?;
    attempts_in_order(story, taken)?;
    plans_in_order(story, taken)?;
    let judged = taken.iter().any(|entry| matches!(entry.event, Event::Judged { .. }));
    prop_assert_eq!(story.status.outcome().is_some(), judged);
    if let Some(outcome) = story.status.outcome() {
        let settled = story.later.as_ref().map(|(_, judgement)| judgement.outcome);
        let first = story.judgement.as_ref().map(|judgement| judgement.outcome);
        prop_assert_eq!(Some(outcome), settled.or(first));
    }
    Ok(())
}

/// The order of envelopes: approvals and decisions, one receipt, a person's resolution of the outcome that the receipt
/// left open, and the host's reconciliation.
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
    let said = usize::from(story.resolution.is_some());
    prop_assert!(after >= said && after <= said + usize::from(story.later.is_some()), "{kinds:?}");
    Ok(())
}

/// The facts about attempts that the test collects from the entries, one entry at a time.
#[derive(Default)]
struct Attempts {
    started: u32,
    ended: u32,
    epoch: u64,
    /// The latest verdict of policy directly before an attempt (at the gate), and whether the attempt is cleared.
    allowed: bool,
    cleared: bool,
    /// Whether a retry is planned. A retry evaluates policy again but keeps its grant.
    planned: bool,
    /// The ordinals of the running attempt's writes: the intended writes and the ended writes.
    writes: Vec<u32>,
    results: Vec<u32>,
}

impl Attempts {
    fn take(&mut self, event: &Event) -> Result<(), TestCaseError> {
        let runs = self.started > self.ended;
        match event {
            Event::Decided { gate: true, decision, .. } => {
                self.allowed = decision.verdict == Verdict::Allow;
                self.cleared = self.planned && self.allowed;
            }
            Event::Cleared { .. } => {
                prop_assert!(self.allowed, "cleared without policy's last word");
                self.cleared = true;
            }
            Event::AttemptStarted { n, epoch, .. } => {
                prop_assert!(self.cleared, "attempt {n} without a clearance");
                prop_assert!(!runs && *n == self.started + 1, "attempt {n} is not due");
                prop_assert!(*epoch > self.epoch, "epoch {epoch} is over");
                let (started, ended, epoch) = (*n, self.ended, *epoch);
                *self = Self { started, ended, epoch, ..Self::default() };
            }
            Event::WriteIntended { n, epoch, ordinal, .. } => {
                let fits = *n == self.started && epoch.is_none_or(|epoch| epoch == self.epoch);
                prop_assert!(runs && fits, "a write of no running attempt");
                self.writes.push(*ordinal);
            }
            Event::WriteEnded { n, epoch, exchange } => {
                let ordinal = exchange.ordinal;
                prop_assert!(runs && *n == self.started && *epoch == self.epoch);
                let unsent = exchange.carried_from.is_some() || exchange.fate == Fate::NotSent;
                prop_assert!(unsent || self.writes.contains(&ordinal), "the end of no intent");
                prop_assert!(!self.results.contains(&ordinal), "a write ended twice");
                self.results.push(ordinal);
            }
            Event::AttemptEnded { attempt } => {
                prop_assert!(runs && attempt.n == self.started, "the end of no attempt");
                self.ended += 1;
            }
            Event::RetryPlanned { .. } => {
                prop_assert!(!runs && self.ended > 0, "a retry of nothing");
                (self.planned, self.cleared) = (true, false);
            }
            // A new observation revokes the clearance, so the action has to pass the last checks before an attempt (the
            // gate) again.
            Event::ObserveStarted { .. } => {
                (self.cleared, self.allowed, self.planned) = (false, false, false);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Each attempt has its number, its epoch, its clearance and its decision; only one attempt runs at a time; writes and
/// their ends occur only in the running attempt.
fn attempts_in_order(story: &Story, taken: &[Entry]) -> Result<(), TestCaseError> {
    let mut book = Attempts::default();
    taken.iter().try_for_each(|entry| book.take(&entry.event))?;
    let numbers: Vec<u32> = story.attempts.iter().map(|attempt| attempt.n).collect();
    prop_assert_eq!(numbers, (1..=book.ended).collect::<Vec<_>>());
    let running = (book.started > book.ended).then_some((book.started, book.epoch));
    prop_assert_eq!(story.running.as_ref().map(|run| (run.n, run.epoch)), running);
    let decisions = story.chain.iter().filter(|(kind, _)| *kind == Kind::Decision).count();
    prop_assert_eq!(decisions, book.started as usize);
    lost_in_order(story, &book)
}

/// The plan is that of the last rehearsal after the last observation before an attempt, and people are shown the plan
/// that was in force when they were asked.
fn plans_in_order(story: &Story, taken: &[Entry]) -> Result<(), TestCaseError> {
    let (mut plan, mut shown) = (None, None);
    for entry in taken {
        match &entry.event {
            Event::Observed { phase: Phase::Pre | Phase::Gate, .. } => plan = None,
            Event::Rehearsed { rehearsal } => plan = Some(rehearsal),
            Event::Asked { .. } => shown = plan,
            Event::Stale { .. } => shown = None,
            _ => {}
        }
    }
    prop_assert_eq!(story.rehearsal.as_ref(), plan);
    prop_assert_eq!(story.asked_plan.as_ref(), shown);
    Ok(())
}

/// If the host stops at this point, the lost attempt contains each intended write once, either with its result or
/// without a definite response.
fn lost_in_order(story: &Story, book: &Attempts) -> Result<(), TestCaseError> {
    let Some(lost) = story.lost_attempt(contract(), i64::MAX) else {
        prop_assert!(story.running.is_none());
        return Ok(());
    };
    let ordinals: Vec<u32> = lost.exchanges.iter().map(|one| one.ordinal).collect();
    let mut all: Vec<u32> = book.writes.clone();
    all.extend(book.results.iter().filter(|ordinal| !book.writes.contains(ordinal)));
    all.sort_unstable();
    // The journal may contain the same intent twice.
    all.dedup();
    prop_assert_eq!(&ordinals, &all);
    let unsent = |one: &Exchange| one.carried_from.is_some() || one.fate == Fate::NotSent;
    prop_assert!(lost.exchanges.iter().all(|one| one.may_have_written() || unsent(one)));
    Ok(())
}
