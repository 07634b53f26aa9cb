//! Files that are not adapters. `deed adapter check`, `deed check`, `deed pin` and `deed serve` quickly refuse each
//! file with a clear reason, and never run its code.

use std::fs;
use std::time::{Duration, Instant};

use deed_test_support::shared::scim;
use deed_tests::guests::Guest;
use deed_tests::host;
use deed_tests::services::workspace;
use deed_tests::world::World;

const PATIENCE: Duration = Duration::from_mins(2);

/// Checks that `adapter check`, `check`, `pin` and `serve` refuse each file with its reason.
fn refused(files: &[(&str, Vec<u8>, &str)]) {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let good = fs::read(world.dir.join("adapters/scim.wasm")).unwrap();
    let path = world.dir.join("adapters/scim.wasm");
    for (name, bytes, why) in files {
        let started = Instant::now();
        fs::write(&path, bytes).unwrap();
        deed_tests::world::grant_as_it_is(&world.dir).unwrap();
        let commands = [
            &["adapter", "check", path.to_str().unwrap()][..],
            &["check", world.path()],
            &["pin", world.path()],
        ];
        for command in commands {
            let output = host::run(command, "").unwrap();
            let said =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert_eq!(output.status.code(), Some(1), "{name}: {command:?} accepts it: {said}");
            told(name, &said, why);
        }
        fs::write(world.dir.join("serve.log"), "").unwrap();
        told(name, &world.serve().unwrap_err().to_string(), why);
        assert!(started.elapsed() < PATIENCE, "{name}: {:?}", started.elapsed());
    }
    fs::write(path, good).unwrap();
    host::expect(&["pin", world.path()]).unwrap();
    world.serve().unwrap();
    crate::case::unharmed(&world);
}

/// Checks that the reason is short and has no characters that could deceive the reader of a terminal.
fn told(name: &str, said: &str, why: &str) {
    assert!(said.contains(why), "{name}: no `{why}` in `{said}`");
    assert!(said.len() < 8 << 10, "{name}: {} bytes", said.len());
    assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{name}: {said:?}");
}

fn text(source: &str) -> Vec<u8> {
    wat::parse_str(source).unwrap()
}

fn scim_wasm() -> Vec<u8> {
    fs::read(workspace().join("target/adapters/scim.wasm")).unwrap()
}

pub(super) fn no_component() {
    let whole = scim_wasm();
    let half = whole[..whole.len() / 2].to_vec();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 3;
    flipped[middle..middle + 64].fill(0xff);
    let preamble = b"\0asm\x0d\0\x01\0".to_vec();
    refused(&[
        ("empty", vec![], "not a WebAssembly component"),
        ("a script", b"#!/bin/sh\nexit 0\n".to_vec(), "not a WebAssembly component"),
        ("a core module", text("(module)"), "core module"),
        ("a preamble", preamble.clone(), "does not export `observe`"),
        ("another version", b"\0asm\xff\0\x01\0".to_vec(), "does not compile"),
        ("half of one", half, "does not compile"),
        ("a damaged one", flipped, "does not compile"),
        // The section of this file declares a size of 4 GiB.
        (
            "a bomb of a section",
            [preamble, b"\x01\xff\xff\xff\xff\x0f".to_vec()].concat(),
            "does not compile",
        ),
    ]);
}

pub(super) fn foreign_imports() {
    let import = |import: &str| text(&format!("(component {import})"));
    let instance =
        |name: &str| import(&format!("(import \"{name}\" (instance (export \"f\" (func))))"));
    refused(&[
        ("a store", instance("wasi:keyvalue/store@0.2.0"), "imports `wasi:keyvalue/store@0.2.0`"),
        ("files", instance("acme:filesystem/types@0.2.0"), "imports `acme:filesystem/types@0.2.0`"),
        (
            "a clock",
            instance("acme:clocks/wall-clock@0.2.0"),
            "imports `acme:clocks/wall-clock@0.2.0`",
        ),
        ("another http", instance("acme:http/outgoing-handler@0.2.0"), "imports `acme:http/"),
        (
            "a function",
            import("(import \"system\" (func (param \"command\" string)))"),
            "imports `system`",
        ),
        (
            "a later version",
            instance("deed:adapter/http@0.3.0"),
            "imports `deed:adapter/http@0.3.0`",
        ),
        (
            "two versions",
            text(
                "(component (import \"deed:adapter/http@0.2.0\" (instance)) (import \"deed:adapter/http@0.1.0\" (instance)))",
            ),
            "imports `deed:adapter/http@0.1.0`",
        ),
        (
            "a look-alike",
            instance("deed:adapters/http@0.1.0"),
            "imports `deed:adapters/http@0.1.0`",
        ),
        ("a secret", instance("deed:adapter/vault@0.1.0"), "imports `deed:adapter/vault@0.1.0`"),
        ("other functions", instance("deed:adapter/http@0.1.0"), "does not export `observe`"),
    ]);
}

