//! Tests of decisions and reconciliations, which a host signs in addition to receipts, and of their misuse.

use std::sync::Arc;

use deed_record::lifecycle::event::{Entry, Event, Phase};
use deed_record::lifecycle::observation::{Observation, Sight};
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::policy::Verdict as Says;
use deed_record::statement::decision::Clearance;
use deed_record::statement::envelope::{Kind, Signed, Statement};
use deed_record::statement::reconciliation::Reconciliation;
use deed_spec::digest::Digest;
use deed_spec::json::{parse, to_canonical};

use super::parts::{key, look};
use super::story::{World, approved};
use super::{failing, line};
use crate::{
    CHAIN, CLEARANCES, OUTCOME, RECONCILIATION, SETTLED, SIGNATURE, SUMMARY, Status, Verdict,
    verify,
};

/// The bundle of an action whose decision the test changed.
fn decided(change: impl FnOnce(&mut Clearance)) -> (World, Vec<u8>) {
    let mut world = approved();
    let at = world.entries.iter().position(|e| matches!(e, Event::AttemptStarted { .. })).unwrap();
    let rest = world.entries.split_off(at);
    let envelope = world.decision(change);
    world.entries.extend(rest);
    if let Event::AttemptStarted { decision, .. } = &mut world.entries[at] {
        *decision = Signed::shared(envelope);
    }
    let bundle = world.sealed_apart(|_| {});
    (world, bundle)
}

#[test]
fn a_decision_that_does_not_bear_the_attempt_is_found_out() {
    let changes: [fn(&mut Clearance); 9] = [
        |c| c.attempt = 2,
        |c| c.decision.verdict = Says::Ask,
        |c| c.decision.determining.clear(),
        |c| c.question.request_sha256 = Digest::of(b"other"),
        |c| c.approvals.clear(),
        |c| c.approvals.push(Digest::of(b"other")),
        |c| c.grant.timeout_ms += 1,
        |c| c.pre.evidence_sha256 = Digest::of(b"other"),
        |c| c.cleared_ms = 9_001,
    ];
    for change in changes {
        let (world, bundle) = decided(change);
        assert_eq!(failing(&world, &bundle), CLEARANCES);
    }
    let (world, bundle) = decided(|_| {});
    assert_eq!(verify(&bundle, Some(&world.trust())).verdict, Verdict::Verified);
}

#[test]
fn a_decision_by_another_key_or_none_at_all_is_found_out() {
    let mut world = approved();
    for event in &mut world.entries {
        if let Event::AttemptStarted { decision, .. } = event {
            let Statement { action, predicate, .. } =
                Statement::unverified(decision, Kind::Decision).unwrap();
            let forged = Statement { kind: Kind::Decision, action, predicate };
            *decision = Signed::shared(forged.sign(&key(9)).unwrap());
        }
    }
    assert_eq!(failing(&world, &world.sealed_apart(|_| {})), CLEARANCES);
    let world = approved();
    let other = world.sealed_apart(|r| r.attempts[0].decision_sha256 = Digest::of(b"other"));
    assert_eq!(failing(&world, &other), CHAIN);
}

/// A decision cannot be based on an approval that was logged after the decision.
#[test]
fn a_decision_that_was_logged_before_its_approval_is_found_out() {
    let world = approved();
    let (mut story, _) = world.ended(|_| {});
    assert_eq!((story.chain[0].0, story.chain[1].0), (Kind::Approval, Kind::Decision));
    story.chain.swap(0, 1);
    story.status = deed_record::lifecycle::status::Status::Sealed(Outcome::Verified);
    let bundle = world.bundled(&world.publish(story, 50_000), true);
    assert_eq!(failing(&world, &bundle), CLEARANCES);
}

/// An action whose observation after the attempt was unusable, so that its outcome is open.
pub(super) fn open() -> World {
    let mut world = approved();
    for event in &mut world.entries {
        if let Event::Observed { phase: Phase::Post, observation } = event {
            let mut seen = Observation::clone(observation);
            seen.problem = Some("no answer".into());
            seen.state.clear();
            *observation = Sight::shared(seen);
        }
    }
    world.entries.pop();
    let judged = world.judged();
    assert_eq!(judged.outcome, Outcome::Indeterminate);
    world.entries.push(Event::Judged { judgement: Arc::new(judged) });
    world
}

type Change = fn(&mut Reconciliation);

