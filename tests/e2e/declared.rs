//! Tests of contracts without adapter code on a real SCIM server: users are created, deleted and replaced, or the
//! server only appears to do so.

use deed_test_support::shared::{declare, declared, ended, fresh_name, look, report, scim};
use deed_tests::proxy::Fault;
use deed_tests::world::World;
use serde_json::{Value, json};

fn served() -> World {
    World::with(scim(), "scim", declare).unwrap()
}

#[test]
fn a_user_is_created_found_and_deleted() {
    let world = served();
    let name = fresh_name();
    let params = json!({"user_name": name, "display_name": "Zoe"});
    assert_eq!(scim().users_named(&name).unwrap(), Vec::<Value>::new());
    let view = world.run(&declared("scim.create_user", params.clone())).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    let post = look(&world, &view, "post");
    let user = &post["state"]["user"];
    assert_eq!(user["externalId"], view["id"], "{post:#}");
    let id = user["id"].as_str().unwrap().to_owned();
    let there = scim().get_user(&id).unwrap();
    assert_eq!((&there["userName"], &there["displayName"]), (&json!(name), &json!("Zoe")));

    let again = world.run(&declared("scim.create_user", params)).unwrap();
    ended(&world, &again, "denied", "`pre.user == null` does not hold");

    let found = world.run(&declared("scim.find_user", json!({"user_name": name}))).unwrap();
    ended(&world, &found, "verified", "the host read the state");
    assert_eq!(look(&world, &found, "pre")["state"]["user"]["id"], json!(id));

    let params = json!({"user_id": id, "user_name": name});
    assert_eq!(scim().users_named(&name).unwrap()[0]["id"], json!(id));
    let view = world.run(&declared("scim.delete_user", params)).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(look(&world, &view, "post")["state"]["user"], Value::Null);
    assert!(scim().get_user(&id).is_err(), "it is deleted");
    let report = report(&world, view["id"].as_str().unwrap());
    assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");

    let gone = world.run(&declared("scim.find_user", json!({"user_name": name}))).unwrap();
    ended(&world, &gone, "verified", "the host read the state");
    assert_eq!(look(&world, &gone, "pre")["state"]["user"], Value::Null);
}

/// If the answer to a create is lost, the host recognizes the new user by the action's id in `externalId` and does not
/// send the create again.
#[test]
fn a_create_without_an_answer_is_found_again() {
    let world = served();
    let name = fresh_name();
    world.proxy.set("POST", Fault::DropAfter);
    let view = world.run(&declared("scim.create_user", json!({"user_name": name}))).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(world.proxy.count("POST"), 1);
    world.proxy.set("POST", Fault::DropBefore);
    let lost =
        world.run(&declared("scim.create_user", json!({"user_name": fresh_name()}))).unwrap();
    ended(&world, &lost, "failed", "nothing changed");
}

/// Between the observation and the write, another client creates a user with the same name. The directory refuses the
/// host's create, and the host does not take the other client's user for its own.
#[test]
fn a_user_of_another_client_is_not_taken_for_ours() {
    let world = served();
    let name = fresh_name();
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name});
    world.proxy.set("POST", Fault::PatchBefore { body });
    let view = world.run(&declared("scim.create_user", json!({"user_name": name}))).unwrap();
    assert_ne!(view["status"], "verified", "{view:#}");
    assert!(view["reason"].as_str().unwrap().contains("nothing proves"), "{view:#}");
}

/// The delete takes effect, but its answer is lost.
#[test]
fn a_delete_without_an_answer_is_verified_by_the_absence() {
    let world = served();
    let name = fresh_name();
    let id = scim().create_user(&name, None).unwrap();
    world.proxy.set("DELETE", Fault::DropAfter);
    let params = json!({"user_id": id, "user_name": name});
    let view = world.run(&declared("scim.delete_user", params.clone())).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(world.proxy.count("DELETE"), 1);
    let again = world.run(&declared("scim.delete_user", params)).unwrap();
    ended(&world, &again, "denied", "does not hold");
    assert_eq!(world.proxy.count("DELETE"), 1, "the second delete is never sent");
}

