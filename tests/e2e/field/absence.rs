//! Tests of deletes and creates: when the host trusts that an object is absent, and when a new object counts as created
//! by the action.

use deed_test_support::shared::{ended, look};
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, served, tried};

const DELETE: &str = r#"
[state.thing]
from = "GET /t/{id}"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
absent   = [404, 410]
control  = "GET /me"
[[observe.http]]
upstream = "field"
request  = "GET /me"
[[perform.http]]
upstream = "field"
request  = "DELETE /t/{id}"
[verify]
before     = ["pre.thing != null"]
after      = ["post.thing == null"]
may_change = ["/thing"]
"#;

const CREATE: &str = r#"
[state.thing]
from = "GET /t?name={id}"
only = "/items"
required = ["name"]
properties.name = { type = "string" }
properties.ref  = { type = "string" }
[[observe.http]]
upstream = "field"
request  = "GET /t?name={id}"
control  = "GET /me"
[[observe.http]]
upstream = "field"
request  = "GET /me"
[[perform.http]]
upstream = "field"
request  = "POST /t"
body     = { name = "{id}", ref = "{action.id}" }
created  = [201]
[verify]
before     = ["pre.thing == null"]
after      = ["post.thing != null && post.thing.name == params.id"]
may_change = ["/thing"]
"#;

/// An upstream with one object. Once the object is deleted, a GET of the object has the status `gone`, and a GET of
/// `/me` has the status `me`.
fn one_thing(delete: u16, gone: u16, me: u16) -> Upstream {
    let mut there = true;
    Upstream::start(move |request| match request.method.as_str() {
        "DELETE" => {
            there = false;
            Reply::empty(delete)
        }
        _ if request.target == "/me" && !there => Reply::json(me, json!({})),
        _ if request.target == "/me" => Reply::json(200, json!({})),
        _ if there => Reply::json(200, json!({"a": 1})),
        _ => Reply::json(gone, json!({"detail": "gone"})),
    })
}

#[test]
fn a_delete_is_verified_by_an_absence_that_is_confirmed() {
    for gone in [404, 410] {
        let upstream = one_thing(204, gone, 200);
        let world = served(&upstream, &contract("delete", DELETE), "");
        let view = tried(&world);
        ended(&world, &view, "verified", "every expectation holds");
        assert_eq!(look(&world, &view, "post")["state"]["thing"], Value::Null);
        assert_eq!(upstream.writes().len(), 1);
    }
}

#[test]
fn an_absence_that_nothing_confirms_is_not_believed() {
    for me in [401, 403, 404, 500] {
        let upstream = one_thing(204, 404, me);
        let world = served(&upstream, &contract("delete", DELETE), "");
        ended(&world, &tried(&world), "indeterminate", "the absence is not confirmed");
    }
    // A status that the contract does not list in `absent` never means that the object is absent.
    let upstream = one_thing(204, 403, 200);
    let world = served(&upstream, &contract("delete", DELETE), "");
    ended(&world, &tried(&world), "indeterminate", "has the status 403");
}

#[test]
fn without_a_control_request_only_a_delete_that_succeeded_counts() {
    let without = DELETE.replace("control  = \"GET /me\"\n", "");
    for (delete, outcome, why) in [
        (204, "verified", "every expectation holds"),
        (403, "indeterminate", "nothing confirms that it does not exist"),
    ] {
        let upstream = one_thing(delete, 404, 200);
        let world = served(&upstream, &contract("delete", &without), "");
        ended(&world, &tried(&world), outcome, why);
    }
}

#[test]
fn a_delete_that_leaves_the_thing_there_is_a_mismatch() {
    let upstream = Upstream::start(|request| match request.method.as_str() {
        "DELETE" => Reply::empty(204),
        _ => Reply::json(200, json!({"a": 1})),
    });
    let world = served(&upstream, &contract("delete", DELETE), "");
    ended(&world, &tried(&world), "mismatch", "nothing changed");
}

