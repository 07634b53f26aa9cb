//! Tests of dishonest hosts: their signatures are valid, but the signed records are inconsistent.

use std::sync::Arc;

use deed_record::bundle;
use deed_record::exchange::Fate;
use deed_record::exchange::claim::Claim;
use deed_record::lifecycle::event::{Event, Phase};
use deed_record::lifecycle::observation::Sight;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::policy::{Decision, Verdict as Says};
use deed_record::statement::receipt::{Guard, Receipt};
use serde_json::Value;

use super::parts::look;
use super::story::{approved, denied};
use super::{failing, line};
use crate::decision::is_same;
use crate::{
    APPROVALS, CHAIN, CLEARANCES, DECISION, EVIDENCE, GATE, GRANT, OUTCOME, QUESTION, REQUESTS,
    SUMMARY, Status, Verdict, verify,
};

#[test]
fn a_host_that_signs_other_questions_or_evidence_is_found_out() {
    let world = approved();
    for (name, from, to, check) in [
        (bundle::REQUEST, "\"support-lead\":1", "\"support-lead\":2", DECISION),
        (bundle::REQUEST, "\"active\":false", "\"active\":true", DECISION),
        (bundle::REQUEST, "production", "elsewhere!", DECISION),
        (bundle::REQUEST, "\"time\":8", "\"time\":80", DECISION),
        // The policies were evaluated before the observation whose state they were given, or after the start of the
        // attempt.
        (bundle::REQUEST, "\"time\":8", "\"time\":1", DECISION),
        (bundle::REQUEST, "\"time\":8", "\"time\":10", DECISION),
        (bundle::ENTITIES, "owner", "other", DECISION),
        (bundle::PRE, "\"meta\":\"a\"", "\"meta\":\"c\"", SUMMARY),
        (bundle::PRE, "[{", "[{\"a\":1,", SUMMARY),
        // The run of the observation failed or exceeded its grant, but the observation has no `problem`.
        (bundle::PRE, "\"claim\":\"done\"", "\"claim\":{\"trapped\":\"unreachable\"}", SUMMARY),
        (bundle::PRE, "\"claim\":\"done\",", "", SUMMARY),
        (bundle::POST, "\"claim\":\"done\"", "\"claim\":\"timed_out\"", SUMMARY),
        (bundle::POST, "\"state\":{", "\"refused\":[\"GET /x\"],\"state\":{", SUMMARY),
        (bundle::EXCHANGES, "204", "500", SUMMARY),
        (bundle::EXCHANGES, "{\"status\":204}", "{\"status\":204,\"to\":1}", SUMMARY),
        (bundle::EXCHANGES, "\"if_match\":\"\\\"1", "\"if_match\":\"\\\"2", OUTCOME),
        (bundle::EXCHANGES, "\"if_match\":\"\\\"1\\\"\",", "", OUTCOME),
    ] {
        let changed = world.signed_over(name, |text| {
            assert!(text.contains(from), "{from} in {text}");
            text.replace(from, to)
        });
        assert_eq!(failing(&world, &changed), check, "{from} in {name}");
    }
    // The exchanges are unchanged, but the observed state is not the state that people approved.
    let other = world.signed_over(bundle::PRE, |text| {
        let (head, state) = text.rsplit_once("\"active\":false").unwrap();
        format!("{head}\"active\":true{state}")
    });
    let report = verify(&other, Some(&world.trust()));
    let failed = |name: &str| line(&report, name).status == Status::Fail;
    assert!(failed(DECISION) && failed(GATE) && failed(OUTCOME), "{report:#?}");
}

