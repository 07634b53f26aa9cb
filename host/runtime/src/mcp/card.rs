//! The card of an action: a page that a client with the extension MCP Apps shows in place of the structured result.
//!
//! The page is the same for every action. The client gives it the result of the tool, and what is only for the card in
//! `_meta`. What the page does arrives with the agent's token, so the page has nothing that changes an action: of all
//! tools, it may call only the one that shows an action.

use rmcp::model::{CacheScope, JsonObject, MetaObject, ReadResourceResult, ResourceContents, Tool};
use serde_json::{Value, json};

use crate::api::view::View;

pub(super) const EXTENSION: &str = "io.modelcontextprotocol/ui";
pub(super) const MIME_TYPE: &str = "text/html;profile=mcp-app";
pub(super) const URI: &str = "ui://deed/action";

const PAGE: &str = include_str!("card/action.html");
/// The member of `_meta` for the card, in results.
const DETAILS: &str = "deed/action";
/// The member of `_meta` for the extension, in tools and resources.
const UI: &str = "ui";
/// The page changes only with the version of the host.
const FRESH_MS: u64 = 60 * 60 * 1_000;

/// The page as a resource. It loads nothing and connects to nothing.
pub(super) fn read() -> ReadResourceResult {
    let csp = json!({
        "connectDomains": [],
        "resourceDomains": [],
        "frameDomains": [],
        "baseUriDomains": []
    });
    let page = ResourceContents::text(PAGE, URI)
        .with_mime_type(MIME_TYPE)
        .with_meta(meta(UI, json!({"csp": csp, "prefersBorder": true})));
    let read = ReadResourceResult::new(vec![page]);
    read.with_ttl_ms(FRESH_MS).with_cache_scope(CacheScope::Private)
}

/// A tool whose result is shown as the card if `has_card`, and which the card may call if `is_for_card`. Without
/// `visibility`, a card could call every tool.
pub(super) fn linked(tool: Tool, has_card: bool, is_for_card: bool) -> Tool {
    let visibility: &[&str] = if is_for_card { &["model", "app"] } else { &["model"] };
    let mut ui = JsonObject::new();
    ui.insert("visibility".to_owned(), json!(visibility));
    if has_card {
        ui.insert("resourceUri".to_owned(), json!(URI));
    }
    tool.with_meta(meta(UI, Value::Object(ui)))
}

/// What the card shows of an action in addition to the structured result. Models do not get this.
pub(super) fn details(view: &View) -> MetaObject {
    let writes: Vec<Value> = view
        .writes
        .iter()
        .map(|write| {
            json!({
                "upstream": write.upstream,
                "method": write.method,
                "path": write.path,
                "body": write.body
            })
        })
        .collect();
    let details = json!({
        "contract": view.contract,
        "resource": view.resource,
        "intent": view.intent,
        "writes": writes
    });
    meta(DETAILS, details)
}

fn meta(name: &str, value: Value) -> MetaObject {
    MetaObject(JsonObject::from_iter([(name.to_owned(), value)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_runs_no_text_as_code_and_loads_nothing() {
        for word in
            ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function("]
        {
            assert!(!PAGE.contains(word), "{word}");
        }
        for word in ["http://", "https://", "src=", "href=", "url(", "@import", "fetch(", "XMLHttp"]
        {
            assert!(!PAGE.contains(word), "{word}");
        }
        assert!(PAGE.lines().count() <= 150);
    }

    #[test]
    fn the_page_calls_only_the_tool_that_shows_an_action() {
        assert_eq!(PAGE.matches("tools/call").count(), 1);
        let call = PAGE.lines().find(|line| line.contains("tools/call")).unwrap();
        assert!(call.contains("name: \"deed_status\""), "{call}");
    }
}
