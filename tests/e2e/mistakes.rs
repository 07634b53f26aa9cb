//! Tests with a mistake in the served directory: `deed check` and `deed serve` report the file, the line and the
//! remedy, and the host does not start.

mod table;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use deed_record::contract::Contract;
use deed_spec::digest::Digest;
use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::world::{World, edit, grant_as_it_is};

use self::table::CONTRACT;
pub(crate) use self::table::MISTAKES;

/// Returns the output of `deed check` and `deed serve` for a directory that both must refuse.
fn refusals(world: &mut World) -> [String; 2] {
    let output = host::run(&["check", world.path()], "").unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(1), "`deed check` accepts it: {said}");
    fs::write(world.dir.join("serve.log"), "").unwrap();
    let served = world.serve().unwrap_err().to_string();
    [said, served]
}

/// Asserts that both commands report the mistake on one line that contains every fragment.
fn told(world: &mut World, start: &str, fragments: &[&str]) {
    for said in refusals(world) {
        let fits =
            |line: &str| line.starts_with(start) && fragments.iter().all(|f| line.contains(f));
        assert!(said.lines().any(fits), "no line `{start}` with {fragments:?} in\n{said}");
    }
}

fn line_of(dir: &Path, file: &str, needle: &str) -> usize {
    let text = fs::read_to_string(dir.join(file)).unwrap();
    let needle = needle.lines().next().unwrap();
    text.lines().position(|line| line.contains(needle)).unwrap() + 1
}

#[test]
fn a_mistake_in_a_file_is_named_with_line_and_remedy() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    for mistake in MISTAKES {
        let path = world.dir.join(mistake.file);
        let good = fs::read(&path).unwrap();
        edit(&world.dir, mistake.file, mistake.from, mistake.to).unwrap();
        let line = line_of(&world.dir, mistake.told, mistake.at);
        told(&mut world, &format!("{}:{line}: ", mistake.told), mistake.remedy);
        fs::write(path, good).unwrap();
    }
    world.serve().expect("without a mistake it starts");
}

#[test]
fn a_contract_or_adapter_of_another_digest_is_refused_with_the_digest_to_pin() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    edit(&world.dir, CONTRACT, "version  = \"1.0.0\"", "version  = \"1.0.1\"").unwrap();
    let text = fs::read_to_string(world.dir.join(CONTRACT)).unwrap();
    let digest = Contract::from_toml(CONTRACT, &text).unwrap().digest().unwrap();
    let table = line_of(&world.dir, "deed.toml", "[tenant.acme.grant.\"idp.restore_access\"]");
    let pin = format!("write `contract = \"{digest}\"`");
    told(
        &mut world,
        &format!("deed.toml:{}: ", table + 1),
        &["differs from what was granted", "run `deed pin`", &pin],
    );
    host::expect(&["pin", world.path()]).unwrap();
    host::expect(&["check", world.path()]).unwrap();

    let other =
        fs::read(deed_tests::services::workspace().join("target/adapters/silent.wasm")).unwrap();
    fs::write(world.dir.join("adapters/scim.wasm"), &other).unwrap();
    let pin = format!("write `adapter = \"{}\"`", Digest::of(&other));
    told(
        &mut world,
        &format!("deed.toml:{}: ", table + 2),
        &["differs from what was granted", "run `deed pin`", &pin],
    );
    host::expect(&["pin", world.path()]).unwrap();
    world.serve().expect("once it is accepted it starts");
}

#[test]
fn a_contract_that_was_never_pinned_is_not_called_different() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let table = "[tenant.acme.grant.\"idp.restore_access\"]";
    let text = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    let (before, after) = text.split_once(table).unwrap();
    let (pin, rest) = after.trim_start().split_once('\n').unwrap();
    assert!(pin.starts_with("contract"), "{pin}");
    fs::write(world.dir.join("deed.toml"), format!("{before}{table}\n{rest}")).unwrap();
    let line = line_of(&world.dir, "deed.toml", table);
    let wanted = ["is not pinned in the grant yet; review it and run `deed pin` or write", pin];
    let said = host::run(&["check", world.path()], "").unwrap();
    let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(!said.contains("differs from what was granted"), "{said}");
    told(&mut world, &format!("deed.toml:{line}: {CONTRACT} "), &wanted);
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let path = world.dir.join("secrets/idp_write");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let line = line_of(&world.dir, "deed.toml", "[tenant.acme.secret.idp_write]");
    told(&mut world, &format!("deed.toml:{line}: "), &["other users can read", "chmod 600"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    world.serve().expect("in private it starts");
}

#[test]
fn a_signing_key_that_others_can_read_is_refused() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    for key in ["keys/receipt.key", "keys/log.key"] {
        let path = world.dir.join(key);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        told(&mut world, "", &[key, "only its owner can read", "chmod 600"]);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::remove_file(world.dir.join("keys/log.key")).unwrap();
    told(&mut world, "", &["keys/log.key", "cannot be read", "`deed key new"]);
    fs::copy(world.dir.join("keys/receipt.key"), world.dir.join("keys/log.key")).unwrap();
    told(&mut world, "", &["receipt.key and log.key are the same key"]);
}

#[test]
fn an_adapter_that_is_no_component_or_imports_more_than_it_may_is_refused() {
    let core = wat::parse_str("(module)").unwrap();
    let foreign = wat::parse_str(
        r#"(component (import "wasi:cli/environment@0.2.0" (instance (export "get-arguments" (func)))))"#,
    );
    let silent = wat::parse_str("(component)").unwrap();
    let cases: [(Vec<u8>, &[&str]); 4] = [
        (b"#!/bin/sh\n".to_vec(), &["is not a WebAssembly component", "use a `.wasm` file"]),
        (core, &["is a core module", "encode it as a component"]),
        (
            foreign.unwrap(),
            &[
                "imports `wasi:cli/environment@0.2.0`",
                "can import only `deed:adapter`, of version 0.1.0 or 0.2.0",
            ],
        ),
        (silent, &["does not export `observe`", "export `observe` and `perform`"]),
    ];
    let mut world = World::lay_out(scim(), "scim").unwrap();
    for (bytes, fragments) in cases {
        fs::write(world.dir.join("adapters/scim.wasm"), bytes).unwrap();
        grant_as_it_is(&world.dir).unwrap();
        told(&mut world, "adapters/scim.wasm:", fragments);
    }
    fs::remove_file(world.dir.join("adapters/scim.wasm")).unwrap();
    told(
        &mut world,
        "deed.toml:",
        &["`adapters/scim.wasm` cannot be read", "copy the adapter there"],
    );
}

#[test]
fn a_directory_that_is_none_is_refused_with_the_way_to_make_one() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    fs::remove_file(world.dir.join("deed.toml")).unwrap();
    let start = format!("{}: ", world.path());
    told(&mut world, &start, &["this directory has no `deed.toml`", "`deed init`"]);
}
