//! States that came into being or ceased to exist.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::action::id::ActionId;
use crate::contract::Contract;
use crate::exchange::{Exchange, Fate};
use crate::lifecycle::observation::Observation;
use crate::lifecycle::outcome::{Judgement, Outcome, Seen, judge};

fn contract(control: bool, after: &str) -> Contract {
    let control = if control { "control = \"GET /me\"" } else { "" };
    let text = format!(
        r#"
format = 2
[action]
name = "idp.user"
version = "1.0.0"
title = "A user"
verb = "update"
mode = "write"
effect = "observable"
resource = "idp/users/{{name}}"
adapter = "declared"
[params]
required = ["name"]
properties.name = {{ type = "string", pattern = "^[a-z]+$" }}
[state.user]
from = "GET /u/{{name}}"
properties.id = {{ type = "string" }}
[[observe.http]]
upstream = "idp"
request = "GET /u/{{name}}"
absent = [404]
{control}
[[observe.http]]
upstream = "idp"
request = "GET /me"
[[perform.http]]
upstream = "idp"
request = "PUT /u/{{name}}"
created = [201]
body = {{ id = "{{action.id}}" }}
[verify]
after = ["{after}"]
may_change = ["/user"]
"#
    );
    Contract::from_toml("c.toml", &text).unwrap()
}

fn look(user: &Value) -> Observation {
    serde_json::from_value(json!({"state": {"user": user}, "exchanges": [], "at_ms": 1})).unwrap()
}

fn judged(contract: &Contract, pre: &Value, post: &Value, fate: Fate) -> Judgement {
    let mut write: Exchange = crate::fixtures::exchange("PUT", "/u/zoe", fate);
    write.request.created = vec![201];
    let action = ActionId::new(1, [0; 10]);
    judge(&Seen {
        contract,
        params: &json!({"name": "zoe"}),
        action: &action,
        expect: &BTreeMap::new(),
        pre: &look(pre),
        post: &look(post),
        exchanges: &[&write],
        plan: None,
        may_still_land: false,
    })
}

fn status(status: u16) -> Fate {
    Fate::Answered { status }
}

#[test]
fn what_came_into_being_is_verified_only_if_it_is_proved_to_be_ours() {
    let contract = contract(true, "post.user != null");
    let other = json!({"id": "7"});
    let ours = json!({"id": ActionId::new(1, [0; 10]).as_str()});
    for (post, fate, outcome) in [
        (&other, status(201), Outcome::Verified),
        (&other, status(200), Outcome::Mismatch),
        (&other, status(403), Outcome::Mismatch),
        (&other, Fate::NoAnswer, Outcome::Indeterminate),
        (&other, status(503), Outcome::Indeterminate),
        (&ours, status(200), Outcome::Verified),
        (&ours, Fate::NoAnswer, Outcome::Verified),
    ] {
        let judged = judged(&contract, &Value::Null, post, fate);
        assert_eq!(judged.outcome, outcome, "{fate:?}: {}", judged.reason);
    }
    let replaced = judged(&contract, &json!({"id": "1"}), &other, status(200));
    assert_eq!(replaced.outcome, Outcome::Verified, "it existed before: {}", replaced.reason);
}

#[test]
fn what_ceased_to_exist_is_verified_only_if_the_absence_is_confirmed() {
    let was = || json!({"id": "7"});
    for (control, pre, fate, outcome) in [
        (true, was(), status(204), Outcome::Verified),
        (true, was(), Fate::NoAnswer, Outcome::Verified),
        (false, was(), status(204), Outcome::Verified),
        (false, was(), Fate::NoAnswer, Outcome::Indeterminate),
        (false, was(), status(404), Outcome::Indeterminate),
        (false, Value::Null, status(204), Outcome::Indeterminate),
        (true, Value::Null, status(204), Outcome::Verified),
    ] {
        let judged = judged(&contract(control, "post.user == null"), &pre, &Value::Null, fate);
        assert_eq!(judged.outcome, outcome, "{control} {pre} {fate:?}: {}", judged.reason);
    }
}

/// A write that was answered with 202 and changed nothing may need `accepted`; other writes do not.
#[test]
fn a_write_that_was_only_accepted_is_explained() {
    let (contract, was) = (contract(true, "post.user == null"), json!({"id": "7"}));
    for (code, is_explained) in [(200, false), (202, true), (204, false)] {
        let judged = judged(&contract, &was, &was, status(code));
        assert_eq!(judged.outcome, Outcome::Mismatch, "{code}");
        assert!(judged.reason.starts_with("the upstream reported success and nothing changed"));
        let explains = judged.reason.contains("write `accepted = [202]`");
        assert_eq!(explains, is_explained, "{code}: {}", judged.reason);
    }
}
