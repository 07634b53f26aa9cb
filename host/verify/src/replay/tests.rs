use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, Failure, Fate};
use deed_record::plan::{Plan, Planned};
use serde_json::{Value, json};

use super::*;
use crate::tests::parts;

fn exchange(ordinal: u32, path: &str) -> Exchange {
    let answered = parts::exchange(&parts::request("GET", path), 200, Some(json!({})));
    Exchange { ordinal, ..answered }
}

fn run(claim: Claim) -> Recorded {
    let seen = Seen {
        exchanges: vec![exchange(0, "/a"), exchange(1, "/b")],
        refused: vec!["no".into()],
        state: json!({"user": {"active": true}}),
        derived: [].into(),
        claim: Some(claim),
        is_usable: true,
        plan: None,
    };
    Recorded {
        name: "attempt 1".into(),
        attempt: 1,
        part: Part::None,
        requests: vec![],
        asked: vec![],
        at_ms: 0,
        seen,
    }
}

/// The place of the first difference between the recorded run and a rerun with this change; `None` if there is no
/// difference.
fn place(recorded: &Recorded, change: impl FnOnce(&mut Seen)) -> Option<String> {
    let mut again = recorded.seen.clone();
    change(&mut again);
    compare(recorded, &again).difference.map(|found| found.place)
}

fn status(recorded: &Recorded, change: impl FnOnce(&mut Seen)) -> Status {
    let mut again = recorded.seen.clone();
    change(&mut again);
    compare(recorded, &again).status
}

#[test]
fn the_first_difference_is_the_one_that_is_told() {
    let recorded = run(Claim::Done);
    let at = |change: fn(&mut Seen)| place(&recorded, change).unwrap_or_default();
    assert_eq!(place(&recorded, |_| {}), None);
    let first = at(|seen| {
        seen.exchanges[1].request.path = "/c".into();
        seen.refused.clear();
        seen.claim = None;
    });
    assert_eq!(first, "exchange 1: request at `/path`");
    assert_eq!(at(|seen| seen.exchanges.truncate(1)), "exchange 1: request");
    assert_eq!(at(|seen| seen.exchanges.push(exchange(2, "/c"))), "exchange 2: request");
    assert_eq!(at(|seen| seen.exchanges.swap(0, 1)), "exchange 0: request at `/path`");
    assert_eq!(at(|seen| seen.exchanges[0].ordinal = 7), "exchange 0: number");
    assert_eq!(at(|seen| seen.refused.push("never".into())), "refused request 1");
    assert_eq!(at(|seen| seen.state["user"]["active"] = json!(false)), "state at `/user/active`");
    assert_eq!(at(|seen| seen.derived = ["user".to_owned()].into()), "derived states");
    assert_eq!(at(|seen| seen.claim = Some(Claim::Lost)), "claim");
}

/// The text that explains why an observation is unusable depends on the release of the host. Only the presence of this
/// text is compared, because it decides whether the observation counts.
#[test]
fn a_look_that_counts_on_one_side_only_differs() {
    let crashed = || Claim::Trapped("wasm trap: unreachable".into());
    for claim in [Claim::Done, Claim::Invalid("no".into()), crashed()] {
        for is_usable in [true, false] {
            let mut recorded = run(claim.clone());
            recorded.seen.is_usable = is_usable;
            assert_eq!(place(&recorded, |_| {}), None);
            let other = place(&recorded, |seen| seen.is_usable = !is_usable);
            assert_eq!(other.as_deref(), Some("whether the look is usable"));
        }
    }
    // Text that a newer release adds to a trap does not hide that only one of the observations is usable.
    let told = format!("wasm trap: unreachable{}panicked at a.rs", Claim::LAST_WORDS);
    let other = place(&run(crashed()), |seen| {
        seen.claim = Some(Claim::Trapped(told));
        seen.is_usable = false;
    });
    assert_eq!(other.as_deref(), Some("whether the look is usable"));
    // A run that timed out is not compared to its end, because it is not known how the run would have ended.
    let stopped = run(Claim::TimedOut);
    let ended = |seen: &mut Seen| {
        (seen.claim, seen.is_usable) = (Some(Claim::Done), false);
    };
    assert_eq!(status(&stopped, ended), Status::NotReplayed);
}

#[test]
fn what_the_adapter_could_not_see_is_not_compared() {
    let recorded = run(Claim::Done);
    let later = |seen: &mut Seen| seen.exchanges[0].ended_ms = 9;
    assert_eq!(status(&recorded, later), Status::Same);
}

