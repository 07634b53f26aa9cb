//! Bodies that are not JSON, JSON that two parsers read differently, and JSON with fields that are not part of the
//! request.

use deed_test_support::shared::{locked_out, scim};
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::{Value, json};

use super::unharmed;
use super::wire::{address, bearer, call, exchange, request};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "body-that-is-no-json" => no_json,
        "json-that-two-readers-understand-differently" => ambiguous,
        "body-of-another-type" => other_type,
        "unknown-fields-in-a-proposal" => unknown_fields,
        "names-that-other-readers-obey" => obeyed_names,
        "unknown-fields-in-an-approval" => approval_fields,
    ]
}

/// Checks that each of these bodies is refused with a problem document and causes no action.
fn refused(world: &World, token: &str, target: &str, bodies: &[Vec<u8>]) {
    for body in bodies {
        let what = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        let said = call(world, token, "POST", target, body);
        assert!([400, 422].contains(&said.status()), "{what}: {said:?}");
        said.refuses(said.status(), &what);
    }
    assert!(world.proxy.requests().is_empty());
    assert_eq!(world.client(BOB).get("/v1/actions").unwrap().json()["actions"], json!([]));
    unharmed(world);
}

fn no_json() {
    let world = World::start(scim()).unwrap();
    let good = World::proposal("idp.read_user", &locked_out()).to_string();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut cut = good.clone().into_bytes();
    cut.truncate(good.len() - 1);
    let bodies: Vec<Vec<u8>> = vec![
        vec![],
        b" \n".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"\"".to_vec(),
        b"{}".to_vec(),
        cut,
        utf16,
        [b"\xef\xbb\xbf".as_slice(), good.as_bytes()].concat(),
        good.replace("ticket", "\u{1}").into_bytes(),
        [good.as_bytes(), b"\0"].concat(),
        [good.as_bytes(), good.as_bytes()].concat(),
        good.replace("\"contract\"", "'contract'").into_bytes(),
        good.replace('}', ",}").into_bytes(),
        format!("{good} // yes").into_bytes(),
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes(),
        "{\"a\":".repeat(40_000).into_bytes(),
    ];
    refused(&world, HELPDESK, "/v1/actions", &bodies);
}

fn ambiguous() {
    let world = World::start(scim()).unwrap();
    let (one, other) = (locked_out(), locked_out());
    let good = World::proposal("idp.read_user", &one).to_string();
    let id = format!("\"user_id\":\"{one}\"");
    let with = |text: &str| {
        assert!(good.contains(&id), "{good}");
        good.replace(&id, text).into_bytes()
    };
    let invalid = |bytes: &[u8]| {
        let at = good.find("the user is").unwrap();
        [&good.as_bytes()[..at], bytes, &good.as_bytes()[at..]].concat()
    };
    let bodies = vec![
        with(&format!("{id},\"user_id\":\"{other}\"")),
        with(&format!("{id},\"us\\u0065r_id\":\"{other}\"")),
        good.replacen('{', "{\"contract\":\"idp.suspend_user\",", 1).into_bytes(),
        with(&format!("{id},\"user_id\\u0000\":\"x\"")),
        with("\"user_id\":9007199254740993"),
        // The negation of the smallest integer of 64 bits is not one of them.
        with("\"user_id\":-9223372036854775808"),
        // These digits would match the parameter's pattern if they were a string instead of a number.
        with("\"user_id\":11111111111111111111111111111111"),
        with("\"user_id\":111111111111111111111111111111e1"),
        with("\"user_id\":1e400"),
        with("\"user_id\":0.1"),
        with("\"user_id\":-0"),
        with("\"user_id\":01"),
        with("\"user_id\":NaN"),
        with("\"user_id\":null"),
        with("\"user_id\":true"),
        with(&format!("\"user_id\":[\"{one}\"]")),
        with(&format!("\"user_id\":{{\"value\":\"{one}\"}}")),
        with(&format!("\"user_id\":\"{one}\\n\"")),
        with(&format!("\"user_id\":\"{one}\\u0000\"")),
        with(&format!("\"user_id\":\"{}\"", one.to_uppercase())),
        with("\"user_id\":\"\u{ff10}000000000000000000000000000000\u{ff10}\""),
        with("\"user_id\":\"../../Users/0000000000000000000\""),
        invalid(b"\xff"),
        invalid(b"\xc0\xaf"),
        invalid(b"\xed\xa0\x80"),
        invalid(b"\\ud800"),
        invalid(b"\\udc00\\ud800"),
    ];
    refused(&world, HELPDESK, "/v1/actions", &bodies);
}

