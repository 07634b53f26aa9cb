//! The data of the upstream `office`, and its answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Fault;
use crate::upstream::{Reply, Request};

/// The number of members on a full page.
const PAGE: usize = 500;
const MEMBERS: usize = 3_000;
const OUTSIDERS: usize = 7;

#[derive(Debug)]
pub(super) struct Data {
    document: Value,
    revision: usize,
    copies: usize,
    things: BTreeMap<String, Value>,
    /// The id and the mail address of each member.
    members: Vec<(String, String)>,
    /// The writes that were applied, in their order.
    log: Vec<Value>,
    /// Answers by idempotency key.
    keys: BTreeMap<String, (u16, Value)>,
    pub(super) faults: Vec<(&'static str, &'static str, Fault)>,
}

impl Data {
    pub(super) fn new() -> Self {
        let text = "Be kind to each other.";
        let mut data = Self {
            document: json!({"id": "d-1", "title": "House rules", "text": text, "tags": ["rules"], "views": 3}),
            revision: 1,
            copies: 0,
            things: BTreeMap::new(),
            members: (0..MEMBERS - OUTSIDERS).map(|n| member(n, "example.com")).collect(),
            log: Vec::new(),
            keys: BTreeMap::new(),
            faults: Vec::new(),
        };
        data.add_outsiders(OUTSIDERS);
        data
    }

    pub(super) fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.document);
        self.revision += 1;
    }

    pub(super) fn view(&mut self) {
        self.document["views"] = json!(self.document["views"].as_u64().unwrap() + 1);
    }

    pub(super) fn add_outsiders(&mut self, count: usize) {
        let from = self.members.len();
        self.members.extend((from..from + count).map(|n| member(n, "elsewhere.example")));
    }

    /// The fault of this request, which occurs once.
    pub(super) fn fault(&mut self, request: &Request) -> Option<Fault> {
        let meets = |(method, start, _): &(&str, &str, Fault)| request.is(method, start);
        let at = self.faults.iter().position(meets)?;
        Some(self.faults.remove(at).2)
    }

    pub(super) fn reply(&mut self, request: &Request) -> Reply {
        let (path, query) = request.target.split_once('?').unwrap_or((request.target.as_str(), ""));
        let steps: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if request.method == "GET" {
            return self.read(&steps, query);
        }
        let key = request.header("idempotency-key").map(str::to_owned);
        if let Some((status, body)) = key.as_ref().and_then(|key| self.keys.get(key)) {
            return Reply::json(*status, body.clone());
        }
        let (status, body) = self.write(request, &steps);
        if status < 300 {
            let line = format!("{} {}", request.method, request.target);
            self.log.push(json!({"request": line, "body": request.json()}));
            self.keys.extend(key.map(|key| (key, (status, body.clone()))));
        }
        Reply::json(status, body)
    }

    fn read(&self, steps: &[&str], query: &str) -> Reply {
        let body = match steps {
            ["documents", "d-1"] => {
                let tag = format!("\"r{}\"", self.revision);
                return Reply::json(200, self.document.clone()).header("etag", &tag);
            }
            ["copies"] => json!({"count": self.copies}),
            ["kits", kit @ ("k-1" | "k-2")] => json!({"name": format!("Lamp {kit}")}),
            ["kits", kit @ ("k-1" | "k-2"), "parts"] => parts(kit),
            ["things"] => json!({"count": self.things.len()}),
            ["things", id] if self.things.contains_key(*id) => self.things[*id].clone(),
            ["groups", "staff"] => self.group(query),
            ["groups", "staff", "members"] => self.page(query),
            ["log"] => json!(self.log),
            _ => return Reply::json(404, json!({"detail": "not found"})),
        };
        Reply::json(200, body)
    }

    fn write(&mut self, request: &Request, steps: &[&str]) -> (u16, Value) {
        let body = request.json();
        match (request.method.as_str(), steps) {
            ("PUT", ["documents", "d-1"]) => self.put(request.header("if-match"), &body),
            ("POST", ["copies"]) => {
                self.copies += 1;
                (201, json!({}))
            }
            ("POST", ["things"]) => self.create(&body),
            ("PUT", ["things", id, "parts"]) => self.set(id, "parts", &body["parts"]),
            ("POST", ["shelf"]) => self.set(text(&body["thing"]), "shelf", &body["shelf"]),
            ("POST", ["labels"]) => self.set(text(&body["thing"]), "label", &body["text"]),
            ("POST", ["groups", "staff", "remove"]) => {
                self.members.retain(|(id, _)| body["member"] != *id);
                (200, json!({}))
            }
            _ => (404, json!({"detail": "not found"})),
        }
    }

    /// Replaces the document, whose id and views belong to the upstream.
    fn put(&mut self, tag: Option<&str>, body: &Value) -> (u16, Value) {
        if tag.is_some_and(|tag| tag != format!("\"r{}\"", self.revision)) {
            return (412, json!({"detail": "the document has changed"}));
        }
        for name in ["title", "text", "tags"] {
            self.document[name] = body[name].clone();
        }
        self.revision += 1;
        (200, json!({}))
    }

    /// Creates a thing under an id that nobody can guess.
    fn create(&mut self, body: &Value) -> (u16, Value) {
        let count = u64::try_from(self.things.len()).unwrap_or_default();
        let number = (count + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let id = format!("t-{number:016x}");
        let (name, by) = (&body["name"], &body["by"]);
        let thing =
            json!({"id": id, "name": name, "by": by, "parts": [], "shelf": "", "label": ""});
        self.things.insert(id.clone(), thing);
        (201, json!({"id": id, "state": "new"}))
    }

    fn set(&mut self, id: &str, member: &str, value: &Value) -> (u16, Value) {
        match self.things.get_mut(id) {
            Some(thing) => {
                thing[member] = value.clone();
                (200, json!({}))
            }
            None => (404, json!({"detail": "no such thing"})),
        }
    }

    fn group(&self, query: &str) -> Value {
        let domain = format!("@{}", query.strip_prefix("outside=").unwrap_or_default());
        let outside = self.members.iter().filter(|(_, mail)| !mail.ends_with(&domain)).count();
        json!({"size": self.members.len(), "outside": outside})
    }

    fn page(&self, query: &str) -> Value {
        let number = query.strip_prefix("page=").and_then(|number| number.parse::<usize>().ok());
        let from = number.unwrap_or(1).saturating_sub(1) * PAGE;
        let page = self.members.iter().skip(from).take(PAGE);
        let items: Vec<Value> = page.map(|(id, mail)| json!({"id": id, "mail": mail})).collect();
        json!({ "items": items })
    }
}

fn parts(kit: &str) -> Value {
    let parts = json!([{"sku": "bulb", "count": 1}, {"sku": "cable", "count": 2}]);
    if kit == "k-1" { json!({"parts": parts, "label": "fragile"}) } else { json!({"parts": parts}) }
}

fn member(number: usize, domain: &str) -> (String, String) {
    let id = format!("m-{number:04}");
    let mail = format!("{id}@{domain}");
    (id, mail)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
