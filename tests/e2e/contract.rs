//! Tests of `deed contract`: it explains the requests of a contract, rewrites a contract of format 1 in format 2, and
//! prints the schema for editors.

use std::fs;

use deed_tests::host::{expect, run};
use deed_tests::services::workspace;
use serde_json::{Value, json};

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
fn a_contract_is_explained_with_its_exact_requests_and_the_origin_of_each_value() {
    let create = file("scim/create_user.toml");
    let args = ["contract", "explain", &create, "--param", "user_name=zoe@example.com"];
    let (code, said, errors) = deed(&args);
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    for line in [
        "resource  idp/users/zoe%40example.com",
        "  idp GET /Users?filter=userName%20eq%20%22zoe%40example.com%22",
        "  idp POST /Users",
        "    content-type: application/scim+json",
        "    a status of [201] proves that this write created the state",
        "    {action.id} in the body: id of the action, here an example",
        "    {user_name} in the query: parameter",
        "  pre.user == null",
    ] {
        assert!(said.contains(&format!("{line}\n")), "no `{line}`: {said}");
    }
    let report: Value =
        serde_json::from_str(&expect(&[&args[..], &["--json"]].concat()).unwrap()).unwrap();
    let body = &report["perform"][0]["rendered"]["body"];
    assert_eq!(body["userName"], "zoe@example.com");
    assert_eq!(body.get("displayName"), None, "{body}");
    assert_eq!(
        report["states"],
        json!([{
            "name": "user",
            "from": "GET /Users?filter=userName eq \"{user_name}\"",
            "may_be_absent": true
        }])
    );
}

#[test]
fn what_cannot_be_explained_says_what_is_missing() {
    let create = file("scim/create_user.toml");
    for (params, why) in [
        (vec![], "add --param user_name=VALUE"),
        (vec!["--param", "user_name=a b"], "does not match the pattern"),
        (vec!["--param", "user_name=a", "--param", "other=1"], "other"),
        (vec!["--param", "user_name"], "NAME=VALUE"),
    ] {
        let (code, said, errors) = deed(&[&["contract", "explain", &create][..], &params].concat());
        assert!(code != 0 && said.is_empty() && errors.contains(why), "no `{why}`: {errors}");
    }
    let (code, _, errors) = deed(&["contract", "explain", "no-such.toml"]);
    assert!(code == 1 && errors.contains("`no-such.toml`"), "{errors}");
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

/// The values of private parameters are shown to the person who typed them, so that the requests are exact.
#[test]
fn a_contract_with_a_private_parameter_is_explained() {
    let (create, hash) = (file("rabbitmq/create_user.toml"), "a".repeat(48));
    let (hash, tags) = (format!("password_hash={hash}"), "tags=[\"monitoring\"]");
    let args = ["contract", "explain", &create, "--param", "user=ann", "--param", &hash];
    let (code, said, errors) = deed(&[&args[..], &["--param", tags]].concat());
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    assert!(said.contains(&format!("\"password_hash\": \"{}\"", "a".repeat(48))), "{said}");
    let (code, said, errors) = deed(&[&args[..6], &["password_hash=x", "--param", tags]].concat());
    assert!(code != 0 && errors.contains("password_hash"), "{said}{errors}");
}

/// The files `*.cases.toml` in `contracts/`, without those of policies.
fn case_files() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["scim", "stripe"] {
        for entry in fs::read_dir(workspace().join("contracts").join(folder)).unwrap() {
            let path = entry.unwrap().path().to_str().unwrap().to_owned();
            found.extend(path.strip_suffix(".cases.toml").map(|start| format!("{start}.toml")));
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

/// Notes on values of answers, on the element of a list, and on what an observation after the write may use.
#[test]
fn an_explanation_says_how_requests_depend_on_answers() {
    let enroll = workspace().join("tests/support/src/enroll_user.toml");
    let args = ["contract", "explain", enroll.to_str().unwrap(), "--param", "user_name=zoe"];
    let (code, said, errors) = deed(&args);
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    for line in [
        "  idp GET /Users/{answer.create.id}",
        "    {answer.create.id} in the path: value of the answer to a write, known afterwards",
        "    only the element with /userName = \"zoe\"",
        "    observations afterwards may use its answer as `create`",
        "open while",
        "  post.user == null",
        "  user = post.user.id",
    ] {
        assert!(said.contains(&format!("{line}\n")), "no `{line}`: {said}");
    }
}
