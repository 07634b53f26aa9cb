//! Tests of the MCP server with clients of other authors: the official clients for Rust, TypeScript and Python,
//! LangChain's adapter, the Inspector, and the conformance suite. Each client has the token of the agent, and every
//! course of a call is taken by every client.

mod card;
mod conformance;
mod earlier;
mod fixture;
mod inspector;
mod issuers;
pub(crate) mod programs;
mod rust;

use std::fs;
use std::path::Path;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use deed_tests::{host, wait};
use deed_verify::{Verdict, verify};
use serde_json::{Value, json};

use self::programs::{Client, Running, Speaker, all};

/// The tool of the contract `idp.restore_access`. A support lead must approve the action.
const TOOL: &str = "idp_restore_access";

/// A host with a user for each client.
struct Desk {
    world: World,
    users: Vec<String>,
}

impl Desk {
    fn open(clients: usize) -> Self {
        Self::with(clients, |_| Ok(()))
    }

    fn with(clients: usize, change: impl FnOnce(&Path) -> Result<()>) -> Self {
        let users = (0..clients).map(|_| locked_out()).collect();
        let world = World::with(scim(), "scim", change).unwrap();
        Self { world, users }
    }

    fn mcp(&self) -> String {
        format!("{}/mcp", self.world.url())
    }

    /// The arguments of a call for one user, with a key of its own.
    fn arguments(user: &str) -> Value {
        json!({
            "user_id": user,
            "intent": "the user is locked out and has shown who they are",
            "sources": [{"uri": "ticket:4711"}],
            "idempotency_key": format!("restore-{user}"),
        })
    }

    /// Starts each client for a user of its own.
    fn start(&self, clients: &[Speaker], more: &[&str]) -> Vec<Running> {
        let url = self.mcp();
        let start = |(client, user): (&Speaker, &String)| {
            client.start(&url, TOOL, &Self::arguments(user), more)
        };
        clients.iter().zip(&self.users).map(start).collect()
    }

