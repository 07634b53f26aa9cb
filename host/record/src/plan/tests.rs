//! An open contract, and an adapter that carries it out, for the tests of this module.

use serde_json::json;

use super::course::{Course, Step};
use super::draft::{Answered, Draft, Taken};
use super::*;
use crate::action::id::ActionId;
use crate::action::private::Prepared;
use crate::contract::Contract;
use crate::contract::template::text::Origins;
use crate::exchange::Fate;

pub(crate) const CONTRACT: &str = r#"
format = 2
[action]
name = "shop.order"
version = "1.0.0"
title = "Order"
verb = "create"
mode = "write"
effect = "opaque"
resource = "shop/orders"
adapter = "clerk"
[params]
[state.orders]
from = "GET /orders"
properties.count = { type = "integer" }
[[observe.http]]
upstream = "shop"
request = "GET /orders"
[[perform.http]]
upstream = "shop"
request = "GET /template"
calls = 2
[[perform.http]]
upstream = "shop"
name = "create"
request = "POST /orders"
body = { title = { any = { type = "string", maxLength = 40 }, name = "title" }, by = "{action.id}" }
created = [201]
answer.id = { type = "string", pattern = "^[a-z0-9.@]{1,60}$" }
answer.number = { type = "integer" }
answer.state = { type = "string", enum = ["new", "old"] }
[[perform.http]]
upstream = "shop"
name = "look"
request = "GET /orders/{answer.create.id}"
answer.number = { type = "integer" }
[[perform.http]]
upstream = "shop"
request = "PUT /orders/{answer.create.id}/lines"
calls = 3
body.order = "{answer.create.id}"
body.lines = [{ name = "line", any = { type = "object", required = ["sku"], properties = { sku = { type = "string" }, n = { type = "integer" } } } }]
[[perform.http]]
upstream = "shop"
request = "POST /notes"
optional = true
body = { any = { type = "string" }, name = "note" }
[[perform.http]]
upstream = "shop"
request = "PUT /orders/{answer.create.id}/done?n={answer.create.number}"
[verify]
after = ["has(post.orders.count) && post.orders.count > 0"]
may_change = ["/orders/count"]
"#;

pub(crate) fn contract() -> Contract {
    Contract::from_toml("c.toml", CONTRACT).unwrap()
}

pub(crate) fn id() -> ActionId {
    ActionId::new(1, [0; 10])
}

/// The requests of `perform`.
pub(crate) fn perform(contract: &Contract) -> Vec<Prepared> {
    let (params, id) = (json!({}), id());
    let origins = Origins { params: &params, action: Some(&id), numbers: &[] };
    let rules = contract.perform.http.iter();
    rules.map(|rule| Prepared::plain(rule.render(&origins).unwrap())).collect()
}

pub(crate) fn draft(private: &[&str]) -> Draft {
    let contract = contract();
    let private = private.iter().map(|text| (*text).to_owned()).collect();
    Draft::new(&contract, perform(&contract), private, Digest::of(b"seed"))
}

pub(crate) fn asked<'a>(method: &'a str, path: &'a str, body: Option<Value>) -> Requested<'a> {
    Requested { upstream: "shop", method, path, body }
}

/// The body of the request that creates an order.
pub(crate) fn order(title: &str) -> Value {
    json!({"title": title, "by": id().as_str()})
}

/// The body of a request that adds a line.
pub(crate) fn line_of(order: &Value, sku: &str) -> Value {
    json!({"order": order, "lines": [{"sku": sku, "n": 2}]})
}

pub(crate) fn answered(draft: &mut Draft, one: &Requested<'_>) -> Answered {
    match draft.take(one).unwrap() {
        Taken::Answered(answer) => answer,
        Taken::Read(request) => panic!("{request:?} was sent"),
    }
}

/// Sends the first request, which creates an order, and returns the id from the answer.
pub(crate) fn created(draft: &mut Draft) -> String {
    new_order(draft)["id"].as_str().unwrap().to_owned()
}

/// Sends the first request, and returns the body of the answer.
pub(crate) fn new_order(draft: &mut Draft) -> Value {
    let answer = answered(draft, &asked("POST", "/orders", Some(order("Chairs"))));
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (201, "application/json"));
    let body = answer.body.unwrap();
    assert_eq!(body["state"], "new");
    body
}

/// The plan of an adapter that sends every request.
pub(crate) fn plan() -> Plan {
    let mut draft = draft(&[]);
    let body = new_order(&mut draft);
    let (id, number) = (body["id"].as_str().unwrap(), &body["number"]);
    answered(&mut draft, &asked("GET", &format!("/orders/{id}"), None));
    for sku in ["oak", "pine"] {
        let path = format!("/orders/{id}/lines");
        answered(&mut draft, &asked("PUT", &path, Some(line_of(&json!(id), sku))));
    }
    answered(&mut draft, &asked("POST", "/notes", Some(json!("hello"))));
    answered(&mut draft, &asked("PUT", &format!("/orders/{id}/done?n={number}"), None));
    draft.finish().unwrap()
}

pub(crate) fn course(plan: &Plan, reads: Vec<Exchange>) -> Course {
    let contract = contract();
    Course::new(&contract, perform(&contract), plan, reads)
}

/// Takes a write, and returns its position and the request that is sent.
pub(crate) fn write(course: &mut Course, one: &Requested<'_>) -> (usize, Rendered) {
    match course.take(one).unwrap() {
        Step::Write { n, request } => (n, request.public),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn exchange(request: Rendered, status: u16, body: Value) -> Exchange {
    let mut one = crate::fixtures::exchange("POST", "/", Fate::Answered { status });
    (one.request, one.response) = (request, Some(body));
    one
}
