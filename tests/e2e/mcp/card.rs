//! Tests of the card of an action, for clients with the extension MCP Apps.

use deed_test_support::shared::locked_out;
use deed_tests::world::{HELPDESK, World};
use serde_json::{Value, json};

use super::{BOTH, OLD, RESTORE, arguments, call, declares, result, result_with, send_with, start};

const URI: &str = "ui://deed/action";
const MIME_TYPE: &str = "text/html;profile=mcp-app";

fn cards() -> Value {
    declares(&json!({"extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": [MIME_TYPE]}}}))
}

fn tools(world: &World, meta: &Value) -> Vec<Value> {
    let listed = result_with(world, meta, "tools/list", &json!({}));
    listed["tools"].as_array().unwrap().clone()
}

#[test]
fn the_card_is_a_page_that_loads_nothing_and_runs_no_text() {
    let world = start();
    let read = result_with(&world, &cards(), "resources/read", &json!({"uri": URI}));
    let page = &read["contents"][0];
    assert_eq!((&page["uri"], &page["mimeType"]), (&json!(URI), &json!(MIME_TYPE)), "{read:#}");
    let csp = &page["_meta"]["ui"]["csp"];
    for name in ["connectDomains", "resourceDomains", "frameDomains", "baseUriDomains"] {
        assert_eq!(csp[name], json!([]), "{read:#}");
    }
    let text = page["text"].as_str().unwrap();
    assert!(text.starts_with("<!doctype html>") && text.contains("default-src 'none'"));
    for word in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
    {
        assert!(!text.contains(word), "{word}");
    }
    for word in ["http://", "https://", " src=", " href=", "url(", "@import", "fetch("] {
        assert!(!text.contains(word), "{word}");
    }
    assert!(text.lines().count() <= 150);
}

#[test]
fn tools_have_the_card_only_for_clients_that_show_it() {
    let world = start();
    let plain = tools(&world, &declares(&json!({})));
    assert!(plain.iter().all(|tool| tool.get("_meta").is_none()), "{plain:#?}");
    let other = declares(&json!({"extensions": {"io.modelcontextprotocol/ui": {}}}));
    assert_eq!(tools(&world, &other), plain, "a client that shows no HTML");
    let old = result(&world, OLD, "tools/list", &json!({"_meta": cards()}));
    assert_eq!(old["tools"].as_array().unwrap(), &plain, "the older revision");
    let carded = tools(&world, &cards());
    for (mut tool, same) in carded.into_iter().zip(plain) {
        let ui = tool.as_object_mut().unwrap().remove("_meta").unwrap()["ui"].clone();
        assert_eq!(tool, same, "the tools are the same apart from the card");
        let name = tool["name"].as_str().unwrap();
        let shows = name.starts_with("idp_") || name == "deed_status";
        assert_eq!(ui["resourceUri"], if shows { json!(URI) } else { Value::Null }, "{name}");
        // A call of the card arrives with the agent's token, so the card may only ask.
        let callers =
            if name == "deed_status" { json!(["model", "app"]) } else { json!(["model"]) };
        assert_eq!(ui["visibility"], callers, "{name}");
    }
}

#[test]
fn the_result_has_what_only_the_card_shows() {
    let (world, user) = (start(), locked_out());
    let params = json!({"name": RESTORE, "arguments": arguments(&user)});
    let result = result_with(&world, &cards(), "tools/call", &params);
    assert_eq!(result["structuredContent"]["status"], "waiting", "{result:#}");
    let details = &result["_meta"]["deed/action"];
    assert_eq!(details["contract"], "idp.restore_access", "{result:#}");
    assert_eq!(details["writes"][0]["method"], "PATCH", "{result:#}");
    assert!(details["writes"][0]["path"].as_str().unwrap().contains(&user), "{result:#}");
    let id = result["structuredContent"]["action"].clone();
    let asked = json!({"name": "deed_status", "arguments": {"action": id}});
    let shown = result_with(&world, &cards(), "tools/call", &asked);
    assert_eq!(&shown["_meta"]["deed/action"], details, "{shown:#}");
    for revision in BOTH {
        let plain = call(&world, revision, "deed_status", &json!({"action": id}));
        assert!(plain.get("_meta").is_none(), "{plain:#}");
    }
}

#[test]
fn other_resources_of_the_card_do_not_exist() {
    let world = start();
    for uri in ["ui://deed/", "ui://deed/action/", "ui://deed/actions", "ui://other/action"] {
        let params = json!({"uri": uri});
        let answer = send_with(&world, HELPDESK, &cards(), "resources/read", &params);
        assert_eq!(answer.json()["error"]["code"], -32602, "{uri}: {answer:?}");
    }
}
