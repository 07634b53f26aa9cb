//! Tests of the caller's commands as a person types them: their output, the input that they refuse, and the next
//! command that they suggest.

mod answering;
mod asking;
mod checking;
mod contracts;
mod deferring;
mod editing;
mod looking;
mod wording;

use std::process::Command;

use deed_tests::host;
use deed_tests::world::World;
use serde_json::Value;

const RESTORE: &str = "idp.restore_access";

/// The exit code and the output of a command.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }

    /// The lines of stderr that suggest the next command.
    fn next(&self) -> Vec<&str> {
        self.err.lines().filter_map(|line| line.strip_prefix("next: ")).collect()
    }
}

/// Runs a command without the `DEED_TOKEN` and `DEED_URL` of this process.
fn deed(args: &[&str]) -> Said {
    let mut command = Command::new(host::binary().unwrap());
    let output = command.args(args).env_remove("DEED_TOKEN").env_remove("DEED_URL").output();
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs a command against the host of a test environment, with a token.
fn to(world: &World, token: &str, args: &[&str]) -> Said {
    deed(&[args, &["--url", world.url(), "--token", token]].concat())
}

/// Proposes an action that waits for approval; returns its id.
fn waiting(world: &World, user: &str) -> String {
    let view = world.propose(&World::proposal(RESTORE, user)).unwrap();
    assert_eq!(view.text("/status"), "waiting", "{}", view.json());
    view.text("/id")
}
