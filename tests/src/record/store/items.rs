//! Items that are created and deleted as a whole. An item of the kind `delete` exists until it is deleted.

use serde_json::{Value, json};

use super::{Applied, Store, asked, missing, ok, problem, reused};
use crate::proxy::Recorded;

/// The slot under which writes to whole items are counted.
const SLOT: &str = "one";

impl Store {
    pub(super) fn item(
        &mut self,
        request: &Recorded,
        method: &str,
        kind: &str,
        item: &str,
        rest: &[&str],
    ) -> Vec<u8> {
        let (item, query) = item.split_once('?').unwrap_or((item, ""));
        match (method, kind, rest) {
            ("POST", "create" | "find", []) => self.create(request, kind, item),
            ("DELETE", "delete", []) => self.delete(request, item),
            ("GET", "delete", []) if self.made("delete", item).is_empty() => {
                ok("200 OK", &json!({"id": item}))
            }
            ("GET", "create" | "find", []) => {
                let wanted = query.strip_prefix("by=");
                let is_wanted = |one: &Value| wanted.is_none_or(|by| one["by"] == by);
                let things = self.made(kind, item);
                let found: Vec<&Value> = things.iter().filter(|one| is_wanted(one)).collect();
                ok("200 OK", &json!({"count": found.len(), "things": found}))
            }
            ("GET", "create", [id]) => {
                let things = self.made(kind, item);
                match things.iter().find(|one| one["id"].as_u64() == id.parse().ok()) {
                    Some(thing) => ok("200 OK", thing),
                    None => missing(),
                }
            }
            _ => missing(),
        }
    }

    fn create(&mut self, request: &Recorded, kind: &str, item: &str) -> Vec<u8> {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let (Some(value), Some(by)) = (body.get("value"), body.get("by")) else {
            return problem("400 Bad Request", "the body has no `value` or no `by`");
        };
        let key = request.header("idempotency-key").map(str::to_owned);
        if let Some(known) =
            key.as_ref().filter(|_| kind == "create").and_then(|k| self.keys.get(k))
        {
            let same = known.0 == asked(request);
            return if same { known.1.clone() } else { reused() };
        }
        let id = self.applied.len() + 1;
        let thing = json!({"id": id, "value": value, "by": by});
        self.things.push((kind.to_owned(), item.to_owned(), thing));
        self.count(kind, item, value, key.clone());
        let answer = ok("201 Created", &json!({"id": id}));
        if let Some(key) = key {
            self.keys.insert(key, (asked(request), answer.clone()));
        }
        answer
    }

    /// Every deletion that arrives is counted, also of an item that does not exist any more.
    fn delete(&mut self, request: &Recorded, item: &str) -> Vec<u8> {
        let exists = self.made("delete", item).is_empty();
        let key = request.header("idempotency-key").map(str::to_owned);
        self.things.push(("delete".to_owned(), item.to_owned(), Value::Null));
        self.count("delete", item, &json!("wanted"), key);
        if exists { ok("200 OK", &json!({})) } else { missing() }
    }

    fn count(&mut self, kind: &str, item: &str, value: &Value, key: Option<String>) {
        self.applied.push(Applied {
            kind: kind.to_owned(),
            item: item.to_owned(),
            slot: SLOT.to_owned(),
            value: value.clone(),
            key,
            changed: true,
        });
    }

    fn made(&self, kind: &str, item: &str) -> Vec<Value> {
        let here = |one: &&(String, String, Value)| one.0 == kind && one.1 == item;
        self.things.iter().filter(here).map(|(_, _, thing)| thing.clone()).collect()
    }
}
