//! What an approver and a reader of an action see of a contract of format 2: lists, decimals, absence, headers, and the
//! origin of each value.

use deed_tests::host;
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::json;

use super::upstream::{Reply, Upstream};
use super::{ASKING, POLICY, contract, proposal, served_under};

const TABLES: &str = r#"
[state.thing]
from = "GET /t/{id}"
required = ["on", "fee", "label"]
properties.label = { type = "string" }
properties.on = { type = "boolean" }
properties.fee = { type = "decimal" }
properties.note = { type = "string", nullable = true }
properties.groups = { type = "array", key = "/value", items = { required = ["value"], properties = { value = { type = "string" } } } }
properties.members = { type = "array", key = "/value", items = { required = ["value"], properties = { value = { type = "string" } } } }
[state.log]
from = "GET /t/{id}/log"
properties.n = { type = "integer" }
[state.job]
from = "GET /jobs/{answer.start.job}"
properties.by = { type = "string" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}/log"
absent   = [404]
control  = "GET /t/{id}"
[[observe.http]]
upstream = "field"
request  = "GET /jobs/{answer.start.job}"
[[perform.http]]
upstream = "field"
name     = "start"
request  = "POST /t/{id}/on?mode=full"
headers  = { Notion-Version = "2022-06-28" }
body_json = '{ "by": "{action.id}", "label": "{pre.thing.label}", "rate": 0.250, "note": "{note?}", "for": "u-{id}" }'
answer   = { job = { type = "string", pattern = "^[a-z0-9-]{1,20}$" } }
[verify]
before     = ["!pre.thing.on"]
after      = ["post.thing.on", "post.job != null"]
may_change = ["/thing/on", "/thing/fee", "/thing/note", "/thing/groups", "/thing/members/{id}", "/log", "/job"]
"#;

const THING: &str = r#""fee":10.50,"label":"L\u202e","note":null,"groups":[{"value":"b"},{"value":"a"}],"members":[{"value":"a1"}]"#;

fn upstream() -> Upstream {
    let (mut on, mut by) = (false, json!(null));
    Upstream::start(move |request| {
        if request.method == "POST" {
            (on, by) = (true, request.json()["by"].clone());
        }
        match request.target.as_str() {
            "/t/a1/log" => Reply::json(404, json!({})),
            "/t/a1/on?mode=full" => Reply::json(200, json!({"job": "j-1"})),
            "/jobs/j-1" => Reply::json(200, json!({"by": by})),
            _ => Reply::raw(200, &format!("{{\"on\":{on},{THING}}}")),
        }
    })
}

#[test]
fn an_approver_sees_lists_decimals_absence_headers_and_origins() {
    let upstream = upstream();
    let policy = format!("{POLICY}{ASKING}");
    let lines = "headers = { X-Tenant = \"main\" }";
    let world = served_under(&policy, &upstream, &contract("update", TABLES), lines);
    let asked = world.propose(&proposal(json!({"id": "a1"}))).unwrap();
    let id = asked.text("/id");
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let base = format!("http://{}", upstream.address);
    for line in [
        "    notion-version: 2022-06-28",
        &format!("  POST {base}/t/a1/on?mode=full (field)"),
        "    x-tenant: main (added by the operator)",
        &format!("      \"by\": \"{id}\""),
        "      \"label\": \"L\\u{202e}\"",
        "      \"rate\": \"0.25\"",
        "    sent as a number: /rate",
        "    observations afterwards may use its answer as `start`",
        "    literal text of the contract, except",
        "      path {id}: parameter id",
        "      body /by: id of the action",
        "      body /label: pre.thing.label, the state before the action",
        "      body /for: parameter id",
        "would read, by POST or with values of the answers",
        &format!("  GET {base}/jobs/{{answer.start.job}} (field)"),
        "      path {answer.start.job}: answer.start.job, known after the write",
        "  /thing/on: false",
        "  /thing/fee: \"10.5\"",
        "  /thing/note: null",
        r#"  /thing/groups: [{"value":"a"},{"value":"b"}]"#,
        r#"  /thing/members/a1: {"value":"a1"}"#,
        "  /log: does not exist",
        "  /job: does not exist",
    ] {
        // The members of a body may be in any order, so the comma after the last one is not compared.
        let is_line = |one: &str| one.trim_end_matches(',') == line;
        assert!(said.lines().any(is_line), "no `{line}` in\n{said}");
    }
    // The optional parameter is absent, so the body does not contain the note.
    assert!(!said.contains("parameter note"), "{said}");
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    let sent = &upstream.writes()[0];
    let body =
        format!("{{\"by\":\"{id}\",\"for\":\"u-a1\",\"label\":\"L\u{202e}\",\"rate\":0.25}}");
    assert_eq!((sent.body.as_str(), sent.header("x-tenant")), (body.as_str(), Some("main")));
    read_later(&world, &id);
}

/// The page of the action, and what its agent sees.
fn read_later(world: &World, id: &str) {
    let page = host::expect(&["show", id, "--url", world.url(), "--token", BOB]).unwrap();
    for line in [
        "write        field POST /t/a1/on?mode=full",
        "  notion-version: 2022-06-28",
        "  x-tenant: main (added by the operator)",
        "    /label: the value of /thing/label before the action",
        "    sent as a number: /rate",
        "changed      /thing/on: false -> true",
        &format!("changed      /job: does not exist -> {{\"by\":\"{id}\"}}"),
    ] {
        assert!(page.lines().any(|one| one == line), "no `{line}` in\n{page}");
    }
    let agents = world.client(HELPDESK).get(&format!("/v1/actions/{id}")).unwrap().json();
    for member in ["added_headers", "access"] {
        assert!(agents.get(member).is_none(), "{member}: {agents:#}");
    }
}
