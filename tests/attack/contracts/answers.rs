//! Answers to writes whose ids try to make the host request another path.

use deed_tests::services::ScimServer;
use serde_json::{Value, json};

use super::stage::{JSON, Request, Stage, contract, fresh, raw, says};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "ids-that-name-another-path" => ids,
        "answers-that-two-readers-understand-differently" => two_readers,
        "ids-beside-an-encoded-slash" => beside_a_slash,
    ]
}

/// Any text of narrow characters.
pub(super) const ANY: &str = "pattern = \"^[A-Za-z0-9._@+-]+$\"";

/// A create whose object is read at the path `look`, which contains the id of the answer.
fn create(name: &'static str, look: &str) -> (&'static str, String) {
    let tables = r#"
[state.thing]
from = "GET @look@"
required = ["by"]
properties.by = { type = "string" }
[[observe.http]]
upstream = "field"
request  = "GET @look@"
[[observe.http]]
upstream = "field"
request  = "GET /things"
[[perform.http]]
upstream = "field"
name     = "create"
request  = "POST /things"
body     = { by = "{action.id}" }
created  = [201]
answer   = { id = { type = "string", @any@ } }
[verify]
before     = ["pre.thing == null"]
after      = ["post.thing != null && post.thing.by != ''"]
may_change = ["/thing"]
"#;
    let tables = tables.replace("@look@", look).replace("@any@", ANY);
    contract(name, "create", &[], &tables)
}

/// Answers the write with these bytes, and each read with what could have been created.
fn answers_with(stage: &Stage, answer: Vec<u8>) {
    stage.replies(move |request| match request.method.as_str() {
        "POST" => answer.clone(),
        _ if request.target == "/things" => says(200, &json!([])),
        _ => says(200, &json!({"by": "somebody"})),
    });
}

/// Checks that the action whose write got this answer is left open, and that no path except the known ones was asked.
pub(super) fn open(stage: &Stage, name: &str, answer: Vec<u8>, why: &str, variant: &str) {
    answers_with(stage, answer);
    let view =
        stage.judged(&stage.propose(name, &json!({"id": fresh()})), "indeterminate", why, variant);
    let elsewhere: Vec<String> = asked(stage);
    assert!(elsewhere.is_empty(), "{variant}: {elsewhere:?}");
    assert_eq!(stage.writes().len(), 1, "{variant}: {view:#}");
    let shown = view.to_string();
    for secret in [ScimServer::READ_TOKEN, ScimServer::WRITE_TOKEN] {
        assert!(!shown.contains(secret), "{variant}: {shown}");
    }
}

/// The requests other than the write and the look before it.
fn asked(stage: &Stage) -> Vec<String> {
    let known = ["GET /things", "POST /things", "POST /jobs"];
    let lines = stage.seen().iter().map(Request::line).collect::<Vec<_>>();
    lines.into_iter().filter(|line| !known.contains(&line.as_str())).collect()
}

/// Checks that the action is verified and that the host asked for this path.
pub(super) fn followed(stage: &Stage, name: &str, answer: Vec<u8>, path: &str, variant: &str) {
    answers_with(stage, answer);
    let answer = stage.propose(name, &json!({"id": fresh()}));
    stage.judged(&answer, "verified", "every expectation holds", variant);
    assert_eq!(asked(stage), [format!("GET {path}")], "{variant}");
}

fn id_of(id: &Value) -> Vec<u8> {
    says(201, &json!({ "id": id }))
}

fn ids() {
    let stage = Stage::new(&[create("id", "/things/{answer.create.id}")]);
    let misfits = [
        "../admin",
        "t/1",
        "t%2F1",
        "%2e%2e",
        "%252e",
        "%c0%ae",
        "t?x=y",
        "t#x",
        "t;x",
        "t\\x",
        "t\r\nx: y",
        "",
        "t 1",
        "t\0",
        "\u{ff54}",
        "..\u{2215}x",
        "\u{202e}1-t",
        "http://127.0.0.1:1/x",
        "//x",
        "/things",
        "{x}",
        "t:1",
        "t,1",
    ];
    for id in misfits {
        open(&stage, "id", id_of(&json!(id)), "does not fit `answer.id`", &format!("{id:?}"));
    }
    for id in [json!(1), json!(true), Value::Null, json!(["t"]), json!({"id": "t"})] {
        open(&stage, "id", id_of(&id), "does not fit `answer.id`", &id.to_string());
    }
    for id in [".", ".."] {
        open(&stage, "id", id_of(&json!(id)), "is empty or a dot segment", id);
    }
    open(&stage, "id", id_of(&json!("t".repeat(1_100))), "has more than 1024 bytes", "long");
    // A secret is no id, not even after the redactor has replaced it by a text that would fit.
    for secret in [ScimServer::READ_TOKEN, ScimServer::WRITE_TOKEN] {
        for id in [secret.to_owned(), secret.to_ascii_uppercase(), format!("t-{secret}.1")] {
            open(&stage, "id", id_of(&json!(id)), "held a secret in `id`", &id);
        }
    }
    for (id, sent) in
        [("t-1", "t-1"), ("a@b+c", "a%40b%2Bc"), ("...", "..."), ("redacted", "redacted")]
    {
        followed(&stage, "id", id_of(&json!(id)), &format!("/things/{sent}"), id);
    }
    unharmed(&stage.world);
}

fn two_readers() {
    let stage = Stage::new(&[create("id", "/things/{answer.create.id}")]);
    for (body, why) in [
        (r#"{"id":"t-1","id":"t-2"}"#, "cannot be used"),
        (r#"{"\u0069d":"t-1","id":"t-2"}"#, "cannot be used"),
        (r#"{"id":"t-1"} {"id":"t-2"}"#, "cannot be used"),
        (r#"{"id":"t-1",}"#, "cannot be used"),
        (r#"{"id":'t-1'}"#, "cannot be used"),
        ("", "has no `id`"),
        (r#"{"ID":"t-1"}"#, "has no `id`"),
        (r#"[{"id":"t-1"}]"#, "has no `id`"),
        (r#"{"data":{"id":"t-1"}}"#, "has no `id`"),
        (r#"{"id":"\u002e\u002e"}"#, "is empty or a dot segment"),
        (r#"{"id":"t\u002f1"}"#, "does not fit `answer.id`"),
        (r#"{"id":"t\u00001"}"#, "does not fit `answer.id`"),
    ] {
        open(&stage, "id", raw(201, JSON, body), why, body);
    }
    let html = "content-type: text/html\r\n";
    open(&stage, "id", raw(201, html, r#"{"id":"t-1"}"#), "cannot be used", "a page");
    followed(&stage, "id", raw(201, JSON, r#"{"\u0069d":"\u0074-1"}"#), "/things/t-1", "escapes");
    unharmed(&stage.world);
}

/// A server that decodes `%2F` before it splits the path would find a dot segment.
fn beside_a_slash() {
    let stage = Stage::new(&[
        create("before", "/things/{answer.create.id}%2Fx"),
        create("behind", "/things/x%2F{answer.create.id}"),
        create("back", "/things/{answer.create.id}%5Cx"),
    ]);
    for name in ["before", "behind", "back"] {
        for id in [".", ".."] {
            open(
                &stage,
                name,
                id_of(&json!(id)),
                "is empty or a dot segment",
                &format!("{name} {id}"),
            );
        }
    }
    followed(&stage, "before", id_of(&json!("t")), "/things/t%2Fx", "before");
    unharmed(&stage.world);
}
