//! Tests of values that the host learns only from the answer to a write: the id of a created object, and the path of a
//! job.

mod refused;

use deed_record::contract::Contract;
use deed_test_support::shared::{ended, look};
use deed_tests::people::HELPDESK;
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, served, tried};

const CREATE: &str = r#"
[state.thing]
from = "GET /things/{answer.create.id}"
required = ["a", "by"]
properties.a = { type = "integer" }
properties.by = { type = "string" }
[[observe.http]]
upstream = "field"
request  = "GET /things/{answer.create.id}"
absent   = [404]
control  = "GET /things"
[[observe.http]]
upstream = "field"
request  = "GET /things"
[[perform.http]]
upstream = "field"
name     = "create"
request  = "POST /things"
body     = { a = 2, by = "{action.id}" }
created  = [201]
answer   = { id = { type = "string", pattern = "^[a-z0-9.-]{1,20}$" } }
[verify]
before     = ["pre.thing == null"]
after      = ["post.thing != null && post.thing.a == 2"]
may_change = ["/thing"]
settle     = "2s"
[limits]
attempts = 3
backoff  = "50ms"
observe  = "3s"
"#;

/// An upstream that creates an object at each write. `answer` gets the number of each write, counted from 1, and
/// returns the answer to the write. The first object has the id `t-1`, and the second has the id `t-2`.
fn things(mut answer: impl FnMut(usize) -> Reply + Send + 'static) -> Upstream {
    let (mut made, mut writes): (Vec<Value>, usize) = (vec![], 0);
    Upstream::start(move |request| {
        if request.method == "POST" {
            writes += 1;
            let reply = answer(writes);
            let key = request.header("idempotency-key").map(str::to_owned);
            let known = key.is_some() && made.iter().any(|one| one["key"] == json!(key));
            if !known && matches!(reply.status, 0 | 200..=202) {
                let mut thing = request.json();
                thing["key"] = json!(key);
                made.push(thing);
            }
            return reply;
        }
        if request.target == "/things" {
            return Reply::json(200, json!([]));
        }
        let number =
            request.target.strip_prefix("/things/t-").and_then(|n| n.parse::<usize>().ok());
        match number.and_then(|n| made.get(n - 1)) {
            Some(thing) => Reply::json(200, thing.clone()),
            None => Reply::json(404, json!({})),
        }
    })
}

fn paths(upstream: &Upstream) -> Vec<String> {
    upstream.seen().into_iter().map(|one| format!("{} {}", one.method, one.target)).collect()
}

#[test]
fn what_was_created_is_read_under_the_id_of_the_answer() {
    let upstream = things(|_| Reply::json(201, json!({"id": "t-1", "more": ["x"]})));
    let world = served(&upstream, &contract("create", CREATE), "");
    let view = tried(&world);
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(look(&world, &view, "pre")["state"]["thing"], Value::Null);
    assert_eq!(look(&world, &view, "post")["state"]["thing"]["by"], view["id"]);
    assert_eq!(paths(&upstream).iter().filter(|one| *one == "GET /things/t-1").count(), 1);
}

/// The receipt and the answer to the agent contain the values that `[outputs]` names, and a verifier computes these
/// values again.
#[test]
fn an_output_is_read_from_the_state_after_the_action() {
    let outputs = "[outputs]\namount = \"post.thing.a\"\nby = \"post.thing.by\"\n";
    let text = contract("create", CREATE).replace(
        "properties.by = { type = \"string\" }",
        "properties.by = { type = \"string\", maxLength = 40 }",
    );
    let upstream = things(|_| Reply::json(201, json!({"id": "t-1"})));
    let world = served(&upstream, &format!("{text}{outputs}"), "");
    let view = tried(&world);
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    let wanted = json!({"amount": 2, "by": view["id"]});
    assert_eq!(receipt["outputs"], wanted);
    let path = format!("/v1/actions/{}", view["id"].as_str().unwrap());
    let told: Value =
        serde_json::from_slice(&world.client(HELPDESK).get(&path).unwrap().bytes).unwrap();
    assert_eq!(told["outputs"], wanted);
    // If the upstream refused the write, there is no state from which outputs could be read.
    let upstream = things(|_| Reply::json(422, json!({})));
    let world = served(&upstream, &format!("{text}{outputs}"), "");
    let receipt = ended(&world, &tried(&world), "failed", "the upstream refused");
    assert_eq!(receipt.get("outputs"), None);
    for (output, why) in [
        ("id = \"pre.thing.by\"", "is not a property of a declared state"),
        ("id = \"post.thing\"", "must be an integer"),
        ("id = \"post.thing.none\"", "is not a property of a declared state"),
        ("id = \"answer.create.id\"", "is not a property of a declared state"),
        ("\"I d\" = \"post.thing.by\"", "has an invalid name"),
    ] {
        let text = format!("{text}[outputs]\n{output}\n");
        let refused = Contract::from_toml("c.toml", &text).unwrap_err().to_string();
        assert!(refused.contains(why), "{output}: {refused}");
    }
    let long = format!("{}{outputs}", contract("create", CREATE));
    let refused = Contract::from_toml("c.toml", &long).unwrap_err().to_string();
    assert!(refused.contains("a string with a `maxLength`"), "{refused}");
}

/// The upstream shows the created object only at the third read of its path.
#[test]
fn a_read_after_a_create_may_be_early() {
    let (mut made, mut reads) = (Value::Null, 0);
    let upstream = Upstream::start(move |request| {
        if request.method == "POST" {
            made = request.json();
            return Reply::json(201, json!({"id": "t-1"}));
        }
        if request.target == "/things" {
            return Reply::json(200, json!([]));
        }
        reads += 1;
        if reads < 3 { Reply::json(404, json!({})) } else { Reply::json(200, made.clone()) }
    });
    let world = served(&upstream, &contract("create", CREATE), "");
    ended(&world, &tried(&world), "verified", "every expectation holds");
}

