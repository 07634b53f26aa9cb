//! Tests how an action is judged if a part of its plan was not sent.

use super::*;
use crate::exchange::{Guard, Rendered};
use crate::fixtures::request;
use crate::plan::Planned;

const UNLOCK: &str = "/Users/1";

/// A planned write to each path; the paths after the first belong to optional writes if `optional` is set.
fn plan(paths: &[&str], optional: bool) -> Plan {
    let write = |path: &&str| {
        let optional = optional && *path != UNLOCK;
        Planned { rule: 0, request: Rendered { optional, ..request("PATCH", path) } }
    };
    Plan { writes: paths.iter().map(write).collect() }
}

/// Judges an attempt of this plan whose first writes had these fates. The observation shows the wanted state.
fn judged(plan: &Plan, fates: &[Fate]) -> Judgement {
    judged_now(plan, fates).0
}

/// The same, and whether waiting is unnecessary.
fn judged_now(plan: &Plan, fates: &[Fate]) -> (Judgement, bool) {
    let sent = |(write, fate): (&Planned, &Fate)| Exchange {
        request: write.request.clone(),
        ..exchange("PATCH", "/", *fate)
    };
    let exchanges: Vec<Exchange> = plan.writes.iter().zip(fates).map(sent).collect();
    let exchanges: Vec<&Exchange> = exchanges.iter().collect();
    judge_now(&Seen {
        contract: &contract("observable", ""),
        params: &json!({"user_id": "1"}),
        action: &ActionId::new(1, [0; 10]),
        expect: &BTreeMap::new(),
        pre: &look(locked()),
        post: &look(restored()),
        exchanges: &exchanges,
        plan: Some(plan),
        may_still_land: false,
    })
}

fn positions(judgement: &Judgement) -> Vec<u32> {
    judgement.unsent.iter().map(|one| one.write).collect()
}

#[test]
fn a_plan_that_was_sent_whole_is_judged_by_the_state() {
    let judgement = judged(&plan(&[UNLOCK, "/log"], false), &[OK, OK]);
    assert_eq!((judgement.outcome, judgement.unsent.as_slice()), (Outcome::Verified, &[][..]));
    let lost = judged(&plan(&[UNLOCK, "/log"], false), &[OK, LOST]);
    assert_eq!(lost.outcome, Outcome::Verified, "the second write was sent");
}

#[test]
fn a_planned_write_that_was_not_sent_is_a_mismatch_although_the_state_is_right() {
    let plan = plan(&[UNLOCK, "/log"], false);
    for fates in [&[OK][..], &[OK, Fate::NotSent]] {
        let judgement = judged(&plan, fates);
        assert_eq!(judgement.outcome, Outcome::Mismatch);
        assert_eq!(judgement.reason, "write 2 of the plan, `PATCH /log`, was not sent");
        assert_eq!(positions(&judgement), [2]);
        assert!(judgement.outputs.is_empty() && judgement.checks.iter().all(|check| check.holds));
    }
}

/// Another attempt may follow, and it must not rest on a look that was made before a write could take effect.
#[test]
fn while_a_write_may_still_take_effect_a_missing_write_does_not_end_the_wait() {
    let whole = plan(&[UNLOCK, "/log"], false);
    let (judgement, is_settled) = judged_now(&whole, &[LOST]);
    assert_eq!((judgement.outcome, is_settled), (Outcome::Mismatch, false));
    assert!(judged_now(&whole, &[OK]).1, "no write can still take effect");
    assert!(judged_now(&whole, &[LOST, LOST]).1, "nothing is missing");
    let optional = plan(&[UNLOCK, "/log"], true);
    let (judgement, is_settled) = judged_now(&optional, &[LOST]);
    assert_eq!((judgement.outcome, is_settled), (Outcome::Verified, true));
}

#[test]
fn a_write_that_its_guard_rejected_is_listed() {
    let mut plan = plan(&[UNLOCK, "/log"], false);
    let fates = [OK, Fate::Answered { status: 412 }];
    assert_eq!(judged(&plan, &fates).outcome, Outcome::Verified, "without a guard");
    plan.writes[1].request.guard = Some(Guard::Etag);
    let judgement = judged(&plan, &fates);
    assert_eq!(judgement.outcome, Outcome::Mismatch);
    assert_eq!(
        judgement.reason,
        "write 2 of the plan, `PATCH /log`, was rejected by its guard (412)"
    );
    assert_eq!(positions(&judgement), [2]);
}

#[test]
fn an_optional_write_may_be_left_out_and_is_listed() {
    let judgement = judged(&plan(&[UNLOCK, "/log"], true), &[OK]);
    assert_eq!(judgement.outcome, Outcome::Verified);
    assert_eq!(positions(&judgement), [2]);
    assert!(judgement.unsent[0].optional);
}

#[test]
fn a_reason_names_the_first_writes_and_counts_the_others() {
    let paths = [UNLOCK, "/1", "/2", "/3", "/4", "/5"];
    let judgement = judged(&plan(&paths, false), &[OK]);
    let reason = judgement.reason;
    assert!(reason.starts_with("write 2 of the plan, `PATCH /1`, was not sent; "), "{reason}");
    assert!(reason.ends_with("; 2 more write(s) of the plan were not sent"), "{reason}");
    assert_eq!(judgement.unsent.len(), 5);
}

#[test]
fn an_outcome_that_is_worse_than_a_mismatch_stays() {
    let judgement = judged(&plan(&[UNLOCK, "/log"], false), &[Fate::NotSent]);
    assert_eq!(judgement.outcome, Outcome::Failed, "nothing was sent at all");
    assert_eq!(positions(&judgement), [1, 2]);
}
