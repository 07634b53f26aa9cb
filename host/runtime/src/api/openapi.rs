//! The OpenAPI 3.1 document, generated from the served operations and their types.
//!
//! This module defines no routes. Each entry of the table of routes describes its own operation.

mod operation;
mod parts;
mod schemas;

use serde_json::{Map, Value, json};

pub(crate) use self::operation::{Answer, Content, Method, Operation, Parameter, Place};
use self::parts::Components;
pub(crate) use self::schemas::SchemaOf;

/// Returns the document for these operations, in the given order.
pub(crate) fn document<'a>(operations: impl Iterator<Item = &'a Operation> + Clone) -> Value {
    let mut components = Components::new(operations.clone().filter_map(|one| one.body));
    let mut paths = Map::new();
    for operation in operations {
        let path = operation.path.replace("{*", "{");
        let item = paths.entry(path).or_insert_with(|| operation.item());
        if let Some(item) = item.as_object_mut() {
            let method = operation.method.word().to_owned();
            item.insert(method, operation.describe(&mut components));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "deed",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The execution boundary between an AI agent and the software it acts on.",
            "description": INTRODUCTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{
            "url": "http://127.0.0.1:7117",
            "description": "Agents, approvers and auditors: `listen` under [http] of deed.toml.",
        }],
        "security": [{"token": []}],
        "tags": tags(),
        "paths": paths,
        "components": components.finish(),
    })
}

const INTRODUCTION: &str = "An agent proposes an action. The host decides whether it may run, runs an adapter with \
only what was granted for this action, reads the system of record before and after, and signs a receipt.\n\n\
Bodies are strict JSON: a duplicate key or an unknown field is an error. Errors are problem details \
(RFC 9457). A person sees the actions of their tenant, and an agent sees its own actions. A resource that \
the caller may not see gets the same answer as one that does not exist. An unsupported method gets 405.\n\n\
A principal whose requests are refused repeatedly (4xx, or actions denied without a request for approval) \
gets 429 with `Retry-After`: two refusals are forgiven per second, and at most 120 are counted. A \
principal also gets 429 for more than 128 requests in progress, for more than its share of them, and for \
proposals beyond 128 actions under way. HTTP/1.1 limits are checked before routing: a body without \
`Content-Length` gets 411, a path beyond 2 KiB gets 414, and a head beyond 16 KiB or 64 headers gets 431. A \
connection without a request within 15 seconds is closed.";

fn tags() -> Value {
    json!([
        {"name": "actions", "description": "Propose actions and read their state."},
        {"name": "approvals", "description": "For approvers: requests for approval, and the signed answers."},
        {"name": "resolutions", "description": "For operators: open outcomes, and the signed resolutions."},
        {"name": "contracts", "description": "The contracts that the caller may use."},
        {"name": "authorization", "description": "For clients that get access tokens from an issuer (OAuth 2.1)."},
        {"name": "log", "description": "The tenant's log as C2SP tlog-tiles."},
        {"name": "console", "description": "Pages for people with a browser; see docs/console.md."},
        {"name": "operations", "description": "Health and counters, on a separate listener."},
    ])
}
