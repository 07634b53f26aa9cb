//! Tests of activations: hosts that claim another configuration, or another activation time, than they logged.

use std::collections::BTreeSet;

use deed_record::lifecycle::event::{Event, Leaf};
use deed_record::statement::activation::{
    Activation, Granted, agent_digest, attributes_digest, name_digest,
};
use deed_record::statement::envelope::{Kind, Signed, Statement};
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::merkle::{self, leaf_hash};
use deed_spec::note::{self, Checkpoint};

use super::parts::key;
use super::story::{World, approved, denied};
use super::{failing, line};
use crate::{ACTIVATION, CHAIN, DECISION, INCLUSION, Status, Verdict, verify};

/// The approved example action, with an activation that the test changed and that every decision names.
fn under(change: impl FnOnce(&mut Activation)) -> World {
    let mut world = approved();
    change(&mut world.activation);
    let digest = world.activated().payload_digest().unwrap();
    let at = world.entries.iter().position(|e| matches!(e, Event::AttemptStarted { .. })).unwrap();
    let rest = world.entries.split_off(at);
    for event in &mut world.entries {
        if let Event::Decided { activated, .. } = event {
            *activated = digest;
        }
    }
    let envelope = world.decision(|_| {});
    world.entries.extend(rest);
    if let Event::AttemptStarted { decision, .. } = &mut world.entries[at] {
        *decision = Signed::shared(envelope);
    }
    world
}

