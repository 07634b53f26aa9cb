//! Tests of `deed adapter test`. After each run, the directory for temporary files is empty.

mod recorded;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use deed_tests::compiled::{CACHE, cache};
use deed_tests::home::Home;
use deed_tests::host::{self, binary};
use deed_tests::services::workspace;
use serde_json::{Value, json};

/// Exit code, stdout and stderr.
type Said = (i32, String, String);

/// A folder with one contract and its cases.
fn project(contract: &str, cases: &str) -> Home {
    let home = Home::new("tested");
    fs::create_dir_all(home.dir.join("tmp")).unwrap();
    let name = Path::new(contract).file_stem().unwrap().to_str().unwrap();
    fs::copy(workspace().join(contract), home.dir.join(format!("{name}.toml"))).unwrap();
    fs::write(home.dir.join(format!("{name}.cases.toml")), cases).unwrap();
    home
}

fn component(name: &str) -> PathBuf {
    workspace().join(format!("target/adapters/{name}.wasm"))
}

/// Runs the test, and checks that nothing of it stays in the directory for temporary files.
fn test(home: &Home, component: &Path, more: &[&str]) -> Said {
    test_with(home, component, more, &[])
}

/// Like [`test`], with additional environment variables.
fn test_with(home: &Home, component: &Path, more: &[&str], variables: &[(&str, &str)]) -> Said {
    let temporary = home.dir.join("tmp");
    let output = Command::new(binary().unwrap())
        .args(["adapter", "test", home.path(), "--component", component.to_str().unwrap()])
        .args(more)
        .env("TMPDIR", &temporary)
        .env(CACHE, cache().unwrap())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let left: Vec<_> = fs::read_dir(&temporary).unwrap().map(|one| one.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const RESTORE: &str = "contracts/idp/restore_access.toml";
const TAG: &str = "tests/support/src/office/tag_document.toml";

/// A user who is locked out gets access again. The third line of the file begins the case.
const RESTORED: &str = r#"format = 1

[[case]]
name   = "access is restored"
params = { user_id = "00000000000000000000000000000042" }
before = [{ request = "GET /Users/{user_id}", status = 200, body = { id = "42", userName = "ann", active = false } }]
writes = [{ request = "PATCH /Users/{user_id}", status = 200, body = { id = "42", userName = "ann", active = true } }]
after  = [{ request = "GET /Users/{user_id}", status = 200, body = { id = "42", userName = "ann", active = true } }]
want   = "verified"
"#;

const TAGGED: &str = r#"format = 1

[[case]]
name     = "a tag is added"
params   = { document = "d-1", tag = "new" }
computed = { document = { title = "A", text = "B", tags = ["old", "new"] } }
before   = [{ request = "GET /documents/{document}", status = 200, body = { title = "A", text = "B", tags = ["old"] } }]
reads    = [{ request = "GET /documents/{document}", status = 200, body = { title = "A", text = "B", tags = ["old"] } }]
writes   = [{ request = "PUT /documents/{document}", status = 200 }]
after    = [
    { request = "GET /documents/{document}", status = 200, body = { title = "A", text = "B", tags = ["old", "new"] } },
]
want     = "verified"
"#;

#[test]
fn a_new_project_passes_its_cases() {
    let home = Home::new("tested");
    host::expect(&["adapter", "new", "tickets", "--lang", "js", "--dir", home.path()]).unwrap();
    fs::create_dir_all(home.dir.join("tmp")).unwrap();
    // This component sends what a contract declares, as the adapter of the template does.
    let declared = workspace().join("adapters/declared/declared.wasm");
    let (code, said, errors) = test(&home, &declared, &[]);
    assert_eq!(code, 0, "{said}{errors}");
    assert!(said.starts_with("desk.close_ticket\nok       an open ticket is closed: verified, "));
    assert!(said.ends_with("3 cases, 0 differ\n"), "{said}");
    assert!(
        errors.contains("next: deed adapter test ") && errors.contains(" --faults"),
        "{errors}"
    );
    // By default, the component is the one that was built in the folder.
    let (args, name) = (["adapter", "test", home.path()], home.dir.join("tickets.wasm"));
    let missing = host::run(&args, "").unwrap();
    let errors = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(errors.contains("tickets.wasm` does not exist; build it with `deed adapter build "));
    fs::copy(&declared, name).unwrap();
    assert!(host::expect(&args).unwrap().ends_with("3 cases, 0 differ\n"));
}

#[test]
fn a_good_adapter_does_nothing_wrong_under_faults() {
    let home = project(RESTORE, RESTORED);
    let (code, said, errors) = test(&home, &component("scim"), &["--faults"]);
    assert_eq!(code, 0, "{said}{errors}");
    let patch = "access is restored, idp PATCH /Users/00000000000000000000000000000042";
    for (fault, outcome) in [
        ("lost before it was read", "failed"),
        ("lost after it was carried out", "verified"),
        ("answered 503", "failed"),
        ("carried out, and answered too late", "verified"),
    ] {
        let line = format!("ok       {patch} {fault}: {outcome}, ");
        assert!(said.contains(&line), "no `{line}` in\n{said}");
    }
    assert!(said.contains("1 case and ") && said.ends_with(" faults, 0 differ\n"), "{said}");
    assert!(errors.contains("next: deed adapter watch "), "{errors}");
}

#[test]
fn an_adapter_that_swallows_errors_is_named_under_faults() {
    let home = project(RESTORE, RESTORED);
    let (code, said, errors) = test(&home, &component("claims-success"), &[]);
    assert_eq!(code, 0, "{said}{errors}");
    let (code, said, errors) = test(&home, &component("claims-success"), &["--faults", "--json"]);
    assert_eq!(code, 1, "{said}{errors}");
    let report: Value = serde_json::from_str(&said).unwrap();
    let faults = report["contracts"][0]["faults"].as_array().unwrap();
    let wrong: Vec<&Value> = faults.iter().filter(|one| one["differences"] != json!([])).collect();
    assert_eq!(wrong.len(), 4, "{report:#}");
    for one in wrong {
        assert_eq!(one["name"], "access is restored");
        assert_eq!(one["line"], 3);
        assert!(one["request"].as_str().unwrap().starts_with("idp PATCH /Users/"), "{one:#}");
        let why = one["differences"][0].as_str().unwrap();
        assert!(why.contains("the adapter reported success, although `PATCH /Users/"), "{why}");
    }
}

#[test]
fn an_adapter_that_panics_is_named_with_its_log() {
    let home = project(RESTORE, RESTORED);
    let (code, said, errors) = test(&home, &component("panics"), &[]);
    assert_eq!(code, 1, "{said}{errors}");
    assert!(said.contains("differs  access is restored: "), "{said}");
    assert!(
        said.contains("restore_access.cases.toml:3: `perform` was stopped by a trap: "),
        "{said}"
    );
    assert!(said.contains("log info it panics now\n"), "{said}");
    assert!(!said.contains('\u{202e}'), "{said}");
    assert!(said.ends_with("1 case, 1 differ\n"), "{said}");
}

#[test]
fn a_request_that_the_contract_does_not_have_is_named() {
    let home = project(RESTORE, RESTORED);
    let (code, said, errors) = test(&home, &component("asks-elsewhere"), &[]);
    assert_eq!(code, 1, "{said}{errors}");
    assert!(said.contains("the host refused a request of the adapter: "), "{said}");
    assert!(said.contains(" more requests\n"), "{said}");
}

#[test]
fn a_request_that_the_case_does_not_have_is_named_with_the_nearest_one() {
    let home = project(TAG, TAGGED);
    let wasm = component("edits-a-document");
    let (code, said, errors) = test(&home, &wasm, &[]);
    assert_eq!(code, 0, "{said}{errors}");
    let other =
        TAGGED.replace("tags = [\"old\", \"new\"] } }\nbefore", "tags = [\"new\"] } }\nbefore");
    assert_ne!(other, TAGGED);
    fs::write(home.dir.join("tag_document.cases.toml"), other).unwrap();
    let (code, said, errors) = test(&home, &wasm, &[]);
    assert_eq!(code, 1, "{said}{errors}");
    for wanted in [
        "`office PUT /documents/d-1 {\"tags\":[\"old\",\"new\"],\"text\":\"B\",\"title\":\"A\"}` is not in the case",
        "the nearest request of the case is `office PUT /documents/d-1 {\"tags\":[\"new\"],",
        "{\"tags\":[\"new\"],\"text\":\"B\",\"title\":\"A\"}` was not sent",
        "want = \"verified\"",
    ] {
        assert!(said.contains(wanted), "no `{wanted}` in\n{said}");
    }
}

#[test]
fn an_open_contract_is_rehearsed_and_tested_under_faults() {
    let home = project(TAG, TAGGED);
    let (code, said, errors) = test(&home, &component("edits-a-document"), &["--faults"]);
    assert_eq!(code, 0, "{said}{errors}");
    assert!(said.contains("a tag is added, office PUT /documents/d-1 lost before"), "{said}");
}

#[test]
fn a_result_that_differs_is_named_with_file_and_line() {
    let home = project(RESTORE, &RESTORED.replace("\"verified\"", "\"mismatch\""));
    let (code, said, errors) = test(&home, &component("scim"), &[]);
    assert_eq!(code, 1, "{said}{errors}");
    assert!(said.contains("restore_access.cases.toml:3: want = \"mismatch\"\n"), "{said}");
    assert!(!errors.contains("next:"), "{errors}");
}

#[test]
fn a_case_that_is_wrong_is_named_with_file_and_line() {
    for (from, to, words) in [
        ("want   =", "wants  =", "unknown field `wants`"),
        ("GET /Users/{user_id}", "GET /Users", "no rule of the contract has the request"),
        ("\"00000000000000000000000000000042\"", "\"ann\"", "the parameters do not fit"),
        ("writes = [{ request = \"PATCH", "reads = [{ request = \"PATCH", "in `reads` is a write"),
    ] {
        let home = project(RESTORE, &RESTORED.replace(from, to));
        let (code, said, errors) = test(&home, &component("scim"), &[]);
        assert_eq!((code, said.as_str()), (1, ""), "{errors}");
        assert!(
            errors.contains("restore_access.cases.toml:") && errors.contains(words),
            "{errors}"
        );
    }
    let home = project(RESTORE, RESTORED);
    fs::remove_file(home.dir.join("restore_access.cases.toml")).unwrap();
    let (code, _, errors) = test(&home, &component("scim"), &[]);
    assert!(code == 1 && errors.contains("has no contract with test cases"), "{errors}");
}

/// The host refuses the component before a case runs, and the author's own file is named.
#[test]
fn a_component_that_a_host_refuses_is_named() {
    let home = project(RESTORE, RESTORED);
    let file = home.dir.join("mine.wasm");
    fs::write(&file, "no component").unwrap();
    let (code, said, errors) = test(&home, &file, &[]);
    assert_eq!((code, said.as_str()), (1, ""), "{errors}");
    assert!(errors.contains("mine.wasm: "), "{errors}");
}
