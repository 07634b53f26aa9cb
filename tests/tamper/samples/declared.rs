//! Bundles of version 2: contracts of format 2 without adapter code.

use deed_test_support::shared::{declared, fresh_name, scim};
use deed_tests::world::World;
use serde_json::json;

use super::ends;

pub(super) fn created(world: &World) -> String {
    ends(world, &declared("scim.create_user", json!({"user_name": fresh_name()})), "verified")
}

pub(super) fn deleted(world: &World) -> String {
    let name = fresh_name();
    let id = scim().create_user(&name, None).unwrap();
    let params = json!({"user_id": id, "user_name": name});
    ends(world, &declared("scim.delete_user", params), "verified")
}

pub(super) fn member_added(world: &World) -> String {
    let (user, name) = (scim().create_user(&fresh_name(), None).unwrap(), fresh_name());
    let other = scim().create_user(&fresh_name(), None).unwrap();
    let group = scim().create_group(&name, &[&other]).unwrap();
    let params = json!({"group_id": group, "group_name": name, "user_id": user});
    ends(world, &declared("scim.add_group_member", params), "verified")
}

pub(super) fn replaced(world: &World) -> String {
    let id = scim().create_user(&fresh_name(), Some(true)).unwrap();
    let params = json!({"user_id": id, "display_name": "Zoe"});
    ends(world, &declared("scim.replace_user", params), "verified")
}

/// The id of the user comes from the answer to the write, and the receipt has it as an output.
pub(super) fn enrolled(world: &World) -> String {
    ends(world, &declared("scim.enroll_user", json!({"user_name": fresh_name()})), "verified")
}
