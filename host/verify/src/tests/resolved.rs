//! Tests of resolutions of an open action: whose resolution counts, and what a host may conclude from it.

use std::sync::Arc;

use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::observation::{Observation, Sight};
use deed_record::lifecycle::outcome::{Judgement, Outcome, Seen, judge};
use deed_record::lifecycle::story::Story;
use deed_record::statement::envelope::{Kind, Signed};
use deed_record::statement::reconciliation::Reconciliation;
use deed_record::statement::resolution::{self, Resolution, Resolved};
use deed_spec::digest::Digest;
use ed25519_dalek::SigningKey;

use super::chained::open;
use super::line;
use super::parts::{key, look};
use super::story::World;
use crate::{RECONCILIATION, RESOLUTION, Report, SETTLED, SUMMARY, Status, Trust, Verdict, verify};

const LATER_MS: i64 = 50_000;

/// A change to a signed or trusted value, with the expected message.
type Changed<T> = (fn(&mut T), &'static str);

/// The changes that a test makes to the case of an honest host and an honest operator.
struct Case {
    by: SigningKey,
    word: fn(&mut Resolved),
    look: Option<Observation>,
    host: fn(&mut Reconciliation),
    trust: fn(&mut Trust),
}

fn honest() -> Case {
    Case { by: key(3), word: |_| (), look: None, host: |_| (), trust: |_| () }
}

/// An unusable observation.
fn blind() -> Observation {
    let mut look = look(true, "c", LATER_MS);
    look.problem = Some("no answer".into());
    look.state.clear();
    at(look)
}

fn at(mut look: Observation) -> Observation {
    look.exchanges[0].started_ms = LATER_MS;
    look.exchanges[0].ended_ms = LATER_MS;
    look
}

fn word_of(story: &Story) -> Resolved {
    let resolution = Resolution {
        person: "lead".into(),
        role: resolution::ROLE.into(),
        verdict: resolution::ResolutionVerdict::Applied,
        reason: "the upstream's own audit trail has it".into(),
        nonce: story.resolution_nonce().unwrap(),
        signed_ms: 40_000,
    };
    let receipt_sha256 = story.envelope.as_ref().unwrap().payload_digest().unwrap();
    Resolved { receipt_sha256, resolution }
}

fn judged(world: &World, story: &Story, look: &Observation) -> Judgement {
    judge(&Seen {
        contract: &world.contract,
        params: &story.bound.action.params,
        action: &story.bound.action.id,
        expect: &story.bound.proposal.expect,
        pre: story.pre.as_ref().unwrap(),
        post: look,
        exchanges: &story.exchanges(),
        plan: story.plan(),
        may_still_land: false,
    })
}

/// The verification report on an open action that was resolved as the case describes.
fn found(case: Case) -> Report {
    let world = open();
    let (mut story, _) = world.ended(|_| {});
    let mut resolved = word_of(&story);
    (case.word)(&mut resolved);
    let action = story.bound.action.digest().unwrap();
    let envelope = Signed::shared(resolution::sign(action, &resolved, &case.by).unwrap());
    let said = resolved.resolution;
    let seen = case.look.as_ref().map(|look| judged(&world, &story, look));
    let judgement = Arc::new(said.conclude(seen));
    let mut apply = |event| story.apply(&Entry { at_ms: LATER_MS, event });
    apply(Event::Resolved { resolution: Arc::new(said), envelope }).unwrap();
    let observation = case.look.map(Sight::shared);
    apply(Event::Settled { observation, judgement }).unwrap();
    let mut says = Reconciliation::of(&story).unwrap().unwrap();
    (case.host)(&mut says);
    let envelope = Signed::shared(world.sign(Kind::Reconciliation, &says));
    story.apply(&Entry { at_ms: LATER_MS, event: Event::Reconciled { envelope } }).unwrap();
    let bundle = world.bundled(&world.publish(story, LATER_MS), true);
    let mut trust = world.trust();
    trust.approvers.as_mut().unwrap()[0].roles.push(resolution::ROLE.into());
    (case.trust)(&mut trust);
    verify(&bundle, Some(&trust))
}

fn settled(case: Case, outcome: Outcome, words: &str) {
    let report = found(case);
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert_eq!(report.settled, Some(outcome), "{report:#?}");
    let said = &line(&report, RECONCILIATION).detail;
    assert!(said.contains(words), "{said}");
    let said = &line(&report, RESOLUTION).detail;
    assert!(said.contains("lead (operator) says") && said.contains("audit trail"), "{said}");
    assert_eq!(line(&report, SETTLED).status, Status::Pass);
}

#[test]
fn a_word_settles_what_no_look_can_and_never_makes_it_verified() {
    let not = |case: Case| Case {
        word: |word| word.resolution.verdict = resolution::ResolutionVerdict::NotApplied,
        ..case
    };
    let with = |look| Case { look: Some(look), ..honest() };
    settled(honest(), Outcome::Mismatch, "without an observation");
    settled(not(honest()), Outcome::Failed, "without an observation");
    settled(with(blind()), Outcome::Mismatch, "and a later observation");
    settled(not(with(blind())), Outcome::Failed, "and a later observation");
    // An observation that settles the outcome takes precedence over the person's resolution.
    let shows = || at(look(true, "c", LATER_MS));
    settled(with(shows()), Outcome::Verified, "and a later observation");
    settled(not(with(shows())), Outcome::Verified, "and a later observation");
}

#[test]
fn a_word_of_somebody_else_or_about_something_else_fails() {
    let words: [Changed<Resolved>; 4] = [
        (|word| word.receipt_sha256 = Digest::of(b"other"), "another receipt"),
        (|word| word.resolution.role = "support-lead".into(), "only an operator"),
        (|word| word.resolution.role = "admin".into(), "in the role `admin`"),
        (|word| word.resolution.person = "other".into(), "not that of `other`"),
    ];
    let trusts: [Changed<Trust>; 5] = [
        (|trust| trust.approvers.as_mut().unwrap()[0].roles.truncate(1), "in the role `operator`"),
        (|trust| trust.approvers = Some(vec![]), "does not belong to an approver"),
        (|trust| lead(trust).from_index = Some(9), "was not enrolled at that index"),
        (|trust| lead(trust).until_index = Some(7), "was not enrolled at that index"),
        (|trust| lead(trust).person = "owner".into(), "not that of `lead`"),
    ];
    let words = words.into_iter().map(|(word, why)| (Case { word, ..honest() }, why));
    let trusts = trusts.into_iter().map(|(trust, why)| (Case { trust, ..honest() }, why));
    let stranger = (Case { by: key(9), ..honest() }, "does not belong to an approver");
    let host = (Case { by: key(1), ..honest() }, "does not belong to an approver");
    for (case, why) in words.chain(trusts).chain([stranger, host]) {
        let report = found(case);
        assert_eq!(report.verdict, Verdict::Failed, "{why}: {report:#?}");
        let said = report.checks.iter().filter(|line| line.status == Status::Fail);
        assert!(said.clone().any(|line| line.detail.contains(why)), "{why}: {report:#?}");
    }
}

/// Adds a separate record with the role of an operator; the record with the role `support-lead` stays.
fn lead(trust: &mut Trust) -> &mut crate::Approver {
    let approvers = trust.approvers.as_mut().unwrap();
    approvers[0].roles.truncate(1);
    let mut operator = approvers[0].clone();
    operator.roles = vec![resolution::ROLE.into()];
    approvers.push(operator);
    approvers.last_mut().unwrap()
}

#[test]
fn the_person_who_answers_for_the_agent_resolves_nothing() {
    let report = found(Case {
        word: |word| word.resolution.person = "owner".into(),
        trust: |trust| lead(trust).person = "owner".into(),
        ..honest()
    });
    let said = line(&report, RESOLUTION);
    assert_eq!(said.status, Status::Fail, "{report:#?}");
    assert!(said.detail.contains("is responsible for the agent"), "{report:#?}");
}

#[test]
fn without_a_list_of_people_a_word_cannot_be_checked() {
    let report = found(Case { trust: |trust| trust.approvers = None, ..honest() });
    assert_eq!(report.verdict, Verdict::Unverifiable, "{report:#?}");
    assert_eq!(line(&report, RESOLUTION).status, Status::Skip);
}

#[test]
fn a_host_cannot_make_another_conclusion_of_a_word() {
    let of_word: [fn(&mut Reconciliation); 5] = [
        |says| says.resolved_by = None,
        |says| says.resolved_by = Some(Digest::of(b"other")),
        |says| says.outcome = Outcome::Verified,
        |says| says.outcome = Outcome::Failed,
        |says| {
            says.checks.push(deed_record::lifecycle::outcome::Check {
                expression: "true".into(),
                holds: true,
                problem: None,
            });
        },
    ];
    for (n, host) in of_word.into_iter().enumerate() {
        let report = found(Case { host, ..honest() });
        assert_eq!(line(&report, RECONCILIATION).status, Status::Fail, "{n}: {report:#?}");
    }
    let of_look: [Changed<Reconciliation>; 4] = [
        (|says| says.outcome = Outcome::Verified, SETTLED),
        (|says| says.outcome = Outcome::Failed, SETTLED),
        (|says| says.look.as_mut().unwrap().at_ms += 1, RECONCILIATION),
        (|says| says.look.as_mut().unwrap().problem = None, SUMMARY),
    ];
    for (n, (host, check)) in of_look.into_iter().enumerate() {
        let report = found(Case { host, look: Some(blind()), ..honest() });
        assert_eq!(line(&report, check).status, Status::Fail, "{n}: {report:#?}");
    }
}
