//! Tests that OpenSSL and Python's `cryptography` can read the private keys.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::services::venv;
use deed_tests::world::World;

/// Reads each private key and compares its public half with the file next to it.
const PYTHON: &str = r#"
import sys
from cryptography.hazmat.primitives import serialization as s
for path in sys.argv[1:]:
    key = s.load_pem_private_key(open(path, "rb").read(), password=None)
    public = key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    assert public == open(path[:-4] + ".pub", "rb").read(), path
"#;

/// The output of a tool, or `None` if the tool is not installed.
fn tool(program: &Path, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(output),
        #[expect(clippy::print_stderr, reason = "what was not checked must be seen")]
        Err(e) => {
            eprintln!("NOT CHECKED by {}: {e}", program.display());
            None
        }
    }
}

#[track_caller]
fn well(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn new_keys_are_read_by_openssl_and_python() {
    let world = World::lay_out(scim(), "scim").unwrap();
    // The keys were made by `deed key new`, by `deed init` and by `deed key rotate`.
    let init = world.dir.join("made");
    host::expect(&["init", init.to_str().unwrap()]).unwrap();
    let name = |path: &str| world.dir.join(path).to_str().unwrap().to_owned();
    let mut keys: Vec<String> =
        ["approvers/bob.key", "made/keys/log.key", "made/approvers/bob.key"].map(name).to_vec();
    for key in ["receipt", "log"] {
        let mut world = World::start(scim()).unwrap();
        assert!(world.host.take().unwrap().stop().unwrap());
        host::expect(&["key", "rotate", world.path(), key]).unwrap();
        for end in ["key", "pub"] {
            let to = name(&format!("rotated-{key}.{end}"));
            fs::copy(world.dir.join(format!("keys/{key}.{end}")), to).unwrap();
        }
        keys.push(name(&format!("rotated-{key}.key")));
    }
    for key in &keys {
        let args = ["pkey", "-in", key, "-pubout"];
        let Some(output) = tool(Path::new("openssl"), &args) else { break };
        well(&output);
        let public = fs::read(Path::new(key).with_extension("pub")).unwrap();
        assert_eq!(String::from_utf8(output.stdout), String::from_utf8(public), "{key}");
    }
    let args: Vec<&str> =
        ["-c", PYTHON].into_iter().chain(keys.iter().map(String::as_str)).collect();
    if let Some(output) = tool(&venv().join("bin/python"), &args) {
        well(&output);
    }
}

/// A person may also use an existing key.
#[test]
fn a_key_made_by_openssl_approves() {
    let mut world = World::start(scim()).unwrap();
    let key = world.dir.join("openssl.key");
    let args = ["genpkey", "-algorithm", "ed25519", "-out", key.to_str().unwrap()];
    let Some(made) = tool(Path::new("openssl"), &args) else { return };
    well(&made);
    let public = key.with_extension("pub");
    let args = ["pkey", "-in", key.to_str().unwrap(), "-pubout", "-out", public.to_str().unwrap()];
    well(&tool(Path::new("openssl"), &args).unwrap());
    fs::rename(&key, world.dir.join("approvers/bob.key")).unwrap();
    fs::rename(&public, world.dir.join("approvers/bob.pub")).unwrap();
    world.restart().unwrap();
    let user = deed_test_support::shared::locked_out();
    let view = world.run(&World::proposal("idp.restore_access", &user)).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
}
