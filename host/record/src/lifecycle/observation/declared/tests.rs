mod pages;

use serde_json::json;

use super::*;
use crate::action::id::ActionId;
use crate::contract::template::text::Origins;
use crate::lifecycle::observation::answers::Answers;

const CONTRACT: &str = r#"
format = 2
[action]
name = "idp.delete_user"
version = "1.0.0"
title = "Delete a user"
verb = "delete"
mode = "write"
effect = "observable"
resource = "idp/users/{name}"
adapter = "declared"
[params]
required = ["name"]
properties.name = { type = "string", pattern = "^[a-z]+$" }
[state.user]
from = "GET /Users?filter=userName eq \"{name}\""
only = "/Resources"
required = ["id"]
properties.id = { type = "string" }
[state.direct]
from = "GET /Users/{name}"
properties.id = { type = "string" }
[[observe.http]]
upstream = "idp"
request = "GET /Users?filter=userName eq \"{name}\""
control = "GET /ServiceProviderConfig"
[[observe.http]]
upstream = "idp"
request = "GET /Users/{name}"
absent = [404, 410]
control = "GET /ServiceProviderConfig"
[[observe.http]]
upstream = "idp"
request = "GET /ServiceProviderConfig"
[[perform.http]]
upstream = "idp"
request = "DELETE /Users/{name}"
[verify]
before = ["pre.user != null && pre.direct != null"]
after = ["post.user == null", "post.direct == null"]
may_change = ["/user", "/direct"]
"#;

fn contract() -> Contract {
    Contract::from_toml("c.toml", CONTRACT).unwrap()
}

fn looks() -> Vec<Rendered> {
    let (params, id) = (json!({"name": "zoe"}), ActionId::new(1, [0; 10]));
    let origins = Origins { params: &params, action: Some(&id), numbers: &[] };
    contract().observe.http.iter().map(|rule| rule.render(&origins).unwrap()).collect()
}

/// An observation whose three requests were answered with these statuses and bodies.
fn seen(answers: [(u16, Value); 3]) -> Declared {
    let exchanges: Vec<Exchange> = looks()
        .into_iter()
        .zip(answers)
        .map(|(request, (status, body))| {
            let mut one = crate::fixtures::exchange("GET", "/", Fate::Answered { status });
            one.request = request;
            one.response = Some(body).filter(|body| !body.is_null());
            one
        })
        .collect();
    declared(&contract(), &Answers::default().asked(&looks()), &exchanges)
}

fn found() -> Value {
    json!({"Resources": [{"id": "1", "more": true}]})
}

#[test]
fn a_state_is_the_declared_part_of_its_answer() {
    let seen = seen([(200, found()), (200, json!({"id": "1"})), (200, json!({}))]);
    assert_eq!(seen.problem, None);
    assert_eq!(seen.states["user"], json!({"id": "1"}));
    assert_eq!(seen.states["direct"], json!({"id": "1"}));
}

#[test]
fn an_absence_counts_only_if_the_control_request_was_answered() {
    let gone = json!({"Resources": []});
    for status in [404, 410] {
        let seen = seen([(200, gone.clone()), (status, Value::Null), (200, json!({}))]);
        assert_eq!((seen.problem, seen.states["user"].clone()), (None, Value::Null));
        assert_eq!(seen.states["direct"], Value::Null);
    }
    for status in [401, 403, 404, 500] {
        let seen = seen([(200, gone.clone()), (404, Value::Null), (status, Value::Null)]);
        assert!(seen.states.is_empty(), "{status}");
        assert!(seen.problem.unwrap().contains("is not confirmed"), "{status}");
    }
}

#[test]
fn anything_else_is_not_a_state() {
    let two = json!({"Resources": [{"id": "1"}, {"id": "2"}]});
    for (status, body, why) in [
        (200, two, "has 2 elements"),
        (200, json!({}), "has no list at `/Resources`"),
        (200, json!({"Resources": {}}), "has no list"),
        (200, json!({"Resources": [{"id": 1}]}), "does not fit the contract"),
        (200, Value::Null, "cannot be used"),
        (403, json!({}), "has the status 403"),
        (404, json!({}), "write `absent = [404]` in the rule"),
        (410, json!({}), "write `absent = [410]` in the rule"),
    ] {
        let seen = seen([(status, body), (200, json!({"id": "1"})), (200, json!({}))]);
        let problem = seen.problem.unwrap();
        assert!(problem.contains(why) && problem.starts_with("state `user`: "), "{problem}");
        assert!(!seen.states.contains_key("user"));
    }
}

/// An answer from another upstream to an equal request does not confirm that a state is absent.
#[test]
fn an_absence_is_confirmed_by_its_own_upstream() {
    let text = CONTRACT.replacen(
        "[[observe.http]]",
        "[[observe.http]]\nupstream = \"crm\"\nrequest = \"GET /ServiceProviderConfig\"\n[[observe.http]]",
        1,
    );
    let contract = Contract::from_toml("c.toml", &text).unwrap();
    let (params, id) = (json!({"name": "zoe"}), ActionId::new(1, [0; 10]));
    let origins = Origins { params: &params, action: Some(&id), numbers: &[] };
    let looks: Vec<Rendered> =
        contract.observe.http.iter().map(|rule| rule.render(&origins).unwrap()).collect();
    let answer = |request: &Rendered| {
        let status = if request.upstream == "crm" { 200 } else { 404 };
        let mut one = crate::fixtures::exchange("GET", "/", Fate::Answered { status });
        one.request = request.clone();
        one
    };
    let exchanges: Vec<Exchange> = looks.iter().map(answer).collect();
    let seen = declared(&contract, &Answers::default().asked(&looks), &exchanges);
    assert!(seen.states.is_empty() && seen.problem.is_some(), "{seen:?}");
}