fn roles(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn what_was_activated_is_named_with_its_place() {
    let world = under(|_| {});
    let report = verify(&world.bundle(), Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert!(line(&report, ACTIVATION).detail.contains("activated at 4"), "{report:#?}");
    assert!(line(&report, DECISION).detail.contains("as activated"), "{report:#?}");
    // An agent's copy has no `request.json`, but it has the roles with which the policies were evaluated.
    let report = verify(&world.bundle_of(|_| {}, false), Some(&world.trust()));
    assert_eq!(line(&report, ACTIVATION).status, Status::Pass, "{report:#?}");
}

/// A host that uses roles, attributes, approvers or policies that were not activated is detected.
#[test]
fn a_host_that_claims_another_configuration_than_it_had_activated_is_found_out() {
    type Other = (fn(&mut Activation), &'static str);
    let others: [Other; 12] = [
        (|a| a.tenant = "globex".into(), "another tenant"),
        (|a| a.environment = "staging".into(), "environment is `staging`"),
        (|a| a.policy_set = Digest::of(b"other"), "but other policies decided"),
        (|a| a.granted.clear(), "not activated together"),
        (
            |a| {
                let contract = a.granted.first().unwrap().contract;
                a.granted = [Granted { contract, adapter: Digest::of(b"other") }].into();
            },
            "not activated together",
        ),
        (|a| a.approvers.clear(), "key of `lead`"),
        (|a| one(a, |lead| lead.keyid = "00".into()), "key of `lead`"),
        (|a| one(a, |lead| lead.person = name_digest("boss")), "key of `lead`"),
        (|a| one(a, |lead| lead.roles = roles(&["support"])), "key of `lead`"),
        (|a| a.agents.clear(), "these roles"),
        (|a| agents(a, "owner", &["support", "support-lead"]), "these roles"),
        (
            |a| {
                let tier = [("tier".to_owned(), "gold".into())].into();
                let digest = attributes_digest(&tier).unwrap();
                a.resources = [(name_digest(&resource()), digest)].into();
            },
            "these attributes",
        ),
    ];
    for (change, why) in others {
        let world = under(change);
        let bundle = world.bundle();
        assert_eq!(failing(&world, &bundle), ACTIVATION, "{why}");
        let report = verify(&bundle, Some(&world.trust()));
        assert!(line(&report, ACTIVATION).detail.contains(why), "{why}: {report:#?}");
    }
}

fn resource() -> String {
    approved().story().bound.action.resource.clone()
}

fn one(
    activation: &mut Activation,
    change: impl FnOnce(&mut deed_record::statement::activation::Approver),
) {
    let mut lead = activation.approvers.pop_first().unwrap();
    change(&mut lead);
    activation.approvers.insert(lead);
}

fn agents(activation: &mut Activation, person: &str, names: &[&str]) {
    let digest = agent_digest(person, &roles(names)).unwrap();
    activation.agents.values_mut().for_each(|agent| *agent = digest);
}

#[test]
fn of_what_did_not_run_policies_and_facts_must_be_those_activated_all_the_same() {
    let fails = |change: fn(&mut Activation)| {
        let mut world = denied();
        change(&mut world.activation);
        let digest = world.activated().payload_digest().unwrap();
        for event in &mut world.entries {
            if let Event::Decided { activated, .. } = event {
                *activated = digest;
            }
        }
        let report = verify(&world.bundle(), Some(&world.trust()));
        line(&report, ACTIVATION).status == Status::Fail
    };
    assert!(!fails(|_| {}));
    assert!(fails(|a| a.policy_set = Digest::of(b"other")));
    assert!(fails(|a| agents(a, "owner", &["support-lead"])));
    // For a denied action, the approvers and grants of the activation are not compared, because they may have changed
    // after the policies were evaluated.
    assert!(!fails(|a| a.approvers.clear()));
    assert!(!fails(|a| a.granted.clear()));
}

#[test]
fn an_activation_by_another_key_or_of_another_form_is_found_out() {
    for signer in [9, 3] {
        let world = under(|_| {});
        let envelope = world.activation.statement().unwrap().sign(&key(signer)).unwrap();
        assert_eq!(failing(&world, &replaced(&world, &envelope)), ACTIVATION);
    }
    let world = under(|_| {});
    let statement = world.activation.statement().unwrap();
    let other = Statement { action: Digest::of(b"x"), ..statement };
    let envelope = other.sign(&world.receipt_key).unwrap();
    assert_eq!(failing(&world, &replaced(&world, &envelope)), CHAIN);
}

/// The bundle with `envelope` in place of the activation.
fn replaced(world: &World, envelope: &Envelope) -> Vec<u8> {
    world.forged(|files| {
        let chain = String::from_utf8(files[deed_record::bundle::CHAIN].clone()).unwrap();
        let rest = chain.split_once('\n').unwrap().1;
        let line = deed_spec::json::to_canonical(envelope).unwrap();
        let chain = [line.as_slice(), b"\n", rest.as_bytes()].concat();
        files.insert(deed_record::bundle::CHAIN.to_owned(), chain);
    })
}

/// A host that logs its configuration only after a decision is detected.
#[test]
fn what_was_activated_after_the_decision_counts_for_nothing() {
    let world = under(|_| {});
    let (story, _) = world.ended(|_| {});
    let mut leaves = story.leaves.clone();
    // In the log, the activation follows approval and decision.
    for leaf in &mut leaves {
        match leaf.kind.as_str() {
            "activated" => leaf.index += 2,
            "approval" | "decision" => leaf.index -= 1,
            _ => {}
        }
    }
    let bundle = relogged(&world, leaves);
    assert_eq!(failing(&world, &bundle), ACTIVATION);
    let report = verify(&bundle, Some(&world.trust()));
    assert!(line(&report, ACTIVATION).detail.contains("before its activation"), "{report:#?}");
}

/// The bundle with its envelopes at other positions of the log, which the host signed.
fn relogged(world: &World, leaves: Vec<Leaf>) -> Vec<u8> {
    let (mut story, _) = world.ended(|_| {});
    let size = leaves.iter().map(|leaf| leaf.index + 1).max().unwrap();
    let mut hashes: Vec<_> = (0..size).map(|n| leaf_hash(&n.to_le_bytes())).collect();
    for leaf in &leaves {
        hashes[usize::try_from(leaf.index).unwrap()] = leaf_hash(&leaf.entry());
    }
    let origin = world.log_key.name().to_owned();
    let tree = Checkpoint { origin, size, root: merkle::root(&hashes) };
    let prove = |leaf: &Leaf| merkle::inclusion_proof(leaf.index, &hashes).unwrap();
    let proofs = leaves.iter().map(prove).collect();
    story.checkpoint = Some(note::sign(&tree, &world.log_key).unwrap());
    story.leaves = leaves;
    world.bundled(&(story, proofs), true)
}

#[test]
fn an_activation_that_the_log_does_not_have_is_found_out() {
    let world = under(|_| {});
    let (story, _) = world.ended(|_| {});
    let mut leaves = story.leaves.clone();
    let at = leaves.iter().position(|leaf| leaf.kind == Kind::Activated.as_str()).unwrap();
    leaves[at].kind = "activatad".to_owned();
    assert_eq!(failing(&world, &relogged(&world, leaves)), INCLUSION);
}

/// A configuration that was activated before a key rotation stays in force, but after the rotation the old key cannot
/// activate another configuration.
#[test]
fn an_activation_by_a_retired_key_counts_where_that_key_did() {
    let mut world = under(|_| {});
    let old = world.activated();
    let mut trust = world.trust();
    world.receipt_key = key(8);
    trust.receipt_keys.extend(world.trust().receipt_keys);
    let bundle = replaced(&world, &old);
    trust.receipt_keys[1].from_index = Some(5);
    for (until, verdict) in [(4, Verdict::Verified), (3, Verdict::Failed)] {
        trust.receipt_keys[0].until_index = Some(until);
        let report = verify(&bundle, Some(&trust));
        assert_eq!(report.verdict, verdict, "{report:#?}");
        let holds = line(&report, ACTIVATION).status == Status::Pass;
        assert_eq!(holds, verdict == Verdict::Verified, "{report:#?}");
    }
}
