//! Answers in roles of others that must not count: for the agent's own person, after the end, in another role, as a
//! second decision, and by a delegation of a delegation.

use std::path::Path;

use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::host;
use deed_tests::services::Result;
use deed_tests::world::{BOB, World, edit};

use super::approvals::with_alice;
use super::forged::{Asked, asked, key, refused, send};
use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "delegation-by-the-agents-own-person" => own_person,
        "delegation-that-is-over" => over,
        "delegation-of-another-role" => other_role,
        "delegation-as-a-second-decision" => second_decision,
        "delegation-of-a-delegation" => chain,
    ]
}

/// Carol has no role of an approver, and may use that of this person until this time.
fn delegated(dir: &Path, from: &str, until: &str) -> Result<()> {
    let table = "[tenant.acme.person.carol]\n";
    let more = format!(
        "roles = [\"auditor\"]\ndelegations = [{{ role = \"support-lead\", from = \"{from}\", until = \"{until}\", \
         reason = \"away\" }}]"
    );
    edit(dir, "deed.toml", &format!("{table}roles = [\"support-lead\"]"), &format!("{table}{more}"))
}

fn by_carol(world: &World, asked: &Asked, role: &str) -> deed_spec::dsse::Envelope {
    asked.signed(&key(world, "carol"), |terms| {
        "carol".clone_into(&mut terms.person);
        role.clone_into(&mut terms.role);
    })
}

/// Bob can still approve.
fn still_good(world: &World, asked: &Asked, user: &str) {
    assert!(!is_active(user));
    let answer = send(world, &asked.id, &asked.signed(&key(world, "bob"), |_| ()));
    assert_eq!(answer.status, 200, "{}", answer.json());
    ended(world, &world.settled(&asked.id).unwrap(), "verified", "every expectation holds");
    unharmed(world);
}

fn own_person() {
    let change = |dir: &Path| {
        with_alice(dir)?;
        delegated(dir, "alice", "2099-01-01")
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let envelope = by_carol(&world, &asked, "support-lead");
    refused(&world, &asked, &envelope, "nobody approves it for `alice`");
    let own = asked.signed(&key(&world, "alice"), |terms| "alice".clone_into(&mut terms.person));
    refused(&world, &asked, &own, "`alice` is responsible for the agent");
    still_good(&world, &asked, &user);
}

fn over() {
    let change = |dir: &Path| delegated(dir, "bob", "2020-01-01");
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let envelope = by_carol(&world, &asked, "support-lead");
    refused(&world, &asked, &envelope, "was delegated to `carol` until 2020-01-01 00:00:00Z");
    still_good(&world, &asked, &user);
}

fn other_role() {
    let change = |dir: &Path| delegated(dir, "bob", "2099-01-01");
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let asked = asked(&world, &user);
    for role in ["helpdesk", "operator", "support-lead ", ""] {
        refused(&world, &asked, &by_carol(&world, &asked, role), "does not have the role");
    }
    refused(&world, &asked, &by_carol(&world, &asked, "auditor"), "no approval by the role");
    // Carol signs as bob.
    let as_bob = asked.signed(&key(&world, "carol"), |_| ());
    refused(&world, &asked, &as_bob, "its signing key belongs to another person");
    still_good(&world, &asked, &user);
}

fn second_decision() {
    let change = |dir: &Path| {
        edit(dir, "policies/starter.cedar", "approve:1:support-lead", "approve:2:support-lead")?;
        delegated(dir, "bob", "2099-01-01")
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let first = send(&world, &asked.id, &by_carol(&world, &asked, "support-lead"));
    assert_eq!(first.status, 202, "{}", first.json());
    let bobs = asked.signed(&key(&world, "bob"), |_| ());
    refused(&world, &asked, &bobs, "nobody counts twice");
    refused(&world, &asked, &by_carol(&world, &asked, "support-lead"), "already approved");
    assert!(!is_active(&user));
    // Bob can still deny.
    let (done, said) = world.answer("deny", &asked.id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    assert_eq!(world.settled(&asked.id).unwrap()["status"], "denied");
    assert_eq!(world.proxy.count("PATCH"), 0);
}

/// The host refuses a configuration in which a role that was delegated is delegated again, and one in which a person
/// delegates a role to itself.
fn chain() {
    let world = World::lay_out(scim(), "scim").unwrap();
    delegated(&world.dir, "bob", "2099-01-01").unwrap();
    let plain = std::fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    let again = "[tenant.acme.person.alice]\nroles = [\"helpdesk\"]";
    for (from, why) in [
        ("carol", "`carol` does not have the role `support-lead`"),
        ("alice", "`from` is `alice` itself"),
        ("eve", "the tenant has no such person"),
    ] {
        let more = format!(
            "{again}\ndelegations = [{{ role = \"support-lead\", from = \"{from}\", until = \"2099-01-01\", \
             reason = \"away\" }}]"
        );
        let text = plain.replace(again, &more);
        assert_ne!(text, plain);
        std::fs::write(world.dir.join("deed.toml"), text).unwrap();
        let output = host::run(&["check", world.path()], "").unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.status.success() && said.contains(why), "{said}");
    }
}
