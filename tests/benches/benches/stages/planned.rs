//! Stages of an open contract: making a plan in a rehearsal, and following the plan in an attempt. Both stages match the
//! same requests: one read, and three writes, of which two contain the id in the answer to the first one.

use std::hint::black_box;

use deed_record::action::id::ActionId;
use deed_record::action::private::Prepared;
use deed_record::contract::Contract;
use deed_record::contract::template::Rule;
use deed_record::contract::template::text::Origins;
use deed_record::exchange::{Exchange, Rendered};
use deed_record::plan::course::{Course, Step};
use deed_record::plan::draft::Draft;
use deed_record::plan::{Plan, Requested};
use deed_spec::digest::Digest;
use deed_tests::services::Result;
use serde_json::{Value, json};

use super::material::Material;
use super::stage::Once;

const CONTRACT: &str = r#"
format = 2
[action]
name = "bench.build"
version = "1.0.0"
title = "Build"
verb = "create"
mode = "write"
effect = "opaque"
resource = "bench/things"
adapter = "builder"
[params]
[state.list]
from = "GET /things"
properties.count = { type = "integer" }
[[observe.http]]
upstream = "bench"
request = "GET /things"
[[perform.http]]
upstream = "bench"
request = "GET /kit"
[[perform.http]]
upstream = "bench"
name = "create"
request = "POST /things"
created = [201]
answer = { id = { type = "string", pattern = "^[a-z0-9]{20}$" } }
body = { title = { any = { type = "string", maxLength = 40 }, name = "title" }, kind = "a" }
[[perform.http]]
upstream = "bench"
request = "PUT /things/{answer.create.id}"
body = { parts = { any = { type = "array", items = { type = "integer" } }, name = "parts" } }
[[perform.http]]
upstream = "bench"
request = "POST /links"
body = { thing = "{answer.create.id}" }
[verify]
after = ["has(post.list.count) && post.list.count > 0"]
may_change = ["/list/count"]
"#;

/// The number of integers in the computed part.
const PARTS: u32 = 100;

/// The contract, its requests, and the requests of a guest: method, path and body. The guest leaves the placeholders.
struct Case {
    contract: Contract,
    perform: Vec<Prepared>,
    asked: Vec<(&'static str, &'static str, Option<Value>)>,
}

impl Case {
    fn make() -> Result<Self> {
        let contract = Contract::from_toml("build.toml", CONTRACT)?;
        let (params, id) = (json!({}), ActionId::new(0, [0; 10]));
        let origins = Origins { params: &params, action: Some(&id), numbers: &[] };
        let render =
            |rule: &Rule| -> Result<Prepared> { Ok(Prepared::plain(rule.render(&origins)?)) };
        let perform = contract.perform.http.iter().map(render).collect::<Result<_>>()?;
        let parts: Vec<u32> = (0..PARTS).collect();
        let asked = vec![
            ("GET", "/kit", None),
            ("POST", "/things", Some(json!({"title": "a title", "kind": "a"}))),
            ("PUT", "/things/{answer.create.id}", Some(json!({ "parts": parts }))),
            ("POST", "/links", Some(json!({ "thing": null }))),
        ];
        Ok(Self { contract, perform, asked })
    }

    fn asked(&self) -> impl Iterator<Item = Requested<'_>> {
        let asked = self.asked.iter();
        asked.map(|(method, path, body)| Requested {
            upstream: "bench",
            method,
            path,
            body: body.clone(),
        })
    }

    fn plan(&self) -> Result<Plan> {
        let seed = Digest::of(b"seed");
        let mut draft = Draft::new(&self.contract, self.perform.clone(), vec![], seed);
        for asked in self.asked() {
            draft.take(&asked)?;
        }
        Ok(draft.finish()?)
    }
}

/// Makes a plan, and its digest.
pub(crate) fn rehearse(_: &Material) -> Result<Once<'_>> {
    let case = Case::make()?;
    Ok(Box::new(move || {
        black_box(black_box(&case).plan()?.digest()?);
        Ok(())
    }))
}

/// Follows the plan, with the answer to the first write.
pub(crate) fn follow(_: &Material) -> Result<Once<'_>> {
    let case = Case::make()?;
    let plan = case.plan()?;
    let read = case.perform.first().ok_or("there is no read")?;
    let reads = vec![exchange(&read.public)?];
    let create = plan.writes.first().ok_or("there is no write")?;
    let created = exchange(&create.request)?;
    Ok(Box::new(move || {
        let perform = case.perform.clone();
        let mut course = Course::new(&case.contract, perform, black_box(&plan), reads.clone());
        for asked in case.asked() {
            if let Step::Write { n: 0, .. } = course.take(&asked)? {
                course.answered(0, &created);
            }
        }
        black_box(course);
        Ok(())
    }))
}

fn exchange(request: &Rendered) -> Result<Exchange> {
    Ok(serde_json::from_value(json!({
        "ordinal": 0, "request": request, "fate": {"answered": {"status": 201}},
        "response": {"id": "abcdefghij0123456789"}, "started_ms": 0, "ended_ms": 0, "deadline_ms": 0,
    }))?)
}
