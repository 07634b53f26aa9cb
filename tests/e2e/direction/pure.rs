//! The crates that an auditor builds for any target: no files, no clock, no sockets, no threads, nothing asynchronous.

use std::fs;

use deed_tests::services::workspace;

use super::paths::{Module, imports};
use super::visit;

const PURE: [&str; 3] = ["host/spec", "host/record", "host/verify"];

/// The parts of the standard library that only compute.
const ALLOWED: [&str; 19] = [
    "array",
    "borrow",
    "cmp",
    "collections",
    "convert",
    "error",
    "fmt",
    "hash",
    "iter",
    "mem",
    "num",
    "ops",
    "panic",
    "primitive",
    "rc",
    "slice",
    "str",
    "string",
    "sync",
];

/// Crates that the pure ones may depend on: each computes, and none of them reads a clock or a file.
const CRATES: [&str; 20] = [
    "base64",
    "cedar-policy",
    "cel",
    "data-encoding",
    "deed-record",
    "deed-spec",
    "ed25519-dalek",
    "hmac",
    "httparse",
    "proptest",
    "quick-xml",
    "regex",
    "schemars",
    "serde",
    "serde_json",
    "serde_path_to_error",
    "sha2",
    "thiserror",
    "toml",
    "zip",
];

/// What makes a file impure.
pub(super) fn faults(source: &str) -> Vec<String> {
    let found = match imports(&Module(vec![]), source) {
        Ok(found) => found,
        Err(why) => return vec![why],
    };
    // A file may name the root of its own crate.
    let mut faults: Vec<String> =
        found.faults.into_iter().filter(|fault| fault.contains("another name")).collect();
    if found.is_async {
        faults.push("it is asynchronous".to_owned());
    }
    for path in found.outer {
        let mut path = path.iter().map(String::as_str);
        let (first, second) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
        if matches!(first, "std" | "core" | "alloc") && !is_allowed(first, second, path.next()) {
            faults.push(format!("it uses `{first}::{second}`"));
        }
    }
    faults
}

/// `io` has the traits that readers of bytes in memory implement; they are named one by one.
fn is_allowed(first: &str, second: &str, third: Option<&str>) -> bool {
    let io = second == "io" && third.is_some_and(|name| IO.contains(&name));
    ALLOWED.contains(&second) && !(first == "std" && second == "*") || io
}

const IO: [&str; 6] = ["Cursor", "Error", "ErrorKind", "Read", "Result", "Write"];

#[test]
fn the_pure_crates_only_compute() {
    let (mut all, mut files) = (Vec::new(), 0);
    for krate in PURE {
        let src = workspace().join(krate).join("src");
        visit(&src, &mut |path, text| {
            files += 1;
            let name = path.strip_prefix(workspace()).unwrap().display().to_string();
            all.extend(faults(text).into_iter().map(|fault| format!("{name}: {fault}")));
        });
    }
    assert!(files > 100, "only {files} files were read");
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn the_pure_crates_depend_on_crates_that_only_compute() {
    for krate in PURE {
        let manifest = fs::read_to_string(workspace().join(krate).join("Cargo.toml")).unwrap();
        let mut is_list = false;
        for line in manifest.lines() {
            if line.starts_with('[') {
                is_list = line.ends_with("dependencies]");
            } else if let Some((name, _)) = line.split_once(['.', ' ', '=']).filter(|_| is_list) {
                assert!(CRATES.contains(&name), "{krate} depends on `{name}`");
            }
        }
    }
}
