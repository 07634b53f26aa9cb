//! Snapshots of the output of all operator commands: creating, checking and pinning a directory, keys, tokens, secrets,
//! policies, adapters, serving, trust, journal, backup, restore, log and rotation.

use std::fs;
use std::path::PathBuf;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::client::Client;
use deed_tests::host::Host;
use deed_tests::services::workspace;
use deed_tests::world::{BOB, World};

use super::transcript::Transcript;

/// A new directory that is removed when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("deed-snapshot-{name}-{}", std::process::id()));
        fs::remove_dir_all(&path).ok();
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn from_init_to_a_served_directory() {
    let scratch = Scratch::new("init");
    let (ops, bare) = (scratch.path("ops"), scratch.path("bare"));
    let adapter = workspace().join("target/adapters/scim.wasm").display().to_string();
    let mut transcript = Transcript::new();
    transcript.name(&scratch.path(""), "");
    transcript.run(&["init", &bare]);
    transcript.run(&["check", &bare]);
    transcript.run(&["pin", &bare]);
    transcript.run(&["init", &ops, "--adapter", &scratch.path("none.wasm")]);
    transcript.run(&["init", &ops, "--adapter", &adapter]);
    transcript.run(&["init", &ops]);
    transcript.run(&["check", &ops]);
    transcript.run(&["serve", &ops]);
    let secret = "0123456789abcdef0123456789abcdef";
    transcript.run_as("", &["secret", "set", &ops, "idp-read"], secret);
    transcript.run_as("", &["secret", "set", &ops, "idp-write"], secret);
    transcript.run_as("", &["secret", "set", &ops, "idp-write"], "short");
    transcript.run_as(
        "",
        &["secret", "set", &ops, "idp-write"],
        "with a\nline break in the middle",
    );
    transcript.run_as("", &["secret", "set", &ops, "Not A Name"], secret);
    transcript.run(&["pin", &ops]);
    transcript.run(&["pin", &ops, "--json"]);
    transcript.run(&["check", &ops]);
    transcript.run(&["check", &ops, "--json"]);
    transcript.run(&["check", &scratch.path("nowhere")]);
    transcript.run(&["serve", &scratch.path("nowhere")]);
    transcript.run(&["trust", &ops, &scratch.path("trust")]);
    transcript.run(&["trust", &ops, &scratch.path("trust"), "--tenant", "nobody"]);
    transcript.run(&["init", &scratch.path("third"), "--adapter", &adapter, "--json"]);
    transcript.check("operator-init");
}

#[test]
fn keys_tokens_policies_and_adapters() {
    let scratch = Scratch::new("keys");
    let world = World::lay_out(scim(), "scim").unwrap();
    let mut transcript = Transcript::new();
    transcript.name(&scratch.path(""), "");
    transcript.name(world.path(), "DIR");
    let key = scratch.path("bob.key");
    transcript.run(&["key", "new", &key]);
    transcript.run(&["key", "new", &key]);
    transcript.run(&["key", "new", &scratch.path("bob.pub")]);
    transcript.run(&["key", "id", &scratch.path("bob.pub")]);
    transcript.run(&["key", "id", &scratch.path("bob.pub"), "--json"]);
    transcript.run(&["key", "id", &key]);
    transcript.run(&["token", "new"]);
    transcript.run(&["token", "new", "--json"]);
    let cases = workspace().join("contracts/policies/starter.cases.toml");
    let cases = cases.display().to_string();
    transcript.run(&["policy", "test", world.path(), &cases]);
    transcript.run(&["policy", "test", world.path(), &cases, "--tenant", "acme"]);
    transcript.run(&["policy", "test", world.path(), &cases, "--tenant", "acme", "--json"]);
    transcript.run(&["policy", "test", world.path(), &scratch.path("none.toml")]);
    let adapter = workspace().join("target/adapters/scim.wasm").display().to_string();
    let said = transcript.run(&["adapter", "check", &adapter]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    // The size of the adapter depends on the compiler.
    let bytes = fs::metadata(&adapter).unwrap().len().to_string();
    assert!(said.contains(&bytes), "{said}");
    transcript.name(&bytes, "<bytes>");
    transcript.run(&["adapter", "check", &adapter, "--json"]);
    transcript.run(&["adapter", "check", &key]);
    transcript.run(&["adapter", "check", &scratch.path("none.wasm")]);
    transcript.check("operator-keys");
}

#[test]
fn a_stopped_host_is_looked_at_copied_and_put_back() {
    let scratch = Scratch::new("backup");
    let mut world = World::start(scim()).unwrap();
    let view = world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    let mut transcript = Transcript::of(&world);
    transcript.name(&scratch.path(""), "");
    let copy = scratch.path("copy");
    transcript.run(&["backup", world.path(), &copy]);
    transcript.run(&["backup", world.path(), &copy]);
    transcript.run(&["journal", "check", world.path()]);
    transcript.run(&["key", "rotate", world.path()]);
    transcript.run(&["serve", world.path()]);
    assert!(world.host.take().unwrap().stop().unwrap());
    transcript.run(&["journal", "check", world.path()]);
    transcript.run(&["journal", "check", &copy]);
    transcript.run(&["journal", "check", &copy, "--json"]);
    transcript.run(&["restore", &copy, world.path()]);
    transcript.run(&["restore", &copy, world.path(), "--accept-older"]);
    transcript.run(&["restore", &scratch.path("none"), world.path()]);
    transcript.run(&["key", "rotate", world.path(), "log"]);
    let trust = scratch.path("trust");
    transcript.run(&["trust", world.path(), &trust, "--tenant", "acme"]);
    let log = format!("{}/state/log/acme", world.path());
    transcript.run(&["log", "audit", &log, "--trust", &trust]);
    transcript.run(&["log", "audit", &log, "--trust", &trust, "--json"]);
    transcript.run(&["log", "audit", &log]);
    transcript.run(&["log", "audit", &scratch.path("none"), "--trust", &trust]);
    transcript.check("operator-backup");
}

#[test]
fn a_start_a_stop_and_what_operations_see() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let host = Host::serve(&world.dir).unwrap();
    let operations = Client::new(&host.operations, "");
    world.host = Some(host);
    let view = world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    world.client(BOB).get("/v1/actions").unwrap();
    let mut transcript = Transcript::of(&world);
    for path in ["/healthz", "/readyz", "/nothing"] {
        transcript.answer(&format!("GET {path}"), &operations.get(path).unwrap());
    }
    let metrics = operations.get("/metrics").unwrap();
    let metrics = String::from_utf8(metrics.bytes).unwrap();
    transcript.heading("metrics: help, types and names");
    let described = metrics.lines().filter(|line| line.starts_with('#'));
    transcript.lines(&described.collect::<Vec<_>>().join("\n"));
    let host = world.host.take().unwrap();
    let log = world.dir.join("serve.log");
    assert!(host.stop().unwrap());
    transcript.heading("log");
    transcript.lines(&fs::read_to_string(log).unwrap());
    transcript.check("operator-serve");
}
