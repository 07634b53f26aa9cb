//! Bundles of open contracts: their plans, and hosts that sent or claim something else.

use std::sync::Arc;

use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, Fate, Rendered};
use deed_record::lifecycle::event::{Event, Phase};
use deed_record::lifecycle::observation::Observation;
use deed_record::plan::{Plan, Planned, Rehearsal};
use deed_record::statement::receipt::Receipt;
use deed_spec::digest::Digest;
use serde_json::json;

use super::*;
use crate::tests::parts::{bound, exchange, guarded_contract, look, observed, open_contract};
use crate::tests::story::{Run, approved_under, dry_run, failed_again};

/// The id in the answer to the first write.
const ID: &str = "abcdefghij0123456789";

/// The rehearsal and the exchanges of an adapter that writes a note, names it in a change, and pins it.
fn run() -> Run {
    let perform = bound(&open_contract()).0.perform;
    let titled = Rendered { body: Some(json!({"title": "restored"})), ..perform[1].clone() };
    let requests = [titled, perform[2].clone(), perform[3].clone()];
    let planned = |(rule, request): (u32, &Rendered)| Planned { rule, request: request.clone() };
    let plan = Plan { writes: (1..).zip(&requests).map(planned).collect() };
    let rehearsal = Rehearsal {
        seed: Digest::of(b"seed"),
        claim: Claim::Done,
        exchanges: vec![exchange(&perform[0], 200, Some(json!({"id": "42"})))],
        refused: vec![],
        plan: Some(plan),
        problem: None,
        started_ms: 3_000,
        ended_ms: 4_000,
    };
    Run { rehearsal: Some(rehearsal), sent: sent(&requests, ID), began_ms: 12_000 }
}

/// The exchanges of these writes, with this id in the places of the answer.
fn sent(requests: &[Rendered], id: &str) -> Vec<Exchange> {
    let [note, change, pin] = requests else { panic!("three writes") };
    let change = Rendered { body: Some(json!({"note": id, "value": true})), ..change.clone() };
    let pin = Rendered { path: format!("/Notes/{id}/pin"), ..pin.clone() };
    vec![
        exchange(note, 201, Some(json!({"id": ID}))),
        exchange(&change, 204, None),
        exchange(&pin, 204, None),
    ]
}

/// An action under the open contract, with a change to what the adapter did before anything is signed.
fn world(change: impl FnOnce(&mut Run)) -> World {
    let mut run = run();
    change(&mut run);
    approved_under(open_contract(), run)
}

fn rehearsal(run: &mut Run) -> &mut Rehearsal {
    run.rehearsal.as_mut().unwrap()
}

fn writes(run: &mut Run) -> &mut Vec<Planned> {
    &mut rehearsal(run).plan.as_mut().unwrap().writes
}

type Change = fn(&mut Run);

