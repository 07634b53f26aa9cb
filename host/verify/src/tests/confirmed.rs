//! Tests of confirmations by the responsible person: who must give one, and what does not stand for one.

use deed_record::lifecycle::event::{Answer, Event};
use deed_record::statement::activation::{self, name_digest};
use deed_record::statement::approver::ApproverKey;
use deed_spec::dsse::key_id;

use super::line;
use super::parts::{compiled_from, contract, key};
use super::story::{World, approved};
use crate::trust::Approver;
use crate::{APPROVALS, DECISION, Report, Status, Verdict, verify};

/// The seed of the key of the person who is responsible for the agent.
const RESPONSIBLE: u8 = 41;

const POLICIES: &str = r#"@id("anyone-may-restore")
permit (principal, action == Deed::Action::"idp.restore_access", resource);
@id("restore-needs-the-person") @obligation("confirm")
forbid (principal, action == Deed::Action::"idp.restore_access", resource);
"#;

const LEAD: &str = r#"@id("restore-needs-lead") @obligation("approve:1:support-lead")
forbid (principal, action == Deed::Action::"idp.restore_access", resource);
"#;

fn person(world: &World) -> String {
    world.story().bound.action.person.clone()
}

/// The action under these policies, with these answers, up to the gate. The responsible person has a key and no role.
fn answered(policies: &str, answers: impl FnOnce(&World) -> Vec<Answer>) -> World {
    let mut world = approved();
    world.activation.approvers.insert(activation::Approver {
        keyid: key_id(&key(RESPONSIBLE).verifying_key()).unwrap(),
        person: name_digest(&person(&world)),
        roles: [].into(),
        passkey: None,
    });
    world.answered_under(compiled_from(&contract(), policies), answers)
}

/// The responsible person answers in the place of this role.
fn by_the_person(world: &World, role: &str) -> Answer {
    let change = |terms: &mut deed_record::statement::approval::Terms| terms.role = role.to_owned();
    world.answer(&person(world), &key(RESPONSIBLE), change)
}

/// The lead answers in the place of this role.
fn by_the_lead(world: &World, role: &str) -> Answer {
    world.answer("lead", &world.approver, |terms| terms.role = role.to_owned())
}

fn report(world: &World) -> Report {
    let mut trust = world.trust();
    trust.approvers.as_mut().unwrap().push(Approver {
        person: person(world),
        roles: vec![],
        key: ApproverKey::File(key(RESPONSIBLE).verifying_key()),
        from_index: Some(0),
        until_index: None,
    });
    verify(&world.bundle(), Some(&trust))
}

/// The name and the detail of the only check that fails.
fn fault(world: &World) -> (&'static str, String) {
    let report = report(world);
    assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
    let mut failed = report.checks.iter().filter(|one| one.status == Status::Fail);
    let (first, more) = (failed.next().unwrap(), failed.next());
    assert!(more.is_none(), "{report:#?}");
    (first.name, first.detail.clone())
}

/// The decision at the gate of an action that was confirmed, for a host that claims it of another action.
fn allowed(policies: &str) -> Event {
    let answers = |world: &World| {
        let mut answers = vec![by_the_person(world, "confirm")];
        answers.extend(policies.contains("approve:").then(|| by_the_lead(world, "support-lead")));
        answers
    };
    answered(policies, answers).decided(true)
}

#[test]
fn a_confirmation_by_the_responsible_person_is_verified_and_named() {
    let mut world = answered(POLICIES, |world| vec![by_the_person(world, "confirm")]);
    world.run();
    let report = report(&world);
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    let detail = &line(&report, APPROVALS).detail;
    assert_eq!(*detail, format!("{} (responsible) confirmed", person(&world)));
}

#[test]
fn a_policy_may_ask_for_an_approval_and_a_confirmation() {
    let both = format!("{POLICIES}{LEAD}");
    let answers =
        |world: &World| vec![by_the_lead(world, "support-lead"), by_the_person(world, "confirm")];
    let mut world = answered(&both, answers);
    world.run();
    assert_eq!(report(&world).verdict, Verdict::Verified, "{:#?}", report(&world));
    // A host that claims that one answer stands for both.
    for role in ["support-lead", "confirm"] {
        let one = |world: &World| match role {
            "confirm" => vec![by_the_person(world, role)],
            role => vec![by_the_lead(world, role)],
        };
        let mut world = answered(&both, one);
        world.run_as(allowed(&both));
        assert_eq!(fault(&world).0, DECISION, "only {role}");
    }
}

#[test]
fn nothing_stands_for_a_confirmation() {
    let none = |_: &World| vec![];
    let approval = |world: &World| vec![by_the_lead(world, "support-lead")];
    let mut worlds = [answered(POLICIES, none), answered(POLICIES, approval)];
    for world in &mut worlds {
        world.run_as(allowed(POLICIES));
        let (check, detail) = fault(world);
        assert_eq!(check, DECISION, "{detail}");
    }
}

#[test]
fn only_the_responsible_person_confirms_and_approves_nothing() {
    let mut world = answered(POLICIES, |world| vec![by_the_lead(world, "confirm")]);
    world.run();
    let (check, detail) = fault(&world);
    let why = format!("`lead` cannot confirm the action; only `{}` can", person(&world));
    assert!(check == APPROVALS && detail.contains(&why), "{detail}");
    let both = format!("{POLICIES}{LEAD}");
    // The key has no role, so this is an answer in a role that the person does not have.
    let answers = |world: &World| vec![by_the_person(world, "support-lead")];
    let mut world = answered(&both, answers);
    world.run_as(allowed(&both));
    let (check, detail) = fault(&world);
    assert!(check == APPROVALS && detail.contains("in the role `support-lead`"), "{detail}");
}
