//! Tests of the obligations in decisions: each is the one in the annotation of its policy, also if policy cannot be
//! evaluated again.

use std::sync::Arc;

use deed_record::bundle;
use deed_record::lifecycle::event::Event;
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::policy::Obligation;
use deed_record::statement::approval::Answer;
use deed_record::statement::receipt::Receipt;

use super::failing;
use super::parts::{compiled_from, contract};
use super::story::{World, approved, denied};
use crate::{CLEARANCES, DECISION, Verdict, verify};

/// A policy that reads the private parameter of the action.
const PRIVATE: &str = r#"@id("anyone-may-restore")
permit (principal, action == Deed::Action::"idp.restore_access", resource);
@id("notes-need-lead") @obligation("approve:1:support-lead")
forbid (principal, action == Deed::Action::"idp.restore_access", resource)
when { context.params has note && context.params.note like "*" };
"#;

type Change = fn(&mut Obligation);

/// Changes after which the only obligation of a decision is not that of its policy.
const CHANGES: [Change; 4] = [
    |one| one.count = 2,
    |one| one.role = "confirm".into(),
    |one| one.policy = "anyone-may-restore".into(),
    |one| one.policy = "nothing".into(),
];

fn obligation(receipt: &mut Receipt) -> &mut Obligation {
    &mut receipt.decision.as_mut().unwrap().obligations[0]
}

fn verdict(world: &World, bundle: &[u8]) -> Verdict {
    verify(bundle, Some(&world.trust())).verdict
}

/// An action for which these policies require an approval, and that a lead denied.
fn denied_under(policies: &str) -> World {
    let mut world = approved().answered_under(compiled_from(&contract(), policies), |_| vec![]);
    let asked = world.entries.iter().position(|e| matches!(e, Event::Asked { .. })).unwrap();
    world.entries.truncate(asked + 1);
    let answer = world.answer("lead", &world.approver, |terms| terms.decision = Answer::Deny);
    let judgement = Judgement::plain(Outcome::Denied, "lead (support-lead) denied it");
    world.entries.push(Event::Answered { answer: Arc::new(answer) });
    world.entries.push(Event::Judged { judgement: Arc::new(judgement) });
    world
}

#[test]
fn a_copy_without_the_question_has_the_obligations_of_its_policies() {
    let world = denied();
    let copy = |change: Change| {
        let about_state = |receipt: &mut Receipt| {
            receipt.question.as_mut().unwrap().about_state = true;
            change(obligation(receipt));
        };
        let mut files = bundle::read(&world.bundle_of(about_state, false)).unwrap();
        files.remove(bundle::REQUEST);
        bundle::write(&files).unwrap()
    };
    assert_eq!(verdict(&world, &copy(|_| ())), Verdict::SignaturesOnly);
    for change in CHANGES {
        assert_eq!(failing(&world, &copy(change)), DECISION);
    }
}

#[test]
fn a_decision_on_private_values_has_the_obligations_of_its_policies() {
    let world = denied_under(PRIVATE);
    let on_private = |change: Change| {
        let claim = |receipt: &mut Receipt| {
            receipt.decision.as_mut().unwrap().rests_on_private = true;
            change(obligation(receipt));
        };
        world.bundle_of(claim, true)
    };
    assert_eq!(verdict(&world, &on_private(|_| ())), Verdict::Verified);
    for change in CHANGES {
        assert_eq!(failing(&world, &on_private(change)), DECISION);
    }
}

#[test]
fn a_decision_that_allows_an_attempt_has_no_obligations() {
    let world = approved();
    let claiming = |count| {
        let claim = move |receipt: &mut Receipt| {
            let (role, policy) = ("confirm".to_owned(), "restore-needs-lead".to_owned());
            receipt.decision.as_mut().unwrap().obligations =
                vec![Obligation { count, role, policy }];
        };
        world.bundle_of(claim, true)
    };
    for count in [1, 2] {
        assert_eq!(failing(&world, &claiming(count)), CLEARANCES);
    }
}
