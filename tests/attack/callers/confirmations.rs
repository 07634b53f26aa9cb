//! Confirmations that must not count: by others than the responsible person, and in the place of an approval.

use std::path::Path;

use deed_record::statement::approval::Terms;
use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::services::Result;
use deed_tests::world::{World, edit};
use serde_json::json;

use super::approvals::with_alice;
use super::forged::{Asked, asked, key, refused, send};
use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "confirmation-by-another-person" => by_another,
        "confirmation-counted-as-approval" => as_approval,
    ]
}

const STARTER: &str = "policies/starter.cedar";

fn alone(dir: &Path) -> Result<()> {
    with_alice(dir)?;
    edit(dir, STARTER, "approve:1:support-lead", "confirm")
}

fn both(dir: &Path) -> Result<()> {
    with_alice(dir)?;
    let first = "@id(\"restore-needs-lead\")";
    let more = "@id(\"restore-needs-the-person\")\n@obligation(\"confirm\")\n\
                forbid (principal, action == Deed::Action::\"idp.restore_access\", resource);\n\n";
    edit(dir, STARTER, first, &format!("{more}{first}"))
}

/// An answer by this key, in the name of this person and in the place of this role.
fn answer(
    (world, asked): (&World, &Asked),
    of: &str,
    person: &str,
    role: &str,
) -> deed_spec::dsse::Envelope {
    asked.signed(&key(world, of), |terms: &mut Terms| {
        person.clone_into(&mut terms.person);
        role.clone_into(&mut terms.role);
    })
}

fn by_another() {
    let (world, user) = (World::with(scim(), "scim", alone).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let here = (&world, &asked);
    for person in ["bob", "carol"] {
        refused(&world, &asked, &answer(here, person, person, "confirm"), "only `alice`");
        let as_alice = answer(here, person, "alice", "confirm");
        refused(&world, &asked, &as_alice, "its signing key belongs to another person");
        let role = answer(here, person, person, "support-lead");
        refused(&world, &asked, &role, "no approval by the role `support-lead`");
    }
    let for_bob = answer(here, "alice", "bob", "confirm");
    refused(&world, &asked, &for_bob, "its signing key belongs to another person");
    assert!(!is_active(&user));
    let own = send(&world, &asked.id, &answer(here, "alice", "alice", "confirm"));
    assert_eq!(own.status, 200, "{}", own.json());
    ended(&world, &world.settled(&asked.id).unwrap(), "verified", "every expectation holds");
    unharmed(&world);
}

fn as_approval() {
    let (world, user) = (World::with(scim(), "scim", both).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let here = (&world, &asked);
    // Alice has the role of an approver, and is responsible for the agent.
    let approval = answer(here, "alice", "alice", "support-lead");
    refused(&world, &asked, &approval, "`alice` is responsible for the agent");
    refused(&world, &asked, &answer(here, "bob", "bob", "confirm"), "only `alice`");
    let own = answer(here, "alice", "alice", "confirm");
    assert_eq!(send(&world, &asked.id, &own).status, 202);
    let open = || world.show(&asked.id).unwrap()["obligations"].clone();
    assert_eq!(open(), json!(["approve:1:support-lead"]));
    refused(&world, &asked, &own, "already approved");
    refused(&world, &asked, &approval, "`alice` is responsible for the agent");
    refused(&world, &asked, &answer(here, "carol", "carol", "confirm"), "only `alice`");
    assert_eq!(open(), json!(["approve:1:support-lead"]));
    assert!(!is_active(&user));
    let last = send(&world, &asked.id, &answer(here, "bob", "bob", "support-lead"));
    assert_eq!(last.status, 200, "{}", last.json());
    ended(&world, &world.settled(&asked.id).unwrap(), "verified", "every expectation holds");
    unharmed(&world);
}
