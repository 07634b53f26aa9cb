//! Tests of the OpenAPI document with schemathesis, which makes requests from the document and checks that each answer
//! is as the document says. `make counterparts` installs it.
//!
//! All checks of the tool are on but one: no answer is a 5xx, statuses, headers, content types and bodies are as
//! documented, a request that fits the document is not refused, one that does not fit is, and no route accepts another
//! token. The check that a created resource is found is off, because the requests come from many agents in turn, and an
//! agent finds only its own actions. Requests that fit and requests that do not are made in separate runs, because in its
//! mode `all` release 4.32.5 also sends the number 0 as the header `traceparent`, and expects the host to accept it.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use deed_test_support::shared::{declare, scim};
use deed_tests::layout::hash;
use deed_tests::services::{Result, workspace};
use deed_tests::token_proxy::{IN_TURN, TokenProxy};
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::{Value, json};

/// How many agents and how many people send the requests. The host accepts a limited number of refused requests of each.
const CALLERS: usize = 64;
const MODES: [&str; 2] = ["positive", "negative"];
const PROPOSAL: &str = "/components/schemas/Proposal";
const DEFERRAL_END: &str = "/components/schemas/DeferralWanted/properties/until_ms";
const DRAFT_PARAMS: &str = "/components/schemas/DraftWanted/properties/params";

/// The checks, and what bounds a run. All phases are on. A seed makes two runs the same.
const BOUNDS: [&str; 15] = [
    "--checks",
    "all",
    "--exclude-checks",
    "ensure_resource_availability",
    "--max-examples",
    "10",
    "--workers",
    "1",
    "--seed",
    "1",
    "--generation-database",
    "none",
    "--warnings",
    "off",
    "--no-color",
];

fn installed() -> bool {
    let there = environment().join(".stamp").exists();
    if !there {
        let text = "NOT CHECKED: the OpenAPI document by schemathesis; it takes pip, then `make counterparts`\n";
        io::stderr().write_all(text.as_bytes()).unwrap();
    }
    there
}

fn environment() -> PathBuf {
    workspace().join("target/schemathesis")
}

