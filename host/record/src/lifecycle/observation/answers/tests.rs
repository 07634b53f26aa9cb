use serde_json::json;

use super::*;
use crate::action::id::ActionId;
use crate::contract::template::text::Origins;
use crate::exchange::Fate;

const CONTRACT: &str = r#"
format = 2
[action]
name = "shop.order"
version = "1.0.0"
title = "Order"
verb = "create"
mode = "write"
effect = "observable"
resource = "shop/orders"
adapter = "declared"
[params]
[state.order]
from = "GET /orders/{answer.create.data.id}?as=o-{answer.create.data.id}"
properties.id = { type = "string" }
[[observe.http]]
upstream = "shop"
request = "GET /orders/{answer.create.data.id}?as=o-{answer.create.data.id}"
[[observe.http]]
upstream = "shop"
request = "GET /orders"
[[perform.http]]
upstream = "shop"
name = "create"
request = "POST /orders"
body = { by = "{action.id}" }
created = [201]
answer.data = { type = "object", required = ["id"], properties = { id = { type = "string", pattern = "^[a-z@.]*$" } } }
[verify]
after = ["post.order != null"]
may_change = ["/order"]
"#;

struct Bench {
    contract: Contract,
    looks: Vec<Rendered>,
    perform: Vec<Rendered>,
}

fn bench() -> Bench {
    let contract = Contract::from_toml("c.toml", CONTRACT).unwrap();
    let (params, id) = (json!({}), ActionId::new(1, [0; 10]));
    let origins = Origins { params: &params, action: Some(&id), numbers: &[] };
    let rendered =
        |rules: &[Rule]| rules.iter().map(|rule| rule.render(&origins).unwrap()).collect();
    let (looks, perform) = (rendered(&contract.observe.http), rendered(&contract.perform.http));
    Bench { contract, looks, perform }
}

impl Bench {
    fn write(&self, status: u16, body: Value) -> Exchange {
        let mut one = crate::fixtures::exchange("POST", "/orders", Fate::Answered { status });
        (one.request, one.response) = (self.perform[0].clone(), Some(body));
        one
    }

    /// The path of the observation's request after these exchanges, or that there is no request, or why the request is
    /// not known.
    fn asked(&self, sent: &[Exchange]) -> String {
        let sent: Vec<&Exchange> = sent.iter().collect();
        let answers = Answers::of(&self.contract, &self.perform, &sent);
        match answers.asked(&self.looks).remove(0) {
            Asked::Request(request) => request.path.clone(),
            Asked::Filled(request) => request.path,
            Asked::Nothing => "nothing".to_owned(),
            Asked::Unknown(why) => why,
        }
    }
}

fn order(id: &str) -> Value {
    json!({"data": {"id": id, "more": 1}, "secret": "x"})
}

#[test]
fn a_look_has_the_value_of_the_answer_in_every_place() {
    let bench = bench();
    let path = "/orders/{answer.create.data.id}?as=o-{answer.create.data.id}";
    assert_eq!(bench.looks[0].path, path);
    assert_eq!(bench.asked(&[bench.write(201, order("a@b"))]), "/orders/a%40b?as=o-a%40b");
    let filled = &bench.looks[0];
    for (sent, is) in [
        ("/orders/a%40b?as=o-a%40b", true),
        ("/orders/a?as=o-b", true),
        ("/orders/?as=o-", false),
        ("/orders/a/b?as=o-a", false),
        ("/orders/a?as=o-a&x=y", false),
        ("/x/orders/a?as=o-a", false),
        ("/orders/..?as=o-a", false),
        ("/orders/{answer.create.data.id}?as=o-a", false),
    ] {
        assert_eq!(filled.is_filled_as(sent), is, "{sent}");
    }
}

