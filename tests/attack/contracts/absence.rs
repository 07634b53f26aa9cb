//! Upstreams that lie about what exists: no create and no delete is verified that did not happen.

use deed_tests::client::Answer;
use serde_json::{Value, json};

use super::stage::{Request, Stage, contract, fresh, raw, says};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "absences-that-nothing-confirms" => unconfirmed,
        "absences-that-come-and-go" => come_and_go,
        "lists-that-are-empty-before-and-full-after" => full_after,
        "lists-that-show-something-else" => something_else,
    ]
}

const DELETE: &str = r#"
[state.thing]
from = "GET /t/{id}"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
absent   = [404, 410]
control  = "GET /me"
[[observe.http]]
upstream = "field"
request  = "GET /me"
[[perform.http]]
upstream = "field"
request  = "DELETE /t/{id}"
[verify]
before     = ["pre.thing != null"]
after      = ["post.thing == null"]
may_change = ["/thing"]
"#;

const CREATE: &str = r#"
[state.thing]
from = "GET /t?name={id}"
only = "/items"
required = ["name"]
properties.name = { type = "string" }
properties.ref  = { type = "string" }
[[observe.http]]
upstream = "field"
request  = "GET /t?name={id}"
control  = "GET /me"
[[observe.http]]
upstream = "field"
request  = "GET /me"
[[perform.http]]
upstream = "field"
request  = "POST /t"
body     = { name = "{id}", ref = "{action.id}" }
created  = [201]
[verify]
before     = ["pre.thing == null"]
after      = ["post.thing != null && post.thing.name == params.id"]
may_change = ["/thing"]
"#;

fn stage() -> Stage {
    let loose = DELETE.replace("control  = \"GET /me\"\n", "");
    Stage::new(&[
        contract("delete", "delete", &[], DELETE),
        contract("loose", "delete", &[], &loose),
        contract("create", "create", &[], CREATE),
    ])
}

/// What an upstream shows: the answers to reads of the object and of `/me`, before and after the write.
struct Shows {
    write: Vec<u8>,
    before: (Vec<u8>, u16),
    after: (Vec<u8>, u16),
}

/// Runs the contract for the object `id` on an upstream that shows this. Requests for other objects, such as late looks
/// of earlier actions, are not answered.
fn run(stage: &Stage, contract: &str, id: &str, shows: Shows) -> Answer {
    let (mut written, own) = (false, id.to_owned());
    stage.replies(move |request: &Request| {
        let (object, me) = if written { &shows.after } else { &shows.before };
        if request.target == "/me" {
            return status(*me);
        }
        let is_ours = request.target.contains(&own) || request.json()["name"] == json!(own);
        if !is_ours {
            return vec![];
        }
        if request.is_write() {
            written = true;
            return shows.write.clone();
        }
        object.clone()
    });
    stage.propose(contract, &json!({ "id": id }))
}

fn status(status: u16) -> Vec<u8> {
    if status == 0 { vec![] } else { says(status, &json!({})) }
}

fn there() -> Vec<u8> {
    says(200, &json!({"a": 1}))
}

/// The object is absent after the write, but the control request shows that the credential may have lost its
/// permission, or there is no control request and no write succeeded.
fn unconfirmed() {
    let stage = stage();
    for me in [0, 301, 302, 401, 403, 404, 410, 429, 500] {
        for (write, gone) in [(204, 404), (204, 410), (401, 404), (0, 404)] {
            let variant = format!("{write}, then {gone} with {me}");
            let after = (status(gone), me);
            let shows = Shows { write: status(write), before: (there(), 200), after };
            let answer = run(&stage, "delete", &fresh(), shows);
            stage.judged(&answer, "indeterminate", "the absence is not confirmed", &variant);
        }
    }
    for write in [401, 403, 404, 409, 500, 0] {
        let shows =
            Shows { write: status(write), before: (there(), 200), after: (status(404), 200) };
        let answer = run(&stage, "loose", &fresh(), shows);
        stage.judged(&answer, "indeterminate", "nothing confirms that it does not exist", "loose");
    }
    unharmed(&stage.world);
}

/// The object is absent before the delete, is still there after it, is there again, or its absence is not stated.
fn come_and_go() {
    let stage = stage();
    for (write, before, after, outcome, why) in [
        (204, there(), there(), "mismatch", "nothing changed"),
        (410, there(), there(), "failed", "the upstream refused"),
        (0, there(), there(), "failed", "no write can still land"),
        (204, status(404), status(404), "denied", "`pre.thing != null` does not hold"),
        (204, status(410), there(), "denied", "`pre.thing != null` does not hold"),
        (204, status(403), status(404), "failed", "nothing was sent"),
        (204, there(), says(200, &json!({})), "mismatch", "`post.thing == null` does not hold"),
        (204, there(), says(200, &Value::Null), "indeterminate", "cannot be used"),
        (204, there(), says(200, &json!([])), "indeterminate", "could not be observed"),
        (204, there(), raw(204, "", ""), "indeterminate", "cannot be used"),
        (204, there(), status(400), "indeterminate", "has the status 400"),
        (204, there(), status(403), "indeterminate", "has the status 403"),
        (204, there(), status(500), "indeterminate", "has the status 500"),
        (204, there(), status(0), "indeterminate", "could not be observed"),
    ] {
        let variant = format!("{write}: {}", String::from_utf8_lossy(&after));
        let shows = Shows { write: status(write), before: (before, 200), after: (after, 200) };
        let answer = run(&stage, "delete", &fresh(), shows);
        stage.judged(&answer, outcome, why, &variant);
    }
    again(&stage);
    unharmed(&stage.world);
}

