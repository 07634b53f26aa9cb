//! Tests of open contracts: the host rehearses an action, people and policies see its plan, and an attempt sends
//! exactly the plan. The adapters are honest, and the upstream logs the writes that it applied.

mod changes;
mod closed;
mod copies;
mod policies;
mod private;
mod recovery;
mod refused;
mod stories;

use std::fs;
use std::process::Command;

use deed_test_support::office::{Case, Office};
use deed_test_support::shared::statements;
use deed_tests::host;
use deed_tests::services::{venv, workspace};
use deed_tests::world::{BOB, World};
use serde_json::{Value, json};

/// The upstream, and a host that serves the contract.
fn served(case: &Case) -> (Office, World) {
    let office = Office::open();
    let world = case.serve(&office).unwrap();
    (office, world)
}

fn tag(case: &Case) -> Value {
    case.proposal(json!({"document": "d-1", "tag": "reviewed"}))
}

/// The kit `k-1` has a label, and the kit `k-2` has none.
fn build(case: &Case, kit: &str) -> Value {
    case.proposal(json!({"kit": kit, "name": "lamp-1", "shelf": "s-1", "units": 2}))
}

fn prune(case: &Case) -> Value {
    case.proposal(json!({"group": "staff", "domain": "example.com"}))
}

/// The writes that build a thing with this id from the kit `k-1`.
fn building(id: &str) -> [String; 4] {
    let parts = format!("PUT /things/{id}/parts");
    ["POST /things".to_owned(), parts, "POST /shelf".to_owned(), "POST /labels".to_owned()]
}

/// The id of the only thing, from the log of the upstream.
fn built(office: &Office) -> String {
    let applied = office.applied();
    let id =
        applied.iter().find_map(|one| one.strip_prefix("PUT /things/")?.strip_suffix("/parts"));
    id.unwrap().to_owned()
}

/// Proposes the action, which then waits for approval; returns its id.
fn waiting(world: &World, proposal: &Value) -> String {
    let answer = world.propose(proposal).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{:#}", answer.json());
    answer.text("/id")
}

/// Approves the action as bob with the real client. Returns what bob was shown, and the view of the action once it has
/// ended.
fn approved(world: &World, id: &str) -> (String, Value) {
    let (done, said) = world.approve(id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    (said, world.settled(id).unwrap())
}

/// Checks an ended action as an outsider does: with `deed verify`, with the verifier that is built from third-party
/// libraries, and with `deed replay`, which repeats the rehearsal too.
fn proved(world: &World, view: &Value) {
    let file = verified(world, view);
    let runs = replayed(world, view, &file);
    assert_eq!(runs, ["look before", "rehearsal", "attempt 1", "look after"]);
}

/// Checks an ended action with `deed verify` and with the verifier that is built from third-party libraries. Returns
/// the path of its bundle.
fn verified(world: &World, view: &Value) -> String {
    let file = world.dir.join("proof.deed");
    fs::write(&file, world.bundle(view["id"].as_str().unwrap()).unwrap()).unwrap();
    let trust = world.trust().unwrap();
    let (file, trust) = (file.to_str().unwrap(), trust.to_str().unwrap());
    let said = host::expect(&["verify", file, "--trust", trust]).unwrap();
    assert!(said.contains("VERIFIED"), "{said}");
    let script = workspace().join("tests/oracle/verify.py");
    let mut python = Command::new(venv().join("bin/python"));
    let output = python.arg(script).args([file, trust]).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    file.to_owned()
}

/// Replays a bundle, asserts that nothing differs, and returns the names of the runs.
fn replayed(world: &World, view: &Value, file: &str) -> Vec<String> {
    let adapters = ["edits-a-document", "creates-with-parts", "prunes-members"];
    let files = adapters.map(|name| world.dir.join(format!("adapters/{name}.wasm")));
    let adapter = files.iter().find(|path| path.exists()).map(|path| path.to_str().unwrap());
    let args: Vec<&str> = ["replay", file, "--json"].into_iter().chain(adapter).collect();
    let report: Value = serde_json::from_str(&host::expect(&args).unwrap()).unwrap();
    assert_eq!(report["replay"]["verdict"], "identical", "{view:#} {report:#}");
    let runs = report["replay"]["runs"].as_array().unwrap();
    runs.iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect()
}

/// Checks that every statement about the action that names a plan names the plan of the receipt, and that the decision
/// names one. Returns the digest of the plan.
fn agreed(world: &World, view: &Value, receipt: &Value) -> Value {
    let plan = receipt["rehearsal"]["plan_sha256"].clone();
    assert!(plan.is_string(), "{receipt:#}");
    let statements = statements(world, view);
    let named: Vec<&Value> =
        statements.iter().filter_map(|one| one["predicate"].get("plan")).collect();
    assert!(!named.is_empty() && named.iter().all(|one| **one == plan), "{plan}: {named:?}");
    plan
}
