//! Tests of idempotency keys in places where the host does not read them, or in two places.

use deed_test_support::shared::user;
use deed_tests::world::{HELPDESK, World};
use serde_json::{Value, json};

use super::{BOTH, NEW, READ, arguments, post, request, start};

/// Calls the tool with a key in `_meta`, unless it is null, and with more headers. Returns the answer's body.
fn call(world: &World, revision: &str, given: &Value, key: &Value, more: &[(&str, &str)]) -> Value {
    let mut body = request(revision, "tools/call", &json!({"name": READ, "arguments": given}));
    if !key.is_null() {
        body["params"]["_meta"]["idempotency_key"] = key.clone();
    }
    let mut headers = vec![("mcp-protocol-version", revision)];
    if revision == NEW {
        headers.extend([("mcp-method", "tools/call"), ("mcp-name", READ)]);
    }
    headers.extend(more);
    let answer = post(world, HELPDESK, &headers, &body.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn keyed(user: &str, key: &Value) -> Value {
    let mut given = arguments(user);
    given["idempotency_key"] = key.clone();
    given
}

fn refusal(answer: &Value) -> Value {
    assert_eq!(answer["result"]["isError"], true, "{answer:#}");
    let refusal = answer["result"]["structuredContent"].clone();
    assert_eq!(refusal["again"], "corrected", "{answer:#}");
    refusal
}

#[test]
fn two_different_keys_are_refused_and_two_equal_ones_are_one() {
    let (world, user) = (start(), user("mcp-two-keys", Some(true)));
    for revision in BOTH {
        for other in ["b", "", "A"] {
            let answer = call(&world, revision, &keyed(&user, &json!("a")), &json!(other), &[]);
            let why = refusal(&answer)["why"].to_string();
            assert!(why.contains("differs between the arguments and `_meta`"), "{answer:#}");
        }
    }
    assert!(world.proxy.requests().is_empty());
    let ids = BOTH.map(|revision| {
        let answer = call(&world, revision, &keyed(&user, &json!("a")), &json!("a"), &[]);
        answer["result"]["structuredContent"]["action"].clone()
    });
    assert!(ids[0].is_string() && ids[0] == ids[1], "{ids:?}");
}

#[test]
fn a_key_of_another_type_is_refused() {
    let (world, user) = (start(), user("mcp-odd-key", Some(true)));
    for revision in BOTH {
        for odd in [json!(7), json!(true), json!(["a"]), json!({"key": "a"})] {
            let answer = call(&world, revision, &arguments(&user), &odd, &[]);
            let told = answer["error"]["message"].to_string();
            assert_eq!(answer["error"]["code"], -32602, "{answer:#}");
            assert!(told.contains("`idempotency_key` in `_meta` must be a string"), "{answer:#}");
            let answer = call(&world, revision, &keyed(&user, &odd), &Value::Null, &[]);
            assert_eq!(refusal(&answer)["errors"][0]["pointer"], "/idempotency_key", "{answer:#}");
        }
        let long = "k".repeat(129);
        for unfit in ["two words", "ä", long.as_str()] {
            let answer = call(&world, revision, &arguments(&user), &json!(unfit), &[]);
            assert_eq!(refusal(&answer)["errors"][0]["pointer"], "/idempotency_key", "{answer:#}");
        }
    }
    assert!(world.proxy.requests().is_empty());
}

/// The header belongs to `POST /v1/actions`. A caller that sends it relies on it.
#[test]
fn the_header_with_a_key_is_refused() {
    let (world, user) = (start(), user("mcp-key-header", Some(true)));
    for revision in BOTH {
        for given in [arguments(&user), keyed(&user, &json!("a"))] {
            let header = [("idempotency-key", "a")];
            let answer = call(&world, revision, &given, &Value::Null, &header);
            let why = refusal(&answer)["why"].to_string();
            assert!(why.contains("`Idempotency-Key` is not read here"), "{answer:#}");
        }
    }
    assert!(world.proxy.requests().is_empty());
}
