use serde_json::{Value, json};

use super::*;
use crate::action::id::ActionId;
use crate::contract::template::text::Origins;
use crate::exchange::{Failure, Fate, Rendered};
use crate::lifecycle::observation::answers::Answers;
use crate::lifecycle::observation::declared::{Declared, declared};

const CONTRACT: &str = r#"
format = 2
[action]
name = "idp.suspend"
version = "1.0.0"
title = "Suspend"
verb = "update"
mode = "write"
effect = "observable"
resource = "idp/users/{name}"
adapter = "declared"
[params]
required = ["name"]
properties.name = { type = "string", pattern = "^[a-z]+$" }
[state.user]
from = "GET /Users/{name}"
required = ["id"]
properties.id = { type = "string" }
[[observe.http]]
upstream = "idp"
request = "GET /Users/{name}"
absent = [404]
control = "GET /me"
[[observe.http]]
upstream = "idp"
request = "GET /me"
[[perform.http]]
upstream = "idp"
request = "DELETE /Users/{name}"
[verify]
before = ["pre.user != null"]
after = ["post.user == null"]
may_change = ["/user"]
"#;

const DONE: Fate = Fate::Answered { status: 200 };

fn contract() -> Contract {
    Contract::from_toml("c.toml", CONTRACT).unwrap()
}

fn looks() -> Vec<Rendered> {
    let (params, id) = (json!({"name": "zoe"}), ActionId::new(1, [0; 10]));
    let origins = Origins { params: &params, action: Some(&id), numbers: &[] };
    contract().observe.http.iter().map(|rule| rule.render(&origins).unwrap()).collect()
}

/// An observation of two requests, the user and the control request, with these fates and this user.
fn seen(fates: [Fate; 2], user: &Value) -> Observation {
    let exchange = |(request, fate): (Rendered, Fate)| Exchange {
        request,
        response: (fate == DONE).then(|| user.clone()),
        failure: match fate {
            Fate::NotSent => Some(Failure::NotSent),
            Fate::NoAnswer => Some(Failure::NoAnswer),
            Fate::Answered { .. } => None,
        },
        ..crate::fixtures::exchange("GET", "/", fate)
    };
    let exchanges: Vec<Exchange> = looks().into_iter().zip(fates).map(exchange).collect();
    let Declared { states, problem } =
        declared(&contract(), &Answers::default().asked(&looks()), &exchanges);
    let claim = Some(Claim::Done);
    let (derived, refused) = ([].into(), vec![]);
    Observation { state: states, derived, exchanges, claim, refused, at_ms: 0, problem }
}

fn status(status: u16) -> Fate {
    Fate::Answered { status }
}

fn is_hindered(seen: &Observation) -> bool {
    seen.hindrance(&contract(), &Answers::default().asked(&looks())).is_some()
}

fn user() -> Value {
    json!({"id": "1"})
}

#[test]
fn only_reasons_that_may_pass_are_hindrances() {
    assert!(!is_hindered(&seen([DONE, DONE], &user())), "it is usable");
    for fate in [Fate::NotSent, Fate::NoAnswer] {
        assert!(is_hindered(&seen([fate, DONE], &user())), "{fate:?}");
    }
    for code in [408, 425, 429, 500, 502, 503, 504, 599] {
        assert!(is_hindered(&seen([status(code), DONE], &user())), "{code}");
    }
    for code in [301, 400, 401, 403, 409, 410, 412, 422] {
        assert!(!is_hindered(&seen([status(code), DONE], &user())), "{code}");
    }
}

#[test]
fn a_rate_limit_that_the_contract_declares_may_pass() {
    let limited = |statuses: &[u16], retry_after_s| {
        let mut seen = seen([status(403), DONE], &user());
        seen.exchanges[0].request.throttled = statuses.to_vec();
        seen.exchanges[0].retry_after_s = retry_after_s;
        seen
    };
    assert!(is_hindered(&limited(&[403], Some(1))));
    assert!(!is_hindered(&limited(&[403], None)), "a 403 without `Retry-After` is a refusal");
    assert!(!is_hindered(&limited(&[404], Some(1))));
    let mut search = limited(&[403], Some(1));
    search.exchanges[0].request.method = "POST".into();
    assert!(!is_hindered(&search), "a POST is not repeated");
}

#[test]
fn one_reason_that_stays_is_enough() {
    assert!(is_hindered(&seen([status(404), status(503)], &user())), "the control request failed");
    assert!(!is_hindered(&seen([status(404), status(403)], &user())));
    assert!(!is_hindered(&seen([status(503), status(403)], &user())));
    let missing = seen([DONE, status(503)], &json!({}));
    assert!(!is_hindered(&missing), "a required member is missing");
    let misfit = seen([DONE, status(503)], &json!({"id": 1}));
    assert!(misfit.problem.is_some() && !is_hindered(&misfit));
}

#[test]
fn a_failure_of_the_adapter_is_no_hindrance() {
    let text = || "why".to_owned();
    let claimed = |claim| Observation {
        claim: Some(claim),
        problem: Some("it did not end well".into()),
        ..seen([status(503), DONE], &user())
    };
    for claim in [Claim::Unavailable(text()), Claim::Unknown(text()), Claim::Done] {
        assert!(is_hindered(&claimed(claim)));
    }
    for claim in [
        Claim::Refused(text()),
        Claim::Invalid(text()),
        Claim::Trapped(text()),
        Claim::TimedOut,
        Claim::Lost,
    ] {
        assert!(!is_hindered(&claimed(claim)));
    }
    let mut cut = claimed(Claim::TimedOut);
    cut.exchanges.reverse();
    cut.exchanges[1].fate = Fate::NoAnswer;
    assert!(is_hindered(&cut), "the run ended while the upstream was waited for");
    let mut reached = claimed(Claim::Done);
    reached.refused.push("denied by the grant".into());
    assert!(!is_hindered(&reached));
}

#[test]
fn a_forbidden_connection_is_no_hindrance() {
    let mut seen = seen([Fate::NotSent, DONE], &user());
    seen.exchanges[0].failure = Some(Failure::Denied);
    assert!(!is_hindered(&seen));
}

#[test]
fn a_request_that_was_answered_at_its_second_try_is_no_hindrance() {
    let mut seen = seen([status(503), DONE], &user());
    let mut again = seen.exchanges[0].clone();
    (again.fate, again.response) = (DONE, Some(json!({"id": 1})));
    seen.exchanges.push(again);
    assert!(!is_hindered(&seen), "what it was answered does not fit");
}