/// The object is gone for one look and there again at the next. A delete counts only as of the look that the receipt
/// records, and the next action sees the object again.
fn again(stage: &Stage) {
    let id = fresh();
    let gone = Shows { write: status(204), before: (there(), 200), after: (status(410), 200) };
    let first = run(stage, "delete", &id, gone);
    stage.judged(&first, "verified", "every expectation holds", "410");
    let back = Shows { write: status(204), before: (there(), 200), after: (there(), 200) };
    let second = run(stage, "delete", &id, back);
    stage.judged(&second, "mismatch", "nothing changed", "410, then 200");
}

fn list(items: &[Value]) -> Vec<u8> {
    says(200, &json!({ "items": items }))
}

/// The list is empty before the write and has the object after it, but nothing proves that this action created the
/// object.
fn full_after() {
    let stage = stage();
    for write in [0, 200, 202, 204, 301, 400, 409, 412, 422, 429, 500, 503] {
        for reference in [None, Some("act_00000000000000000000000000"), Some("redacted"), Some("")]
        {
            let id = fresh();
            let mut thing = json!({ "name": id });
            if let Some(reference) = reference {
                thing["ref"] = json!(reference);
            }
            let (before, after) = ((list(&[]), 200), (list(&[thing]), 200));
            let answer = run(&stage, "create", &id, Shows { write: status(write), before, after });
            let view = answer.json();
            let variant = format!("{write} {reference:?}: {view:#}");
            assert!(view["status"] == "mismatch" || view["status"] == "indeterminate", "{variant}");
            let reason = view["reason"].as_str().unwrap();
            assert!(reason.contains("nothing proves that this action created it"), "{variant}");
        }
    }
    let id = fresh();
    let after = (list(&[json!({ "name": id })]), 200);
    let shows = Shows { write: status(201), before: (list(&[]), 200), after };
    stage.judged(&run(&stage, "create", &id, shows), "verified", "every expectation holds", "201");
    unharmed(&stage.world);
}

/// The list has two elements, another one, or is no list of objects, or its control request fails.
fn something_else() {
    let stage = stage();
    let none = || list(&[]);
    for (before, after, outcome, why) in [
        (vec!["own", "own"], vec!["own"], "failed", "has 2 elements at `/items`"),
        (vec![], vec!["own", "own"], "indeterminate", "has 2 elements at `/items`"),
        (vec![], vec!["own", "other"], "indeterminate", "has 2 elements at `/items`"),
        (vec![], vec!["other"], "mismatch", "does not hold"),
        (vec!["other"], vec!["own"], "denied", "`pre.thing == null` does not hold"),
        (vec!["own"], vec!["own"], "denied", "`pre.thing == null` does not hold"),
        (vec![], vec![], "mismatch", "nothing changed"),
    ] {
        let id = fresh();
        let item =
            |name: &&str| json!({ "name": if *name == "own" { id.as_str() } else { *name } });
        let items = |names: &[&str]| list(&names.iter().map(item).collect::<Vec<_>>());
        let (before, after) = ((items(&before), 200), (items(&after), 200));
        let answer = run(&stage, "create", &id, Shows { write: status(201), before, after });
        stage.judged(&answer, outcome, why, why);
    }
    for odd in [
        json!({}),
        json!({"items": null}),
        json!({"items": {}}),
        json!({"items": [null]}),
        json!({"items": [[]]}),
        json!({"items": "[]"}),
        json!({"items": [{"name": 7}]}),
        json!([]),
    ] {
        let odd = says(200, &odd);
        let variant = String::from_utf8_lossy(&odd).into_owned();
        for (before, after, outcome) in
            [(odd.clone(), none(), "failed"), (none(), odd.clone(), "indeterminate")]
        {
            let (before, after) = ((before, 200), (after, 200));
            let shows = Shows { write: status(201), before, after };
            let answer = run(&stage, "create", &fresh(), shows);
            stage.judged(&answer, outcome, "could not be observed", &variant);
        }
    }
    let id = fresh();
    let after = (list(&[json!({ "name": id })]), 200);
    let shows = Shows { write: status(201), before: (none(), 401), after };
    let answer = run(&stage, "create", &id, shows);
    stage.judged(&answer, "failed", "the absence is not confirmed", "a dead credential");
    assert!(stage.writes().is_empty(), "a dead credential is no empty list");
    unharmed(&stage.world);
}
