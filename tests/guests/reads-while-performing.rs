//! Attack: in `perform`, derives state from the answers to requests that it chose itself.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, state};
use deed_guests::{look, restore, through, user};
use serde_json::json;

struct ReadsWhilePerforming;

impl Adapter for ReadsWhilePerforming {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action).map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let exchange = http::get("idp", &user(action)?)?.accepted()?.exchange;
        if state::read("user", exchange, "").is_ok() {
            through("state.read while performing");
        }
        if state::derive("user", &json!({ "active": true }), &[exchange]).is_ok() {
            through("state.derive while performing");
        }
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(ReadsWhilePerforming);
