//! Tests one case for each row of the judge's table, with hand-made observations and exchanges.

use serde_json::json;

use super::*;
use crate::exchange::Fate;
use crate::exchange::secret::TakenSecret;
use crate::fixtures::{contract, exchange, look};

struct Case {
    effect: &'static str,
    post: Observation,
    fates: Vec<Fate>,
    expect: BTreeMap<String, Value>,
    may_still_land: bool,
}

impl Case {
    fn new(post: Value, fates: &[Fate]) -> Self {
        Self {
            effect: "observable",
            post: look(post),
            fates: fates.to_vec(),
            expect: BTreeMap::new(),
            may_still_land: false,
        }
    }

    fn outcome(&self) -> Outcome {
        let (contract, pre) = (contract(self.effect, ""), look(locked()));
        let exchanges: Vec<Exchange> =
            self.fates.iter().map(|f| exchange("PATCH", "/Users/1", *f)).collect();
        let exchanges: Vec<&Exchange> = exchanges.iter().collect();
        judge(&Seen {
            contract: &contract,
            params: &json!({"user_id": "1"}),
            action: &ActionId::new(1, [0; 10]),
            expect: &self.expect,
            pre: &pre,
            post: &self.post,
            exchanges: &exchanges,
            plan: None,
            may_still_land: self.may_still_land,
        })
        .outcome
    }
}

fn locked() -> Value {
    json!({"id": "1", "active": false, "name": "ann", "meta": {"version": "1"}})
}

fn restored() -> Value {
    json!({"id": "1", "active": true, "name": "ann", "meta": {"version": "2"}})
}

const OK: Fate = Fate::Answered { status: 204 };
const LOST: Fate = Fate::NoAnswer;

#[test]
fn no_write_left_is_failed() {
    assert_eq!(Case::new(restored(), &[]).outcome(), Outcome::Failed);
    assert_eq!(Case::new(restored(), &[Fate::NotSent]).outcome(), Outcome::Failed);
}

#[test]
fn not_observable_is_indeterminate() {
    let mut case = Case::new(json!({"active": true}), &[OK]);
    assert_eq!(case.outcome(), Outcome::Indeterminate, "a required field is missing");
    case.post = Observation { problem: Some("down".into()), ..look(restored()) };
    assert_eq!(case.outcome(), Outcome::Indeterminate);
}

#[test]
fn after_holds_is_verified_whatever_a_status_said() {
    for fate in [OK, LOST, Fate::Answered { status: 400 }, Fate::Answered { status: 500 }] {
        assert_eq!(Case::new(restored(), &[fate]).outcome(), Outcome::Verified, "{fate:?}");
    }
}

#[test]
fn anything_outside_may_change_is_a_mismatch() {
    let mut moved = restored();
    moved["name"] = json!("eve");
    assert_eq!(Case::new(moved, &[OK]).outcome(), Outcome::Mismatch);
    let mut case = Case::new(restored(), &[OK]);
    case.expect.insert("/user/name".into(), json!("bob"));
    assert_eq!(case.outcome(), Outcome::Mismatch, "expect is unmet");
}

#[test]
fn unchanged_depends_on_what_was_answered() {
    let status = |status| Case::new(locked(), &[Fate::Answered { status }]).outcome();
    assert_eq!(status(403), Outcome::Failed);
    assert_eq!(status(204), Outcome::Mismatch);
    assert_eq!(status(503), Outcome::Failed);
    assert_eq!(status(429), Outcome::Failed);
    assert_eq!(Case::new(locked(), &[LOST]).outcome(), Outcome::Failed);
    let pending = Case { may_still_land: true, ..Case::new(locked(), &[LOST]) };
    assert_eq!(pending.outcome(), Outcome::Indeterminate);
    let opaque = Case { effect: "opaque", ..Case::new(locked(), &[LOST]) };
    assert_eq!(opaque.outcome(), Outcome::Indeterminate);
}

#[test]
fn a_stored_secret_proves_that_an_unanswered_write_was_carried_out() {
    let contract = contract("observable", "");
    let (pre, post) = (look(locked()), look(locked()));
    let judged = |file: Option<&str>| {
        let mut write = exchange("PATCH", "/Users/1", LOST);
        write.request.secrets = [("key".to_owned(), "/secret".to_owned())].into();
        let (name, file) = ("key".to_owned(), file.map(str::to_owned));
        write.secrets = vec![TakenSecret { name, file, commitment: None, problem: None }];
        judge(&Seen {
            contract: &contract,
            params: &json!({"user_id": "1"}),
            action: &ActionId::new(1, [0; 10]),
            expect: &BTreeMap::new(),
            pre: &pre,
            post: &post,
            exchanges: &[&write],
            plan: None,
            may_still_land: false,
        })
    };
    assert_eq!(judged(None).outcome, Outcome::Failed);
    let stored = judged(Some("vault/a"));
    assert_eq!(stored.outcome, Outcome::Mismatch);
    assert!(stored.reason.starts_with("a stored secret shows that"), "{}", stored.reason);
}

#[test]
fn a_check_that_cannot_be_evaluated_is_false_and_says_why() {
    let contract = contract("observable", "");
    let checks = before(&contract, &json!({}), &look(json!({"id": "1", "active": "no"})));
    assert!(!checks[0].holds && checks[0].problem.is_some(), "{checks:?}");
}

mod existence;
mod unsent;
