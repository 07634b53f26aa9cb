//! Tests of arguments at the limits of a tool's schema, and of arguments that have another type than the schema says.

use deed_test_support::shared::{locked_out, user};
use deed_tests::world::HELPDESK;
use serde_json::{Value, json};

use super::{BOTH, NEW, OLD, READ, RESTORE, arguments, call, post, request, result, send, start};

/// JSON Schema counts characters, and the host counts bytes.
#[test]
fn the_longest_texts_that_the_schema_permits_are_accepted() {
    let (world, user) = (start(), user("mcp-long", Some(true)));
    let listed = result(&world, NEW, "tools/list", &json!({}));
    let tools = listed["tools"].as_array().unwrap();
    let schema = &tools.iter().find(|tool| tool["name"] == READ).unwrap()["inputSchema"];
    let longest = |pointer: &str| {
        let most = schema.pointer(pointer).and_then(Value::as_u64).unwrap();
        "\u{1f511}".repeat(usize::try_from(most).unwrap())
    };
    let mut given = arguments(&user);
    given["intent"] = json!(longest("/properties/intent/maxLength"));
    let uri = longest("/properties/sources/items/properties/uri/maxLength");
    given["sources"] = json!([{"uri": uri}]);
    let done = call(&world, NEW, READ, &given);
    assert_eq!(done["structuredContent"]["outcome"], "verified", "{done:#}");
    given["intent"] = json!("\u{1f511}".repeat(1_025));
    let refused = call(&world, NEW, READ, &given);
    assert_eq!(refused["structuredContent"]["errors"][0]["pointer"], "/intent", "{refused:#}");
}

#[test]
fn a_wait_is_within_the_bounds_of_the_schema() {
    let world = start();
    let waiting = call(&world, NEW, RESTORE, &arguments(&locked_out()));
    let action = waiting["structuredContent"]["action"].clone();
    for wait_s in [json!(21), json!(u64::MAX), json!(-1), json!("1")] {
        let refused =
            call(&world, NEW, "deed_status", &json!({"action": action, "wait_s": wait_s}));
        let structured = &refused["structuredContent"];
        assert_eq!(structured["errors"][0]["pointer"], "/wait_s", "{refused:#}");
        assert_eq!(structured["again"], "corrected", "{refused:#}");
    }
    world
        .client(HELPDESK)
        .post(&format!("/v1/actions/{}/cancel", action.as_str().unwrap()), &json!({}))
        .unwrap();
    let shown = call(&world, NEW, "deed_status", &json!({"action": action, "wait_s": 20}));
    assert_eq!(shown["structuredContent"]["outcome"], "cancelled", "{shown:#}");
}

/// Some models write the arguments as text that contains JSON.
#[test]
fn arguments_that_are_no_object_are_refused_with_the_reason() {
    let (world, user) = (start(), user("mcp-text", Some(true)));
    let text = arguments(&user).to_string();
    for revision in BOTH {
        for (given, reason) in [
            (json!(text), "must be an object, and is a string"),
            (json!([arguments(&user)]), "must be an object"),
            (json!(7), "must be an object"),
        ] {
            let params = json!({"name": READ, "arguments": given});
            let answer = send(&world, HELPDESK, revision, "tools/call", &params);
            let body = answer.json();
            assert_eq!((answer.status, &body["id"]), (200, &json!(7)), "{answer:?}");
            assert_eq!(body["error"]["code"], -32602, "{body:#}");
            let told = body["error"]["message"].as_str().unwrap();
            assert!(told.contains("`/params/arguments`") && told.contains(reason), "{told}");
        }
    }
    let params =
        json!({"name": READ, "arguments": {"user_id": user, "intent": "x", "expect": "{}"}});
    let answer = send(&world, HELPDESK, NEW, "tools/call", &params).json();
    let errors = answer["result"]["structuredContent"]["errors"].to_string();
    assert!(errors.contains("\"/expect\""), "{answer:#}");
    let listed = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": []});
    let answer = post(&world, HELPDESK, &[("mcp-protocol-version", OLD)], &listed.to_string());
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (400, &json!(-32602)),
        "{answer:?}"
    );
    assert!(world.proxy.requests().is_empty());
}

/// JSON Schema takes `1.0` for an integer. Readers of JSON do not agree on such numbers, so the host refuses them and
/// does not round.
#[test]
fn numbers_that_are_not_written_as_integers_are_refused_at_their_place() {
    let (world, user) = (start(), user("mcp-numbers", Some(true)));
    for number in ["1.0", "1e0", "1E+2", "9007199254740993", "0.5"] {
        let given = json!({"action": "act_00000000000000000000000000", "wait_s": "NUMBER"});
        let mut nested = arguments(&user);
        nested["expect"] = json!({"/user/active": ["NUMBER"]});
        for (tool, given, pointer) in
            [("deed_status", given, "/wait_s"), (READ, nested, "/expect/~1user~1active/0")]
        {
            let body = request(OLD, "tools/call", &json!({"name": tool, "arguments": given}));
            let body = body.to_string().replace("\"NUMBER\"", number);
            let answer = post(&world, HELPDESK, &[("mcp-protocol-version", OLD)], &body).json();
            let refused = &answer["result"]["structuredContent"];
            assert_eq!(answer["result"]["isError"], true, "{number}: {answer:#}");
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{number}: {answer:#}");
            let reason = refused["errors"][0]["reason"].as_str().unwrap();
            assert!(reason.contains("written with digits only"), "{number}: {reason}");
        }
    }
    assert!(world.proxy.requests().is_empty());
}
