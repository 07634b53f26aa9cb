//! Runs the commands of `docs/first-action.md`, one way after the other, as they are written. Only the ports differ,
//! and what is installed already is not downloaded again.

mod page;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use deed_tests::compiled::{CACHE, cache};
use deed_tests::home::Home;
use deed_tests::host::binary;
use deed_tests::services::{free_address, workspace};

use self::page::{Section, sections};
use super::adapters::{Project, has_toolchains, of_rust};
use crate::pages::has_curl;

/// The sections that only some of the ways have. Every reader follows all others.
const OF_WAYS: [&str; 8] = [
    "By hand",
    "From an OpenAPI document",
    "In Rust",
    "In JavaScript",
    "In Python",
    "Try the adapter",
    "A contract without an adapter",
    "A contract with an adapter",
];
const PYTHON_ONLY: &str = "An adapter in Python";

/// Comes before the commands of the page.
const BEFORE: &str =
    "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\nexport PATH=\"$PROGRAMS:$PATH\"\n";

/// In place of `deed`: sets the ports of a new directory, lets a build use what is installed, waits for the host, and
/// answers the question of `deed approve`, which a person does at a terminal.
const DEED: &str = r#"#!/bin/bash
set -euo pipefail
case "$1 ${2:-}" in
"init "*)
    "$DEED_BIN" "$@"
    exec sed -i "s/:7117/:$PORT/; s/:7118/:$OPERATIONS/" "$2/deed.toml" ;;
"adapter build")
    if [ -f "$3/Cargo.toml" ]; then cp "$WORKSPACE/Cargo.lock" "$3/"
    elif [ -f "$3/package.json" ]; then ln -s "$WORKSPACE/target/toolchains/node_modules" "$3/node_modules"
    else ln -s "$WORKSPACE/target/toolchains/venv" "$3/.venv"; fi ;;
"act "*)
    until (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; do sleep 0.2; done ;;
"approve "*)
    "$DEED_BIN" "$@" --yes
    until "$DEED_BIN" show "$2" --json | grep --quiet '"outcome"'; do sleep 0.2; done
    exit ;;
esac
exec "$DEED_BIN" "$@"
"#;

/// In place of an editor: `deed-edit FILE` replaces lines that begin with `-` by those that begin with `+`, in the
/// order of the difference on stdin. The old lines must be in the file exactly once. `…` stands for the rest of a line.
const EDIT: &str = r#"#!/usr/bin/env python3
import pathlib, sys
path = pathlib.Path(sys.argv[1])
lines = path.read_text().splitlines()
same = lambda line, old: line.startswith(old[:-1].rstrip()) if old.endswith("…") else line == old
hunks = [[]]
for line in sys.stdin.read().splitlines():
    if line[:1] in ("-", "+"):
        hunks[-1].append(line)
    else:
        hunks.append([])
for hunk in filter(None, hunks):
    old, new = ([line[1:] for line in hunk if line[0] == sign] for sign in "-+")
    places = [n for n in range(len(lines) - len(old) + 1) if all(map(same, lines[n:], old))]
    assert old and len(places) == 1, f"not once in {path}: {old}"
    lines[places[0]:places[0] + len(old)] = new
path.write_text("".join(f"{line}\n" for line in lines))
"#;

/// The folder in which one reader follows one way.
struct Reader {
    home: Home,
    ports: [String; 3],
}