    /// The ids of the actions with this status; of all actions, if the status is empty.
    fn actions(&self, status: &str) -> Vec<String> {
        let filter = if status.is_empty() { String::new() } else { format!("status={status}&") };
        let listed = self.world.client(BOB).get(&format!("/v1/actions?{filter}limit=500")).unwrap();
        let ids = listed.json()["actions"].as_array().unwrap().clone();
        ids.iter().map(|action| action["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Approves, as a person with the real command, as many actions as there are clients.
    fn approve(&self, count: usize) {
        let ids = wait::answer(
            "every action waits for a person",
            || self.actions("waiting"),
            |ids| ids.len() == count,
        );
        for id in ids {
            let (done, said) = self.world.approve(&id, "bob", BOB).unwrap();
            assert!(done, "{said}");
        }
    }

    /// The exit code of `deed verify` for a bundle: 3 for the copy of an agent, which has no evidence.
    fn verify(&self, name: &str, bundle: &[u8]) -> Option<i32> {
        let file = self.world.dir.join(format!("{name}.deed"));
        fs::write(&file, bundle).unwrap();
        let trust = self.world.trust().unwrap();
        let args = ["verify", file.to_str().unwrap(), "--trust", trust.to_str().unwrap()];
        host::run(&args, "").unwrap().status.code()
    }

    /// The writes for this user that the directory carried out.
    fn writes(&self, user: &str) -> usize {
        self.world.proxy.carried_out(user)
    }
}

fn status(result: &Value) -> &str {
    result["structured"]["status"].as_str().unwrap_or_default()
}

/// The bytes of a resource that a client read.
fn bytes(resource: &Value) -> Vec<u8> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    STANDARD.decode(resource["blob"].as_str().unwrap_or_default()).unwrap()
}

fn has_tools(saw: &Value) {
    let tools: Vec<&str> =
        saw["tools"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for wanted in [TOOL, "deed_status", "deed_list", "deed_cancel", "deed_can"] {
        assert!(tools.contains(&wanted), "{saw}");
    }
    for verb in ["approve", "deny", "resolve", "edit"] {
        assert!(!tools.iter().any(|tool| tool.contains(verb)), "{saw}");
    }
}

#[test]
fn each_client_carries_an_action_to_its_verified_receipt() {
    let clients = all("actions by the MCP clients of other authors");
    let desk = Desk::open(clients.len());
    let running = desk.start(&clients, &["--read", "bundle"]);
    desk.approve(clients.len());
    let trust = desk.world.trusted().unwrap();
    for (running, user) in running.into_iter().zip(&desk.users) {
        let saw = running.saw();
        has_tools(&saw);
        assert_eq!(status(&saw["first"]), "waiting", "{saw}");
        assert!(saw["first"]["structured"]["waits_for"].is_array(), "{saw}");
        assert!(saw["polls"].as_u64().unwrap() > 0, "{saw}");
        assert_eq!(status(&saw["last"]), "verified", "{saw}");
        assert_eq!(scim().get_user(user).unwrap()["active"], true);
        // An agent's copy of a receipt has no evidence.
        let bundle = bytes(&saw["read"]);
        let report = verify(&bundle, Some(&trust));
        assert_eq!(report.verdict, Verdict::SignaturesOnly, "{report:#?}");
        assert_eq!(report.action.as_deref(), saw["last"]["structured"]["action"].as_str());
        assert_eq!(desk.verify(user, &bundle), Some(3), "{saw}");
    }
}

#[test]
fn a_client_that_stops_waiting_and_calls_again_has_one_action() {
    let clients = all("a call that the MCP clients of other authors end early");
    let desk = Desk::with(clients.len(), |dir| {
        edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"20s\"")
    });
    // The read before the decision takes longer than the client's patience. Later reads are fast again.
    desk.world.proxy.set("GET", Fault::Delay { ms: 8000 });
    let running = desk.start(&clients, &["--cut", "5000"]);
    wait::until("every action reads", || {
        let requests = desk.world.proxy.requests();
        desk.users.iter().all(|user| requests.iter().any(|request| request.path.contains(user)))
    });
    desk.world.proxy.set("GET", Fault::None);
    desk.approve(clients.len());
    for (running, user) in running.into_iter().zip(&desk.users) {
        let saw = running.saw();
        assert_eq!(saw["first"]["cut"], true, "{saw}");
        assert_eq!(status(&saw["last"]), "verified", "{saw}");
        let action = &saw["again"]["structured"]["action"];
        assert_eq!(action, &saw["last"]["structured"]["action"], "{saw}");
        assert_eq!(desk.writes(user), 1, "{saw}");
    }
    assert_eq!(desk.actions("").len(), clients.len());
}

#[test]
fn a_client_that_never_polls_finds_the_end_when_it_calls_again() {
    let clients = all("MCP clients of other authors that never poll");
    let desk = Desk::open(clients.len());
    for running in desk.start(&clients, &["--no-poll"]) {
        let saw = running.saw();
        assert_eq!(status(&saw["first"]), "waiting", "{saw}");
        assert_eq!(saw["polls"], Value::Null, "{saw}");
    }
    desk.approve(clients.len());
    wait::until("every action is verified", || desk.actions("verified").len() == clients.len());
    for running in desk.start(&clients, &["--no-poll"]) {
        let saw = running.saw();
        assert_eq!(status(&saw["first"]), "verified", "{saw}");
        assert!(saw["first"]["links"][0].is_string(), "{saw}");
    }
    assert_eq!(desk.actions("").len(), clients.len());
    assert!(desk.users.iter().all(|user| desk.writes(user) == 1));
}

#[test]
fn a_changed_argument_under_the_same_key_is_refused() {
    let clients = all("changed calls of the MCP clients of other authors");
    let desk = Desk::open(clients.len());
    for running in desk.start(&clients, &["--no-poll", "--change", "intent=something else"]) {
        let client = running.speaker.client;
        let saw = running.saw();
        assert_eq!(saw["again"]["error"], true, "{saw}");
        let text = saw["again"]["text"].as_str().unwrap();
        assert!(text.contains("idempotency"), "{saw}");
        // LangChain's adapter passes on only the text of a refusal, so the text must contain everything.
        if client != Client::LangChain {
            let same: Value = serde_json::from_str(text).unwrap();
            assert_eq!(saw["again"]["structured"], same, "{saw}");
        }
    }
    assert_eq!(desk.actions("").len(), clients.len());
}

#[test]
fn a_changed_argument_without_a_key_is_another_action() {
    let clients = all("changed calls without a key of the MCP clients of other authors");
    let desk = Desk::open(clients.len() * 2);
    let (first, second) = desk.users.split_at(clients.len());
    for ((client, user), other) in clients.iter().zip(first).zip(second) {
        let mut arguments = Desk::arguments(user);
        arguments.as_object_mut().unwrap().remove("idempotency_key");
        let change = format!("user_id={other}");
        let saw = client.run(&desk.mcp(), TOOL, &arguments, &["--no-poll", "--change", &change]);
        let [one, two] = ["first", "again"].map(|name| &saw[name]["structured"]["action"]);
        assert!(one.is_string() && two.is_string() && one != two, "{saw}");
    }
    assert_eq!(desk.actions("").len(), clients.len() * 2);
}

#[test]
fn clients_that_race_with_one_key_have_one_action() {
    let clients = all("a race of the MCP clients of other authors");
    let desk = Desk::open(1);
    let user = &desk.users[0];
    let (url, arguments) = (desk.mcp(), Desk::arguments(user));
    let start = |client: &Speaker| client.start(&url, TOOL, &arguments, &["--no-poll"]);
    let running: Vec<Running> = clients.iter().map(start).collect();
    let action = |running: Running| running.saw()["first"]["structured"]["action"].clone();
    let actions: Vec<Value> = running.into_iter().map(action).collect();
    assert!(actions[0].is_string() && actions.iter().all(|one| *one == actions[0]), "{actions:?}");
    // Every client has ended, so no later call can begin another action.
    desk.approve(1);
    wait::until("the action is verified", || desk.actions("verified").len() == 1);
    assert_eq!((desk.actions("").len(), desk.writes(user)), (1, 1));
}

#[test]
fn a_client_without_a_valid_token_gets_nothing() {
    let desk = Desk::open(0);
    let discover = json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {}});
    for token in ["", "deed_token-that-does-not-exist", BOB] {
        let answer = desk.world.client(token).post("/mcp", &discover).unwrap();
        assert!([401, 403].contains(&answer.status), "{answer:?}");
    }
    let query = format!("/mcp?access_token={HELPDESK}");
    assert_eq!(desk.world.client("").post(&query, &discover).unwrap().status, 401);
}