fn document() -> Value {
    let text = fs::read(workspace().join("docs/openapi.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn token(kind: &str, number: usize) -> String {
    format!("deed_token-of-{kind}-{number}-for-schemathesis")
}

/// The contracts of the SCIM directory, and the callers.
fn change(dir: &Path) -> Result<()> {
    declare(dir)?;
    let mut toml = fs::read_to_string(dir.join("deed.toml"))?;
    for number in 0..CALLERS {
        let [agent, person] = ["agent", "person"].map(|kind| hash(&token(kind, number)));
        let alice = "person = \"alice\"\nroles = [\"helpdesk\"]";
        write!(toml, "\n[tenant.acme.agent.agent{number}]\n{alice}\ntoken = \"{agent}\"\n")?;
        let lead = "roles = [\"support-lead\"]";
        write!(toml, "\n[tenant.acme.person.person{number}]\n{lead}\ntoken = \"{person}\"\n")?;
    }
    Ok(fs::write(dir.join("deed.toml"), toml)?)
}

fn start() -> World {
    World::with(scim(), "scim", change).unwrap()
}

/// A proxy through which one client sends the requests of all callers of this kind.
fn callers(world: &World, kind: &str) -> TokenProxy {
    let tokens = (0..CALLERS).map(|number| token(kind, number)).collect();
    TokenProxy::in_turn(world.url(), tokens).unwrap()
}

/// Runs the tool with this document against the server at this address.
fn run(world: &World, url: &str, document: &Value, more: &[&str]) -> Output {
    let dir = world.dir.join("schemathesis");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("openapi.json"), document.to_string()).unwrap();
    let mut command = Command::new(environment().join("bin/schemathesis"));
    // No request may leave the machine, and nothing is written into the user's own directory.
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.current_dir(&dir).env("HOME", &dir);
    let header = format!("Authorization: Bearer {IN_TURN}");
    command.args(["run", "openapi.json", "--url", url, "--header", &header]);
    command.args(BOUNDS).args(more).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// The schema of a proposal for the contracts of the agents. With any other name of a contract, nearly every proposal
/// would be refused before its parameters are read.
fn proposals(world: &World, general: &Value) -> Value {
    let listed = tools(world);
    let tools = listed["tools"].as_array().unwrap().iter();
    let one = |tool: &Value| {
        let mut proposal = general.clone();
        let contract = &listed["contracts"][tool["name"].as_str().unwrap()];
        proposal["properties"]["contract"] = json!({"const": contract});
        proposal["properties"]["params"] = parameters(tool);
        // Which pointers are valid depends on the states of the contract.
        proposal["properties"].as_object_mut().unwrap().remove("expect");
        proposal
    };
    json!({"oneOf": tools.map(one).collect::<Vec<Value>>()})
}

fn tools(world: &World) -> Value {
    world.client(HELPDESK).get("/v1/tools?format=mcp").unwrap().json()
}

/// The arguments of a tool that are parameters of its contract.
fn parameters(tool: &Value) -> Value {
    let own = ["intent", "sources", "expect", "idempotency_key"];
    let mut schema = tool["inputSchema"].clone();
    schema["properties"].as_object_mut().unwrap().retain(|name, _| !own.contains(&name.as_str()));
    let required = schema["required"].as_array_mut().unwrap();
    required.retain(|name| !own.contains(&name.as_str().unwrap()));
    schema
}

#[test]
fn answers_to_agents_are_as_the_document_says() {
    if !installed() {
        return;
    }
    let world = start();
    let proxy = callers(&world, "agent");
    let mut document = document();
    let proposal = document.pointer_mut(PROPOSAL).unwrap();
    *proposal = proposals(&world, proposal);
    for mode in MODES {
        let more = ["--mode", mode, "--exclude-tag", "operations"];
        let output = run(&world, &proxy.url(), &document, &more);
        assert!(output.status.success(), "{mode}: {}", said(&output));
    }
    // Otherwise, no valid proposal was made.
    let listed = world.client(BOB).get("/v1/actions?status=waiting").unwrap().json();
    assert!(!listed["actions"].as_array().unwrap().is_empty(), "{listed}");
}

#[test]
fn answers_to_people_are_as_the_document_says() {
    if !installed() {
        return;
    }
    let world = start();
    let proxy = callers(&world, "person");
    let mut document = document();
    // No schema can refuse `1.0` and permit `1`, as the host does.
    let all = tools(&world);
    let params: Vec<Value> = all["tools"].as_array().unwrap().iter().map(parameters).collect();
    *document.pointer_mut(DRAFT_PARAMS).unwrap() = json!({"oneOf": params});
    *document.pointer_mut(DEFERRAL_END).unwrap() = json!({"enum": [0, 1, 1_900_000_000_000_i64]});
    for mode in MODES {
        let more = ["--mode", mode, "--exclude-tag", "operations"];
        let output = run(&world, &proxy.url(), &document, &more);
        assert!(output.status.success(), "{mode}: {}", said(&output));
    }
}

#[test]
fn answers_to_operations_are_as_the_document_says() {
    if !installed() {
        return;
    }
    let world = start();
    let url = &world.host.as_ref().unwrap().operations;
    for mode in MODES {
        let more = ["--mode", mode, "--include-tag", "operations"];
        let output = run(&world, url, &document(), &more);
        assert!(output.status.success(), "{mode}: {}", said(&output));
    }
}

/// The tool finds a wrong document; otherwise the tests above would check nothing.
#[test]
fn a_status_that_the_document_does_not_name_is_found() {
    if !installed() {
        return;
    }
    let world = start();
    let proxy = callers(&world, "agent");
    let mut document = document();
    let answers = document.pointer_mut("/paths/~1v1~1contracts/get/responses").unwrap();
    answers["201"] = answers["200"].take();
    answers.as_object_mut().unwrap().remove("200");
    let more = ["--mode", "positive", "--include-path", "/v1/contracts"];
    let output = run(&world, &proxy.url(), &document, &more);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("Undocumented status code"), "{}", said(&output));
}