fn other_type() {
    let world = World::start(scim()).unwrap();
    let body = World::proposal("idp.read_user", &locked_out()).to_string();
    for kind in [
        "X: none",
        "Content-Type:",
        "Content-Type: text/plain",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Type: application/json; charset=utf-16",
        "Content-Type: application/jsonp",
        "Content-Type: application/json, text/plain",
        "Content-Type: application/cbor",
    ] {
        for target in ["/v1/actions", "/v1/explain"] {
            let bytes = request("POST", target, &[&bearer(HELPDESK), kind], body.as_bytes());
            exchange(address(&world), &bytes).refuses(415, kind);
        }
    }
    let utf8 = "Content-Type: application/json; charset=UTF-8";
    let bytes = request("POST", "/v1/explain", &[&bearer(HELPDESK), utf8], body.as_bytes());
    assert_eq!(exchange(address(&world), &bytes).status(), 200, "{utf8}");
    assert!(world.proxy.requests().is_empty());
    unharmed(&world);
}

fn changed(change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut body = World::proposal("idp.read_user", &"0".repeat(32));
    change(&mut body);
    body.to_string().into_bytes()
}

fn unknown_fields() {
    let mut bodies = vec![
        changed(|b| b["sources"][0]["trusted"] = json!(true)),
        changed(|b| b["sources"] = json!({"uri": "ticket:1"})),
        changed(|b| b["params"]["force"] = json!(true)),
        changed(|b| b["params"] = json!([])),
        changed(|b| b["expect"] = json!({"/user/admin": true})),
        changed(|b| b["expect"] = json!([])),
        changed(|b| b["intent"] = json!({"text": "x"})),
        changed(|b| b["intent"] = json!("x".repeat(100_000))),
        changed(|b| b["sources"] = vec![json!({"uri": "ticket:1"}); 3_000].into()),
    ];
    // A caller may not set values that the host decides itself.
    for field in [
        "id",
        "tenant",
        "principal",
        "person",
        "resource",
        "adapter",
        "binding",
        "nonce",
        "approvals",
        "roles",
        "dry_run",
    ] {
        bodies.push(changed(|b| b[field] = json!("acme")));
    }
    for target in ["/v1/actions", "/v1/explain"] {
        refused(&World::start(scim()).unwrap(), HELPDESK, target, &bodies);
    }
}

/// Names with a special meaning in Cedar's JSON, JavaScript and other languages. In a request body, these names are
/// unknown fields.
fn obeyed_names() {
    let world = World::start(scim()).unwrap();
    let root = json!({"type": "Deed::Agent", "id": "root"});
    let mut bodies = Vec::new();
    for name in [
        "__entity",
        "__extn",
        "__expr",
        "__proto__",
        "constructor",
        "prototype",
        "$ref",
        "$where",
        "toString",
    ] {
        bodies.push(changed(|b| b["params"][name] = root.clone()));
        bodies.push(changed(|b| b["params"]["user_id"] = json!({name: root})));
        bodies.push(changed(|b| b["params"] = json!({name: {"user_id": "0".repeat(32)}})));
        bodies.push(changed(|b| b["params"]["user_id"] = json!(name)));
        bodies.push(changed(|b| b["on_behalf_of"] = json!({name: root})));
        bodies.push(changed(|b| b["sources"][0][name] = root.clone()));
        bodies.push(changed(|b| b["expect"] = json!({format!("/{name}"): true})));
        bodies.push(changed(|b| b[name] = root.clone()));
    }
    let (first, second) = bodies.split_at(36);
    // The bodies are split between two fixtures, because the number of refusals per principal is limited.
    refused(&world, HELPDESK, "/v1/actions", first);
    refused(&World::start(scim()).unwrap(), HELPDESK, "/v1/actions", second);
}

fn approval_fields() {
    let world = World::start(scim()).unwrap();
    let target = "/v1/actions/act_00000000000000000000000000/approvals";
    let good = json!({"payload": "", "payloadType": "application/vnd.in-toto+json", "signatures": [{"keyid": "", "sig": ""}]});
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        let (place, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(place).unwrap()[name] = value;
        body.to_string().into_bytes()
    };
    let bodies = vec![
        with("/approved", json!(true)),
        with("/signatures/0/cert", json!("x")),
        with("/signatures/0/__proto__", json!({})),
        with("/payload", json!({})),
        with("/payload", json!(null)),
        with("/signatures", json!({})),
        with("/signatures", json!("x")),
        b"{}".to_vec(),
        b"[]".to_vec(),
        good.to_string().replacen('{', "{\"payload\":\"x\",", 1).into_bytes(),
        good.to_string().replace("payloadType", "payload_type").into_bytes(),
    ];
    refused(&world, BOB, target, &bodies);
}
