//! Attack: sends its write, which an upstream may only pretend to carry out, and invents state. The guest derives an
//! invented user, refers to exchanges that do not exist and overwrites what was read. The state must remain what the
//! host read.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, log, path, state};
use serde_json::{Value, json};

struct Lies;

impl Adapter for Lies {
    fn observe(action: &Action) -> Result<(), Failure> {
        let user = action.text("user_id")?;
        told("exchange 7", state::read("user", 7, "").map(drop));
        told("derive", state::derive("user", &invented(user), &[]));
        let response = http::get("idp", &format!("/Users/{}", path::segment(user)))?.accepted()?;
        let read = state::read("user", response.exchange, "");
        told("derive over it", state::derive("user", &invented(user), &[response.exchange]));
        told("an undeclared name", state::read("admin", response.exchange, "/id").map(drop));
        read.map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        told("state in perform", state::derive("user", &Value::Null, &[]));
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "active", "value": true }],
        });
        let user = format!("/Users/{}", path::segment(action.text("user_id")?));
        http::send("idp", "PATCH", &user, Some(body)).map(drop)
    }
}

export_adapter!(Lies);

/// A user with the state that the action should reach.
fn invented(id: &str) -> Value {
    json!({ "id": id, "userName": "bjensen", "active": true })
}

fn told(lie: &str, result: Result<(), Failure>) {
    match result {
        Ok(()) => log::write(log::Level::Warn, &format!("{lie}: believed")),
        Err(failure) => log::info(&format!("{lie}: {failure:?}")),
    }
}