fn settled(change: impl FnOnce(&mut Reconciliation), later_ms: i64) -> (World, Vec<u8>) {
    let mut world = open();
    let (mut story, _) = world.ended(|_| {});
    let mut later = look(true, "c", later_ms);
    later.exchanges[0].started_ms = later_ms;
    later.exchanges[0].ended_ms = later_ms;
    let as_post = std::mem::take(&mut world.entries);
    let post = Event::Observed { phase: Phase::Post, observation: Sight::shared(later.clone()) };
    let is_post = |e: &Event| matches!(e, Event::Observed { phase: Phase::Post, .. });
    let put = |e: &Event| if is_post(e) { post.clone() } else { e.clone() };
    world.entries = as_post.iter().map(put).collect();
    world.entries.pop();
    let judgement = world.judged();
    world.entries = as_post;
    let mut apply = |at_ms, event| story.apply(&Entry { at_ms, event }).unwrap();
    let judgement: Arc<Judgement> = Arc::new(judgement);
    apply(later_ms + 1, Event::Settled { observation: Some(Sight::shared(later)), judgement });
    let mut says = Reconciliation::of(&story).unwrap().unwrap();
    change(&mut says);
    let envelope = Signed::shared(world.sign(Kind::Reconciliation, &says));
    story.apply(&Entry { at_ms: later_ms + 2, event: Event::Reconciled { envelope } }).unwrap();
    let bundle = world.bundled(&world.publish(story, later_ms + 3), true);
    (world, bundle)
}

#[test]
fn an_open_outcome_is_verified_as_open_and_then_as_settled() {
    let world = open();
    let report = verify(&world.bundle(), Some(&world.trust()));
    assert_eq!((report.verdict, report.settled), (Verdict::Verified, None), "{report:#?}");
    assert_eq!(report.outcome, Some(Outcome::Indeterminate));
    let (world, bundle) = settled(|_| {}, 50_000);
    let report = verify(&bundle, Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert_eq!(report.settled, Some(Outcome::Verified));
    assert_eq!(line(&report, SETTLED).status, Status::Pass);
}

#[test]
fn a_reconciliation_that_does_not_settle_this_receipt_is_found_out() {
    let changes: [(Change, &str); 6] = [
        (|s| s.receipt_sha256 = Digest::of(b"other"), RECONCILIATION),
        (|s| s.outcome = Outcome::Indeterminate, RECONCILIATION),
        (|s| s.settled_ms = 1, RECONCILIATION),
        (|s| s.outcome = Outcome::Mismatch, SETTLED),
        (|s| s.changes.clear(), SETTLED),
        (|s| s.look.as_mut().unwrap().derived.push("user".into()), SUMMARY),
    ];
    for (change, check) in changes {
        let (world, bundle) = settled(change, 50_000);
        assert_eq!(failing(&world, &bundle), check);
    }
    let (world, bundle) = settled(|_| {}, 10);
    assert_eq!(failing(&world, &bundle), RECONCILIATION, "an observation from before the receipt");
}

#[test]
fn a_receipt_with_an_answer_is_not_settled_again() {
    let (world, bundle) = settled(|_| {}, 50_000);
    let report = verify(&bundle, Some(&world.trust()));
    assert_eq!(line(&report, OUTCOME).status, Status::Pass);
    let whole = approved();
    let (mut story, _) = whole.ended(|_| {});
    let receipt = story.envelope.as_ref().unwrap().payload_digest().unwrap();
    let mut later = look(true, "c", 50_000);
    later.exchanges[0].started_ms = 50_000;
    let judged = Judgement::plain(Outcome::Mismatch, "again");
    story.later = Some((Some(Sight::shared(later)), Arc::new(judged)));
    story.at_ms = 50_001;
    let says =
        Reconciliation { receipt_sha256: receipt, ..Reconciliation::of(&story).unwrap().unwrap() };
    let signed = whole.sign(Kind::Reconciliation, &says);
    story.chain.push((Kind::Reconciliation, Signed::shared(signed)));
    story.status = deed_record::lifecycle::status::Status::Reconciled(Outcome::Mismatch);
    let bundle = whole.bundled(&whole.publish(story, 50_002), true);
    assert_eq!(failing(&whole, &bundle), RECONCILIATION);
}

#[test]
fn the_receipts_place_is_where_the_sigstore_bundle_points() {
    // The file of the receipt contains a decision instead. The key that signed the receipt also signed the decision,
    // but a decision is a statement of another kind.
    let world = approved();
    let forged = world.forged(|files| {
        let chain = String::from_utf8(files[deed_record::bundle::CHAIN].clone()).unwrap();
        let decision = chain.lines().nth(1).unwrap();
        let envelope = serde_json::from_str(decision).unwrap();
        let wrapped = deed_record::bundle::sigstore(&envelope).unwrap();
        assert_eq!(
            parse(&to_canonical(&envelope).unwrap()).unwrap()["payloadType"],
            deed_spec::dsse::PAYLOAD_TYPE
        );
        files.insert(deed_record::bundle::RECEIPT.into(), wrapped);
    });
    assert_eq!(failing(&world, &forged), SIGNATURE);
}
