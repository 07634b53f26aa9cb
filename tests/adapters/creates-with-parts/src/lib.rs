//! Creates a thing from a kit, and uses the id of the thing in later writes: in the path, to store the parts, and in the
//! body, to put the thing on a shelf.
//!
//! The adapter computes the parts from the kit and from the number of units. If the kit has a label, the adapter also
//! sends the label, in a write that the contract declares as optional.

use deed_adapter_sdk::{Action, Adapter, Failure, answers, export_adapter, http, requests};
use serde_json::{Value, json};

struct CreatesWithParts;

impl Adapter for CreatesWithParts {
    fn observe(action: &Action) -> Result<(), Failure> {
        requests::send_all(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let kit = http::send_request(requests::only(action, "GET", "/kits")?)?.accepted()?.body;
        let units = number(&action.params, "units");
        let created = http::send_request(requests::only(action, "POST", "/things")?)?.accepted()?;
        let id = answers::member(&created, "id")?;
        store(action, id, parts(&kit, units))?;
        shelve(action, id, total(&kit, units))?;
        kit.get("label").map_or(Ok(()), |label| attach(action, label))
    }
}

/// The parts of the kit, each as often as the units need it.
fn parts(kit: &Value, units: u64) -> Value {
    let one =
        |part: &Value| json!({ "sku": part.get("sku"), "count": number(part, "count") * units });
    listed(kit).map(one).collect()
}

fn total(kit: &Value, units: u64) -> u64 {
    listed(kit).map(|part| number(part, "count") * units).sum()
}

fn listed(kit: &Value) -> impl Iterator<Item = &Value> {
    kit.get("parts").and_then(Value::as_array).into_iter().flatten()
}

fn number(of: &Value, name: &str) -> u64 {
    of.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// Uses the id in the path.
fn store(action: &Action, id: &Value, parts: Value) -> Result<(), Failure> {
    let write = requests::only(action, "PUT", "/things")?;
    let write = answers::in_path(write, "create.id", id)?;
    let write = requests::with_part(&write, "/parts", parts)?;
    http::send_request(&write)?.accepted().map(drop)
}

/// Uses the id in the body.
fn shelve(action: &Action, id: &Value, total: u64) -> Result<(), Failure> {
    let write = requests::only(action, "POST", "/shelf")?;
    let write = requests::with_part(write, "/thing", id.clone())?;
    let write = requests::with_part(&write, "/total", total.into())?;
    http::send_request(&write)?.accepted().map(drop)
}

/// Leaves the place of the id in the body as the host rendered it, so the host fills it in.
fn attach(action: &Action, label: &Value) -> Result<(), Failure> {
    let write = requests::only(action, "POST", "/labels")?;
    let write = requests::with_part(write, "/text", label.clone())?;
    http::send_request(&write)?.accepted().map(drop)
}

export_adapter!(CreatesWithParts);
