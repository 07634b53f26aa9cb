//! The behaviour of an honest adapter of the open contract `yard.build`, which creates a thing, describes it and links
//! it. The contract is `tests/attack/rehearsal/yard.toml`.
//!
//! In the tests, the id of a thing that the upstream really created begins with `real`, and the answer has a member that
//! the contract does not declare. So a guest can tell an attempt from a rehearsal, but only by the answer to a write.

use deed_adapter_sdk::bindings::deed::adapter::http::Request;
use deed_adapter_sdk::http::{self, Response};
use deed_adapter_sdk::{Action, Failure};
use serde_json::{Value, json};

/// What an honest guest would compute.
pub const TITLE: &str = "a title";
pub const TEXT: &str = "a text";
pub const NOTE: &str = "a note";

/// Sends every request of an observation. The host reads the states itself.
pub fn look(action: &Action) -> Result<(), Failure> {
    action.requests.iter().try_for_each(|one| http::send_request(one).map(drop))
}

/// Reads the number that the upstream shows, and that the tests change.
pub fn number() -> Result<u64, Failure> {
    let kit = http::get("yard", "/kit")?.accepted()?.body;
    Ok(kit.get("number").and_then(Value::as_u64).unwrap_or_default())
}

/// The first write, which creates the thing.
pub fn creating(action: &Action, title: &Value) -> Result<Request, Failure> {
    with_part(rendered(action, "POST", "/things")?, "/title", title)
}

/// The second write, with the id of the thing in its path.
pub fn describing(action: &Action, id: &str, text: &Value) -> Result<Request, Failure> {
    let mut write = rendered(action, "PUT", "/things/")?;
    write.path = write.path.replace("{answer.create.id}", id);
    with_part(write, "/text", text)
}

/// The third write, with the id of the thing in its body.
pub fn linking(action: &Action, id: &str, note: &Value) -> Result<Request, Failure> {
    let write = with_part(rendered(action, "POST", "/links")?, "/thing", &json!(id))?;
    with_part(write, "/note", note)
}

/// Sends the first write, and returns the id in its answer.
pub fn create(action: &Action, title: &Value) -> Result<(String, Response), Failure> {
    let made = http::send_request(&creating(action, title)?)?.accepted()?;
    let id = made.body.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((id, made))
}

/// Sends the second write and the third write.
pub fn finish(action: &Action, id: &str, text: &Value, note: &Value) -> Result<(), Failure> {
    http::send_request(&describing(action, id, text)?)?.accepted()?;
    http::send_request(&linking(action, id, note)?)?.accepted().map(drop)
}

/// The bytes of a text as hex digits.
pub fn hex(text: &str) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Whether the id is that of a thing which the upstream really created.
pub fn is_real(id: &str) -> bool {
    id.starts_with("real")
}

/// The first request of the contract with this method whose path begins with `start`, as the host rendered it.
pub fn rendered(action: &Action, method: &str, start: &str) -> Result<Request, Failure> {
    let is_it = |one: &&Request| one.method == method && one.path.starts_with(start);
    let found = action.requests.iter().find(is_it).cloned();
    found.ok_or_else(|| Failure::Invalid(format!("the contract has no `{method} {start}`")))
}

/// The request with this value at a place of its body.
pub fn with_part(mut request: Request, at: &str, value: &Value) -> Result<Request, Failure> {
    let body = request.body.as_deref().and_then(|body| serde_json::from_str::<Value>(body).ok());
    let mut body = body.unwrap_or_default();
    let place = body.pointer_mut(at);
    *place.ok_or_else(|| Failure::Invalid(format!("the body has nothing at `{at}`")))? =
        value.clone();
    request.body = Some(body.to_string());
    Ok(request)
}
