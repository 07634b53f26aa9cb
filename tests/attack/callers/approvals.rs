//! Answers to approval requests that must not count: signed by another party, about another action, sent too late, or
//! not signed.

use std::path::Path;

use deed_record::statement::approval::{Answer as Said, Terms};
use deed_spec::digest::Digest;
use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::host;
use deed_tests::services::Result;
use deed_tests::world::{HELPDESK, STRANGER, World, edit};
use ed25519_dalek::SigningKey;
use serde_json::json;

use super::forged::{self, Asked, asked, key, refused, send};
use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "approval-by-the-wrong-key" => wrong_key,
        "approval-in-a-role-of-others" => wrong_role,
        "approval-by-the-agents-own-person" => own_person,
        "approval-by-another-tenants-person" => foreign_person,
        "approval-for-something-else" => something_else,
        "approval-expired" => expired,
        "approval-replayed" => replayed,
        "approval-not-sound" => not_sound,
        "approval-signed-but-not-canonical" => not_canonical,
        "approval-sent-by-the-agent" => by_the_agent,
    ]
}

/// Sends the valid answer after all invalid answers. The refusals of invalid answers must not use up the valid answer.
fn still_good(world: &World, asked: &Asked, user: &str) {
    assert_eq!(world.proxy.count("PATCH"), 0);
    assert!(!is_active(user));
    let answer = send(world, &asked.id, &asked.signed(&key(world, "bob"), |_| ()));
    assert_eq!(answer.status, 200, "{}", answer.json());
    ended(world, &world.settled(&asked.id).unwrap(), "verified", "every expectation holds");
    assert_eq!(world.proxy.count("PATCH"), 1);
    unharmed(world);
}

fn wrong_key() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let eve = SigningKey::from_bytes(&[66; 32]);
    refused(&world, &asked, &asked.signed(&eve, |_| ()), "not enrolled for a person");
    // The envelope names the key of `bob`, but another key signed it.
    let (mut forged, bobs) =
        (asked.signed(&eve, |_| ()), asked.signed(&key(&world, "bob"), |_| ()));
    forged.signatures[0].keyid.clone_from(&bobs.signatures[0].keyid);
    refused(&world, &asked, &forged, "the signature does not match");
    refused(
        &world,
        &asked,
        &asked.signed(&key(&world, "carol"), |_| ()),
        "its signing key belongs to another person",
    );
    // The host's own keys are valid for receipts and checkpoints only.
    for name in ["keys/receipt.key", "keys/log.key"] {
        let own = forged::read_key(&world.dir.join(name));
        refused(&world, &asked, &asked.signed(&own, |_| ()), "not enrolled for a person");
    }
    still_good(&world, &asked, &user);
}

fn wrong_role() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let bob = key(&world, "bob");
    for role in ["helpdesk", "support-lead ", "Support-Lead", "", "*", "admin"] {
        let signed = asked.signed(&bob, |terms| role.clone_into(&mut terms.role));
        refused(&world, &asked, &signed, "does not have the role");
    }
    for person in ["carol", "alice", "Bob", "", "helpdesk"] {
        let signed = asked.signed(&bob, |terms| person.clone_into(&mut terms.person));
        refused(&world, &asked, &signed, "its signing key belongs to another person");
    }
    still_good(&world, &asked, &user);
}

/// Gives `alice`, who is responsible for the agent, the role and the key of an approver.
pub(super) fn with_alice(dir: &Path) -> Result<()> {
    host::expect(&["key", "new", &dir.join("approvers/alice.key").to_string_lossy()])?;
    let table = "[tenant.acme.person.alice]\n";
    let roles = "roles = [\"support-lead\"]\nkeys = [\"approvers/alice.pub\"]";
    edit(dir, "deed.toml", &format!("{table}roles = [\"helpdesk\"]"), &format!("{table}{roles}"))
}

