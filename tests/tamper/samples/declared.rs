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