/// A component around this inner module. The exports of the component have the right names but not the types of the
/// interface.
fn component(module: &str, instances: usize) -> Vec<u8> {
    let more = "(core instance (instantiate $m))".repeat(instances - 1);
    text(&format!(
        "(component (core module $m {module} (func (export \"f\"))) (core instance $i (instantiate $m)) {more}
           (func $f (canon lift (core func $i \"f\"))) (export \"observe\" (func $f)) (export \"perform\" (func $f)))"
    ))
}

pub(super) fn too_many_parts() {
    refused(&[
        ("its exports", component("", 1), "does not fit `deed:adapter`"),
        ("instances", component("", 17), "core module instances"),
        ("memories", component("(memory 1)", 5), "memories"),
        ("tables", component("(table 1 funcref)", 9), "tables"),
        ("memories of one module", component(&"(memory 1)".repeat(5), 1), "memories count"),
        ("tables of one module", component(&"(table 1 funcref)".repeat(9), 1), "tables count"),
        ("a memory of 65 MiB", component("(memory 1040)", 1), "memory"),
        ("a table of 10001 elements", component("(table 10001 funcref)", 1), "table"),
        ("64-bit memory", component("(memory i64 1)", 1), "does not compile"),
        ("shared memory", component("(memory 1 1 shared)", 1), "does not compile"),
    ]);
}

/// The bytes of an empty component inside `depth` nested components. The component is written in binary, because the
/// text format does not allow so many levels.
fn nested(depth: usize) -> Vec<u8> {
    let preamble = b"\0asm\x0d\0\x01\0";
    let mut inner = preamble.to_vec();
    for _ in 0..depth {
        let (mut length, mut left) = (vec![], inner.len());
        while left > 0x7f {
            length.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
            left >>= 7;
        }
        length.push(u8::try_from(left).unwrap());
        inner = [&preamble[..], &[4], &length, &inner].concat();
    }
    inner
}

pub(super) fn too_large_or_too_deep() {
    over_the_limit();
    let blocks = format!("(func {}{})", "block ".repeat(40_000), "end ".repeat(40_000));
    let locals = format!("(func {})", "(local i64)".repeat(60_000));
    let name = format!("(func (export \"{}\"))", "x".repeat(200_000));
    refused(&[
        ("components in components", nested(20_000), "does not "),
        ("blocks in blocks", component(&blocks, 1), "does not fit"),
        ("locals", component(&locals, 1), "does not compile"),
        ("a name of 200 KB", component(&name, 1), "does not compile"),
    ]);
}

pub(super) fn names_that_lie() {
    // A name in the text format is written to the component unchanged, so its bytes can be replaced there.
    let replaced = |from: &[u8], to: &[u8]| {
        let bytes = component("(func (export \"plain-name\"))", 1);
        let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    refused(&[
        (
            "no UTF-8 in the module",
            replaced(b"plain-name", b"plain\xff\xfe\xc0\x80e"),
            "does not compile",
        ),
        ("no UTF-8 in the component", replaced(b"observe", b"obs\xffrve"), "does not compile"),
        ("an escape sequence", replaced(b"observe", b"\x1b[2Jrve"), "does not compile"),
        ("another case", replaced(b"observe", b"Observe"), "does not "),
        ("a right-to-left mark", replaced(b"perform", b"per\xe2\x80\xaem"), "does not compile"),
    ]);
}

/// Checks that README.md of `tests/guests/` names every guest, and no guest that does not exist.
pub(super) fn the_table_of_guests() {
    let readme = fs::read_to_string(workspace().join("tests/guests/README.md")).unwrap();
    let first = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let table = readme.split("## Limits").next().unwrap();
    let named: Vec<String> = table.lines().filter_map(first).collect();
    assert_eq!(named, Guest::ALL.map(|guest| guest.name().to_owned()));
}

/// The file is one byte larger than an adapter may be. No command reads the whole file, and `pin` pins nothing.
fn over_the_limit() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let path = world.dir.join("adapters/scim.wasm");
    let mut large = scim_wasm();
    large.resize((64 << 20) + 1, 0);
    fs::write(&path, large).unwrap();
    let served = world.serve().unwrap_err().to_string();
    told("serve", &served, "is longer than 67108864 bytes");
    let commands = [
        (&["adapter", "check", path.to_str().unwrap()][..], "larger than 64 MiB"),
        (&["check", world.path()], "is longer than 67108864 bytes"),
        (&["pin", world.path()], "is longer than 67108864 bytes"),
    ];
    for (command, why) in commands {
        let output = host::run(command, "").unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command:?} accepts it: {said}");
        told("64 MiB and a byte", &said, why);
    }
}

/// Checks that README.md has a row for every limit of a run, and that each row names existing cases.
pub(super) fn the_table_of_limits() {
    let limits = fs::read_to_string(workspace().join("host/sandbox/src/limits.rs")).unwrap();
    let constant =
        |line: &str| Some(line.strip_prefix("pub const ")?.split_once(':')?.0.to_owned());
    let declared: Vec<String> = limits.lines().filter_map(constant).collect();
    let readme = fs::read_to_string(workspace().join("tests/guests/README.md")).unwrap();
    let table = readme.split("## Limits").nth(1).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let cases: Vec<&str> = super::cases().iter().map(|case| case.name).collect();
    let mut named = Vec::new();
    for row in rows {
        named.push(row.split_once('`').unwrap().0.to_owned());
        let guests = row.split("`guests/").skip(1).map(|rest| rest.split_once('`').unwrap().0);
        for case in guests {
            assert!(cases.contains(&case), "there is no case guests/{case}");
        }
    }
    assert_eq!(named, declared);
}
