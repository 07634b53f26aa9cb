//! Tests of `deed contract`: it explains the requests of a contract, rewrites a contract of format 1 in format 2, and
//! prints the schema for editors.

mod explain;

use std::fs;

use deed_tests::host::{expect, run};
use deed_tests::services::workspace;
use serde_json::Value;

fn file(name: &str) -> String {
    workspace().join("contracts").join(name).to_str().unwrap().to_owned()
}

/// Exit code, stdout and stderr.
fn deed(args: &[&str]) -> (i32, String, String) {
    let output = run(args, "").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_contract_of_format_1_is_rewritten_with_the_same_requests() {
    let old = file("idp/suspend_user.toml");
    let new = expect(&["contract", "upgrade", &old]).unwrap();
    let copy = std::env::temp_dir().join(format!("deed-upgrade-{}.toml", std::process::id()));
    fs::write(&copy, &new).unwrap();
    let copy = copy.to_str().unwrap();
    let requests = |file: &str| {
        let id = "user_id=0123456789abcdef0123456789abcdef";
        let text = expect(&["contract", "explain", file, "--param", id, "--json"]).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        (report["observe"].clone(), report["perform"].clone())
    };
    assert_eq!(requests(&old), requests(copy));
    let (code, _, errors) = deed(&["contract", "upgrade", copy]);
    assert!(code == 1 && errors.contains("has format 2 already"), "{errors}");
    fs::copy(&old, copy).unwrap();
    let (code, said, errors) = deed(&["contract", "upgrade", "--write", copy]);
    assert!(code == 0 && said.is_empty() && errors.contains("run `deed pin`"), "{errors}");
    assert_eq!(fs::read_to_string(copy).unwrap(), new);
    fs::remove_file(copy).unwrap();
}

/// In format 1, a table with `any` and `name` is literal. In format 2, the adapter would compute the value.
#[test]
fn a_contract_does_not_become_open_by_an_upgrade() {
    let text = fs::read_to_string(file("idp/suspend_user.toml")).unwrap();
    let literal =
        text.replace("value = false", "value = { any = { type = \"string\" }, name = \"x\" }");
    assert_ne!(literal, text);
    let copy = std::env::temp_dir().join(format!("deed-open-{}.toml", std::process::id()));
    fs::write(&copy, &literal).unwrap();
    let (code, said, errors) = deed(&["contract", "upgrade", copy.to_str().unwrap()]);
    assert!(code == 1 && said.is_empty(), "{said} {errors}");
    assert!(errors.contains("as a value that the adapter computes"), "{errors}");
    fs::remove_file(copy).unwrap();
}

#[test]
fn the_schema_for_editors_is_the_committed_one() {
    let text = fs::read_to_string(workspace().join("docs/contract.schema.json")).unwrap();
    let printed = expect(&["contract", "schema"]).unwrap();
    assert!(printed == text, "docs/contract.schema.json is not what `deed contract schema` prints");
    let schema: Value = serde_json::from_str(&text).unwrap();
    for key in ["format", "action", "params", "state", "observe", "perform", "verify", "limits"] {
        assert!(schema["properties"][key].is_object(), "no `{key}`");
    }
    assert_eq!(schema["additionalProperties"], false);
}

/// The files `*.cases.toml` in `contracts/`, without those of policies.
fn case_files() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["aws-iam", "idp", "scim", "stripe"] {
        for entry in fs::read_dir(workspace().join("contracts").join(folder)).unwrap() {
            let path = entry.unwrap().path().to_str().unwrap().to_owned();
            let start =
                path.strip_suffix(".cases.toml").filter(|start| !start.ends_with("/policy"));
            found.extend(start.map(|start| format!("{start}.toml")));
        }
    }
    found
}

#[test]
fn the_test_cases_of_the_contracts_hold() {
    let files = case_files();
    assert!(files.len() >= 2, "{files:?}");
    for contract in files {
        let (code, said, errors) = deed(&["contract", "test", &contract]);
        assert_eq!((code, errors.as_str()), (0, ""), "{contract}: {said}");
        assert!(said.ends_with("cases, 0 differ\n"), "{said}");
    }
}

/// A wrong expectation, and cases that cannot be tested.
#[test]
fn a_test_case_that_differs_is_reported_with_its_line() {
    let dir = std::env::temp_dir().join(format!("deed-contract-test-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let cases = fs::read_to_string(file("scim/create_user.cases.toml")).unwrap();
    let (contract, path) = (file("scim/create_user.toml"), dir.join("x.cases.toml"));
    let tried = |old: &str, new: &str| {
        assert!(cases.contains(old), "{old}");
        fs::write(&path, cases.replacen(old, new, 1)).unwrap();
        deed(&["contract", "test", &contract, "--cases", path.to_str().unwrap()])
    };
    let (code, said, _) = tried("want   = \"verified\"", "want   = \"mismatch\"");
    assert_eq!(code, 1, "{said}");
    assert!(said.starts_with("differs  a new user is created: verified"), "{said}");
    assert!(said.contains("x.cases.toml:4: want = \"mismatch\"\n"), "{said}");
    assert!(said.ends_with("5 cases, 1 differ\n"), "{said}");
    for (old, new, why) in [
        ("GET /Users?count=1", "GET /Users?count=2", "no rule of the contract has the request"),
        ("user_name = \"zoe@example.com\"", "user_name = \"a b\"", "do not fit the contract"),
        ("user_name = \"zoe@example.com\"", "user_name = 12.5", "`/user_name` of `params` is 12.5"),
        ("user_name = \"zoe@example.com\"", "user_name = 1e1", "or a string, write `\"10.0\"`"),
        (
            "user_name = \"zoe@example.com\"",
            "user_name = [9007199254740992]",
            "`/user_name/0` of `params` is 9007199254740992",
        ),
        ("status = 200", "stat = 200", "unknown field `stat`"),
        ("want   = \"verified\"", "want   = \"right\"", "unknown variant `right`"),
        ("format = 1", "format = 2", "use `format = 1`"),
        ("body = {", "body_json = '{', body = {", "keep one"),
    ] {
        let (code, said, errors) = tried(old, new);
        assert!(code == 1 && errors.contains(why), "{why}: {said}{errors}");
        assert!(errors.contains("x.cases.toml:"), "{errors}");
    }
    let adapter = file("idp/suspend_user.toml");
    fs::write(&path, "format = 1\n[[case]]\nname = \"x\"\nparams = {}\nwant = \"verified\"\n")
        .unwrap();
    let args = ["contract", "test", &adapter, "--cases", path.to_str().unwrap()];
    let (code, _, errors) = deed(&args);
    assert!(code == 1 && errors.contains("is read by an adapter"), "{errors}");
    fs::remove_dir_all(dir).unwrap();
}
