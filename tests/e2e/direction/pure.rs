//! An auditor can build the pure crates for any target, so they must not use files, clocks, sockets, threads or
//! asynchronous code.

use deed_tests::services::workspace;

use super::paths::{Module, imports};
use super::visit;

pub(super) const PURE: [&str; 4] = ["host/spec", "host/record", "host/verify", "host/verify/wasm"];

/// Modules of the standard library that the pure crates may use, because these modules only compute.
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

/// Macros that write to the terminal of the calling program.
const PRINTING: [&str; 5] = ["dbg", "eprint", "eprintln", "print", "println"];

/// Everything in a file that a pure crate must not contain.
pub(super) fn faults(source: &str) -> Vec<String> {
    let found = match imports(&Module(vec![]), source) {
        Ok(found) => found,
        Err(why) => return vec![why],
    };
    let mut faults = found.hidden;
    let prints = found.macros.iter().filter(|name| PRINTING.contains(&name.as_str()));
    faults.extend(prints.map(|name| format!("`{name}!` prints")));
    if found.is_async {
        faults.push("it is asynchronous".to_owned());
    }
    for path in found.outer {
        // `RandomState` is refused under every path because its hash keys are random.
        if path.iter().any(|name| name == "RandomState") {
            faults.push("it draws a `RandomState`".to_owned());
        }
        let mut path = path.iter().map(String::as_str);
        let (first, second) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
        if matches!(first, "std" | "core" | "alloc") && !is_allowed(first, second, path.next()) {
            faults.push(format!("it uses `{first}::{second}`"));
        }
    }
    faults
}

/// Most of `std::io` is not allowed. The list `IO` names its allowed items, such as the traits that readers of bytes in
/// memory implement.
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
