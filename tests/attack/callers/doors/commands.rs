//! The commands that talk to a host, run with the token of an agent and with keys of people.

use deed_tests::doors::row;
use deed_tests::host;
use deed_tests::world::HELPDESK;
use serde_json::{Value, json};

use super::compare;
use super::stage::{Attempt, Payload, Stage, cell};
use super::table::COMMANDS;

/// The commands that send nothing to a host that somebody runs. `deed contract try` and `deed adapter test` start a host
/// of their own, and take neither the address of a host nor a token. `deed upstream test` sends one request to an
/// upstream; it needs the files of the served directory, which no agent can read.
const LOCAL: [&str; 20] = [
    "init",
    "check",
    "pin",
    "serve",
    "apply",
    "verify",
    "journal",
    "backup",
    "restore",
    "replay",
    "key",
    "token",
    "passkey",
    "secret",
    "upstream",
    "trust",
    "policy",
    "contract",
    "adapter",
    "completions",
];

/// Every command, as the help lists them.
pub(super) fn commands() -> Vec<String> {
    let help = host::expect(&["--help"]).unwrap();
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    let names = lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    let names: Vec<String> = names.filter(|name| name != "help").collect();
    assert!(names.len() > LOCAL.len(), "{help}");
    names
}

/// The arguments of a command about an action.
fn arguments(stage: &Stage, command: &str, payload: &Payload) -> Vec<String> {
    let id = payload.id.as_str();
    let file = stage.world.dir.join("taken.deed").to_string_lossy().into_owned();
    let log = format!("{}/log/{}", stage.world.url(), payload.tenant);
    let set = format!("user_id={}", payload.body["params"]["user_id"]);
    let words = match command {
        "act" => vec!["act", "idp.restore_access"],
        "show" | "cancel" | "approve" | "deny" => vec![command, id],
        "edit" => vec!["edit", id, "--set", &set, "--intent", "another user", "--yes"],
        "defer" => vec!["defer", id, "--until", "5m", "--reason", "later"],
        "bundle" => vec!["bundle", id, "--output", file.as_str()],
        "resolve" => vec!["resolve", id, "applied", "--reason", "I looked"],
        "log" => vec!["log", "audit", log.as_str()],
        _ => vec![command],
    };
    words.into_iter().map(str::to_owned).collect()
}

/// The options with which a person decides, or options that no command has.
fn options(stage: &Stage, command: &str, attempt: Attempt) -> Vec<String> {
    let signed = |person: &str| {
        let key = stage.world.dir.join(format!("approvers/{person}.key"));
        let mut words =
            vec!["--key".to_owned(), key.to_string_lossy().into_owned(), "--yes".to_owned()];
        if command != "resolve" {
            let who = ["--person", person, "--role", "support-lead"];
            words.extend(who.map(str::to_owned));
        }
        words
    };
    let decides = ["approve", "deny", "resolve"].contains(&command);
    match attempt {
        Attempt::ApproveOwn => signed("alice"),
        Attempt::ApproveOther => signed("bob"),
        Attempt::Edit if command == "edit" => vec![],
        Attempt::Edit => ["--edit", "{\"user_id\": 1}"].map(str::to_owned).to_vec(),
        Attempt::Resolve if command == "resolve" => signed("carol"),
        Attempt::Resolve => ["--verdict", "applied"].map(str::to_owned).to_vec(),
        Attempt::Freeze => vec!["--freeze".to_owned()],
        Attempt::Read if decides => signed("carol"),
        Attempt::Read => vec![],
    }
}

fn run(stage: &Stage, command: &str, attempt: Attempt, payload: &Payload) -> String {
    let words = [arguments(stage, command, payload), options(stage, command, attempt)].concat();
    let to = ["--token", HELPDESK, "--url", stage.world.url()];
    // The address of a log is an argument.
    let to = if command == "log" { &to[..2] } else { &to[..] };
    let words: Vec<&str> = words.iter().map(String::as_str).chain(to.iter().copied()).collect();
    let output = host::run(&words, "").unwrap();
    stage.hides_others(&String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    format!("exit {}", output.status.code().unwrap())
}

/// Sends a call of a tool that would decide through `deed mcp`.
fn bridged(stage: &Stage, payload: &Payload) -> String {
    let arguments = json!({"action": payload.id, "approval": payload.body});
    let params = json!({"name": "deed_approve", "arguments": arguments});
    let line = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let words = ["mcp", "--url", stage.world.url(), "--token", HELPDESK];
    let output = host::run(&words, &line.to_string()).unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["error"]["code"].to_string()
}

fn answers(stage: &Stage, command: &str) -> Vec<String> {
    let one = |attempt: Attempt| {
        let payloads = stage.payloads(attempt).into_iter();
        let each = |payload: Payload| match command {
            "mcp" => bridged(stage, &payload),
            _ => run(stage, command, attempt, &payload),
        };
        cell(payloads.map(each))
    };
    Attempt::ALL.map(one).to_vec()
}

pub(super) fn attack() {
    let stage = Stage::open();
    let commands = commands();
    let found = commands.iter().filter(|command| !LOCAL.contains(&command.as_str()));
    let found: Vec<String> =
        found.map(|command| row(&format!("deed {command}"), &answers(&stage, command))).collect();
    compare(&found, COMMANDS);
    stage.untouched();
}
