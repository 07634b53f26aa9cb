mod activated;
mod chained;
mod confirmed;
mod dishonest;
mod hostile;
mod obligations;
mod open;
pub(super) mod parts;
mod passkeys;
mod resolved;
mod sealed;
mod story;
mod trusted;
mod witnessed;

use deed_record::bundle;
use deed_record::statement::approval;
use deed_spec::json;

use self::parts::{key, log_of};
use self::sealed::always;
use self::story::{World, approved, approved_edit, denied};
use super::*;
use deed_record::action::id::ActionId;

fn line<'a>(report: &'a Report, name: &str) -> &'a Line {
    report.checks.iter().find(|line| line.name == name).unwrap()
}

/// Asserts that the verification fails because of exactly one check, and returns the name of this check.
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
    let open = report.checks.iter().filter(|line| line.status != Status::Pass);
    assert_eq!(open.map(|line| line.name).collect::<Vec<_>>(), [WITNESSES], "{:#?}", report.checks);
}

/// Checks that direct serialisation gives the same bytes as serialisation through a JSON value.
fn written_alike<T: serde::Serialize>(record: &T) {
    let value = serde_json::to_value(record).unwrap();
    assert_eq!(json::to_canonical(record).unwrap(), json::canonical(&value).unwrap());
}

#[test]
fn every_record_is_written_as_its_value_is() {
    for world in [approved(), denied()] {
        written_alike(&world.entries);
        written_alike(&world.contract);
        written_alike(&world.activation);
        world.ended(|receipt| written_alike(receipt));
        if !world.story().attempts.is_empty() {
            world.decision(|clearance| written_alike(clearance));
        }
        let story = world.story();
        let (decision, facts) = story.decision.as_ref().unwrap();
        written_alike(&world.policies.snapshot(facts));
        written_alike(&(decision, facts, &story.grant, &story.attempts, &story.bound));
        let leaves = world.ended(|_| {}).0.leaves;
        written_alike(&(&leaves, story.chain.iter().map(|(_, one)| one).collect::<Vec<_>>()));
    }
}

#[test]
fn the_same_story_gives_the_same_bytes() {
    assert_eq!(approved().bundle(), approved().bundle());
}

#[test]
fn an_agents_copy_holds_and_says_what_was_not_checked() {
    let world = approved();
    let report = verify(&world.bundle_of(|_| {}, false), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::SignaturesOnly, "{report:#?}");
    let skipped = report.checks.iter().filter(|line| line.status == Status::Skip);
    let skipped: Vec<_> = skipped.map(|line| line.name).collect();
    assert_eq!(
        skipped,
        [WITNESSES, QUESTION, EVIDENCE, SUMMARY, DECISION, GATE, OUTCOME],
        "{report:#?}"
    );
}

#[test]
fn an_agents_copy_has_the_question_only_when_no_state_was_a_fact() {
    let copy = |world: &World| bundle::read(&world.bundle_of(|_| {}, false)).unwrap();
    assert!(!copy(&approved()).contains_key(bundle::REQUEST));
    assert!(copy(&denied()).contains_key(bundle::REQUEST));
    for (world, state) in [(approved(), "\"meta\":\"a\""), (denied(), "\"active\":false")] {
        assert!(String::from_utf8_lossy(&world.bundle()).contains(state));
        let (story, _) = world.ended(|_| {});
        let receipt = story.envelope.unwrap().payload_bytes().unwrap();
        assert!(!String::from_utf8_lossy(&receipt).contains(state), "the receipt has no state");
        let parts: Vec<u8> = copy(&world).into_values().flatten().collect();
        assert!(!String::from_utf8_lossy(&parts).contains(state));
    }
    let world = denied();
    let report = verify(&world.bundle_of(|_| {}, false), Some(&world.trust()));
    assert_eq!(line(&report, DECISION).status, Status::Pass, "{report:#?}");
    assert_eq!(report.verdict, Verdict::SignaturesOnly, "it cannot be judged again: {report:#?}");
    let untrusted = verify(&world.bundle_of(|_| {}, false), None);
    assert_eq!(untrusted.verdict, Verdict::Unverifiable, "{untrusted:#?}");
}

