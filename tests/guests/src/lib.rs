//! The behaviour of an honest adapter, for guests that attack in one place only. A guest whose attack succeeds reports
//! it with a log line for the operator that begins with `got through: `.
#![expect(clippy::missing_errors_doc, reason = "the callers are tests, which stop at any error")]

use deed_adapter_sdk::bindings::deed::adapter::http as host;
use deed_adapter_sdk::http::{self, Response};
use deed_adapter_sdk::{Action, Failure, log, path, state};
use serde_json::{Value, json};

pub mod wasi;
pub mod yard;

/// The path of the user that the action is about.
pub fn user(action: &Action) -> Result<String, Failure> {
    Ok(format!("/Users/{}", path::segment(action.text("user_id")?)))
}

/// Reads the user and makes the answer the state `user`, as the contract declares.
pub fn look(action: &Action) -> Result<Response, Failure> {
    let response = http::get("idp", &user(action)?)?.accepted()?;
    state::read("user", response.exchange, "")?;
    Ok(response)
}

/// Sends the only write of the contract.
pub fn restore(action: &Action) -> Result<Response, Failure> {
    http::send("idp", "PATCH", &user(action)?, Some(restored()))
}

/// The body of the contract's only write.
pub fn restored() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "active", "value": true }],
    })
}

/// A request to `idp` that is sent as written, without the SDK.
pub fn request(method: &str, path: &str, body: Option<String>) -> host::Request {
    host::Request {
        upstream: "idp".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body,
    }
}

/// Sends a request that the host must deny, and reports when the host does not deny it.
pub fn denied(what: &str, request: &host::Request) {
    match host::send(request) {
        Err(host::Error::Denied(_)) => {}
        answer => through(&format!("{what}: {answer:?}")),
    }
}

/// Reports to the operator that an attack had an effect.
pub fn through(what: &str) {
    log::write(log::Level::Error, &format!("got through: {what}"));
}
