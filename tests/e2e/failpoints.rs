//! Tests that failpoints (places at which tests kill the host) exist only in test builds. Failpoints are off by
//! default, only the crate of the tests turns them on, and a build without debug assertions has none.

use std::fs;
use std::path::Path;
use std::process::Command;

use deed_tests::services::workspace;
use serde_json::Value;

/// The exit code of the fake system call, which replaces the kill of the host.
const KILLED: i32 = 97;

/// A program that contains only the failpoint module. Instead of killing the process, a failpoint makes the program
/// exit with a code that nothing else uses.
const PROGRAM: &str = r#"
extern crate self as rustix;
pub mod process {
    pub struct Signal;
    impl Signal { pub const KILL: Signal = Signal; }
    pub fn getpid() {}
    pub fn kill_process(_: (), _: Signal) -> Result<(), ()> { std::process::exit(97) }
}
#[path = "FAILPOINT"]
mod failpoint;
fn main() {
    failpoint::hit("here");
    failpoint::hit_at("there", || "once".to_owned());
    failpoint::hit_at("there", || "twice".to_owned());
}
"#;

/// Builds and runs the program with these flags. Returns its exit code, and whether the binary contains the name of the
/// environment variable.
fn run(name: &str, flags: &[&str], deadly: &str) -> (Option<i32>, bool) {
    let dir = std::env::temp_dir().join(format!("deed-failpoint-{}-{name}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let (source, program) = (dir.join("main.rs"), dir.join("program"));
    let module = workspace().join("host/system/src/failpoint.rs");
    fs::write(&source, PROGRAM.replace("FAILPOINT", module.to_str().unwrap())).unwrap();
    let built = Command::new("rustc")
        .args(["--edition", "2024", "--allow", "warnings", "-o"])
        .args([&program, &source])
        .args(flags)
        .status();
    assert!(built.unwrap().success());
    let ended = Command::new(&program).env("DEED_FAILPOINT", deadly).status().unwrap();
    let knows = holds(&program, b"DEED_FAILPOINT");
    fs::remove_dir_all(&dir).unwrap();
    (ended.code(), knows)
}

fn holds(file: &Path, word: &[u8]) -> bool {
    fs::read(file).unwrap().windows(word.len()).any(|bytes| bytes == word)
}

#[test]
fn they_are_there_in_a_test_build_only() {
    let (feature, debug, release) =
        ("--cfg=feature=\"failpoints\"", "-Cdebug-assertions=on", "-Cdebug-assertions=off");
    let armed = |name, deadly| run(name, &[feature, debug], deadly);
    assert_eq!(armed("first", "here:1"), (Some(KILLED), true));
    assert_eq!(armed("labelled", "there/twice:1"), (Some(KILLED), true));
    assert_eq!(armed("not-so-often", "here:2"), (Some(0), true));
    assert_eq!(run("release", &[feature, release], "here:1"), (Some(0), false));
    assert_eq!(run("ordinary", &[debug], "here:1"), (Some(0), false));
}

#[test]
fn only_the_tests_turn_them_on() {
    let args = ["metadata", "--format-version=1", "--no-deps", "--offline", "--locked"];
    let output = Command::new("cargo").args(args).current_dir(workspace()).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut turned_on = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        for (feature, implied) in package["features"].as_object().unwrap() {
            let implies = implied
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one.to_string().contains("failpoints"));
            // The feature `failpoints` of `deed-host` turns on the feature of the crate that implements the failpoints.
            let passes_on = name == "deed-host" && feature == "failpoints";
            assert!(!implies || passes_on, "`{feature}` of `{name}` turns them on");
        }
        for dependency in package["dependencies"].as_array().unwrap() {
            let features = dependency["features"].as_array().unwrap();
            if features.iter().any(|feature| feature == "failpoints") {
                turned_on
                    .push(format!("{name} {}", dependency["kind"].as_str().unwrap_or("always")));
            }
        }
    }
    assert_eq!(turned_on, ["deed-tests dev"]);
}
