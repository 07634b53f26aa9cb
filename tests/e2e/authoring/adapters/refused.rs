//! What `deed adapter build` refuses: a machine without the toolchain, folders that are no projects, and components
//! that import what no toolchain adds.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use deed_tests::home::Home;
use deed_tests::host;
use serde_json::{Value, json};

use super::{Project, deed, parsed, text};

/// A folder with these programs, each a shell script with this content.
pub(super) fn scripts(programs: &[(&str, &str)]) -> Home {
    let bin = Home::new("bin");
    fs::create_dir_all(&bin.dir).unwrap();
    for (name, script) in programs {
        let file = bin.dir.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    bin
}

/// Runs `deed adapter build` on a machine that has only these programs.
fn build_with(project: &Project, programs: &[(&str, &str)]) -> (Option<i32>, String) {
    let bin = scripts(programs);
    let mut command = Command::new(host::binary().unwrap());
    command.args(["adapter", "build", project.home.path()]).env("PATH", &bin.dir);
    for name in ["CARGO", "RUSTC", "CARGO_UNSTABLE_BUILD_STD"] {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    (output.status.code(), text(&output))
}

/// A language, the programs that are there with their texts, and the words of the refusal.
type ToolchainCase<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn a_missing_or_old_toolchain_is_named_with_what_to_install() {
    let add = "rustup target add wasm32-unknown-unknown";
    let node = "echo v20.1.0";
    let cases: [ToolchainCase<'_>; 9] = [
        ("rust", &[], &["`cargo` is missing", "rustup", add]),
        ("rust", &[("cargo", "echo 1"), ("rustc", "exit 1")], &["`rustc` is missing", add]),
        ("rust", &[("cargo", "echo 1"), ("rustc", "echo /none")], &["standard library", add]),
        ("js", &[], &["`node` is missing", "apt-get install nodejs npm"]),
        ("js", &[("node", "echo v18.19.0")], &["Node.js is `v18.19.0`", "older than 20"]),
        ("js", &[("node", node)], &["`npm` is missing", "apt-get install nodejs npm"]),
        ("python", &[], &["`python3` is missing", "apt-get install python3-venv"]),
        ("python", &[("python3", "echo 3.9.2")], &["Python is `3.9.2`", "older than 3.10"]),
        (
            "python",
            &[("python3", "case \"$2\" in *venv*) exit 1;; esac; echo 3.12.1")],
            &["no module `venv`", "apt-get install python3-venv"],
        ),
    ];
    for (lang, programs, parts) in cases {
        let project = Project::new(lang);
        let (code, said) = build_with(&project, programs);
        assert_eq!(code, Some(1), "{lang}: {said}");
        for part in parts {
            assert!(said.contains(part), "{lang}: no `{part}` in {said}");
        }
        assert!(!project.file("tickets.wasm").exists());
    }
}

/// What a toolchain runs does not get the token of the person who builds.
#[test]
fn a_toolchain_gets_no_variable_of_deed() {
    let project = Project::new("js");
    let seen = project.file("seen");
    let script = format!(
        "case \"$1\" in --version) echo v20.1.0;; *) /usr/bin/env >\"{}\"; exit 1;; esac",
        seen.display()
    );
    let bin = scripts(&[("node", script.as_str()), ("npm", script.as_str())]);
    let token = [("PATH", bin.path()), ("DEED_TOKEN", "secret-of-a-person"), ("OTHER", "stays")];
    let output = project.build(&token);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("`npm install` ended with "), "{}", text(&output));
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("OTHER=stays") && !seen.contains("secret-of-a-person"), "{seen}");
}

#[test]
fn a_folder_that_is_no_project_is_refused_with_the_reason() {
    let project = Project::new("js");
    let said = || {
        let output = project.build(&[]);
        assert_eq!(output.status.code(), Some(1));
        text(&output)
    };
    fs::write(project.file("Cargo.toml"), "").unwrap();
    assert!(said().contains("Rust, JavaScript"), "{}", said());
    fs::remove_file(project.file("Cargo.toml")).unwrap();
    fs::remove_file(project.file("package.json")).unwrap();
    assert!(said().contains("make one with `deed adapter new`"), "{}", said());
    fs::write(project.file("package.json"), "{}").unwrap();
    project.edit("tickets.toml", "adapter  = \"tickets\"", "adapter  = \"../tickets\"");
    assert!(said().contains("`../tickets` is not a name of an adapter"), "{}", said());
    project.edit("tickets.toml", "adapter  = \"../tickets\"", "adapter  = ");
    assert!(said().contains("tickets.toml`: line 12: "), "{}", said());
    fs::remove_file(project.file("tickets.toml")).unwrap();
    assert!(said().contains("has no contract"), "{}", said());
}

fn assemble(source: &str) -> (Option<i32>, Value, Home) {
    let home = Home::new("text");
    fs::create_dir_all(&home.dir).unwrap();
    let file = home.dir.join("own.wat");
    fs::write(&file, source).unwrap();
    let output = deed(&["adapter", "build", file.to_str().unwrap(), "--json"], &[]);
    (output.status.code(), parsed(&output), home)
}

#[test]
fn a_component_with_foreign_imports_is_built_and_refused() {
    for (import, grant) in [
        ("wasi:cli/environment@0.2.0", json!("wasi = true")),
        ("evil:thing/http@1.0.0", Value::Null),
    ] {
        let source = format!("(component (import \"{import}\" (instance)))");
        let (code, report, home) = assemble(&source);
        assert_eq!(code, Some(1), "{report:#}");
        assert_eq!(report["origins"][0]["import"], import);
        assert_eq!(report["grant"], grant);
        assert!(report["refused"].is_string(), "{report:#}");
        assert!(home.dir.join("own.wasm").exists());
    }
}

#[test]
fn a_text_of_the_world_is_encoded_and_accepted() {
    let source = r#"(module
      (memory (export "memory") 1)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
      (func (export "observe") (param i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)
      (func (export "perform") (param i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable))"#;
    let (code, report, home) = assemble(source);
    assert_eq!((code, &report["refused"]), (Some(0), &Value::Null), "{report:#}");
    assert_eq!(report["exports"], json!(["observe", "perform"]));
    let left: Vec<_> =
        fs::read_dir(&home.dir).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "no unfinished file is left: {left:?}");
}

#[test]
fn a_step_that_fails_keeps_the_component_of_the_last_build() {
    let project = Project::new("js");
    fs::write(project.file("tickets.wasm"), "the last build").unwrap();
    let script = "case \"$1\" in --version) echo v20.1.0;; *) exit 3;; esac";
    let (code, said) = build_with(&project, &[("node", script), ("npm", script)]);
    assert_eq!(code, Some(1));
    assert!(said.contains("JavaScript: npm install") && said.contains("exit status: 3"), "{said}");
    assert_eq!(fs::read(project.file("tickets.wasm")).unwrap(), b"the last build");
}