#[test]
fn without_a_usable_answer_nothing_is_asked() {
    let bench = bench();
    let lost = Exchange { fate: Fate::NoAnswer, ..bench.write(201, order("a")) };
    let unsent = Exchange { fate: Fate::NotSent, ..lost.clone() };
    let redacted =
        |place: &str| Exchange { redacted: vec![place.to_owned()], ..bench.write(201, order("a")) };
    let carried = Exchange { carried_from: Some(1), ..bench.write(201, order("a")) };
    for (sent, wanted) in [
        (vec![], "nothing"),
        (vec![unsent.clone()], "nothing"),
        (vec![bench.write(422, order("a"))], "nothing"),
        (vec![lost.clone()], "has no definite answer"),
        (vec![bench.write(500, order("a"))], "has no definite answer"),
        (vec![bench.write(409, order("a"))], "has no definite answer"),
        (vec![unsent, lost.clone(), bench.write(201, order("a"))], "/orders/a?as=o-a"),
        (vec![bench.write(201, order("a")), carried], "/orders/a?as=o-a"),
        (vec![bench.write(201, order("a")), bench.write(201, order("b"))], "with different values"),
        (vec![bench.write(201, order("."))], "is empty or a dot segment"),
        (vec![bench.write(201, order(""))], "is empty or a dot segment"),
        (vec![bench.write(201, order("../b"))], "does not fit `answer.data`"),
        (vec![bench.write(201, json!({"data": {}}))], "has no `data.id`"),
        (vec![bench.write(201, json!({"data": null}))], "does not fit `answer.data`"),
        (vec![redacted("/data/id")], "held a secret in `data`"),
        (vec![redacted("")], "held a secret in `data`"),
        (vec![redacted("/secret")], "/orders/a?as=o-a"),
        (vec![redacted("/data_of_others")], "/orders/a?as=o-a"),
        (vec![bench.write(201, order(&"a".repeat(2_000)))], "has more than 1024 bytes in `data`"),
    ] {
        let found = bench.asked(&sent);
        assert!(found.contains(wanted), "{found}: {wanted}");
    }
}

#[test]
fn a_part_of_a_path_is_an_integer_only_in_its_own_form() {
    let integer = Schema { declared: Some(Kind::Integer), ..Schema::default() };
    let text = Schema { declared: Some(Kind::String), ..Schema::default() };
    assert_eq!(typed(&integer, "7"), json!(7));
    assert_eq!(typed(&integer, "-7"), json!(-7));
    for part in ["+7", "007", "-0", " 7", "7.0", "99999999999999999999"] {
        assert_eq!(typed(&integer, part), json!(part));
    }
    assert_eq!(typed(&text, "7"), json!("7"));
}

#[test]
fn a_location_gives_only_the_parts_that_its_form_names() {
    let found = |form: &str, path: &str| {
        parts(form, path).map(|parts| parts.into_iter().collect::<Vec<_>>())
    };
    let one = |name: &str, value: &str| Some(vec![(name.to_owned(), value.to_owned())]);
    assert_eq!(found("/jobs/{job}", "/jobs/7"), one("job", "7"));
    assert_eq!(found("/jobs/{job}", "/jobs/a%2Fb"), one("job", "a/b"));
    assert_eq!(found("/a/{x}/b", "/%61/1/b"), one("x", "1"));
    for path in ["/jobs", "/jobs/7/", "/jobs/7/8", "/job/7", "jobs/7", "//jobs/7", "/jobs/%ff"] {
        assert_eq!(found("/jobs/{job}", path), None, "{path}");
    }
}

/// A contract whose writes contain values of answers, and its rendered requests.
fn open() -> (Contract, Vec<Rendered>) {
    let contract = crate::plan::tests::contract();
    let perform = crate::plan::tests::perform(&contract).into_iter().map(|one| one.public);
    (contract, perform.collect())
}

#[test]
fn a_write_with_computed_parts_is_found_by_its_rule() {
    let (contract, perform) = open();
    let planned = crate::plan::tests::plan().writes.remove(0).request;
    let body = json!({"id": "a@1", "number": 7, "state": "new"});
    let sent = crate::plan::tests::exchange(planned, 201, body);
    let answers = Answers::of(&contract, &perform, &[&sent]);
    assert_eq!(answers.value("create.id"), Some(json!("a@1")));
    assert_eq!(answers.text("create.id").as_deref(), Some("a%401"));
    assert_eq!((answers.value("create.other"), answers.value("look.number")), (None, None));
    let none = Answers::of(&contract, &perform, &[]);
    assert_eq!(none.why_unknown("create.id"), "the write `create` was not carried out");
    let other = Exchange { request: perform[4].clone(), ..sent };
    assert_eq!(Answers::of(&contract, &perform, &[&other]), none);
}

#[test]
fn the_answer_to_a_read_is_not_used() {
    let (contract, perform) = open();
    let body = json!({"id": "a", "number": 7, "state": "new"});
    let planned = crate::plan::tests::plan();
    let write = crate::plan::tests::exchange(planned.writes[0].request.clone(), 201, body);
    let path = "/orders/a".to_owned();
    let request = Rendered { path, ..perform[2].clone() };
    let read = crate::plan::tests::exchange(request, 200, json!({"number": 2}));
    let answers = Answers::of(&contract, &perform, &[&write, &read]);
    assert_eq!(answers.value("look.number"), None);
    assert_eq!(answers.value("create.number"), Some(json!(7)));
    let rules = &contract.perform.http;
    let along = Answers::of_plan(rules, &planned, &[&write, &read]);
    assert_eq!(along, answers);
}