fn own_person() {
    let (world, user) = (World::with(scim(), "scim", with_alice).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let alice = key(&world, "alice");
    let own = asked.signed(&alice, |terms| "alice".clone_into(&mut terms.person));
    refused(
        &world,
        &asked,
        &own,
        "`alice` is responsible for the agent that requested this action",
    );
    refused(
        &world,
        &asked,
        &asked.signed(&alice, |_| ()),
        "its signing key belongs to another person",
    );
    still_good(&world, &asked, &user);
}

fn foreign_person() {
    let change = |dir: &Path| -> Result<()> {
        host::expect(&["key", "new", &dir.join("approvers/dora.key").to_string_lossy()])?;
        let table = "[tenant.globex.person.dora]\n";
        edit(dir, "deed.toml", table, &format!("{table}keys = [\"approvers/dora.pub\"]\n"))
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let dora = key(&world, "dora");
    for person in ["dora", "bob"] {
        let signed = asked.signed(&dora, |terms| person.clone_into(&mut terms.person));
        refused(&world, &asked, &signed, "not enrolled for a person of this tenant");
    }
    still_good(&world, &asked, &user);
}

/// Replaces a digest in the terms with the given digest of other content, or removes a member of the terms.
type Change = fn(&mut Terms, Digest);

fn something_else() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let (one, other) = (asked(&world, &user), asked(&world, &locked_out()));
    let (bob, away) = (key(&world, "bob"), Digest::of(b"away"));
    refused(&world, &one, &other.signed(&bob, |_| ()), "for another action");
    // Each of these answers combines the subject of one action with the terms of another action.
    let mixed = deed_record::statement::approval::sign(one.subject, &other.terms(), &bob).unwrap();
    refused(&world, &one, &mixed, "signed for another");
    let mixed = deed_record::statement::approval::sign(other.subject, &one.terms(), &bob).unwrap();
    refused(&world, &one, &mixed, "for another action");
    let cases: [(&str, Change); 7] = [
        ("contract", |terms, away| terms.contract = away),
        ("adapter", |terms, away| terms.adapter = away),
        ("upstream binding", |terms, away| terms.binding.values_mut().for_each(|d| *d = away)),
        ("upstream binding", |terms, _| terms.binding.clear()),
        ("pre-state", |terms, away| terms.pre_state = away),
        ("policy set", |terms, away| terms.policy_set = away),
        ("nonce", |terms, _| terms.nonce = "0".repeat(32)),
    ];
    for (what, change) in cases {
        let signed = one.signed(&bob, |terms| change(terms, away));
        refused(&world, &one, &signed, &format!("signed for another {what}"));
    }
    still_good(&world, &one, &user);
}

fn expired() {
    let world = World::with(scim(), "scim", |dir| {
        edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"4s\"")
    });
    let (world, user) = (world.unwrap(), locked_out());
    let asked = asked(&world, &user);
    let bob = key(&world, "bob");
    let longer = asked.signed(&bob, |terms| terms.expires_ms += 3_600_000);
    let answer = send(&world, &asked.id, &longer);
    assert_eq!(answer.status, 409, "{}", answer.json());
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while world.show(&asked.id).unwrap()["status"] == "waiting" {
        assert!(std::time::Instant::now() < end, "it never expired");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    for envelope in [asked.signed(&bob, |_| ()), longer] {
        let answer = send(&world, &asked.id, &envelope);
        assert_eq!(answer.status, 409, "{}", answer.json());
    }
    ended(&world, &world.settled(&asked.id).unwrap(), "expired", "it was not approved in time");
    assert_eq!(world.proxy.count("PATCH"), 0);
    assert!(!is_active(&user));
    unharmed(&world);
}

fn replayed() {
    let two = |dir: &Path| {
        edit(dir, "policies/starter.cedar", "approve:1:support-lead", "approve:2:support-lead")
    };
    let (world, user) = (World::with(scim(), "scim", two).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let bob = key(&world, "bob");
    let signed = asked.signed(&bob, |_| ());
    assert_eq!(send(&world, &asked.id, &signed).status, 202);
    refused(&world, &asked, &signed, "each person counts once");
    // The same person answers again, with another reason.
    let again = asked.signed(&bob, |terms| terms.reason = Some("really".into()));
    refused(&world, &asked, &again, "each person counts once");
    let other = forged::asked(&world, &locked_out());
    refused(&world, &other, &signed, "for another action");
    let carol = asked.signed(&key(&world, "carol"), |terms| "carol".clone_into(&mut terms.person));
    assert_eq!(send(&world, &asked.id, &carol).status, 200);
    ended(&world, &world.settled(&asked.id).unwrap(), "verified", "every expectation holds");
    for envelope in [signed, carol] {
        assert_eq!(send(&world, &asked.id, &envelope).status, 409, "after the end");
    }
    assert_eq!(world.proxy.count("PATCH"), 1);
    unharmed(&world);
}

fn not_sound() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let asked = asked(&world, &user);
    for (what, envelope, reason) in forged::unsound(&world, &asked) {
        let answer = send(&world, &asked.id, &envelope);
        assert_eq!(answer.status, 409, "{what}: {}", answer.json());
        assert!(answer.text("/detail").contains(reason), "{what}: {}", answer.json());
    }
    still_good(&world, &asked, &user);
}

fn not_canonical() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let asked = asked(&world, &user);
    for (what, envelope) in forged::not_canonical(&world, &asked) {
        let answer = send(&world, &asked.id, &envelope);
        assert_eq!(answer.status, 409, "{what}: {}", answer.json());
        assert!(
            answer.text("/detail").contains("the signed statement is not an approval"),
            "{what}: {}",
            answer.json()
        );
    }
    still_good(&world, &asked, &user);
}

/// The agent sends an approval with a valid signature that it obtained, but only a person may send an answer. The host
/// also refuses a denial that the agent sends.
fn by_the_agent() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let target = format!("/v1/actions/{}/approvals", asked.id);
    let mut deny = asked.terms();
    deny.decision = Said::Deny;
    let deny =
        deed_record::statement::approval::sign(asked.subject, &deny, &key(&world, "bob")).unwrap();
    for envelope in [asked.signed(&key(&world, "bob"), |_| ()), deny] {
        let body = json!(envelope);
        assert_eq!(world.client(HELPDESK).post(&target, &body).unwrap().status, 403);
        assert_eq!(world.client(STRANGER).post(&target, &body).unwrap().status, 403);
        assert_eq!(world.client("wrong").post(&target, &body).unwrap().status, 401);
        assert_eq!(world.show(&asked.id).unwrap()["status"], "waiting");
    }
    let shown = format!("/v1/actions/{}/approval_request", asked.id);
    assert_eq!(world.client(HELPDESK).get(&shown).unwrap().status, 403);
    still_good(&world, &asked, &user);
}
