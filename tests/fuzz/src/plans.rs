//! Fuzz target for plans: any requests of a guest in a rehearsal, and any requests in an attempt along the plan. The
//! target checks that a plan has only what the contract allows, and that an attempt sends only what the plan has.

use std::sync::OnceLock;

use deed_record::action::id::ActionId;
use deed_record::action::private::Prepared;
use deed_record::contract::Contract;
use deed_record::contract::template::text::Origins;
use deed_record::exchange::{Exchange, Rendered};
use deed_record::plan::course::{Course, Step};
use deed_record::plan::draft::{Draft, Taken};
use deed_record::plan::{Plan, Requested};
use deed_spec::digest::Digest;
use deed_spec::json;
use serde_json::{Value, json};

/// A text that no plan may have.
const PRIVATE: &str = "a private value";

/// The id that the upstream gives to the thing in an attempt.
const REAL: &str = "abcdefghij0123456789";

const CONTRACT: &str = r#"
format = 2
[action]
name = "yard.build"
version = "1.0.0"
title = "Build"
verb = "create"
mode = "write"
effect = "opaque"
resource = "yard/things"
adapter = "builder"
[params]
[state.list]
from = "GET /things"
properties.count = { type = "integer" }
[[observe.http]]
upstream = "yard"
request = "GET /things"
[[perform.http]]
upstream = "yard"
request = "GET /kit"
[[perform.http]]
upstream = "yard"
name = "create"
request = "POST /things"
created = [201]
answer = { id = { type = "string", pattern = "^[a-z0-9]{20}$" } }
body = { kind = "a", title = { any = { type = "string", maxLength = 20 }, name = "title" } }
[[perform.http]]
upstream = "yard"
request = "GET /things/{answer.create.id}"
[[perform.http]]
upstream = "yard"
request = "PUT /things/{answer.create.id}?of={answer.create.id}"
calls = 3
body = { any = { required = ["a"], properties = { a = { type = "integer" }, b = { type = "array", items = { type = "string" } } } }, name = "part" }
[[perform.http]]
upstream = "yard"
request = "POST /links"
optional = true
body = { thing = "{answer.create.id}", fixed = [1, { any = { type = "decimal" }, name = "size" }] }
[verify]
after = ["has(post.list.count) && post.list.count > 0"]
may_change = ["/list/count"]
"#;

/// The input has one request in each line: the method, the path, and the body as JSON. A `@` stands for the id of the
/// thing. The requests of the attempt follow a line with `--`; without it, the attempt has those of the rehearsal.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (rehearsal, attempt) = text.split_once("\n--\n").unwrap_or((text, text));
    // The tokens depend on the input, so that no input contains one of its own tokens.
    let seed = Digest::of(data);
    let Some(plan) = rehearse(rehearsal, seed) else { return };
    let other = rehearse(rehearsal, Digest::of(seed.as_bytes()));
    assert_eq!(other.as_ref(), Some(&plan), "the plan depends on the values of answers");
    follow(&plan, attempt);
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let whole = "GET /kit\nPOST /things {\"kind\":\"a\",\"title\":\"t\"}\nGET /things/@\n\
                 PUT /things/@?of=@ {\"a\":1,\"b\":[\"c\"]}\nPUT /things/@?of=@ {\"a\":2}\n\
                 POST /links {\"thing\":\"@\",\"fixed\":[1,\"1.5\"]}";
    let left = "POST /things {\"title\":\"\",\"kind\":\"a\"}\n\
                PUT /things/{answer.create.id}?of=@ {\"a\":0}\n\
                POST /links {\"thing\":null,\"fixed\":[1,\"-2\"]}";
    let short = "POST /things {\"kind\":\"a\",\"title\":\"t\"}\nPUT /things/@?of=@ {\"a\":1}";
    let differs = format!("{whole}\n--\n{short}\nPUT /things/@?of=@ {{\"a\":3}}\nPOST /links {{}}");
    let seeds = [whole.to_owned(), left.to_owned(), short.to_owned(), differs];
    for seed in &seeds {
        let rehearsal = seed.split("\n--\n").next().unwrap();
        assert!(rehearse(rehearsal, Digest::of(b"seed")).is_some(), "{seed}");
    }
    seeds.map(String::into_bytes).to_vec()
}

fn contract() -> &'static Contract {
    static CONTRACT_OF_PLANS: OnceLock<Contract> = OnceLock::new();
    CONTRACT_OF_PLANS.get_or_init(|| Contract::from_toml("c.toml", CONTRACT).unwrap())
}

fn perform() -> Vec<Prepared> {
    let (params, id) = (json!({}), ActionId::new(1, [0; 10]));
    let origins = Origins { params: &params, action: Some(&id), numbers: &[] };
    let rules = contract().perform.http.iter();
    rules.map(|rule| Prepared::plain(rule.render(&origins).unwrap())).collect()
}

