//! The commands of a caller as a person types them: what they show, what they refuse, and what they say to type next.

mod answering;
mod asking;
mod checking;
mod contracts;
mod looking;

use std::process::Command;

use deed_tests::host;
use deed_tests::world::World;
use serde_json::Value;

const RESTORE: &str = "idp.restore_access";

/// What a command came to.
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

    /// The lines of stderr that say what to type next.
    fn next(&self) -> Vec<&str> {
        self.err.lines().filter_map(|line| line.strip_prefix("next: ")).collect()
    }
}

/// Runs a command without a token or an address of this process's own.
fn deed(args: &[&str]) -> Said {
    let mut command = Command::new(host::binary().unwrap());
    let output = command.args(args).env_remove("DEED_TOKEN").env_remove("DEED_URL").output();
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The same to the host of a world, with a token.
fn to(world: &World, token: &str, args: &[&str]) -> Said {
    deed(&[args, &["--url", world.url(), "--token", token]].concat())
}

/// An action that waits for people, by id.
fn waiting(world: &World, user: &str) -> String {
    let view = world.propose(&World::proposal(RESTORE, user)).unwrap();
    assert_eq!(view.text("/status"), "waiting", "{}", view.json());
    view.text("/id")
}