impl Reader {
    fn new() -> Self {
        let home = Home::new("first-action");
        fs::create_dir_all(home.dir.join("programs")).unwrap();
        for (name, text) in [("deed", DEED), ("deed-edit", EDIT)] {
            let path = home.dir.join("programs").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        symlink(workspace().join("docs"), home.dir.join("docs")).unwrap();
        let ports = [(); 3].map(|()| free_address().unwrap().port().to_string());
        Self { home, ports }
    }

    /// Runs a script in at most ten minutes. Returns whether every command succeeded, and the output.
    fn run(&self, script: &str, variables: &[(&str, String)]) -> (bool, String) {
        let [port, operations, desk] = &self.ports;
        let script = format!("{BEFORE}{}", script.replace("8800", desk));
        let output = Command::new("timeout")
            .args(["600", "bash", "-euo", "pipefail", "-c", &script])
            .current_dir(&self.home.dir)
            .env("PROGRAMS", self.home.dir.join("programs"))
            .env("DEED_BIN", fs::canonicalize(binary().unwrap()).unwrap())
            .env("WORKSPACE", workspace())
            .env("PORT", port)
            .env("OPERATIONS", operations)
            .env(CACHE, cache().unwrap())
            .env("DEED_URL", format!("http://127.0.0.1:{port}"))
            .env_remove("DEED_TOKEN")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let said = said.replace(&format!(":{port}"), ":7117").replace(&format!(":{desk}"), ":8800");
        (output.status.success(), said)
    }
}

/// The sections of a way, in the order of the page.
fn way(own: &[&str]) -> Vec<Section> {
    let is_followed = |section: &Section| {
        let name = section.name.as_str();
        own.contains(&name) || !OF_WAYS.contains(&name) && name != PYTHON_ONLY
    };
    sections().into_iter().filter(is_followed).collect()
}

/// Follows a way to its end, and compares the output with what the page shows.
fn follow(own: &[&str], variables: &[(&str, String)]) {
    if !has_curl("docs/first-action.md") {
        return;
    }
    let (way, reader) = (way(own), Reader::new());
    let script: String = way.iter().map(Section::script).collect();
    let (done, said) = reader.run(&script, variables);
    assert!(done, "{own:?}: {said}");
    for line in way.iter().flat_map(Section::shown) {
        assert!(page::has_line(&said, &line), "{own:?}: no `{line}` in:\n{said}");
    }
    assert!(said.contains("outcome in the receipt: verified\nVERIFIED act_"), "{said}");
}

#[test]
fn a_contract_by_hand_leads_to_a_verified_action() {
    follow(&["By hand", "A contract without an adapter"], &[]);
}

#[test]
fn a_contract_from_a_document_leads_to_a_verified_action() {
    follow(&["From an OpenAPI document", "A contract without an adapter"], &[]);
}

/// The sections of an adapter in the language of this section.
fn with_adapter(language: &'static str) -> Vec<&'static str> {
    vec![language, "Try the adapter", "A contract with an adapter"]
}

#[test]
fn an_adapter_in_rust_leads_to_a_verified_action() {
    follow(&with_adapter("In Rust"), &of_rust());
}

#[test]
#[ignore = "compiles SpiderMonkey; run `make authoring`"]
fn an_adapter_in_javascript_leads_to_a_verified_action() {
    if has_toolchains("the way of docs/first-action.md in JavaScript") {
        // Records which packages are installed, so that the build does not install them again.
        drop(Project::new("js").with_toolchains());
        follow(&with_adapter("In JavaScript"), &[]);
    }
}

#[test]
#[ignore = "compiles CPython; run `make authoring`"]
fn an_adapter_in_python_leads_to_a_verified_action() {
    if has_toolchains("the way of docs/first-action.md in Python") {
        drop(Project::new("python").with_toolchains());
        follow(&[with_adapter("In Python"), vec![PYTHON_ONLY]].concat(), &[]);
    }
}

#[test]
fn every_section_with_commands_belongs_to_a_way() {
    let names: Vec<String> = sections().into_iter().map(|section| section.name).collect();
    for name in OF_WAYS.iter().chain([&PYTHON_ONLY]) {
        assert_eq!(names.iter().filter(|own| own == name).count(), 1, "{name}: {names:?}");
    }
    for language in ["In Rust", "In JavaScript", "In Python"] {
        let script: String = way(&[language]).iter().map(Section::script).collect();
        assert_eq!(script.matches("deed adapter new").count(), 1, "{language}");
    }
}

#[test]
fn a_command_that_fails_ends_a_way() {
    let reader = Reader::new();
    let (done, said) = reader.run("deed check no-such-directory\necho reached\n", &[]);
    assert!(!done && !said.contains("reached"), "{said}");
    fs::write(reader.home.dir.join("file"), "one\ntwo\n").unwrap();
    let (done, said) = reader.run("deed-edit file <<'END'\n-three\n+four\nEND\n", &[]);
    assert!(!done && said.contains("not once in file"), "{said}");
}
