//! Checks the dependencies of the pure crates, in every form of manifest that Cargo reads.

use std::fs;

use deed_tests::services::workspace;
use toml::{Table, Value};

use super::pure::PURE;

/// Crates that the pure crates may depend on. These crates only compute: none of them reads a clock or a file.
const CRATES: [&str; 21] = [
    "base64",
    "cedar-policy",
    "cel",
    "data-encoding",
    "deed-record",
    "deed-spec",
    "deed-verify",
    "ed25519-dalek",
    "hmac",
    "p256",
    "quick-xml",
    "percent-encoding",
    "regex",
    "regex-syntax",
    "schemars",
    "serde",
    "serde_json",
    "serde_path_to_error",
    "sha2",
    "thiserror",
    "toml",
];

/// Crates that only the tests of the pure crates may depend on.
const FOR_TESTS: [&str; 2] = ["proptest", "zip"];

/// Returns everything in a crate's manifest that the rules forbid. `root` is the manifest of the workspace from which
/// the crate inherits.
pub(super) fn faults(manifest: &str, root: &str) -> Vec<String> {
    let (own, root) = match (toml::from_str::<Table>(manifest), toml::from_str::<Table>(root)) {
        (Ok(own), Ok(root)) => (own, root),
        (Err(why), _) | (_, Err(why)) => return vec![format!("it does not parse: {why}")],
    };
    let shared = table(&root, "workspace").and_then(|root| table(root, "dependencies"));
    let mut faults = Vec::new();
    if table(&own, "lib").is_some_and(|lib| lib.contains_key("path")) {
        faults.push("its library is a file from elsewhere".to_owned());
    }
    let targets = table(&own, "target").into_iter().flat_map(Table::values);
    for list in std::iter::once(&own).chain(targets.filter_map(Value::as_table)) {
        for (kind, entries) in list.iter().filter(|(kind, _)| kind.ends_with("dependencies")) {
            let entries = entries.as_table().into_iter().flatten();
            faults.extend(entries.filter_map(|(name, entry)| {
                let shared = shared.and_then(|shared| shared.get(name));
                fault(kind.starts_with("dev"), name, entry, shared)
            }));
        }
    }
    faults
}

fn table<'a>(of: &'a Table, name: &str) -> Option<&'a Table> {
    of.get(name)?.as_table()
}

/// Returns what is wrong with one dependency, if anything. `shared` is the workspace's entry for the dependency.
fn fault(is_for_tests: bool, name: &str, entry: &Value, shared: Option<&Value>) -> Option<String> {
    let inherits = entry.get("workspace").is_some();
    let Some(entry) = (if inherits { shared } else { Some(entry) }) else {
        return Some(format!("the workspace has no `{name}`"));
    };
    let package = entry.get("package").and_then(Value::as_str).unwrap_or(name);
    if !(CRATES.contains(&package) || is_for_tests && FOR_TESTS.contains(&package)) {
        return Some(format!("it depends on `{package}`"));
    }
    let is_ours = inherits && package.starts_with("deed-");
    let elsewhere = ["git", "path", "registry"].into_iter().find(|key| entry.get(key).is_some());
    elsewhere.filter(|_| !is_ours).map(|key| format!("`{package}` comes from another {key}"))
}

#[test]
fn the_pure_crates_depend_on_crates_that_only_compute() {
    let root = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    for krate in PURE {
        let manifest = fs::read_to_string(workspace().join(krate).join("Cargo.toml")).unwrap();
        assert_eq!(faults(&manifest, &root), Vec::<String>::new(), "{krate}");
        assert!(manifest.contains("[dependencies]"), "{krate} names no dependency");
    }
}

#[test]
fn no_way_of_naming_a_dependency_goes_unnoticed() {
    let root = "[workspace.dependencies]\nregex = { package = \"rand\", version = \"1\" }\n\
                deed-spec = { path = \"host/spec\" }\nserde = \"1\"\nsha2 = { git = \"x\" }";
    for manifest in [
        "[dependencies]\ntokio = \"1\"",
        "[dependencies.tokio]\nversion = \"1\"",
        "dependencies = { tokio = \"1\" }",
        "dependencies.tokio = \"1\"",
        "[dependencies]\n\"tokio\" = \"1\"",
        "[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"",
        "[target.'cfg(unix)'.dependencies.libc]\nversion = \"0.2\"",
        "[target.x86_64-unknown-linux-gnu.build-dependencies]\ncc = \"1\"",
        "[build-dependencies]\ncc = \"1\"",
        "[dev-dependencies]\ntempfile = \"3\"",
        "[dependencies]\nserde = { package = \"tokio\", version = \"1\" }",
        "[dependencies]\nregex.workspace = true",
        "[dependencies]\nregex = { workspace = true, optional = true }",
        "[dependencies]\nserde = { path = \"../../elsewhere\" }",
        "[dependencies]\ndeed-spec = { path = \"../../elsewhere\" }",
        "[dependencies]\nsha2.workspace = true",
        "[dependencies]\nproptest = \"1\"",
        "[lib]\npath = \"../elsewhere.rs\"",
        "[dependencies",
    ] {
        assert!(!faults(manifest, root).is_empty(), "`{manifest}` is not refused");
    }
    let fine = "[dependencies]\nserde.workspace = true\ndeed-spec.workspace = true\ntoml = \"1\"\n\
                [dev-dependencies]\nproptest = \"1\"";
    assert_eq!(faults(fine, root), Vec::<String>::new());
}
