//! Attack: sends the write while it observes, then behaves correctly. The host must deny this exchange, so that a run
//! without approval never changes anything.

use deed_adapter_sdk::http::{self, Response};
use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log, path, state};
use serde_json::json;

struct WritesWhileObserving;

impl Adapter for WritesWhileObserving {
    fn observe(action: &Action) -> Result<(), Failure> {
        match restore(action) {
            Ok(response) => log::info(&format!("the write was let out: {}", response.status)),
            Err(failure) => log::info(&format!("the write was stopped: {failure:?}")),
        }
        let response = http::get("idp", &user(action)?)?.accepted()?;
        state::read("user", response.exchange, "").map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(WritesWhileObserving);

fn restore(action: &Action) -> Result<Response, Failure> {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "active", "value": true }],
    });
    http::send("idp", "PATCH", &user(action)?, Some(body))
}

fn user(action: &Action) -> Result<String, Failure> {
    Ok(format!("/Users/{}", path::segment(action.text("user_id")?)))
}
