//! States that are read from several pages of a list.

use serde_json::json;

use super::super::*;
use crate::action::id::ActionId;
use crate::contract::template::text::Origins;
use crate::lifecycle::observation::answers::Answers;

const CONTRACT: &str = r#"
format = 2
[action]
name = "idp.remove_member"
version = "1.0.0"
title = "Remove a member"
verb = "delete"
mode = "write"
effect = "observable"
resource = "idp/members/{name}"
adapter = "declared"
[params]
required = ["name"]
properties.name = { type = "string", pattern = "^[a-z]+$" }
[state.member]
from = ["GET /members?page=1", "GET /members?page=2"]
only = "/items"
required = ["id"]
properties.id = { type = "integer" }
[[observe.http]]
upstream = "idp"
request = "GET /members?page=1"
where = { "/name" = "{name}" }
control = "GET /me"
[[observe.http]]
upstream = "idp"
request = "GET /members?page=2"
where = { "/name" = "{name}" }
absent = [404]
complete = true
control = "GET /me"
[[observe.http]]
upstream = "idp"
request = "GET /me"
[[perform.http]]
upstream = "idp"
request = "DELETE /members/{name}"
[verify]
before = ["pre.member != null"]
after = ["post.member == null"]
may_change = ["/member"]
"#;

/// The state that the answers to the two pages and to the control request show, and whether it is a misfit. A request
/// with the status 0 was not sent.
fn seen(answers: [(u16, Value); 3]) -> (Declared, bool) {
    let contract = Contract::from_toml("c.toml", CONTRACT).unwrap();
    let (params, id) = (json!({"name": "zoe"}), ActionId::new(1, [0; 10]));
    let origins = Origins { params: &params, action: Some(&id), numbers: &[] };
    let looks: Vec<Rendered> =
        contract.observe.http.iter().map(|rule| rule.render(&origins).unwrap()).collect();
    let sent = looks.iter().cloned().zip(answers).filter(|(_, (status, _))| *status != 0);
    let exchanges: Vec<Exchange> = sent
        .map(|(request, (status, body))| Exchange {
            request,
            response: Some(body).filter(|body| !body.is_null()),
            ..crate::fixtures::exchange("GET", "/", Fate::Answered { status })
        })
        .collect();
    let asked = Answers::default().asked(&looks);
    (declared(&contract, &asked, &exchanges), misfits(&contract, &asked, &exchanges))
}

/// A page with members of these names, whose ids are their positions.
fn page(names: &[&str]) -> (u16, Value) {
    let member = |(id, name): (usize, &&str)| json!({"id": id, "name": name});
    let items: Vec<Value> = names.iter().enumerate().map(member).collect();
    (200, json!({ "items": items }))
}

fn me() -> (u16, Value) {
    (200, json!({}))
}

#[test]
fn a_state_may_be_on_any_page() {
    let none = || (404, Value::Null);
    for (pages, member) in [
        ([page(&["a", "zoe"]), page(&["b"])], json!({"id": 1})),
        ([page(&["a", "b"]), page(&["zoe"])], json!({"id": 0})),
        ([page(&["zoe"]), none()], json!({"id": 0})),
        ([page(&["a"]), none()], Value::Null),
        ([page(&["a"]), page(&[])], Value::Null),
        ([page(&[]), page(&["b"])], Value::Null),
    ] {
        let [first, second] = pages;
        let (found, misfit) = seen([first, second, me()]);
        assert_eq!((found.problem, misfit), (None, false));
        assert_eq!(found.states["member"], member);
    }
}

#[test]
fn every_page_needs_a_usable_answer() {
    let unsent = || (0, Value::Null);
    for (first, second, why, is_misfit) in [
        (page(&["zoe"]), unsent(), "`GET /members?page=2` was not sent", false),
        (unsent(), page(&["zoe"]), "`GET /members?page=1` was not sent", false),
        (page(&["zoe"]), (500, Value::Null), "has the status 500", false),
        (page(&["a"]), (503, Value::Null), "has the status 503", false),
        // Only the second rule has 404 in `absent`.
        ((404, Value::Null), page(&["zoe"]), "has the status 404", false),
        (page(&["zoe"]), (200, json!({})), "has no list at `/items`", true),
        (page(&["zoe"]), (200, Value::Null), "cannot be used", true),
        (page(&["a"]), (200, json!({"items": [{"name": 7}]})), "of another type", true),
    ] {
        let (found, misfit) = seen([first, second, me()]);
        let problem = found.problem.unwrap();
        assert!(problem.contains(why) && problem.starts_with("state `member`: "), "{problem}");
        assert!(found.states.is_empty());
        assert_eq!(misfit, is_misfit, "{problem}");
    }
}

#[test]
fn elements_on_several_pages_are_counted_together() {
    let (found, misfit) = seen([page(&["zoe"]), page(&["a", "zoe"]), me()]);
    let why = "state `member`: the answers to its 2 requests together have 2 elements with the values of `where` at \
               `/items`, where at most one is expected";
    assert_eq!(found.problem.as_deref(), Some(why));
    assert!(found.states.is_empty() && misfit);
    let (found, misfit) = seen([page(&["zoe", "zoe"]), page(&[]), me()]);
    assert!(found.problem.unwrap().contains("`GET /members?page=1` has 2 elements") && misfit);
}

#[test]
fn an_absence_on_all_pages_needs_the_control_request() {
    for second in [page(&["b"]), (404, Value::Null)] {
        let (found, _) = seen([page(&["a"]), second, (403, Value::Null)]);
        assert!(found.problem.unwrap().contains("the absence is not confirmed"));
    }
    let (found, _) = seen([page(&["a"]), page(&["zoe"]), (403, Value::Null)]);
    assert_eq!(found.states["member"], json!({"id": 0}), "a state that exists needs no control");
}
