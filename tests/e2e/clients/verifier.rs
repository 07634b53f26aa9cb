//! Tests that the verifier as a WebAssembly module reports the same as the verifier in Rust, in both client packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use deed_record::bundle::Files;
use deed_tests::host;
use deed_tests::services::{venv, workspace};
use deed_verify::{Trust, verify};
use serde_json::Value;

use super::{module, node, not_checked};

/// The vectors of every version.
fn roots() -> [PathBuf; 2] {
    let root = workspace().join("tests/vectors");
    [root.clone(), root.join("2")]
}

fn trust(root: &Path) -> Trust {
    let entries = fs::read_dir(root.join("trust")).unwrap().map(Result::unwrap);
    let file =
        |e: fs::DirEntry| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap());
    let files: Files = entries.map(file).collect();
    Trust::parse(&files).unwrap()
}

/// Runs a script that verifies the vectors with the module, and compares each of its reports.
fn reports_the_same(script: impl Fn() -> Command) {
    for root in roots() {
        let output = script().arg(module()).arg(&root).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let said = String::from_utf8(output.stdout).unwrap();
        let index = fs::read_to_string(root.join("index.json")).unwrap();
        let all: Vec<Value> = serde_json::from_str(&index).unwrap();
        assert_eq!(said.lines().count(), all.len(), "{errors}");
        let trust = trust(&root);
        for (line, vector) in said.lines().zip(&all) {
            let file = vector["file"].as_str().unwrap();
            let report = verify(&fs::read(root.join(file)).unwrap(), Some(&trust));
            let wanted = serde_json::json!([file, report.verdict.exit_code(), report]);
            assert_eq!(serde_json::from_str::<Value>(line).unwrap(), wanted, "{file}");
        }
        is_that_of_the_command(&root, said.lines().next().unwrap());
        is_that_of_the_command(&root, said.lines().last().unwrap());
    }
}

/// Checks that `deed verify --json` has the exit code and the report of a line.
fn is_that_of_the_command(root: &Path, line: &str) {
    let line: Value = serde_json::from_str(line).unwrap();
    let (file, trust) = (root.join(line[0].as_str().unwrap()), root.join("trust"));
    let (file, trust) = (file.to_str().unwrap(), trust.to_str().unwrap());
    let output = host::run(&["verify", file, "--trust", trust, "--json"], "").unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let code = output.status.code().unwrap();
    assert_eq!(line, serde_json::json!([line[0], code, report]), "{file}");
}

#[test]
fn the_module_reports_in_typescript_what_the_command_reports() {
    let Some((node, flag)) = node() else {
        not_checked();
        return;
    };
    reports_the_same(|| {
        let mut command = Command::new(&node);
        command.args(flag).arg(workspace().join("clients/typescript/tests/vectors.ts"));
        command
    });
}

#[test]
fn the_module_reports_in_python_what_the_command_reports() {
    let package = workspace().join("clients/python");
    reports_the_same(|| {
        let mut python = Command::new(venv().join("bin/python"));
        python
            .arg(package.join("tests/vectors.py"))
            .env("PYTHONPATH", package.join("src"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        python
    });
}

/// An import would be a way out of the verification, to a file, a clock or the network.
#[test]
fn the_module_imports_nothing() {
    let script = "import sys, wasmtime\n\
                  print(len(wasmtime.Module.from_file(wasmtime.Engine(), sys.argv[1]).imports))";
    let mut python = Command::new(venv().join("bin/python"));
    let output = python.args(["-c", script]).arg(module()).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(said.trim(), "0");
}
