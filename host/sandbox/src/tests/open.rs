//! Parts of the tests of open contracts: a contract, its requests, and a guest written as WebAssembly text.

use deed_record::action::private::seal;
use deed_record::contract::Contract;
use deed_record::plan::Rehearsal;
use deed_record::plan::course::Course;

use super::*;
use crate::grant::Once;

/// A contract with two reads and three writes, of which the last one is optional. Paths contain values of the answers to
/// the first two writes, and the adapter computes a part of each body.
const CONTRACT: &str = r#"
format = 2
[action]
name = "idp.restore_access"
version = "1.0.0"
title = "Write notes"
verb = "update"
mode = "write"
effect = "observable"
resource = "idp/notes"
adapter = "scim"
[params]
[state.user]
required = ["id"]
properties = { id = { type = "string" } }
[[observe.http]]
upstream = "idp"
request = "GET /Users/42"
[verify]
after = ["post.user.id == '42'"]
[[perform.http]]
upstream = "idp"
request = "GET /Users/42"
[[perform.http]]
upstream = "idp"
request = "POST /notes"
name = "create"
answer = { id = { type = "string", pattern = "^[0-9a-f]{32}$" } }
body = { text = { any = { type = "string", maxLength = 40 }, name = "text" } }
[[perform.http]]
upstream = "idp"
request = "PUT /notes/{answer.create.id}"
name = "link"
answer = { tag = { type = "string", pattern = "^[0-9a-f]{16}$" } }
body = { text = { any = { type = "string", maxLength = 40 }, name = "more" } }
[[perform.http]]
upstream = "idp"
request = "GET /notes/{answer.create.id}"
name = "seen"
answer = { tag = { type = "string", pattern = "^[0-9a-f]{16}$" } }
[[perform.http]]
upstream = "idp"
request = "PUT /tags/{answer.link.tag}"
body = { text = { any = { type = "string", maxLength = 40 }, name = "tagged" } }
optional = true
"#;

/// An id as the upstream chooses it.
pub(crate) const ID: &str = "0123456789abcdef0123456789abcdef";

/// Guest code that sends the first read and the writes that are not optional, and succeeds.
pub(super) const HONEST: &str = "(call $get) (call $create) (call $link) (i32.const 256)";

/// The contract with more rules of `perform`.
pub(crate) fn contract(more: &str) -> Contract {
    Contract::from_toml("open.toml", &format!("{CONTRACT}{more}")).unwrap()
}

/// The requests of `perform` as the contract renders them.
pub(crate) fn perform(contract: &Contract) -> Vec<Prepared> {
    let proposal = json!({"contract": "idp.restore_access", "params": {}, "intent": "i"});
    let proposal = serde_json::from_value(proposal).unwrap();
    let sealed = seal(contract, proposal, &ActionId::new(1, [0; 10]), || None).unwrap();
    sealed.rendering.perform.into_iter().map(Prepared::plain).collect()
}

pub(crate) fn draft(contract: &Contract) -> Draft {
    Draft::new(contract, perform(contract), vec![], Digest::of(b"seed"))
}

/// What is known before the first attempt about the writes of the plan.
pub(super) fn unsent(rehearsal: &Rehearsal) -> Vec<Once> {
    let writes = rehearsal.plan.iter().flat_map(|plan| &plan.writes);
    let once = |request| Once { request, key: None, until_ms: None, done: None };
    writes.map(|write| once(write.request.clone())).collect()
}

/// A sandbox with a guest whose `perform` runs this code.
pub(super) async fn bench(code: &str, replies: Vec<Reply>) -> Bench {
    let dir = Dir::new();
    let sandbox = Sandbox::new(&dir.0, Clock::new()).unwrap();
    let text = include_str!("open.wat").replace(";;PERFORM;;", code);
    let adapter =
        sandbox.load(&support::component(wat::parse_str(text).unwrap()), World::Strict).unwrap();
    let server = Server::start(replies).await;
    Bench { sandbox, server, adapter, intents: Arc::default(), _dir: dir }
}

pub(super) fn scope(bench: &Bench) -> Scope {
    Scope { rendered: perform(&contract("")), ..bench.scope(vec![]) }
}

/// The scope of an attempt along the plan of this rehearsal.
pub(super) fn planned(bench: &Bench, rehearsal: &Rehearsal, once: Vec<Once>) -> Scope {
    let (contract, plan) = (contract(""), rehearsal.plan.as_ref().unwrap());
    let course = Course::new(&contract, perform(&contract), plan, rehearsal.exchanges.clone());
    Scope { once, course: Some(course), ..scope(bench) }
}

pub(super) async fn rehearse(bench: &Bench) -> Rehearsed {
    let grant = grant::rehearse(&allow(), scope(bench), draft(&contract(""))).unwrap();
    bench.sandbox.rehearse(&bench.adapter, grant, &bench.turn().await).await
}

/// Runs an attempt along the plan in its scope.
pub(super) async fn attempt(bench: &Bench, scope: Scope, keep: Keep) -> Run {
    let plan = scope.course.as_ref().unwrap().plan().clone();
    let grant = authority::live_along(scope, &contract(""), &plan).await;
    bench.sandbox.perform(&bench.adapter, grant, keep, &bench.turn().await).await
}

/// A journal that accepts every step.
pub(super) fn kept(bench: &Bench) -> Keep {
    support::intend(&bench.intents, None)
}

/// The answer to the first write, with the id that the upstream chose.
pub(super) fn created() -> Reply {
    support::answer("201 Created", "application/json", &json!({"id": ID}).to_string())
}