/// No value in an answer can make the host read another path. If a value does not match its schema, the host sends no
/// further request with this value.
#[test]
fn an_answer_cannot_name_another_path() {
    let nothing = |id: Value| json!({ "id": id });
    for (answer, why) in [
        (nothing(json!("../admin")), "does not fit `answer.id`"),
        (nothing(json!("t-1/../../admin")), "does not fit `answer.id`"),
        (nothing(json!("t-1?x=y")), "does not fit `answer.id`"),
        (nothing(json!("%2e%2e")), "does not fit `answer.id`"),
        (nothing(json!("T-1\r\nx: y")), "does not fit `answer.id`"),
        (nothing(json!("..")), "is empty or a dot segment"),
        (nothing(json!(1)), "does not fit `answer.id`"),
        (nothing(json!(["t-1"])), "does not fit `answer.id`"),
        (nothing(Value::Null), "does not fit `answer.id`"),
        (json!({}), "has no `id`"),
        (json!(["t-1"]), "has no `id`"),
    ] {
        let shown = answer.to_string();
        let upstream = things(move |_| Reply::json(201, answer.clone()));
        let world = served(&upstream, &contract("create", CREATE).replace("2s", "0s"), "");
        let view = tried(&world);
        ended(&world, &view, "indeterminate", why);
        let seen = paths(&upstream);
        assert!(
            seen.iter().all(|one| matches!(one.as_str(), "GET /things" | "POST /things")),
            "{shown}: {seen:?}"
        );
        assert_eq!(upstream.writes().len(), 1, "{shown}");
    }
}

#[test]
fn a_refused_create_leaves_nothing_to_read() {
    for status in [400, 403, 422] {
        let upstream = things(move |_| Reply::json(status, json!({"id": "t-1"})));
        let world = served(&upstream, &contract("create", CREATE), "");
        ended(&world, &tried(&world), "failed", "the upstream refused and nothing changed");
        assert!(!paths(&upstream).contains(&"GET /things/t-1".to_owned()));
    }
}

/// The answer contains the id of an object that existed before the action.
#[test]
fn an_id_of_something_else_is_not_what_this_action_created() {
    let upstream = Upstream::start(|request| match request.method.as_str() {
        "POST" => Reply::json(200, json!({"id": "t-9"})),
        _ if request.target == "/things" => Reply::json(200, json!([])),
        _ => Reply::json(200, json!({"a": 2, "by": "another"})),
    });
    let world = served(&upstream, &contract("create", CREATE).replace("2s", "0s"), "");
    ended(&world, &tried(&world), "mismatch", "nothing proves that this action created it");
}

/// The answer to the first write is lost. The host sends the write again with the same idempotency key, and the
/// upstream returns the answer.
#[test]
fn a_lost_answer_is_got_again_under_the_same_key() {
    let lines = "idempotency = { header = \"Idempotency-Key\", window = \"24h\" }";
    let upstream = things(|n| match n {
        1 => Reply::empty(0),
        _ => Reply::json(201, json!({"id": "t-1"})),
    });
    let keyed = contract("create", CREATE).replace("\"observable\"", "\"keyed\"");
    let world = served(&upstream, &keyed, lines);
    ended(&world, &tried(&world), "verified", "every expectation holds");
    let keys: Vec<_> = upstream
        .writes()
        .iter()
        .map(|one| one.header("idempotency-key").map(str::to_owned))
        .collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
    // Without an idempotency key, the host cannot find the created object again, and does not create a second one.
    let upstream = things(|_| Reply::empty(0));
    let world = served(&upstream, &contract("create", CREATE).replace("2s", "0s"), "");
    ended(&world, &tried(&world), "indeterminate", "has no definite answer");
    assert_eq!(upstream.writes().len(), 1);
}

/// Without the evidence, a request with a value of an answer looks like other requests of the contract.
#[test]
fn other_requests_may_have_the_form_of_one_with_an_answer() {
    let text = contract("create", CREATE)
        .replace("GET /things\"", "GET /things/me\"")
        .replace("type = \"string\", pattern = \"^[a-z0-9.-]{1,20}$\"", "type = \"integer\"");
    let upstream = Upstream::start(|request| match request.method.as_str() {
        "POST" => Reply::json(201, json!({"id": 7})),
        _ if request.target == "/things/me" => Reply::json(200, json!([])),
        _ => Reply::json(200, json!({"a": 2, "by": "x"})),
    });
    let world = served(&upstream, &text, "");
    ended(&world, &tried(&world), "verified", "every expectation holds");
}

/// The creation of one thing does not prove the creation of another.
#[test]
fn only_the_named_write_proves_what_its_answer_leads_to() {
    let second = "[[perform.http]]\nupstream = \"field\"\nrequest = \"POST /charges\"\ncreated = [201]\n[verify]";
    let text = contract("create", CREATE).replace("[verify]", second).replace("2s", "0s");
    for (status, outcome) in [(200, "mismatch"), (201, "verified")] {
        let upstream = Upstream::start(move |request| match request.target.as_str() {
            "/charges" => Reply::json(201, json!({})),
            "/things" if request.method == "POST" => Reply::json(status, json!({"id": "t-9"})),
            "/things" => Reply::json(200, json!([])),
            _ => Reply::json(200, json!({"a": 2, "by": "another"})),
        });
        let world = served(&upstream, &text, "");
        ended(&world, &tried(&world), outcome, "");
    }
}