#[test]
fn a_trap_of_an_earlier_release_lacks_the_last_words() {
    let trapped = |text: &str| Claim::Trapped(text.into());
    let now = |text: &str| {
        let claim = trapped(text);
        move |seen: &mut Seen| seen.claim = Some(claim)
    };
    let worded = |trap: &str| format!("{trap}{}panicked at a.rs:1:2: why", Claim::LAST_WORDS);
    let long = "é".repeat(500);
    for trap in ["wasm trap: unreachable", long.as_str()] {
        let recorded = run(trapped(trap));
        assert_eq!(status(&recorded, now(trap)), Status::Same);
        assert_eq!(status(&recorded, now(&worded(trap))), Status::Same);
        assert_eq!(status(&recorded, now(&format!("{trap} at 7"))), Status::Different);
        assert_eq!(status(&recorded, now(&worded("wasm trap: overflow"))), Status::Different);
        let recorded = run(trapped(&worded(trap)));
        assert_eq!(status(&recorded, now(trap)), Status::Different);
    }
    for short in ["", "w", "wasm trap"] {
        let recorded = run(trapped(short));
        assert_eq!(status(&recorded, now("wasm trap: overflow")), Status::Different, "`{short}`");
    }
    assert_eq!(status(&run(trapped("")), now(&worded(""))), Status::Different);
}

#[test]
fn behind_a_clock_or_a_cut_nothing_is_claimed() {
    let stopped = run(Claim::TimedOut);
    assert_eq!(status(&stopped, |_| {}), Status::Same);
    let further = |seen: &mut Seen| {
        seen.exchanges.push(exchange(2, "/c"));
        seen.claim = Some(Claim::Done);
    };
    assert_eq!(status(&stopped, further), Status::NotReplayed);
    let otherwise = |seen: &mut Seen| seen.exchanges[0].request.path = "/c".into();
    assert_eq!(status(&stopped, otherwise), Status::Different);
    let slow = |seen: &mut Seen| {
        seen.exchanges.truncate(1);
        seen.claim = Some(Claim::TimedOut);
    };
    assert_eq!(status(&run(Claim::Done), slow), Status::NotReplayed);
    let mut cut = run(Claim::Done);
    cut.seen.exchanges[1].fate = Fate::NoAnswer;
    assert_eq!(status(&cut, |_| {}), Status::NotReplayed);
    cut.seen.exchanges[1].failure = Some(Failure::NoAnswer);
    assert_eq!(status(&cut, |_| {}), Status::Same);
}

#[test]
fn a_run_of_which_nobody_knows_the_end_is_not_made_again() {
    assert_eq!(run(Claim::Done).no_run(), None);
    let lost = run(Claim::Lost).no_run().map(|line| line.status);
    assert_eq!(lost, Some(Status::NotReplayed));
}

#[test]
fn the_plan_of_a_rehearsal_is_compared() {
    let mut recorded = run(Claim::Done);
    recorded.part = Part::Rehearsal { seed: Digest::of(b"seed") };
    recorded.seen.plan = Some(Plan::default());
    assert_eq!(place(&recorded, |_| {}), None);
    assert_eq!(place(&recorded, |seen| seen.plan = None).as_deref(), Some("plan"));
    let write = Planned { rule: 1, request: parts::request("PUT", "/a") };
    let more = |seen: &mut Seen| seen.plan = Some(Plan { writes: vec![write] });
    assert_eq!(place(&recorded, more).as_deref(), Some("plan at `/writes`"));
}

#[test]
fn an_attempt_under_an_earlier_plan_is_not_made_again() {
    let mut attempt = run(Claim::Done);
    attempt.part = Part::OtherPlan;
    let line = attempt.no_run().unwrap();
    assert_eq!(line.status, Status::NotReplayed);
    assert!(line.detail.contains("earlier plan"), "{}", line.detail);
}

#[test]
fn a_difference_outweighs_what_is_not_known() {
    let line =
        |status| Line { run: String::new(), status, detail: String::new(), difference: None };
    let (same, open) = (line(Status::Same), line(Status::NotReplayed));
    let of = |runs: &[Line]| ReplayVerdict::of(&[], runs);
    assert_eq!(of(&[]), ReplayVerdict::Identical);
    assert_eq!(of(std::slice::from_ref(&same)), ReplayVerdict::Identical);
    assert_eq!(of(&[same.clone(), open.clone()]), ReplayVerdict::NotReplayed);
    assert_eq!(of(&[open, line(Status::Different)]), ReplayVerdict::Different);
    assert_eq!(ReplayVerdict::of(&["other".to_owned()], &[same]), ReplayVerdict::Different);
    assert_eq!(Value::from(ReplayVerdict::NotReplayed.as_str()), "not replayed");
}