#[test]
fn a_copy_lacks_evidence_and_question_together_or_fails() {
    let world = approved();
    let lacks = |name: &str| {
        world.forged(|files| {
            files.remove(name);
        })
    };
    assert_eq!(failing(&world, &lacks(bundle::REQUEST)), QUESTION);
    // Without the exchanges, the bundle counts as a copy without evidence. A copy without evidence may contain neither
    // observations nor a policy request with state, so two checks fail for this bundle.
    let report = verify(&lacks(bundle::EXCHANGES), Some(&world.trust()));
    for name in [QUESTION, EVIDENCE] {
        assert_eq!(line(&report, name).status, Status::Fail, "{report:#?}");
    }
    let copy = world.forged(|files| {
        files.retain(|name, _| !name.starts_with("evidence/"));
    });
    assert_eq!(failing(&world, &copy), QUESTION, "a request about state without the state");
    let denied = denied();
    let mut copy = bundle::read(&denied.bundle_of(|_| {}, false)).unwrap();
    copy.remove(bundle::REQUEST);
    assert_eq!(failing(&denied, &bundle::write(&copy).unwrap()), QUESTION, "request has no state");
    assert_eq!(failing(&world, &lacks(bundle::PRE)), EVIDENCE);
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
    with(|trust| trust.receipt_keys = vec![always(&key(9))]);
    with(|trust| trust.receipt_keys[0].from_index = Some(8));
    with(|trust| trust.receipt_keys[0].until_index = Some(6));
    with(|trust| trust.log = vec![log_of("log.example/acme", 9)]);
    with(|trust| trust.log = vec![log_of("log.example/other", 2)]);
    with(|trust| trust.approvers = Some(vec![]));
    with(|trust| trust.approvers.as_mut().unwrap()[0].key = key(9).verifying_key().into());
    with(|trust| trust.approvers.as_mut().unwrap()[0].person = "other".into());
    with(|trust| trust.approvers.as_mut().unwrap()[0].roles = vec!["support".into()]);
    with(|trust| trust.approvers.as_mut().unwrap()[0].from_index = Some(6));
    with(|trust| trust.approvers.as_mut().unwrap()[0].until_index = Some(4));
}

#[test]
fn a_receipt_outside_of_the_window_of_its_key_fails_and_names_the_window() {
    let world = approved();
    let bundle = world.bundle();
    let window = |windows: &[(Option<u64>, Option<u64>)]| {
        let of = |(from_index, until_index): &(Option<u64>, Option<u64>)| ReceiptKey {
            from_index: *from_index,
            until_index: *until_index,
            ..always(&world.receipt_key)
        };
        let trust = Trust { receipt_keys: windows.iter().map(of).collect(), ..world.trust() };
        verify(&bundle, Some(&trust))
    };
    // In the log, the activation is at index 4, the decision at index 6 and the receipt at index 7.
    for windows in [[(Some(0), Some(7))].as_slice(), &[(Some(4), None)], &[(None, None)]] {
        assert_eq!(window(windows).verdict, Verdict::Verified, "{windows:?}");
    }
    let twice = window(&[(Some(0), Some(4)), (Some(6), None)]);
    assert_eq!(twice.verdict, Verdict::Verified, "{twice:#?}");
    for (windows, check, words) in [
        ([(Some(0), Some(6))].as_slice(), SIGNATURE, "index 6 of the log, but signed at index 7"),
        (&[(Some(8), None)], SIGNATURE, "from index 8 of"),
        (
            &[(None, Some(5)), (Some(8), Some(9))],
            SIGNATURE,
            "until index 5 and from index 8 until 9",
        ),
        (&[(Some(7), None)], CLEARANCES, "signed at index 6"),
        (&[(Some(5), None)], ACTIVATION, "signed at index 4"),
    ] {
        let report = window(windows);
        assert_eq!(report.verdict, Verdict::Failed, "{windows:?}");
        let detail = &line(&report, check).detail;
        assert!(detail.contains(words), "{detail}");
    }
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
        // A bundle must contain either all parts of the evidence or none.
        let missing = world.forged(|files| {
            files.remove(&name);
        });
        let report = verify(&missing, Some(&world.trust()));
        assert_eq!(report.verdict, Verdict::Failed, "{name}: {report:#?}");
    }
    let foreign = world.forged(|files| {
        files.insert("4.tlog-proof".into(), files["1.tlog-proof"].clone());
    });
    assert_eq!(failing(&world, &foreign), CONTAINER);
}

