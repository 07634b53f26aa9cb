//! Attack: while it observes by a POST that only reads, sends this POST with other bodies, to other paths, with other
//! methods, and twice. The host must send only its own rendering of the query, and only once.

use deed_adapter_sdk::bindings::deed::adapter::http::{self as host, Request};
use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log};
use deed_guests::{denied, request};
use serde_json::json;

const PATHS: [&str; 8] = [
    "/",
    "/graphql/",
    "/graphql?",
    "/graphql?op=1",
    "/graphql#x",
    "//graphql",
    "/Graphql",
    "/graphql/../admin",
];

struct QueriesOtherwise;

impl Adapter for QueriesOtherwise {
    fn observe(action: &Action) -> Result<(), Failure> {
        let own = own(action.text("id")?);
        for body in bodies(&own) {
            let shown: String = body.chars().take(60).collect();
            denied(&shown, &sent("POST", "/graphql", Some(body)));
        }
        denied("no body", &sent("POST", "/graphql", None));
        for path in PATHS {
            denied(path, &sent("POST", path, Some(own.clone())));
        }
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "QUERY", "post", "POST "] {
            denied(method, &sent(method, "/graphql", Some(own.clone())));
        }
        // The host compares JSON values, and sends its own bytes.
        let spaced = sent("POST", "/graphql", Some(format!(" {own}\n")));
        if let Err(error) = host::send(&spaced) {
            log::info(&format!("its own query was not sent: {error:?}"));
        }
        denied("twice", &sent("POST", "/graphql", Some(own)));
        log::info("it asked for all of it");
        Ok(())
    }

    fn perform(_: &Action) -> Result<(), Failure> {
        Ok(())
    }
}

export_adapter!(QueriesOtherwise);

/// The body of the contract's query.
fn own(id: &str) -> String {
    let query = "query($id: ID!) { user(id: $id) { active } }";
    json!({ "query": query, "variables": { "id": id, "x": "a" } }).to_string()
}

fn sent(method: &str, path: &str, body: Option<String>) -> Request {
    let mut sent = request(method, path, body);
    "field".clone_into(&mut sent.upstream);
    sent
}

fn bodies(own: &str) -> Vec<String> {
    let open = own.trim_end_matches('}');
    let mutation = own.replace("query($id", "mutation($id");
    vec![
        mutation.clone(),
        own.replace("{ active }", "{ active name }"),
        own.replace("query($id", "#\\nmutation($id"),
        own.replace("\"a\"", "\"b\""),
        own.replace("\"a\"", "null"),
        format!("{open}}},\"operationName\":\"m\"}}"),
        format!("{open}}},\"\\u0071uery\":\"mutation {{ m }}\"}}"),
        format!("[{own}]"),
        format!("[{own},{mutation}]"),
        format!("{own}{mutation}"),
        "query=mutation".to_owned(),
        "null".to_owned(),
        String::new(),
    ]
}
