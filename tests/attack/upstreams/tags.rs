//! Entity tags that move between look and write, or are none that a guard can use.

use deed_tests::proxy::Fault;
use deed_tests::world::{HELPDESK, World};
use serde_json::{Value, json};

use crate::case::{Case, cases, unharmed};
use crate::shared::{ended, is_active, scim, user};

pub(super) fn cases() -> Vec<Case> {
    cases!["entity-tag-that-changes" => that_changes]
}

/// Every time that people have approved, the user is another one when the write arrives.
fn that_changes() {
    let (world, user) = (World::start(scim()).unwrap(), user("moving", Some(true)));
    let operations = json!([{ "op": "replace", "path": "displayName", "value": "moved {n}" }]);
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    world.proxy.set(
        "PATCH",
        Fault::PatchBefore { body: json!({ "schemas": schemas, "Operations": operations }) },
    );
    let mut view = world.run(&World::proposal("idp.suspend_user", &user)).unwrap();
    let id = view["id"].as_str().unwrap().to_owned();
    for turned_away in 1..3 {
        assert_eq!(view["status"], "waiting", "asked anew: {view:#}");
        assert_eq!(world.proxy.count("PATCH"), turned_away);
        let (done, said) = world.approve(&id, "bob", deed_tests::world::BOB).unwrap();
        assert!(done, "{said}");
        view = world.settled(&id).unwrap();
    }
    let receipt = ended(&world, &view, "failed", "3 times; nothing was carried out");
    assert_eq!(receipt["guard"], "etag");
    assert!(is_active(&user), "nothing was carried out");
    assert_eq!(world.proxy.count("PATCH"), 3);
    let late = world.client(HELPDESK).post(&format!("/v1/actions/{id}/cancel"), &Value::Null);
    assert_eq!(late.unwrap().status, 409);
    world.proxy.set("PATCH", Fault::None);
    unharmed(&world);
}