/// The plan of a guest that sends these requests. After a refused request, there must be no plan.
fn rehearse(text: &str, seed: Digest) -> Option<Plan> {
    let mut draft = Draft::new(contract(), perform(), vec![PRIVATE.to_owned()], seed);
    let (mut id, mut is_spoiled) = (String::new(), false);
    for line in text.lines() {
        let Some((method, path, body)) = request(line, &id) else { continue };
        let asked = Requested { upstream: "yard", method: &method, path: &path, body };
        let Ok(taken) = draft.take(&asked) else {
            is_spoiled = true;
            continue;
        };
        assert!(!is_spoiled, "a request was accepted after a refused one");
        match taken {
            Taken::Read(read) => assert!(!read.public.writes, "a write is sent in a rehearsal"),
            Taken::Answered(answer) => {
                let made = answer.body.as_ref().and_then(|body| body.get("id")?.as_str());
                id = made.map_or(id, str::to_owned);
            }
        }
    }
    let plan = draft.finish();
    assert!(!is_spoiled || plan.is_err(), "there is a plan in spite of a refused request");
    let plan = plan.ok()?;
    legal(&plan, &id);
    Some(plan)
}

/// One request of a guest. A body that the sandbox refuses is no request.
fn request(line: &str, id: &str) -> Option<(String, String, Option<Value>)> {
    let line = line.replace('@', id);
    let mut words = line.splitn(3, ' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let body = words.next().map(|body| json::parse_exact(body.as_bytes())).transpose().ok()?;
    Some((method, path, body))
}

/// Checks that each write of the plan is a rule of the contract with parts that fit their schemas, sent as often as the
/// rule allows.
fn legal(plan: &Plan, id: &str) {
    let text = String::from_utf8(json::to_canonical(plan).unwrap()).unwrap();
    assert!(!text.contains(PRIVATE), "{text}");
    assert!(id.is_empty() || !text.contains(id), "{text}");
    let perform = perform();
    let mut counts = vec![0; perform.len()];
    for planned in &plan.writes {
        let n = usize::try_from(planned.rule).unwrap();
        counts[n] += 1;
        assert!(planned.request.writes, "{planned:?}");
        assert_eq!(planned.request.without_state(), perform[n].public, "{planned:?}");
        for (place, value) in planned.request.parts() {
            let schema = contract().part_schema(n, &planned.request.any[&place]).unwrap();
            assert!(schema.violations(&value).is_empty(), "{place}: {value}");
        }
    }
    for (count, rule) in counts.into_iter().zip(&perform) {
        let Rendered { calls, writes, optional, .. } = rule.public;
        assert!(count <= calls, "{:?}", rule.public);
        assert!(count > 0 || optional || !writes, "{:?}", rule.public);
    }
}

/// Checks that an attempt with these requests sends only the writes of the plan, in their order.
fn follow(plan: &Plan, text: &str) {
    let reads = perform().iter().take(1).map(|read| exchange(&read.public)).collect();
    let mut course = Course::new(contract(), perform(), plan, reads);
    let (mut next, mut is_over, mut id) = (0, false, "");
    for line in text.lines() {
        let Some((method, path, body)) = request(line, id) else { continue };
        let asked = Requested { upstream: "yard", method: &method, path: &path, body };
        match course.take(&asked) {
            Ok(Step::Write { n, request }) => {
                assert!(!is_over && n >= next, "write {n} after {next}");
                let skipped = &plan.writes[next..n];
                assert!(skipped.iter().all(|one| one.request.optional), "{skipped:?}");
                assert_eq!(request.public, filled(&plan.writes[n].request, id));
                course.answered(n, &exchange(&request.public));
                id = if request.public.name.is_some() { REAL } else { id };
                next = n + 1;
            }
            Ok(Step::Read(read)) => assert_eq!(read.public.method, "GET"),
            Ok(Step::Recorded(known)) => assert_eq!(known.request.path, "/kit"),
            // A refused read does not end the attempt.
            Err(_) => is_over |= method != "GET",
        }
    }
}

/// A planned write with the id, if it is known.
fn filled(planned: &Rendered, id: &str) -> Rendered {
    let value = |_: &str| (!id.is_empty()).then(|| Value::from(id));
    planned.with_answer_values(value).unwrap()
}

fn exchange(request: &Rendered) -> Exchange {
    let exchange = json!({
        "ordinal": 0, "request": request, "fate": {"answered": {"status": 201}}, "response": {"id": REAL},
        "started_ms": 0, "ended_ms": 0, "deadline_ms": 0,
    });
    serde_json::from_value(exchange).unwrap()
}
