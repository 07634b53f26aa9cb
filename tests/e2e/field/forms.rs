//! Tests of form-urlencoded bodies with nested values, and of writes whose answer is plain text or has a body that the
//! host ignores.

use std::time::Duration;

use deed_test_support::shared::{ended, report};
use deed_tests::host;
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, served, tried};

const SET: &str = r#"
[state.thing]
from = "GET /t/{id}"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "POST /t/{id}"
@perform@
[verify]
after      = ["has(post.thing.a) && post.thing.a == 2"]
may_change = ["/thing/a"]
"#;

fn set(perform: &str) -> String {
    contract("update", &SET.replace("@perform@", perform))
}

/// An upstream whose object has `a` = 1 and, if `applies` is true, `a` = 2 after a write. The upstream answers the
/// write with `reply`.
fn answering(applies: bool, reply: Reply) -> Upstream {
    let mut a = 1;
    Upstream::start(move |request| {
        if request.method == "GET" {
            return Reply::json(200, json!({"a": a}));
        }
        a = if applies { 2 } else { a };
        reply.clone()
    })
}

const NESTED: &str = "
codec = { request = \"form\" }
body  = { amount = 5, metadata = { deed_action = \"{action.id}\", id = \"{id}\", note = \"{note?}\" }, \
          items = [\"a b\", { price = \"p&q\" }], empty = [\"{note?}\"] }
";

#[test]
fn a_nested_form_is_sent_and_explained_with_the_same_bytes() {
    let upstream = answering(true, Reply::json(200, json!({})));
    let world = served(&upstream, &set(NESTED), "");
    let view = tried(&world);
    ended(&world, &view, "verified", "every expectation holds");
    let sent = &upstream.writes()[0];
    let bytes = |id: &str| {
        format!(
            "amount=5&items%5B0%5D=a+b&items%5B1%5D%5Bprice%5D=p%26q&metadata%5Bdeed_action%5D={id}&metadata%5Bid%5D=a1"
        )
    };
    assert_eq!(sent.body, bytes(view["id"].as_str().unwrap()));
    assert_eq!(sent.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert!(report(&world, view["id"].as_str().unwrap()).verdict.holds());
    let file = world.dir.join("contracts/field.toml");
    let args = ["contract", "explain", file.to_str().unwrap(), "--param", "id=a1"];
    let said = host::expect(&args).unwrap();
    let line = said.lines().find_map(|line| line.split_once("urlencoded: ")).unwrap().1;
    let id = line.split("deed_action%5D=").nth(1).unwrap().split('&').next().unwrap();
    assert_eq!(line, bytes(id), "{said}");
    let report = host::expect(&[&args[..], &["--json"]].concat()).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["perform"][0]["encoded"], line);
}

#[test]
fn a_text_can_be_a_refusal() {
    let rule = "codec = { response = \"text\" }\nrefused_when = \"answer.body != 'OK'\"";
    let reply = |text: &str| Reply::bytes("text/plain; charset=utf-8", text);
    for (applies, text, outcome, why) in [
        (true, "OK", "verified", "every expectation holds"),
        (false, "ERROR: locked", "failed", "the upstream refused"),
        (false, "OK", "mismatch", "the upstream reported success"),
    ] {
        let upstream = answering(applies, reply(text));
        let world = served(&upstream, &set(rule), "");
        let view = tried(&world);
        ended(&world, &view, outcome, why);
        assert_eq!(upstream.writes().len(), 1);
        assert_eq!(upstream.writes()[0].header("accept"), Some("text/plain"));
        let bundle = world.bundle(view["id"].as_str().unwrap()).unwrap();
        let files = deed_record::bundle::read(&bundle).unwrap();
        let said = String::from_utf8_lossy(&files[deed_record::bundle::EXCHANGES]);
        assert!(said.contains(&format!("\"response\":\"{text}\"")), "{said}");
    }
}

#[test]
fn a_body_that_does_not_count_changes_nothing() {
    let rule = "codec = { response = \"none\" }";
    let text = |body: Vec<u8>| Reply::bytes("text/html; charset=latin-1", body);
    let second = Duration::from_secs(4);
    for reply in [
        Reply::empty(204),
        text(b"\xff<html>".to_vec()),
        text(vec![b'x'; 3 << 20]),
        text(b"{".to_vec()).header("content-encoding", "br"),
        Reply { missing: (100, Duration::ZERO), ..text(b"cut".to_vec()) },
        Reply { missing: (100, second), ..text(b"the rest comes after the timeout".to_vec()) },
    ] {
        let upstream = answering(true, reply.clone());
        let world = served(&upstream, &set(rule), "");
        let view = tried(&world);
        ended(&world, &view, "verified", "every expectation holds");
        let bundle = world.bundle(view["id"].as_str().unwrap()).unwrap();
        let files = deed_record::bundle::read(&bundle).unwrap();
        let runs: Value = serde_json::from_slice(&files[deed_record::bundle::EXCHANGES]).unwrap();
        let exchange = &runs[0]["exchanges"][0];
        assert_eq!(exchange["request"]["codec"]["response"], "none");
        assert_eq!((exchange.get("response"), exchange.get("problem")), (None, None), "{exchange}");
        // With `response = "none"`, only the status of the answer counts.
        let upstream = answering(false, reply.with(422));
        let world = served(&upstream, &set(rule), "");
        ended(&world, &tried(&world), "failed", "the upstream refused");
    }
}

#[test]
fn a_form_with_two_ways_to_write_one_place_is_refused() {
    let upstream = answering(true, Reply::empty(204));
    let world = served(&upstream, &set(NESTED), "");
    for (body, why) in [
        ("{ \"metadata[x]\" = \"1\" }", "name `metadata[x]` of a form has a bracket"),
        ("{ metadata = { \"x][y\" = \"1\" } }", "name `x][y` of a form has a bracket"),
        ("{ items = { 0 = \"1\" } }", "a number inside a table"),
        ("{ items = [] }", "`items` is an empty list or table"),
        ("{ items = \"{list}\" }", "a form can contain nothing else"),
    ] {
        let rule = format!("codec = {{ request = \"form\" }}\nbody = {body}");
        let list =
            "[params]\nproperties.list = { type = \"array\", items = { type = \"string\" } }";
        let text = set(&rule).replace("[params]", list);
        let text = text.replace("required = [\"id\"]", "required = [\"id\", \"list\"]");
        std::fs::write(world.dir.join("contracts/field.toml"), text).unwrap();
        let said = host::run(&["check", world.path()], "").unwrap();
        assert!(!said.status.success(), "{body}");
        let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        assert!(said.contains(why) && said.contains("field.toml"), "{body}: {said}");
    }
}