#[test]
fn a_receipt_in_another_form_is_no_receipt() {
    let world = approved();
    let report = verify(&world.sealed_as(|_| ()), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    let with_null = world.sealed_as(|receipt| receipt["trace"] = Value::Null);
    let listed = world.sealed_as(|receipt| {
        let one = receipt["approvals"][0].take();
        let names = ["payload_sha256", "person", "role", "decision", "counted"];
        receipt["approvals"][0] = names.iter().map(|name| one[*name].clone()).collect();
    });
    for bundle in [with_null, listed] {
        let report = verify(&bundle, Some(&world.trust()));
        assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
        let says = |text: &str| report.checks.iter().any(|line| line.detail.contains(text));
        assert!(says("leave out absent members"), "{report:#?}");
    }
}

#[test]
fn a_write_that_may_still_land_is_no_failure() {
    let mut world = approved();
    for event in &mut world.entries {
        match event {
            // After an error response from a gateway, the server behind the gateway may still carry out the request
            // until the deadline.
            Event::AttemptEnded { attempt } => {
                Arc::make_mut(attempt).exchanges[0].fate = Fate::Answered { status: 502 };
            }
            Event::Observed { phase: Phase::Post, observation } => {
                *observation = Sight::shared(look(false, "a", 12_000));
            }
            _ => {}
        }
    }
    world.entries.pop();
    let judged = world.judged();
    assert_eq!(judged.outcome, Outcome::Failed, "as if no write could take effect any more");
    world.entries.push(Event::Judged { judgement: Arc::new(judged) });
    assert_eq!(failing(&world, &world.bundle()), OUTCOME);
}

#[test]
fn a_host_that_signs_what_did_not_happen_is_found_out() {
    let world = approved();
    let signed = |change: fn(&mut Receipt)| failing(&world, &world.bundle_of(change, true));
    assert_eq!(signed(|r| r.outcome = Outcome::Mismatch), OUTCOME);
    assert_eq!(signed(|r| r.changes.clear()), OUTCOME);
    assert_eq!(signed(|r| r.checks[0].expression = "true".into()), OUTCOME);
    let other = |r: &mut Receipt| r.attempts[0].exchanges[0].path += "0";
    assert_eq!(failing(&world, &world.bundle_of(other, false)), REQUESTS);
    assert_eq!(signed(|r| r.approvals[0].person = "boss".into()), APPROVALS);
    assert_eq!(signed(|r| r.approvals.clear()), CHAIN);
    assert_eq!(signed(|r| r.approvals[0].counted = false), DECISION);
    assert_eq!(signed(|r| r.decision.as_mut().unwrap().determining.clear()), DECISION);
    let hides = |r: &mut Receipt| r.decision.as_mut().unwrap().rests_on_private = true;
    assert_eq!(signed(hides), DECISION, "no policy reads what is private");
    assert_eq!(signed(|r| r.sources.clear()), DECISION);
    assert_eq!(signed(|r| r.post.as_mut().unwrap().at_ms += 1), SUMMARY);
    assert_eq!(signed(|r| r.attempts[0].claim = Claim::Lost), SUMMARY);
    assert_eq!(signed(|r| r.attempts[0].started_ms = 1_000_001), SUMMARY);
}

type Change = fn(&mut Receipt);

#[test]
fn a_receipt_without_what_its_decision_rests_on_fails_in_both_places() {
    let world = approved();
    let cases: [(Change, &str); 3] = [
        (|r| r.grant = None, GRANT),
        (|r| r.question = None, QUESTION),
        (|r| r.pre = None, EVIDENCE),
    ];
    for (change, check) in cases {
        let report = verify(&world.bundle_of(change, true), Some(&world.trust()));
        for name in [CLEARANCES, check] {
            assert_eq!(line(&report, name).status, Status::Fail, "{report:#?}");
        }
    }
}

#[test]
fn a_host_that_signs_other_guards_is_found_out() {
    let world = approved();
    let signed = |change: fn(&mut Receipt)| failing(&world, &world.bundle_of(change, false));
    assert_eq!(signed(|r| r.guard = Guard::Unguarded), REQUESTS);
    assert_eq!(signed(|r| r.attempts[0].exchanges[0].guard = None), REQUESTS);
    let repeat = |r: &mut Receipt| {
        let write = r.attempts[0].exchanges[0].clone();
        r.attempts[0].exchanges.push(write);
    };
    assert_eq!(signed(repeat), REQUESTS, "the `calls` of a rule limit each run");
    // A write that an earlier attempt carried out must not be sent again.
    let twice = |r: &mut Receipt| {
        r.attempts.push(r.attempts[0].clone());
        r.attempts[1].n = 2;
    };
    assert_eq!(signed(twice), GATE);
    // The receipt omits an attempt.
    assert_eq!(signed(|r| r.attempts[0].n = 2), CLEARANCES);
    assert_eq!(signed(|r| r.attempts.insert(0, r.attempts[0].clone())), CLEARANCES);
    let mut world = approved();
    for event in &mut world.entries {
        if let Event::AttemptEnded { attempt } = event {
            let write = &mut Arc::make_mut(attempt).exchanges[0];
            (write.request.guard, write.if_match) = (None, None);
        }
    }
    assert_eq!(failing(&world, &world.bundle()), REQUESTS, "a write without its guard");
}

#[test]
fn a_denial_of_the_host_is_noted_as_its_own() {
    let world = denied();
    let refuse = |receipt: &mut Receipt| {
        let decision = receipt.decision.as_mut().unwrap();
        decision.verdict = Says::Deny;
        decision.obligations.clear();
        decision.determining.clear();
        decision.reason = Some("the agent believes it is elsewhere".into());
    };
    let report = verify(&world.bundle_of(refuse, true), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert!(line(&report, DECISION).detail.contains("the host itself refused"));
}

#[test]
fn a_run_that_policy_did_not_allow_has_no_decision() {
    let mut world = approved();
    let ask = world.entries.iter().find(|e| matches!(e, Event::Decided { gate: false, .. }));
    let Some(Event::Decided { decision, facts, .. }) = ask.cloned() else { panic!() };
    for event in &mut world.entries {
        if let Event::Decided { gate: true, decision: now, facts: then, .. } = event {
            (*now, *then) = (decision.clone(), facts.clone());
            Arc::make_mut(now).verdict = Says::Allow;
        }
    }
    let world_with_ask = |r: &mut Receipt| {
        r.decision.as_mut().unwrap().verdict = Says::Ask;
    };
    let report = verify(&world.bundle_of(world_with_ask, true), Some(&world.trust()));
    assert_eq!(line(&report, CLEARANCES).status, Status::Fail, "{report:#?}");
}

/// A verifier with another release of Cedar also gets an error, but the text of the error may be different.
#[test]
fn a_decision_is_the_same_whatever_words_cedar_has_for_an_error() {
    let world = approved();
    let (story, _) = world.ended(|_| {});
    let decision = story.decision.unwrap().0;
    let failed = |errors: &[&str]| Decision {
        errors: errors.iter().map(|one| (*one).to_owned()).collect(),
        ..(*decision).clone()
    };
    assert!(is_same(&failed(&["integer overflow"]), &failed(&["overflow", "and more"])));
    assert!(!is_same(&failed(&["overflow"]), &failed(&[])));
    assert!(!is_same(&failed(&[]), &failed(&["overflow"])));
}

/// The host omits policies, request and activation for an action whose write was rejected. Without the policies, the
/// request to them and the activation, a reader could not check that the attempt was allowed.
#[test]
fn an_attempt_without_a_decision_in_the_receipt_is_found_out() {
    let world = approved();
    let change = |receipt: &mut Receipt| {
        receipt.attempts[0].exchanges[0].fate = Fate::Answered { status: 412 };
        receipt.outcome = Outcome::Denied;
        (receipt.decision, receipt.question, receipt.post) = (None, None, None);
        receipt.activated.clear();
        receipt.changes.clear();
        receipt.checks.clear();
    };
    let mut files = bundle::read(&world.bundle_of(change, false)).unwrap();
    files.retain(|name, _| !name.starts_with("policy/"));
    let chain = String::from_utf8(files.remove(bundle::CHAIN).unwrap()).unwrap();
    let (_, rest) = chain.split_once('\n').unwrap();
    files.insert(bundle::CHAIN.into(), rest.into());
    for n in 1..=rest.lines().count() {
        let proof = files.remove(&bundle::proof_name(n)).unwrap();
        files.insert(bundle::proof_name(n - 1), proof);
    }
    assert_eq!(failing(&world, &bundle::write(&files).unwrap()), CLEARANCES);
}
