//! The state of the system of record, which applies requests and returns their answers. Every applied write stays in
//! the list with its key, whether or not its answer was delivered.

mod chain;
mod items;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::hostile::answer;
use crate::proxy::Recorded;

const SLOTS: [&str; 2] = ["one", "two"];

/// A write that took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub kind: String,
    pub item: String,
    pub slot: String,
    pub value: Value,
    pub key: Option<String>,
    /// Whether the write changed the state. Setting the same value again has no effect.
    pub changed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    applied: Vec<Applied>,
    /// The request and the answer of each keyed write, by its key.
    keys: BTreeMap<String, (String, Vec<u8>)>,
    /// What was created or deleted: kind, item and the thing.
    things: Vec<(String, String, Value)>,
}

impl Store {
    pub(super) fn applied(&self, item: &str) -> Vec<Applied> {
        let of_item = |one: &&Applied| item.is_empty() || one.item == item;
        self.applied.iter().filter(of_item).cloned().collect()
    }

    /// Applies the request and returns the complete answer.
    pub(super) fn take(&mut self, request: &Recorded) -> Vec<u8> {
        let path = request.path.strip_prefix("/v1/").unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", [kind @ ("set" | "keyed" | "add" | "opaque"), item]) => {
                ok("200 OK", &self.shown(kind, item))
            }
            ("PUT", [kind @ "set", item, slot])
            | ("POST", [kind @ ("keyed" | "add" | "opaque"), item, slot])
                if SLOTS.contains(slot) =>
            {
                self.write(request, kind, item, slot)
            }
            (method, [kind @ ("setid" | "keyid" | "addid"), item, rest @ ..]) => {
                self.chain(request, method, kind, item, rest)
            }
            // Shows that items can be read at all; it names no item, so no fault is ordered for it.
            ("GET", ["find" | "delete"]) => ok("200 OK", &json!({})),
            (method, [kind @ ("create" | "find" | "delete"), item, rest @ ..]) => {
                self.item(request, method, kind, item, rest)
            }
            _ => missing(),
        }
    }

    fn write(&mut self, request: &Recorded, kind: &str, item: &str, slot: &str) -> Vec<u8> {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let Some(value) = body.get("value") else {
            return problem("400 Bad Request", "the body has no `value`");
        };
        let key = request.header("idempotency-key").map(str::to_owned);
        let is_keyed = ["keyed", "keyid"].contains(&kind);
        if let Some(known) = key.as_ref().filter(|_| is_keyed).and_then(|k| self.keys.get(k)) {
            let same = known.0 == asked(request);
            return if same { known.1.clone() } else { reused() };
        }
        let changed = !sets(kind) || self.value(kind, item, slot) != *value;
        self.applied.push(Applied {
            kind: kind.to_owned(),
            item: item.to_owned(),
            slot: slot.to_owned(),
            value: value.clone(),
            key: key.clone(),
            changed,
        });
        let mut body = json!({"number": self.applied.len()});
        if let (Some(id), Some(body)) = (self.id(kind, item), body.as_object_mut()) {
            body.insert("id".to_owned(), json!(id));
        }
        let answer = ok("201 Created", &body);
        if let Some(key) = key {
            self.keys.insert(key, (asked(request), answer.clone()));
        }
        answer
    }

    /// The state of an item as a GET shows it. A slot of a `set` shows its value, and a slot of another kind shows the
    /// number of its entries, except that `opaque` always shows 0.
    pub(super) fn shown(&self, kind: &str, item: &str) -> Value {
        let slot = |slot: &str| match kind {
            _ if sets(kind) => self.value(kind, item, slot),
            "opaque" => json!(0),
            _ => json!(self.entries(kind, item, slot).len()),
        };
        if chain::is_chain(kind) {
            return json!({"id": item, "one": slot("one"), "two": slot("two"), "three": slot("three")});
        }
        let mut shown = json!({"id": item, "one": slot("one"), "two": slot("two")});
        if let Some(shown) = shown.as_object_mut().filter(|_| kind == "add" || kind == "keyed") {
            let entries = SLOTS.map(|slot| self.entries(kind, item, slot)).concat();
            shown.insert("entries".to_owned(), entries.into());
        }
        shown
    }

    fn entries(&self, kind: &str, item: &str, slot: &str) -> Vec<Value> {
        let here = |one: &&Applied| one.kind == kind && one.item == item && one.slot == slot;
        self.applied.iter().filter(here).map(|one| one.value.clone()).collect()
    }

    /// The value of a slot, or the empty text if the slot was never set.
    fn value(&self, kind: &str, item: &str, slot: &str) -> Value {
        let here = |one: &&Applied| one.kind == kind && one.item == item && one.slot == slot;
        self.applied.iter().rev().find(here).map_or_else(|| json!(""), |one| one.value.clone())
    }
}

/// Whether a write of this kind sets a value, so that the same write again has no effect.
fn sets(kind: &str) -> bool {
    ["set", "setid"].contains(&kind)
}

fn missing() -> Vec<u8> {
    problem("404 Not Found", "there is no such item, slot or operation")
}

/// The request that an idempotency key is bound to. The key must not be used for another request.
fn asked(request: &Recorded) -> String {
    format!("{} {} {}", request.method, request.path, request.body)
}

fn ok(status: &str, body: &Value) -> Vec<u8> {
    answer(
        &format!("{status}\r\ncontent-type: application/json\r\nconnection: close"),
        body.to_string(),
    )
}

fn reused() -> Vec<u8> {
    problem("422 Unprocessable Content", "this idempotency key was used for another request")
}

fn problem(status: &str, detail: &str) -> Vec<u8> {
    ok(status, &json!({"detail": detail}))
}