/// A user is deleted only if its name is the name that people approved, even if the id is correct.
#[test]
fn a_user_of_another_name_is_not_deleted() {
    let world = served();
    let id = scim().create_user(&fresh_name(), None).unwrap();
    let params = json!({"user_id": id, "user_name": "someone.else@example.com"});
    let view = world.run(&declared("scim.delete_user", params)).unwrap();
    ended(&world, &view, "denied", "does not hold");
    assert!(scim().get_user(&id).is_ok());
}

/// A PUT replaces the whole user, and the user keeps the values that the contract takes from the observed state.
#[test]
fn a_replaced_user_keeps_the_values_that_the_host_read() {
    let world = served();
    let name = fresh_name();
    let id = scim().create_user(&name, Some(true)).unwrap();
    let params = json!({"user_id": id, "display_name": "Zoe"});
    let view = world.run(&declared("scim.replace_user", params.clone())).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    let now = scim().get_user(&id).unwrap();
    let found = (&now["userName"], &now["active"], &now["displayName"]);
    assert_eq!(found, (&json!(name), &json!(true), &json!("Zoe")));
    let report = report(&world, view["id"].as_str().unwrap());
    assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");
    // The server reports success for the PUT but changes nothing.
    world.proxy.set("PUT", Fault::Lie2xx);
    let params = json!({"user_id": id, "display_name": "Ann"});
    let view = world.run(&declared("scim.replace_user", params)).unwrap();
    ended(&world, &view, "mismatch", "nothing changed");
}

/// The server ignores the filter of a lookup. No other user is taken for the one with this name.
#[test]
fn a_lookup_without_its_filter_finds_no_other_user() {
    let world = served();
    let find =
        || world.run(&declared("scim.find_user", json!({"user_name": fresh_name()}))).unwrap();
    let other = |n: usize| json!({"id": n.to_string(), "userName": format!("other-{n}")});
    let body = json!({"totalResults": 1, "Resources": [other(1)]});
    world.proxy.set("GET", Fault::LieWith { body });
    let view = find();
    ended(&world, &view, "verified", "the host read the state");
    assert_eq!(look(&world, &view, "pre")["state"]["user"], Value::Null);
    let body = json!({"totalResults": 2, "Resources": [other(1), other(2)]});
    world.proxy.set("GET", Fault::LieWith { body });
    ended(&world, &find(), "failed", "does not fit the contract");
}

/// The server reports success but does not carry out the write; the host detects this with each contract. The test also
/// reads the server itself, before and after the actions.
#[test]
fn a_server_that_lies_is_found_out() {
    let world = served();
    let (name, fresh) = (fresh_name(), fresh_name());
    let id = scim().create_user(&name, None).unwrap();
    let other = scim().create_user(&fresh_name(), None).unwrap();
    let group_name = fresh_name();
    let group = scim().create_group(&group_name, &[&id]).unwrap();
    let unchanged = || {
        assert_eq!(scim().get_user(&id).unwrap()["userName"], json!(name));
        assert_eq!(scim().members(&group).unwrap(), [id.as_str()]);
        assert_eq!(scim().users_named(&fresh).unwrap(), Vec::<Value>::new());
    };
    unchanged();
    // The answer to the create contains the id of another user.
    world.proxy.set("POST", Fault::LieWith { body: json!({"id": id}) });
    world.proxy.set("DELETE", Fault::Lie2xx);
    world.proxy.set("PATCH", Fault::Lie2xx);
    let member = |user: &str| json!({"group_id": group, "group_name": group_name, "user_id": user});
    for (contract, params) in [
        ("scim.create_user", json!({"user_name": fresh})),
        ("scim.delete_user", json!({"user_id": id, "user_name": name})),
        ("scim.add_group_member", member(&other)),
        ("scim.remove_group_member", member(&id)),
    ] {
        let view = world.run(&declared(contract, params)).unwrap();
        ended(&world, &view, "mismatch", "nothing changed");
        unchanged();
    }
}
