//! Tests of upstreams that check requests strictly, and of values that an upstream does not set as requested.

use deed_test_support::shared::ended;
use serde_json::{Value, json};

use super::upstream::{Reply, Request, Upstream};
use super::{contract, served, tried};

const SET: &str = r#"
[state.thing]
from = "GET /t/{id}"
properties.a = { type = "integer" }
properties.manager = { type = "string", nullable = true }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "PATCH /t/{id}"
@perform@
[verify]
after      = ["has(post.thing.a) && post.thing.a == 2"]
may_change = ["/thing"]
"#;

fn set(perform: &str) -> String {
    contract("update", &SET.replace("@perform@", perform))
}

/// An upstream that refuses a request for which `refused` returns a status. Any other write sets `a` to 2.
fn strict(refused: impl Fn(&Request) -> Option<u16> + Send + 'static) -> Upstream {
    let mut a = 1;
    Upstream::start(move |request| {
        if let Some(status) = refused(request) {
            return Reply::json(status, json!({}));
        }
        if request.method == "GET" {
            return Reply::json(200, json!({ "a": a }));
        }
        a = 2;
        Reply::empty(204)
    })
}

/// Some servers refuse a request that could have a body and does not state its length.
#[test]
fn a_server_that_requires_a_length_gets_one() {
    for method in ["POST", "PUT", "PATCH"] {
        let upstream = strict(|request| {
            let stated = request.header("content-length").is_some();
            (request.method != "GET" && !stated).then_some(411)
        });
        let text = set("").replace("PATCH /t/{id}", &format!("{method} /t/{{id}}/suspend"));
        let world = served(&upstream, &text, "");
        ended(&world, &tried(&world), "verified", "every expectation holds");
        let write = &upstream.writes()[0];
        assert_eq!((write.method.as_str(), write.body.as_str()), (method, ""));
        assert_eq!(write.header("content-length"), Some("0"), "{method}");
    }
}

/// A strict server refuses a body of another type, and every request without a user agent.
#[test]
fn a_strict_server_takes_the_declared_type() {
    const TYPE: &str = "application/scim+json";
    let declared = format!("headers = {{ Content-Type = \"{TYPE}\" }}\nbody = {{ a = 2 }}");
    for (rule, outcome, why) in [
        (declared.as_str(), "verified", "every expectation holds"),
        ("body = { a = 2 }", "failed", "the upstream refused"),
    ] {
        let upstream = strict(|request| {
            if request.header("user-agent").is_none() {
                return Some(403);
            }
            let fits = request.method == "GET" || request.header("content-type") == Some(TYPE);
            (!fits).then_some(415)
        });
        let world = served(&upstream, &set(rule), "");
        ended(&world, &tried(&world), outcome, why);
        assert_eq!(upstream.writes().len(), 1);
    }
}

/// A member that the upstream leaves out, empties or keeps was not set to null.
#[test]
fn a_member_that_is_not_cleared_is_not_null() {
    let text = set("body_json = '{ \"manager\": null, \"list\": [null, { \"x\": null }] }'")
        .replace(
            "post.thing.a == 2",
            "post.thing.a == 2 && has(post.thing.manager) && post.thing.manager == null",
        );
    for (after, outcome, why) in [
        (json!({"a": 2, "manager": null}), "verified", "every expectation holds"),
        (json!({"a": 2}), "mismatch", "does not hold"),
        (json!({"a": 2, "manager": ""}), "mismatch", "does not hold"),
        (json!({"a": 2, "manager": "zoe"}), "mismatch", "does not hold"),
    ] {
        let upstream = becomes(json!({"a": 1, "manager": "zoe"}), after);
        let world = served(&upstream, &text, "");
        ended(&world, &tried(&world), outcome, why);
        let sent = json!({"manager": null, "list": [null, {"x": null}]});
        assert_eq!(upstream.writes()[0].json(), sent);
    }
}

/// An upstream whose object is `before` until the first write, and `after` from then on.
fn becomes(before: Value, after: Value) -> Upstream {
    let mut written = false;
    Upstream::start(move |request| {
        if request.method != "GET" {
            written = true;
            return Reply::empty(204);
        }
        Reply::json(200, if written { after.clone() } else { before.clone() })
    })
}
