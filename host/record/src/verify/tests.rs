mod parts;
mod sealed;
mod story;

use self::parts::{key, log_of};
use self::story::{World, approved, denied};
use super::*;
use crate::approval;
use crate::bundle;
use crate::event::Event;
use crate::policy::Verdict as Says;

fn line<'a>(report: &'a Report, name: &str) -> &'a Line {
    report.checks.iter().find(|line| line.name == name).unwrap()
}

/// The name of the only check that failed.
fn failing(world: &World, bundle: &[u8]) -> &'static str {
    let report = verify(bundle, Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
    let failed: Vec<_> = report.checks.iter().filter(|l| l.status == Status::Fail).collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    failed[0].name
}

#[test]
fn a_whole_bundle_is_verified_in_every_check() {
    let world = approved();
    let report = verify(&world.bundle(), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert_eq!(report.outcome, Some(Outcome::Verified));
    assert!(report.action.unwrap().starts_with("act_"));
    let names: Vec<_> = report.checks.iter().map(|line| line.name).collect();
    assert_eq!(names, [[CONTAINER].as_slice(), &PROOFS, &CONTENTS].concat());
    assert!(report.checks.iter().all(|line| line.status == Status::Pass), "{:#?}", report.checks);
}

#[test]
fn the_same_story_gives_the_same_bytes() {
    assert_eq!(approved().bundle(), approved().bundle());
}

#[test]
fn an_agents_copy_is_verified_and_says_what_was_not_checked() {
    let world = approved();
    let report = verify(&world.bundle_of(|_| {}, false), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert_eq!(line(&report, EVIDENCE).status, Status::Skip);
    assert_eq!(line(&report, OUTCOME).status, Status::Skip);
}

#[test]
fn a_denial_is_verified_too() {
    let world = denied();
    let report = verify(&world.bundle(), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert_eq!(report.outcome, Some(Outcome::Denied));
}

#[test]
fn without_trust_nothing_is_verified() {
    let world = approved();
    let bundle = world.bundle();
    let whole = world.trust();
    let none = Trust::default();
    let no_log = Trust { log: vec![], ..whole.clone() };
    let no_approvers = Trust { approvers: None, ..whole.clone() };
    for trust in [None, Some(&none), Some(&no_log), Some(&no_approvers)] {
        let report = verify(&bundle, trust);
        assert_eq!(report.verdict, Verdict::Unverifiable, "{report:#?}");
        assert_eq!(report.checks.len(), 1 + PROOFS.len() + CONTENTS.len());
    }
}

#[test]
fn keys_that_nobody_trusts_fail() {
    let world = approved();
    let bundle = world.bundle();
    let with = |change: fn(&mut Trust)| {
        let mut trust = world.trust();
        change(&mut trust);
        let report = verify(&bundle, Some(&trust));
        assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
    };
    with(|trust| trust.receipt_keys = vec![key(9).verifying_key()]);
    with(|trust| trust.log = vec![log_of("log.example/acme", 9)]);
    with(|trust| trust.log = vec![log_of("log.example/other", 2)]);
    with(|trust| trust.approvers = Some(vec![]));
    with(|trust| trust.approvers.as_mut().unwrap()[0].key = key(9).verifying_key());
    with(|trust| trust.approvers.as_mut().unwrap()[0].person = "other".into());
    with(|trust| trust.approvers.as_mut().unwrap()[0].roles = vec!["support".into()]);
    with(|trust| trust.approvers.as_mut().unwrap()[0].from_index = Some(6));
    with(|trust| trust.approvers.as_mut().unwrap()[0].until_index = Some(4));
}

#[test]
fn every_flipped_byte_of_a_bundle_fails() {
    let world = approved();
    let (bundle, trust) = (world.bundle(), world.trust());
    for index in (0..bundle.len()).step_by(7) {
        let mut changed = bundle.clone();
        changed[index] ^= 1;
        assert_eq!(verify(&changed, Some(&trust)).verdict, Verdict::Failed, "byte {index}");
    }
}

#[test]
fn every_part_that_is_changed_missing_or_foreign_fails() {
    let world = approved();
    for name in bundle::read(&world.bundle()).unwrap().into_keys() {
        let changed = world.forged(|files| files.get_mut(&name).unwrap().push(b' '));
        failing(&world, &changed);
        // Evidence is one thing: a copy has all of it or none.
        let missing = world.forged(|files| {
            files.remove(&name);
        });
        failing(&world, &missing);
    }
    let foreign = world.forged(|files| {
        files.insert("2.tlog-proof".into(), files["1.tlog-proof"].clone());
    });
    assert_eq!(failing(&world, &foreign), CONTAINER);
}

/// Replaces text in one part; the parts are canonical JSON, so values of equal shape stay canonical.
fn edited(world: &World, name: &str, from: &str, to: &str) -> Vec<u8> {
    world.forged(|files| {
        let text = String::from_utf8(files[name].clone()).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        files.insert(name.into(), text.replace(from, to).into_bytes());
    })
}

#[test]
fn edits_that_stay_well_formed_are_found_where_they_belong() {
    let world = approved();
    for (name, from, to, check) in [
        (bundle::ACTION, "\"42\"", "\"43\"", SUBJECT),
        (bundle::CONTRACT, "\"active\"", "\"actine\"", CONTRACT),
        (bundle::GRANT, "30000", "60000", GRANT),
        (bundle::POLICIES, "production", "elsewhere!", POLICY_SET),
        (bundle::REQUEST, "\"support-lead\":1", "\"support-lead\":2", DECISION),
        (bundle::REQUEST, "\"active\":false", "\"active\":true", DECISION),
        (bundle::REQUEST, "production", "elsewhere!", DECISION),
        (bundle::REQUEST, "\"time\":8", "\"time\":80", DECISION),
        (bundle::ENTITIES, "owner", "other", DECISION),
        (bundle::PRE, "\"active\":false", "\"active\":true", EVIDENCE),
        (bundle::POST, "\"meta\":\"b\"", "\"meta\":\"c\"", EVIDENCE),
        (bundle::EXCHANGES, "204", "500", EVIDENCE),
        ("0.tlog-proof", "index 5", "index 6", INCLUSION),
        ("1.tlog-proof", "log.example/acme", "log.example/acne", CHECKPOINT),
    ] {
        assert_eq!(failing(&world, &edited(&world, name, from, to)), check, "{from} in {name}");
    }
}

#[test]
fn a_host_that_signs_what_did_not_happen_is_found_out() {
    let world = approved();
    let signed =
        |change: fn(&mut crate::receipt::Receipt)| failing(&world, &world.bundle_of(change, true));
    assert_eq!(signed(|r| r.outcome = Outcome::Mismatch), OUTCOME);
    assert_eq!(signed(|r| r.changes.clear()), OUTCOME);
    assert_eq!(signed(|r| r.checks[0].expression = "true".into()), OUTCOME);
    let other = |r: &mut crate::receipt::Receipt| r.attempts[0].exchanges[0].path += "0";
    assert_eq!(failing(&world, &world.bundle_of(other, false)), REQUESTS);
    assert_eq!(signed(|r| r.approvals[0].person = "boss".into()), APPROVALS);
    assert_eq!(signed(|r| r.approvals.clear()), APPROVALS);
    assert_eq!(signed(|r| r.approvals[0].counted = false), DECISION);
    assert_eq!(signed(|r| r.decision.as_mut().unwrap().determining.clear()), DECISION);
    assert_eq!(signed(|r| r.sources.clear()), DECISION);
    assert_eq!(signed(|r| r.grant = None), GRANT);
}

#[test]
fn a_denial_of_the_host_is_noted_as_its_own() {
    let world = denied();
    let refuse = |receipt: &mut crate::receipt::Receipt| {
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
fn approvals_of_something_else_do_not_count() {
    type Change = fn(&mut approval::Terms);
    let cases: [(Change, &str); 6] = [
        (|t| t.adapter = crate::digest::Digest::of(b"other"), APPROVALS),
        (|t| t.contract = crate::digest::Digest::of(b"other"), APPROVALS),
        (|t| t.binding.clear(), APPROVALS),
        (|t| t.pre_state = crate::digest::Digest::of(b"other"), GATE),
        (|t| t.policy_set = crate::digest::Digest::of(b"other"), GATE),
        (|t| t.person = "owner".into(), APPROVALS),
    ];
    for (n, (change, check)) in cases.into_iter().enumerate() {
        let world = approved();
        let answer = world.answer("lead", &world.approver, change);
        let world = world.answered(answer);
        let report = verify(&world.bundle(), Some(&world.trust()));
        assert_eq!(line(&report, check).status, Status::Fail, "case {n}: {report:#?}");
    }
}

#[test]
fn the_requester_cannot_approve_even_with_an_enrolled_key() {
    let world = approved();
    let answer = world.answer("owner", &world.approver, |_| {});
    let world = world.answered(answer);
    let mut trust = world.trust();
    trust.approvers.as_mut().unwrap()[0].person = "owner".into();
    let report = verify(&world.bundle(), Some(&trust));
    assert!(line(&report, APPROVALS).detail.contains("answers for the agent"), "{report:#?}");
}

#[test]
fn a_run_that_policy_did_not_allow_fails_at_the_gate() {
    let mut world = approved();
    let ask = world.entries.iter().find(|e| matches!(e, Event::Decided { gate: false, .. }));
    let Some(Event::Decided { decision, facts, .. }) = ask.cloned() else { panic!() };
    for event in &mut world.entries {
        if let Event::Decided { gate: true, decision: now, facts: then } = event {
            (*now, *then) = (decision.clone(), facts.clone());
            now.verdict = Says::Allow;
        }
    }
    let world_with_ask = |r: &mut crate::receipt::Receipt| {
        r.decision.as_mut().unwrap().verdict = Says::Ask;
    };
    let report = verify(&world.bundle_of(world_with_ask, true), Some(&world.trust()));
    assert_eq!(line(&report, GATE).status, Status::Fail, "{report:#?}");
    assert_eq!(line(&report, DECISION).status, Status::Fail);
}

#[test]
fn trust_survives_its_files_and_refuses_what_it_cannot_use() {
    let trust = approved().trust();
    let files = trust.files().unwrap();
    assert!(files.keys().all(|name| Trust::FILES.contains(&name.as_str())));
    assert_eq!(Trust::parse(&files).unwrap(), trust);
    let two = Trust { receipt_keys: vec![key(1).verifying_key(), key(5).verifying_key()], ..trust };
    assert_eq!(Trust::parse(&two.files().unwrap()).unwrap(), two);
    assert_eq!(Trust::parse(&bundle::Files::new()).unwrap(), Trust::default());
    for (name, text) in [
        ("receipt.pub", "no key"),
        ("log.vkey", "no+key"),
        ("approvers.json", "{}"),
        ("approvers.json", r#"[{"person":"a","roles":[],"key":"x","rank":1}]"#),
    ] {
        let files = [(name.to_owned(), text.as_bytes().to_vec())].into();
        assert!(Trust::parse(&files).is_err(), "{name}: {text}");
    }
    let mut shared = approved().trust();
    shared.approvers.as_mut().unwrap()[0].key = key(1).verifying_key();
    let shared = Trust::parse(&shared.files().unwrap());
    assert_eq!(shared, Err(TrustError::Shared("lead".into())));
}