/// Replaces text in one part. A part stays canonical JSON if a value is replaced with another value of the same type.
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
        (bundle::REQUEST, "\"support-lead\":1", "\"support-lead\":2", QUESTION),
        (bundle::ENTITIES, "[\"support\"]", "[\"support-lead\"]", QUESTION),
        (bundle::PRE, "\"active\":false", "\"active\":true", EVIDENCE),
        (bundle::POST, "\"meta\":\"b\"", "\"meta\":\"c\"", EVIDENCE),
        (bundle::EXCHANGES, "204", "500", EVIDENCE),
        ("1.tlog-proof", "index 5", "index 6", INCLUSION),
        ("1.tlog-proof", "log.example/acme", "log.example/acne", CHECKPOINT),
    ] {
        assert_eq!(failing(&world, &edited(&world, name, from, to)), check, "{from} in {name}");
    }
}

#[test]
fn approvals_of_something_else_do_not_count() {
    type Change = fn(&mut approval::Terms);
    let cases: [(Change, &str); 7] = [
        (|t| t.adapter = deed_spec::digest::Digest::of(b"other"), APPROVALS),
        (|t| t.contract = deed_spec::digest::Digest::of(b"other"), APPROVALS),
        (|t| t.binding.clear(), APPROVALS),
        (|t| t.pre_state = deed_spec::digest::Digest::of(b"other"), GATE),
        (|t| t.policy_set = deed_spec::digest::Digest::of(b"other"), GATE),
        (|t| t.person = "owner".into(), APPROVALS),
        (|t| t.expires_ms = 8_999, GATE),
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
fn an_approval_counts_until_the_moment_at_which_it_expires() {
    for (expires_ms, status) in [(9_000, Status::Skip), (8_999, Status::Fail)] {
        let world = approved();
        let answer = world.answer("lead", &world.approver, |terms| terms.expires_ms = expires_ms);
        let world = world.answered(answer);
        // The check has the same result for a copy of the bundle without evidence.
        let report = verify(&world.bundle_of(|_| {}, false), Some(&world.trust()));
        assert_eq!(line(&report, GATE).status, status, "{report:#?}");
    }
}

#[test]
fn who_edited_an_action_cannot_approve_it_and_others_can() {
    let other = || ActionId::new(1, [7; 10]);
    let world = approved_edit(&["editor"], other());
    let report = verify(&world.bundle(), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    for editors in [&["lead"][..], &["editor", "lead"]] {
        let world = approved_edit(editors, other());
        let report = verify(&world.bundle(), Some(&world.trust()));
        let line = line(&report, APPROVALS);
        assert!(line.detail.contains("`lead` edited the action"), "{report:#?}");
        assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
    }
}

#[test]
fn an_edit_names_an_editor_and_another_action() {
    let own = approved_edit(&["editor"], ActionId::new(1, [0; 10]));
    let nobodys = approved_edit(&[], ActionId::new(1, [7; 10]));
    for world in [own, nobodys] {
        let report = verify(&world.bundle(), Some(&world.trust()));
        let line = line(&report, SUBJECT);
        assert!(line.detail.contains("`edit` in action.json"), "{report:#?}");
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
    assert!(
        line(&report, APPROVALS).detail.contains("is responsible for the agent"),
        "{report:#?}"
    );
}
