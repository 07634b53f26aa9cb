//! Tests of contracts without adapter code that add or remove one member of a group on a real SCIM server. The list of
//! members has no order.

use deed_test_support::shared::{declare, declared, ended, fresh_name, look, report, scim};
use deed_tests::proxy::Fault;
use deed_tests::world::World;
use serde_json::{Value, json};

fn served() -> World {
    World::with(scim(), "scim", declare).unwrap()
}

/// A group with three members, and a fourth user.
struct Group {
    id: String,
    name: String,
    members: Vec<String>,
    other: String,
}

impl Group {
    fn new() -> Self {
        let user = || scim().create_user(&fresh_name(), Some(true)).unwrap();
        let (mut members, other, name) = (vec![user(), user(), user()], user(), fresh_name());
        let listed: Vec<&str> = members.iter().map(String::as_str).collect();
        let id = scim().create_group(&name, &listed).unwrap();
        members.sort();
        Self { id, name, members, other }
    }

    fn tried(&self, world: &World, contract: &str, user: &str) -> Value {
        let params = json!({"group_id": self.id, "group_name": self.name, "user_id": user});
        world.run(&declared(contract, params)).unwrap()
    }

    fn now(&self) -> Vec<String> {
        scim().members(&self.id).unwrap()
    }
}

fn operations(operation: &Value) -> Value {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    json!({ "schemas": schemas, "Operations": [operation] })
}

#[test]
fn a_member_is_added_and_removed_and_no_other_is_touched() {
    let (world, group) = (served(), Group::new());
    let view = group.tried(&world, "scim.add_group_member", &group.other);
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    let place = format!("/group/members/{}/value", group.other);
    assert_eq!(receipt["changes"], json!([{"pointer": place, "new": group.other}]));
    let mut all = [group.members.clone(), vec![group.other.clone()]].concat();
    all.sort();
    assert_eq!(group.now(), all);
    let seen = &look(&world, &view, "post")["state"]["group"]["members"];
    let seen: Vec<&str> =
        seen.as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap()).collect();
    assert_eq!(seen, all, "the state keeps the members sorted by their key");

    let gone = &group.members[1];
    let view = group.tried(&world, "scim.remove_group_member", gone);
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    let place = format!("/group/members/{gone}/value");
    assert_eq!(receipt["changes"], json!([{"pointer": place, "old": gone}]));
    all.retain(|id| id != gone);
    assert_eq!(group.now(), all);
    let report = report(&world, view["id"].as_str().unwrap());
    assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");
    ended(
        &world,
        &group.tried(&world, "scim.remove_group_member", gone),
        "denied",
        "does not hold",
    );
}

/// Another client removes a member while the host adds one. The host reports the removal as a mismatch, although the
/// added member is in the group.
#[test]
fn a_member_that_was_removed_by_others_is_a_mismatch() {
    let (world, group) = (served(), Group::new());
    let removed = &group.members[0];
    let path = format!("members[value eq \"{removed}\"]");
    let body = operations(&json!({"op": "remove", "path": path}));
    world.proxy.set("PATCH", Fault::PatchBefore { body });
    let view = group.tried(&world, "scim.add_group_member", &group.other);
    let why = format!("`/group/members/{removed}/value` changed, which is not allowed");
    ended(&world, &view, "mismatch", &why);
}

/// The server reports success for the write but does not remove the member.
#[test]
fn a_member_that_was_not_removed_is_a_mismatch() {
    let (world, group) = (served(), Group::new());
    world.proxy.set("PATCH", Fault::Lie2xx);
    let view = group.tried(&world, "scim.remove_group_member", &group.members[2]);
    ended(&world, &view, "mismatch", "nothing changed");
    assert_eq!(group.now(), group.members);
}
