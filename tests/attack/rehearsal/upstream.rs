//! The upstream `yard`, which is honest: it creates things under ids of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deed_test_support::upstream::{Reply, Request};
use serde_json::{Value, json};

pub(super) struct Data {
    kit: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
    things: BTreeMap<String, Value>,
}

/// The id of the thing that was created as this one, from 1. A guest recognizes the id as a real one.
pub(super) fn id_of(number: usize) -> String {
    format!("real{number:016x}")
}

impl Data {
    pub(super) fn new(kit: Arc<AtomicUsize>, made: Arc<AtomicUsize>) -> Self {
        Self { kit, made, things: BTreeMap::new() }
    }

    pub(super) fn reply(&mut self, request: &Request) -> Reply {
        let steps: Vec<&str> = request.target.trim_start_matches('/').split('/').collect();
        let ok = |body: Value| Reply::json(200, body);
        match (request.method.as_str(), steps.as_slice()) {
            ("GET", ["kit"]) => ok(json!({"number": self.kit.load(Ordering::SeqCst)})),
            ("GET", ["things"]) => ok(json!({"count": self.things.len()})),
            ("POST", ["things"]) => self.create(&request.json()),
            ("GET" | "PUT", ["things", id]) => match self.things.get(*id) {
                Some(thing) => ok(thing.clone()),
                None => Reply::json(404, json!({})),
            },
            ("POST", ["links"]) | ("GET", ["many", _]) => ok(json!({})),
            _ => Reply::json(404, json!({})),
        }
    }

    /// The answer has a member that the contract does not declare.
    fn create(&mut self, body: &Value) -> Reply {
        let id = id_of(self.made.fetch_add(1, Ordering::SeqCst) + 1);
        self.things.insert(id.clone(), json!({"id": id, "by": body["by"]}));
        Reply::json(201, json!({"id": id, "state": "new"}))
    }
}
