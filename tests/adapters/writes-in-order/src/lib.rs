//! Carries out the `crash` contracts: the writes of an action one after the other, until one fails.
//!
//! For example, `crash.add_two` sends two writes to an item of the kind `add`. The kind is the first word after the
//! dot. The contract `crash.set_any` lets the adapter compute the value.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, path, state};
use serde_json::json;

const UPSTREAM: &str = "record";

struct WritesInOrder;

impl Adapter for WritesInOrder {
    fn observe(action: &Action) -> Result<(), Failure> {
        let response = http::get(UPSTREAM, &item(action)?)?.accepted()?;
        // In a contract of format 2, the host reads the state itself.
        if action.contract.ends_with("_any") {
            return Ok(());
        }
        state::read("item", response.exchange, "").map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let item = item(action)?;
        let method = if kind(action)? == "set" { "PUT" } else { "POST" };
        let body = json!({ "value": action.text("value")? });
        for slot in slots(action) {
            http::send(UPSTREAM, method, &format!("{item}/{slot}"), Some(body.clone()))?
                .accepted()?;
        }
        Ok(())
    }
}

/// Path of the item: `/{kind}/{item}`, below the upstream's base URL.
fn item(action: &Action) -> Result<String, Failure> {
    Ok(format!("/{}/{}", kind(action)?, path::segment(action.text("item")?)))
}

fn kind(action: &Action) -> Result<&str, Failure> {
    let name = action.contract.strip_prefix("crash.").ok_or_else(|| action.not_served())?;
    Ok(name.split('_').next().unwrap_or(name))
}

fn slots(action: &Action) -> &'static [&'static str] {
    if action.contract.ends_with("_two") { &["one", "two"] } else { &["one"] }
}

export_adapter!(WritesInOrder);