#[test]
fn a_plan_that_was_carried_out_is_verified() {
    let world = world(|_| {});
    let report = verify(&world.bundle(), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert_eq!(report.outcome, Some(Outcome::Verified));
    assert!(line(&report, REQUESTS).detail.contains("1 of the rehearsal, 3 of attempts"));
    assert!(line(&report, GATE).detail.contains("state, plan and policy set"));
    let copy = world.bundle_of(|_| {}, false);
    let report = verify(&copy, Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::SignaturesOnly, "{report:#?}");
    let parts: Vec<u8> = bundle::read(&copy).unwrap().into_values().flatten().collect();
    assert!(!String::from_utf8_lossy(&parts).contains("restored"), "the copy has no computed part");
}

#[test]
fn an_optional_write_may_be_left_out_and_is_listed() {
    let world = world(|run| run.sent.truncate(2));
    let report = verify(&world.bundle(), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    let judged = world.judged();
    assert_eq!((judged.outcome, judged.unsent.len()), (Outcome::Verified, 1));
    assert_eq!((judged.unsent[0].write, judged.unsent[0].optional), (3, true));
    let hides = world.bundle_of(|receipt| receipt.unsent.clear(), true);
    assert_eq!(failing(&world, &hides), OUTCOME);
}

#[test]
fn an_action_is_not_verified_without_a_write_that_is_not_optional() {
    let world = world(|run| run.sent.truncate(1));
    let report = verify(&world.bundle(), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert_eq!(report.outcome, Some(Outcome::Mismatch));
    let claims = |with_list: bool| {
        let claim = |receipt: &mut Receipt| {
            receipt.outcome = Outcome::Verified;
            if !with_list {
                receipt.unsent.clear();
            }
        };
        let report = verify(&world.bundle_of(claim, true), Some(&world.trust()));
        [REQUESTS, OUTCOME].map(|name| line(&report, name).status)
    };
    assert_eq!(claims(false), [Status::Pass, Status::Fail]);
    assert_eq!(claims(true), [Status::Fail, Status::Fail]);
}

#[test]
fn a_plan_that_the_contract_does_not_allow_is_found() {
    let cases: [(&str, Change); 10] = [
        ("a part does not satisfy its schema", |run| {
            let long = Some(json!({"title": "x".repeat(21)}));
            writes(run)[0].request.body.clone_from(&long);
            run.sent[0].request.body = long;
        }),
        ("a member is added", |run| {
            writes(run)[0].request.body = Some(json!({"title": "restored", "more": 1}));
        }),
        ("a part is not computed", |run| {
            writes(run)[0].request.body = Some(json!({"title": null}));
        }),
        ("a literal differs", |run| {
            writes(run)[1].request.body = Some(json!({"note": null, "value": false}));
        }),
        ("a value of an answer is in the plan", |run| {
            writes(run)[1].request.body = Some(json!({"note": ID, "value": true}));
        }),
        ("a path is filled", |run| writes(run)[2].request.path = format!("/Notes/{ID}/pin")),
        ("a write is missing", |run| drop(writes(run).remove(1))),
        ("a write is there twice", |run| {
            let again = writes(run)[0].clone();
            writes(run).push(again);
        }),
        ("a read is planned", |run| writes(run)[0].rule = 0),
        ("a rule does not exist", |run| writes(run)[0].rule = 9),
    ];
    for (what, change) in cases {
        let world = world(change);
        let report = verify(&world.bundle(), Some(&world.trust()));
        assert_eq!(line(&report, REQUESTS).status, Status::Fail, "{what}: {report:#?}");
    }
}

#[test]
fn an_attempt_that_does_not_follow_the_plan_is_found() {
    let cases: [(&str, Change); 8] = [
        ("another computed part", |run| {
            run.sent[0].request.body = Some(json!({"title": "other"}));
        }),
        ("another order", |run| run.sent.swap(1, 2)),
        ("a repetition", |run| run.sent.push(run.sent[2].clone())),
        ("a write before its answer", |run| drop(run.sent.remove(0))),
        ("another id in a body", |run| {
            run.sent[1].request.body = Some(json!({"note": "0".repeat(20), "value": true}));
        }),
        ("another id in a path", |run| run.sent[2].request.path = "/Notes/0/pin".into()),
        ("an id of a refused write", |run| run.sent[0].fate = Fate::Answered { status: 403 }),
        ("an id that does not fit", |run| run.sent[0].response = Some(json!({"id": "short"}))),
    ];
    for (what, change) in cases {
        let world = world(change);
        let report = verify(&world.bundle(), Some(&world.trust()));
        assert_eq!(line(&report, REQUESTS).status, Status::Fail, "{what}: {report:#?}");
    }
}

#[test]
fn only_a_rehearsal_sends_the_other_reads_of_a_contract() {
    let sent = world(|run| {
        let read = rehearsal(run).exchanges[0].clone();
        run.sent.insert(0, read);
    });
    let often = world(|run| {
        let read = rehearsal(run).exchanges[0].clone();
        rehearsal(run).exchanges.push(read);
    });
    let writes = world(|run| {
        let write = run.sent[0].clone();
        rehearsal(run).exchanges.push(write);
    });
    for world in [sent, often, writes] {
        for with_evidence in [true, false] {
            let bundle = world.bundle_of(|_| {}, with_evidence);
            assert_eq!(failing(&world, &bundle), REQUESTS);
        }
    }
}

#[test]
fn an_approval_of_another_plan_does_not_count() {
    for plan in [None, Some(Digest::of(b"other"))] {
        let world = world(|_| {});
        let answer = world.answer("lead", &world.approver, |terms| terms.plan = plan);
        let world = world.answered(answer);
        for with_evidence in [true, false] {
            let bundle = world.bundle_of(|_| {}, with_evidence);
            assert_eq!(failing(&world, &bundle), GATE);
        }
    }
    let world = approved();
    let plan = Some(Digest::of(b"plan"));
    let answer = world.answer("lead", &world.approver, |terms| terms.plan = plan);
    let world = world.answered(answer);
    assert_eq!(failing(&world, &world.bundle()), GATE, "the contract is closed");
}

#[test]
fn a_rehearsal_that_differs_from_the_receipt_is_found() {
    let world = world(|_| {});
    let other = |receipt: &mut Receipt| {
        receipt.rehearsal.as_mut().unwrap().plan_sha256 = Some(Digest::of(b"other"));
    };
    assert_eq!(failing(&world, &world.bundle_of(other, false)), CLEARANCES);
    assert_eq!(
        failing(&world, &world.bundle_of(|receipt| receipt.rehearsal = None, false)),
        CLEARANCES
    );
    let changed = world.forged(|files| files.get_mut(bundle::REHEARSAL).unwrap().push(b' '));
    assert_eq!(failing(&world, &changed), EVIDENCE);
    let missing = world.forged(|files| drop(files.remove(bundle::REHEARSAL)));
    assert_eq!(failing(&world, &missing), EVIDENCE);
    let stray = approved().forged(|files| {
        files.insert(bundle::REHEARSAL.to_owned(), b"{}".to_vec());
    });
    assert_eq!(failing(&approved(), &stray), EVIDENCE);
    for (from, to) in [
        ("\"claim\":\"done\"", "\"claim\":\"timed_out\""),
        ("\"claim\":\"done\"", "\"claim\":\"done\",\"refused\":[\"GET /x\"]"),
        ("restored", "returned"),
        ("\"started_ms\":3000", "\"started_ms\":3001"),
    ] {
        let bundle = world.signed_over(bundle::REHEARSAL, |text| {
            assert!(text.contains(from), "{from} in {text}");
            // The keys of an object stay in order.
            let text = text.replace(from, to);
            let value = json::parse(text.as_bytes()).unwrap();
            String::from_utf8(json::canonical(&value).unwrap()).unwrap()
        });
        assert_eq!(failing(&world, &bundle), SUMMARY, "{from}");
    }
}

#[test]
fn a_rehearsal_at_another_time_is_found() {
    for (started_ms, ended_ms) in [(1_999, 4_000), (3_000, 12_001), (4_000, 3_000)] {
        let world = world(|run| {
            let rehearsal = rehearsal(run);
            (rehearsal.started_ms, rehearsal.ended_ms) = (started_ms, ended_ms);
        });
        assert_eq!(failing(&world, &world.bundle()), REQUESTS);
    }
}

#[test]
fn a_dry_run_is_verified_and_only_a_dry_run_is_rehearsed() {
    let world = dry_run(open_contract(), run());
    let report = verify(&world.bundle(), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert_eq!(report.outcome, Some(Outcome::Rehearsed));
    let closed = dry_run(super::parts::contract(), Run { rehearsal: None, ..run() });
    let report = verify(&closed.bundle(), Some(&closed.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    for outcome in [Outcome::Verified, Outcome::Mismatch, Outcome::Indeterminate] {
        let bundle = world.bundle_of(|receipt| receipt.outcome = outcome, false);
        let report = verify(&bundle, Some(&world.trust()));
        assert_eq!(line(&report, GATE).status, Status::Fail, "{report:#?}");
    }
    let no_plan = dry_run(open_contract(), Run { rehearsal: None, ..run() });
    assert_eq!(failing(&no_plan, &no_plan.bundle()), REQUESTS, "an open contract needs a plan");
}

/// A dishonest host that asks policy about a dry run without its state or without its plan.
#[test]
fn a_dry_run_is_decided_about_its_state_and_its_plan() {
    for (with_state, with_plan) in [(false, true), (true, false), (false, false)] {
        let mut world = dry_run(open_contract(), run());
        let policies = &world.policies;
        let decided = world.entries.iter_mut().rev().find_map(|event| match event {
            Event::Decided { decision, facts, .. } => Some((decision, facts)),
            _ => None,
        });
        let (decision, facts) = decided.unwrap();
        let facts = Arc::make_mut(facts);
        assert!(facts.pre.is_some() && facts.plan.is_some());
        facts.pre = facts.pre.take().filter(|_| with_state);
        facts.plan = facts.plan.take().filter(|_| with_plan);
        *decision = Arc::new(policies.evaluate(facts));
        assert_eq!(failing(&world, &world.bundle()), DECISION, "{with_state} {with_plan}");
    }
}

/// Checks an action that failed after its guard had rejected a write and a person had approved it again.
fn fails_again(world: &World) {
    let report = verify(&world.sealed_apart(|_| {}), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert_eq!(report.outcome, Some(Outcome::Failed));
    assert!(line(&report, GATE).detail.contains("rejected the guarded writes"), "{report:#?}");
}

#[test]
fn an_action_that_fails_after_a_rejected_write_and_an_approval_is_verified() {
    let contract = super::parts::contract();
    let rejected = exchange(&bound(&contract).0.perform[0], 412, None);
    let run = Run { rehearsal: None, sent: vec![rejected], began_ms: 9_000 };
    let unread = Observation {
        state: [].into(),
        exchanges: vec![],
        claim: None,
        problem: Some("the upstream did not answer".into()),
        ..look(false, "d", 21_000)
    };
    fails_again(&failed_again(contract, run, vec![observed(Phase::Gate, &unread)]));
}

#[test]
fn an_action_that_cannot_be_rehearsed_after_a_rejected_write_is_verified() {
    let contract = guarded_contract();
    let perform = bound(&contract).0.perform;
    let write = Rendered { body: Some(json!({"value": true})), ..perform[1].clone() };
    let planned = Plan { writes: vec![Planned { rule: 1, request: write.clone() }] };
    let read = |status| exchange(&perform[0], status, None);
    let first =
        Rehearsal { plan: Some(planned), exchanges: vec![read(200)], ..run().rehearsal.unwrap() };
    let unread = Rehearsal {
        plan: None,
        problem: Some("the upstream did not answer".into()),
        exchanges: vec![read(503)],
        started_ms: 22_000,
        ended_ms: 22_000,
        ..first.clone()
    };
    let sent = vec![exchange(&write, 412, None)];
    let run = Run { rehearsal: Some(first), sent, began_ms: 12_000 };
    let seen = observed(Phase::Gate, &look(false, "c", 21_000));
    let last = vec![seen, Event::Rehearsed { rehearsal: Arc::new(unread) }];
    fails_again(&failed_again(contract, run, last));
}

#[test]
fn an_action_that_is_no_dry_run_does_not_end_as_rehearsed() {
    for world in [denied(), world(|_| {})] {
        let bundle = world.bundle_of(|receipt| receipt.outcome = Outcome::Rehearsed, true);
        let report = verify(&bundle, Some(&world.trust()));
        assert_eq!(line(&report, GATE).status, Status::Fail, "{report:#?}");
    }
}
