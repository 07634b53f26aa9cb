use serde_json::{Value, json};

use super::*;
use crate::api::view::View;
use crate::shown::page;

fn request(body: Value) -> Rendered {
    Rendered {
        upstream: "docs".into(),
        method: "PUT".into(),
        path: "/docs/1".into(),
        body: Some(body),
        writes: true,
        calls: 1,
        ..Rendered::default()
    }
}

fn named(place: &str, name: &str) -> std::collections::BTreeMap<String, String> {
    [(place.to_owned(), name.to_owned())].into()
}

#[test]
fn a_value_of_an_answer_in_a_path_is_shown_by_its_name() {
    for (written, shown) in [
        ("/docs/1", "/docs/1"),
        ("/docs/{answer.create.id}", "/docs/<answer.create.id>"),
        ("/d/{answer.a.b.c}/x?y=t-{answer.d.e}", "/d/<answer.a.b.c>/x?y=t-<answer.d.e>"),
        ("/d\u{202e}/{answer.a.b}", "/d\\u{202e}/<answer.a.b>"),
    ] {
        assert_eq!(path(written), shown);
    }
}

#[test]
fn each_computed_part_is_named() {
    let part = Rendered { any: named("/doc", "document\u{1b}"), ..request(json!({"doc": 1})) };
    assert_eq!(computed(&part), ["body /doc: computed by the adapter, as `document\\u{1b}`"]);
    let whole = Rendered { any: named("", "doc"), ..request(json!(1)) };
    assert_eq!(computed(&whole), ["the whole body: computed by the adapter, as `doc`"]);
    assert_eq!(computed(&request(json!(1))), Vec::<String>::new());
}

fn view(outcome: Option<&str>, rehearsal: Value) -> View {
    let mut view = json!({
        "id": "act_x", "status": outcome.unwrap_or("waiting"), "contract": "docs.edit", "resource": "docs/1",
        "agent": "helpdesk", "person": "alice", "environment": "production", "intent": "edit", "sources": [],
        "obligations": [], "approvals": [], "stale": [], "calls": [], "changes": [], "unexpected": [], "checks": [],
        "proposed_ms": 0, "at_ms": 0, "ledger": [],
        "writes": [{"upstream": "docs", "method": "PUT", "path": "/template", "calls": 1, "writes": true}]
    });
    view["rehearsal"] = rehearsal;
    if let Some(outcome) = outcome {
        view["outcome"] = json!(outcome);
        view["calls"] = json!([{"phase": "perform", "upstream": "docs", "method": "POST", "path": "/docs",
            "fate": {"answered": {"status": 201}}, "at_ms": 0}]);
    }
    serde_json::from_value(view).unwrap()
}

/// A plan with a write that creates, and one that puts a computed document under the created id.
fn two_writes() -> Value {
    json!({
        "plan": {"writes": [
            {"rule": 0, "request": {"upstream": "docs", "method": "POST", "path": "/docs", "calls": 1, "writes": true,
                "body": {"a": 1}}},
            {"rule": 1, "request": {"upstream": "docs", "method": "PUT", "path": "/docs/{answer.create.id}",
                "calls": 1, "writes": true, "optional": true, "body": {"n": 2, "x": 1}, "any": {"": "doc\u{1b}"}}}
        ]},
        "current": [{"write": 2, "body": {"n": 1, "x": 1}}]
    })
}

#[test]
fn the_page_of_an_action_shows_the_plan_instead_of_the_rules() {
    let page = page::of(&view(None, two_writes()));
    for wanted in [
        "plan         2 writes, in this order, planned in a rehearsal\n",
        "write 1      docs POST /docs\n  {\n    \"a\": 1\n  }\n",
        "write 2      docs PUT /docs/<answer.create.id>\n",
        "    the whole body: computed by the adapter, as `doc\\u{1b}`\n",
        "    optional: the adapter may end without this write\n",
        "    changes to what the host read there in the rehearsal\n      /n: 1 -> 2\n",
    ] {
        assert!(page.contains(wanted), "{wanted:?} is missing in\n{page}");
    }
    assert!(!page.contains("/template") && !page.contains("not sent"), "{page}");
}

