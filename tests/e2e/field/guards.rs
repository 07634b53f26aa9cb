//! Tests with upstreams on which a guard cannot work, such as one that does not accept its own entity tags: the host does
//! not request a further approval, and the reason says what to do.

use deed_test_support::shared::ended;
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, served_asking, tried};

const SET: &str = r#"
[state.thing]
from = "GET /t/{id}"
volatile = ["/seen"]
properties.a    = { type = "integer" }
properties.seen = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "PUT /t/{id}"
body     = { a = 2 }
guard    = "etag"
[verify]
after      = ["has(post.thing.a) && post.thing.a == 2"]
may_change = ["/thing/a"]
[limits]
backoff = "50ms"
"#;

/// An upstream that rejects every entity tag. `show` gets the number of each GET, from 1, and returns the body and the
/// entity tag of the answer.
fn rejecting(mut show: impl FnMut(usize) -> (Value, &'static str) + Send + 'static) -> Upstream {
    let mut n = 0;
    Upstream::start(move |request| {
        if request.method == "PUT" {
            return Reply::json(412, json!({"detail": "precondition"}));
        }
        n += 1;
        let (body, tag) = show(n);
        Reply::json(200, body).header("etag", tag)
    })
}

#[test]
fn people_are_asked_once_if_the_upstream_does_not_accept_its_own_tag() {
    for tag in ["W/\"v1\"", "W/\"\"", "\"v1-gzip\"", "\"v1\""] {
        let upstream = rejecting(move |n| (json!({"a": 1, "seen": n}), tag));
        let world = served_asking(&upstream, &contract("update", SET));
        let view = tried(&world);
        let receipt = ended(&world, &view, "failed", "nothing was carried out");
        let reason = view["reason"].as_str().unwrap();
        for part in [tag, "upstream `field` does not accept", "leave `guard` out of this rule"] {
            assert!(reason.contains(part), "no `{part}`: {reason}");
        }
        assert!(!reason.contains("the state changed"), "{reason}");
        let told = view["ledger"].to_string();
        assert!(!told.contains("the state changed after"), "{told}");
        assert_eq!(told.matches("\"event\":\"asked\"").count(), 1, "{told}");
        assert_eq!(receipt["attempts"].as_array().unwrap().len(), 1, "{receipt:#}");
        assert_eq!(upstream.writes().len(), 1);
    }
}

#[test]
fn people_are_asked_again_if_the_state_or_the_tag_has_changed() {
    for weak in [true, false] {
        let upstream = rejecting(move |n| match (n > 2, weak) {
            (false, true) => (json!({"a": 1}), "W/\"v1\""),
            (true, true) => (json!({"a": 3}), "W/\"v2\""),
            (false, false) => (json!({"a": 1}), "\"v1\""),
            (true, false) => (json!({"a": 1}), "\"v2\""),
        });
        let world = served_asking(&upstream, &contract("update", SET));
        let view = tried(&world);
        assert_eq!(view["status"], "waiting", "{view:#}");
        assert!(view["ledger"].to_string().contains("the state changed after the observation"));
        assert_eq!(upstream.writes().len(), 1);
    }
}

const CREATE: &str = r#"
[state.thing]
from = "GET /t/{id}"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
absent   = [404]
control  = "GET /me"
[[observe.http]]
upstream = "field"
request  = "GET /me"
[[perform.http]]
upstream = "field"
request  = "PUT /t/{id}"
body     = { a = 2 }
guard    = "absent"
created  = [201]
[verify]
before     = ["pre.thing == null"]
after      = ["post.thing != null && has(post.thing.a) && post.thing.a == 2"]
may_change = ["/thing"]
[limits]
backoff = "50ms"
"#;

/// An upstream that rejects every guarded create. `shows` gets the number of each GET of the thing, from 1, and returns
/// whether the thing exists.
fn occupied(mut shows: impl FnMut(usize) -> bool + Send + 'static) -> Upstream {
    let mut n = 0;
    Upstream::start(move |request| {
        if request.method == "PUT" {
            return Reply::json(412, json!({"detail": "precondition"}));
        }
        if request.target == "/me" {
            return Reply::json(200, json!({}));
        }
        n += 1;
        if shows(n) { Reply::json(200, json!({"a": 1})) } else { Reply::json(404, json!({})) }
    })
}

#[test]
fn people_are_asked_once_if_a_guarded_create_is_rejected_and_nothing_is_found() {
    let upstream = occupied(|_| false);
    let world = served_asking(&upstream, &contract("create", CREATE));
    let view = tried(&world);
    let receipt = ended(&world, &view, "failed", "nothing was carried out");
    let reason = view["reason"].as_str().unwrap();
    for part in
        ["`If-None-Match: *` (412)", "upstream `field` does not support", "if nothing exists there"]
    {
        assert!(reason.contains(part), "no `{part}`: {reason}");
    }
    let told = view["ledger"].to_string();
    assert!(
        !reason.contains("the state changed") && !told.contains("the state changed after"),
        "{told}"
    );
    assert_eq!(told.matches("\"event\":\"asked\"").count(), 1, "{told}");
    assert_eq!(receipt["attempts"].as_array().unwrap().len(), 1, "{receipt:#}");
    assert_eq!(upstream.writes().len(), 1);
}

/// Another client created the thing between the look and the write. The first look after the write does not show it yet.
#[test]
fn a_guarded_create_is_not_repeated_where_something_exists() {
    for hidden in [2, 3] {
        let upstream = occupied(move |n| n > hidden);
        let world = served_asking(&upstream, &contract("create", CREATE));
        ended(&world, &tried(&world), "denied", "does not hold");
        assert_eq!(upstream.writes().len(), 1, "{hidden}");
    }
}