/// The behaviour of an upstream on which an action creates an object.
#[derive(Clone, Copy, Default)]
struct Maker {
    status: u16,
    /// Whether the POST creates the object.
    makes: bool,
    /// Whether the created object has the `ref` of the request.
    repeats: bool,
    /// Whether the created object has a name other than the requested one.
    other: bool,
}

impl Maker {
    fn start(self) -> Upstream {
        let mut things: Vec<Value> = Vec::new();
        Upstream::start(move |request| {
            if request.is("POST", "/t") {
                if self.makes {
                    let sent = request.json();
                    let name = if self.other { json!("a1_1") } else { sent["name"].clone() };
                    let mut thing = json!({"name": name});
                    if self.repeats {
                        thing["ref"] = sent["ref"].clone();
                    }
                    things.push(thing);
                }
                return Reply::json(self.status, json!({}));
            }
            if request.target == "/me" {
                return Reply::json(200, json!({}));
            }
            Reply::json(200, json!({"items": things}))
        })
    }
}

#[test]
fn a_create_is_verified_only_if_it_is_proved_to_be_ours() {
    let maker = Maker { status: 201, makes: true, ..Maker::default() };
    for (maker, outcome, why) in [
        (maker, "verified", "every expectation holds"),
        (Maker { status: 200, ..maker }, "mismatch", "nothing proves that this action created it"),
        (Maker { status: 200, repeats: true, ..maker }, "verified", "every expectation holds"),
        (Maker { status: 503, ..maker }, "indeterminate", "nothing proves that this action"),
        (Maker { status: 503, repeats: true, ..maker }, "verified", "every expectation holds"),
        (Maker { makes: false, ..maker }, "mismatch", "nothing changed"),
        (Maker { status: 422, makes: false, ..maker }, "failed", "the upstream refused"),
        (Maker { other: true, ..maker }, "mismatch", "does not hold"),
    ] {
        let upstream = maker.start();
        let world = served(&upstream, &contract("create", CREATE), "");
        let view = tried(&world);
        ended(&world, &view, outcome, why);
        let sent = upstream.writes();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].json(), json!({"name": "a1", "ref": view["id"]}));
    }
}

#[test]
fn what_exists_already_is_not_created_again_and_two_are_none() {
    for (items, status, why) in [
        (json!([{"name": "a1"}]), "denied", "`pre.thing == null` does not hold"),
        (json!([{"name": "a1"}, {"name": "a1"}]), "failed", "has 2 elements at `/items`"),
        (json!({}), "failed", "has no list at `/items`"),
        (json!([{"name": 7}]), "failed", "does not fit the contract"),
    ] {
        let upstream = Upstream::start(move |_| Reply::json(200, json!({"items": items})));
        let world = served(&upstream, &contract("create", CREATE), "");
        ended(&world, &tried(&world), status, why);
        assert!(upstream.writes().is_empty());
    }
}

#[test]
fn a_create_that_is_guarded_is_carried_out_only_where_nothing_exists() {
    let put =
        CREATE.replace("request  = \"POST /t\"", "request  = \"PUT /t/{id}\"\nguard = \"absent\"");
    let upstream = Maker { status: 201, makes: false, ..Maker::default() }.start();
    let world = served(&upstream, &contract("create", &put), "");
    // The fake upstream ignores the PUT and answers it with the list of objects, like every request that it does not
    // know.
    ended(&world, &tried(&world), "mismatch", "nothing changed");
    assert_eq!(upstream.writes()[0].header("if-none-match"), Some("*"));
    let taken = Upstream::start(|request| match request.method.as_str() {
        "PUT" => Reply::json(412, json!({})),
        _ => Reply::json(200, json!({"items": []})),
    });
    let world = served(&taken, &contract("create", &put), "");
    let view = tried(&world);
    assert_eq!(view["status"], "failed", "{view:#}");
    assert_eq!(taken.writes().len(), 1);
}
