//! Tests of lists whose order has no meaning, on an upstream that may return them in a different order at each read.

use deed_test_support::shared::{ended, look};
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, served, served_asking, tried};

/// A contract that sets `on` of one object to true. The contract declares the list `groups` with this schema.
fn switch(groups: &str) -> String {
    contract(
        "update",
        &format!(
            r#"
[state.thing]
from = "GET /t/{{id}}"
required = ["on"]
properties.on = {{ type = "boolean" }}
properties.groups = {{ {groups} }}
[[observe.http]]
upstream = "field"
request  = "GET /t/{{id}}"
[[perform.http]]
upstream = "field"
request  = "PUT /t/{{id}}/on"
[verify]
before     = ["!pre.thing.on"]
after      = ["post.thing.on"]
may_change = ["/thing/on"]
"#
        ),
    )
}

const KEYED: &str = r#"type = "array", key = "/value", items = { required = ["value"], properties = { value = { type = "string" }, role = { type = "string" } } }"#;
const UNORDERED: &str = r#"type = "array", unordered = true, items = { properties = { value = { type = "string" }, role = { type = "string" } } }"#;
const ORDERED: &str = r#"type = "array", items = { properties = { value = { type = "string" } } }"#;

/// An upstream that answers each read before the write with another list of `before`, in turn, and each read after the
/// write with `after`.
fn lists(before: Vec<Value>, after: Value) -> Upstream {
    let (mut on, mut reads) = (false, 0);
    Upstream::start(move |request| {
        if request.method == "PUT" {
            on = true;
            return Reply::empty(204);
        }
        reads += 1;
        let groups = if on { &after } else { &before[reads % before.len()] };
        Reply::json(200, json!({"on": on, "groups": groups}))
    })
}

fn ab() -> Value {
    json!([{"value": "a"}, {"value": "b"}])
}

fn ba() -> Value {
    json!([{"value": "b"}, {"value": "a"}])
}

#[test]
fn another_order_at_each_read_changes_nothing() {
    for groups in [KEYED, UNORDERED] {
        let upstream = lists(vec![ab(), ba()], ba());
        let world = served(&upstream, &switch(groups), "");
        let view = tried(&world);
        let receipt = ended(&world, &view, "verified", "nothing else changed");
        assert_eq!(
            receipt["changes"],
            json!([{"pointer": "/thing/on", "old": false, "new": true}])
        );
        assert_eq!(look(&world, &view, "post")["state"]["thing"]["groups"], ab());
    }
    // If the contract does not declare the list as keyed or unordered, a different order is a change.
    let upstream = lists(vec![ab()], ba());
    let view = tried(&served(&upstream, &switch(ORDERED), ""));
    assert_eq!(view["status"], "mismatch", "{view:#}");
}

#[test]
fn an_element_that_comes_goes_or_changes_is_named() {
    let cases = [
        (KEYED, json!([{"value": "b"}]), "`/thing/groups/a/value`"),
        (KEYED, json!([{"value": "b"}, {"value": "a", "role": "owner"}]), "`/thing/groups/a/role`"),
        (KEYED, json!([{"value": "c"}, {"value": "b"}, {"value": "a"}]), "`/thing/groups/c/value`"),
        (UNORDERED, json!([{"value": "b"}]), r#"`/thing/groups/{"value":"a"}/value`"#),
        (
            UNORDERED,
            json!([{"value": "b"}, {"value": "a"}, {"value": "a"}]),
            r#"`/thing/groups/{"value":"a"}`"#,
        ),
    ];
    for (groups, after, place) in cases {
        let upstream = lists(vec![ab()], after);
        let world = served(&upstream, &switch(groups), "");
        ended(
            &world,
            &tried(&world),
            "mismatch",
            &format!("{place} changed, which is not allowed"),
        );
    }
}

/// If two elements have the same key, or if an element has no key, the state is not usable and the host sends no write.
#[test]
fn a_key_that_tells_nothing_apart_is_not_believed() {
    for (list, why) in [
        (
            json!([{"value": "a"}, {"value": "a", "role": "owner"}]),
            "at `/groups/1/value`: equals that of another element",
        ),
        (json!([{"value": "a"}, {"role": "owner"}]), "at `/groups/1/value`: is absent"),
        (json!([{"value": null}]), "at `/groups/0/value`: is absent"),
    ] {
        let upstream = lists(vec![list], ab());
        let world = served(&upstream, &switch(KEYED), "");
        ended(&world, &tried(&world), "failed", why);
        assert_eq!(upstream.writes().len(), 0);
    }
}

/// The list has another order when it is shown to the approver than at the gate, and after the write.
#[test]
fn an_approval_counts_although_the_order_is_another_at_each_read() {
    for groups in [KEYED, UNORDERED] {
        let upstream = lists(vec![ab(), ba()], ab());
        let world = served_asking(&upstream, &switch(groups));
        let view = tried(&world);
        let receipt = ended(&world, &view, "verified", "nothing else changed");
        let approvals = receipt["approvals"].as_array().unwrap();
        assert_eq!(approvals.len(), 1, "people are asked once: {receipt:#}");
        assert_eq!(approvals[0]["counted"], true, "{receipt:#}");
        assert_eq!(upstream.writes().len(), 1);
    }
    // In a list whose order has a meaning, another order is a change that the approver did not see.
    let upstream = lists(vec![ab(), ba()], ab());
    let world = served_asking(&upstream, &switch(ORDERED));
    let view = tried(&world);
    assert_eq!(view["status"], "waiting", "{view:#}");
    assert_eq!(view["stale"], json!(["the state changed after it was shown to the approver"]));
    assert!(upstream.writes().is_empty());
}