#[test]
fn the_page_of_an_ended_action_compares_the_plan_with_what_was_sent() {
    let mut rehearsal = two_writes();
    rehearsal["unsent"] =
        json!([{"write": 2, "method": "PUT", "path": "/docs/1", "optional": true}]);
    rehearsal["refused"] = json!(["write 2 differs from the plan at `/n`\u{1b}"]);
    let page = page::of(&view(Some("verified"), rehearsal));
    for wanted in [
        "write 1      docs POST /docs\n",
        "not sent 2   docs PUT /docs/<answer.create.id>\n",
        "refused      write 2 differs from the plan at `/n`\\u{1b}\n",
    ] {
        assert!(page.contains(wanted), "{wanted:?} is missing in\n{page}");
    }
}

/// What an agent sees of an action with two rules, of which the second one is open.
fn agents(more: &Value) -> String {
    let mut view = json!({
        "id": "act_x", "status": "waiting", "contract": "docs.edit", "resource": "docs/1", "agent": "helpdesk",
        "person": "alice", "environment": "production", "intent": "edit", "sources": [], "obligations": [],
        "approvals": [], "stale": [], "calls": [], "changes": [], "unexpected": [], "checks": [], "proposed_ms": 0,
        "at_ms": 0, "ledger": [],
        "writes": [
            {"upstream": "docs", "method": "POST", "path": "/docs", "calls": 1, "writes": true, "name": "create"},
            {"upstream": "docs", "method": "PUT", "path": "/docs/{answer.create.id}", "calls": 1, "writes": true,
                "optional": true, "body": {"by": null, "total": null}, "awaited": {"/by": "create.id"},
                "any": {"/total": "total"}}
        ]
    });
    for (name, value) in more.as_object().unwrap() {
        view[name] = value.clone();
    }
    page::of(&serde_json::from_value(view).unwrap())
}

#[test]
fn an_agent_sees_the_rules_of_an_open_action_with_the_names_of_what_is_not_known() {
    let page = agents(&json!({}));
    for wanted in [
        "write        docs POST /docs\n    later writes and observations may use its answer as `create`\n",
        "write        docs PUT /docs/<answer.create.id>\n  {\n    \"by\": <answer.create.id>,\n    \
         \"total\": <computed: total>\n  }\n    optional: the adapter may end without this write\n",
    ] {
        assert!(page.contains(wanted), "{wanted:?} is missing in\n{page}");
    }
}

/// The path of a write has the id from the answer to another write, so the rules do not show which writes were sent.
#[test]
fn an_agent_sees_the_plan_of_an_ended_action_once() {
    let plan = json!([
        {"method": "POST", "upstream": "docs", "request": "POST /docs", "changed": []},
        {"method": "PUT", "upstream": "docs", "request": "PUT /docs/{answer.create.id}", "changed": ["/total"]}
    ]);
    let sent = json!({"status": "verified", "outcome": "verified", "plan": plan});
    let page = agents(&sent);
    for wanted in [
        "\nwrite 1      docs POST /docs\n",
        "\nwrite 2      docs PUT /docs/<answer.create.id>; the adapter computed /total\n",
    ] {
        assert!(page.contains(wanted), "{wanted:?} is missing in\n{page}");
    }
    assert!(!page.contains("not sent") && page.matches("docs PUT").count() == 1, "{page}");
    let mut unsent = sent.clone();
    unsent["plan"][1]["unsent"] = json!(true);
    let page = agents(&unsent);
    assert!(page.contains("\nwrite 1 ") && page.contains("\nnot sent 2   docs PUT"), "{page}");
    let mut dry = sent;
    dry["dry_run"] = json!(true);
    let page = agents(&dry);
    assert!(page.contains("\nplanned 1    docs POST") && !page.contains("not sent"), "{page}");
}

/// The adapter may report anything, so the reason says that the host refused a write.
#[test]
fn the_reason_says_that_the_plan_was_left() {
    let note = "because      it differs; the host refused a request that differs from the plan\n";
    let ended = json!({"status": "mismatch", "outcome": "mismatch", "reason": "it differs"});
    assert!(!agents(&ended).contains("the host refused"));
    let mut left = ended;
    left["differs_from_plan"] = json!(true);
    assert!(agents(&left).contains(note), "{}", agents(&left));
}

#[test]
fn the_page_says_why_there_is_no_plan() {
    let page = page::of(&view(Some("denied"), json!({"problem": "write 1 lacks\u{1b} `/a`"})));
    assert!(page.contains("no plan      write 1 lacks\\u{1b} `/a`\n"), "{page}");
}
