//! What people read about the plan of an open contract: a write whose path and body contain the id that an earlier write
//! creates. The contract has no adapter code.

use deed_tests::host;
use deed_tests::world::{BOB, HELPDESK};
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, proposal, served_asking};

const TABLES: &str = r#"
[state.thing]
from = "GET /things/{answer.create.id}"
required = ["a"]
properties.a    = { type = "integer" }
properties.own  = { type = "string" }
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
body     = { a = 1, note = "{note?}" }
created  = [201]
answer   = { id = { type = "string", pattern = "^[a-z0-9]{16,32}$" } }
[[perform.http]]
upstream = "field"
request  = "PUT /things/{answer.create.id}"
body     = { a = 2, own = "{answer.create.id}", label = "<answer.create.id>" }
[verify]
before     = ["pre.thing == null"]
after      = ["post.thing != null && post.thing.a == 2"]
may_change = ["/thing"]
"#;

/// The contract. If the answer to the create is lost, nobody can find what was created, so the effect is opaque.
pub(crate) fn open_contract() -> String {
    contract("create", TABLES).replace("effect   = \"observable\"", "effect   = \"opaque\"")
}

/// The id of what the upstream creates.
pub(crate) const ID: &str = "k3v9x2m7q1w8z5t4";

/// An upstream with one thing, which is created under this id and then replaced.
pub(crate) fn things(id: &'static str) -> Upstream {
    let mut thing = Value::Null;
    Upstream::start(move |request| {
        let is_thing = request.target == format!("/things/{id}");
        match request.method.as_str() {
            "POST" => {
                thing = request.json();
                Reply::json(201, json!({"id": id}))
            }
            "PUT" if is_thing => {
                thing = request.json();
                Reply::empty(204)
            }
            "GET" if request.target == "/things" => Reply::json(200, json!([])),
            "GET" if is_thing && !thing.is_null() => Reply::json(200, thing.clone()),
            _ => Reply::json(404, json!({})),
        }
    })
}

#[test]
fn an_approver_sees_the_planned_writes_before_any_of_them_is_sent() {
    let upstream = things(ID);
    let world = served_asking(&upstream, &open_contract());
    let asked = world.propose(&proposal(json!({"id": "a1", "note": "n"}))).unwrap();
    assert_eq!(asked.text("/status"), "waiting", "{}", asked.json());
    assert!(upstream.writes().is_empty(), "{:?}", upstream.writes());
    let id = asked.text("/id");
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let base = format!("http://{}", upstream.address);
    for line in [
        "would send; the writes were planned in a rehearsal, and exactly these will be sent, in this order",
        "  write 1 of 2",
        "    later writes and observations may use its answer as `create`",
        &format!("  POST {base}/things (field)"),
        "      \"note\": \"n\"",
        "      body /note: parameter note",
        "  write 2 of 2",
        &format!("  PUT {base}/things/<answer.create.id> (field)"),
        "      \"own\": <answer.create.id>",
        "      \"label\": \"<answer.create.id>\"",
        "      body /own: answer.create.id, known after the write",
    ] {
        // The members of a body may be in any order, so the comma after the last one is not compared.
        let is_line = |one: &str| one.trim_end_matches(',') == line;
        assert!(said.lines().any(is_line), "no `{line}` in\n{said}");
    }
    let digest = |line: &str| line.starts_with("  plan        sha256:");
    assert!(said.lines().any(digest), "no digest of the plan in\n{said}");
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    let sent: Vec<String> =
        upstream.writes().iter().map(|one| format!("{} {}", one.method, one.target)).collect();
    assert_eq!(sent, ["POST /things".to_owned(), format!("PUT /things/{ID}")]);
    assert_eq!(upstream.writes()[1].json()["own"], ID);
}

#[test]
fn people_see_the_plan_and_the_agent_does_not() {
    let upstream = things(ID);
    let world = served_asking(&upstream, &open_contract());
    let view = super::tried(&world);
    let id = view["id"].as_str().unwrap();
    let page = host::expect(&["show", id, "--url", world.url(), "--token", BOB]).unwrap();
    for line in [
        "plan         2 writes, in this order, planned in a rehearsal",
        "write 1      field POST /things",
        "write 2      field PUT /things/<answer.create.id>",
        "    \"own\": <answer.create.id>",
        &format!("perform      field PUT /things/{ID}: answered 204"),
    ] {
        let is_line = |one: &str| one.trim_end_matches(',') == line;
        assert!(page.lines().any(is_line), "no `{line}` in\n{page}");
    }
    let planned =
        "the plan has 2 writes: POST /things to field, PUT /things/{answer.create.id} to field";
    assert!(page.contains(planned), "no `{planned}` in\n{page}");
    let intended = format!("about to send PUT /things/{ID} to field; ");
    assert!(page.contains(&intended), "no `{intended}` in\n{page}");
    let agents = world.client(HELPDESK).get(&format!("/v1/actions/{id}")).unwrap().json();
    assert!(agents.get("rehearsal").is_none(), "{agents:#}");
    let page = host::expect(&["show", id, "--url", world.url(), "--token", HELPDESK]).unwrap();
    for line in
        ["write 1      field POST /things", "write 2      field PUT /things/<answer.create.id>"]
    {
        assert!(page.lines().any(|one| one == line), "no `{line}` in\n{page}");
    }
    assert!(!page.contains("not sent"), "{page}");
}

/// The answer to the first write does not fit the contract, so the second one cannot be sent.
#[test]
fn the_page_says_which_planned_writes_were_not_sent() {
    let upstream = things("short");
    let world = served_asking(&upstream, &open_contract());
    let view = super::tried(&world);
    assert_ne!(view["status"], "verified", "{view:#}");
    assert_eq!(upstream.writes().len(), 1, "{:?}", upstream.writes());
    let id = view["id"].as_str().unwrap();
    let page = host::expect(&["show", id, "--url", world.url(), "--token", BOB]).unwrap();
    let unsent = "not sent 2   field PUT /things/<answer.create.id>";
    for start in ["write 1      field POST /things", unsent, "refused      "] {
        assert!(page.lines().any(|one| one.starts_with(start)), "no `{start}` in\n{page}");
    }
    // The adapter followed the plan as far as it could.
    assert_eq!(view.get("differs_from_plan"), None, "{view:#}");
    let agents = host::expect(&["show", id, "--url", world.url(), "--token", HELPDESK]).unwrap();
    for line in ["write 1      field POST /things", unsent] {
        assert!(agents.lines().any(|one| one == line), "no `{line}` in\n{agents}");
    }
}
