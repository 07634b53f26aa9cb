//! Tests of commands that need no host: `deed policy test` and `deed adapter check`. The module also checks that real
//! answers match the OpenAPI document.

mod answers;
mod document;
mod doors;

use std::fs;
use std::path::Path;

use deed_test_support::shared::{declare, scim};
use deed_tests::host;
use deed_tests::services::workspace;
use deed_tests::world::{World, edit, grant_as_it_is};
use serde_json::{Value, json};

/// Exit code, stdout, stderr.
fn deed(args: &[&str]) -> (i32, String, String) {
    let output = host::run(args, "").unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn starter_cases() -> String {
    fs::read_to_string(workspace().join("contracts/policies/starter.cases.toml")).unwrap()
}

/// Writes the policy test cases to a file and runs them for the tenant `acme`.
fn policy_test(world: &World, cases: &str, more: &[&str]) -> (i32, String, String) {
    let file = world.dir.join("cases.toml");
    fs::write(&file, cases).unwrap();
    let args = ["policy", "test", world.path(), file.to_str().unwrap(), "--tenant", "acme"];
    deed(&[&args[..], more].concat())
}

#[test]
fn the_starter_policies_answer_as_their_cases_want() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let cases = starter_cases();
    let (code, said, errors) = policy_test(&world, &cases, &[]);
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    let count = cases.matches("[[case]]").count();
    assert!(said.ends_with(&format!("{count} cases, 0 differ\n")), "{said}");
    for case in cases.lines().filter_map(|line| line.strip_prefix("name ")) {
        let name = case.split('"').nth(1).unwrap();
        assert!(said.contains(&format!("ok       {name}: ")), "no line for `{name}` in\n{said}");
    }
    assert!(said.contains("ask by helpdesk-changes-access + restore-needs-lead"), "{said}");
    assert!(world.proxy.requests().is_empty(), "nothing is looked at");
}

#[test]
fn a_case_that_differs_is_told_with_its_place() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let cases = starter_cases()
        .replace("want        = \"ask\"", "want        = \"allow\"")
        .replace("by       = [\"helpdesk-reads\"]", "by       = [\"somebody-else\"]");
    let (code, said, _) = policy_test(&world, &cases, &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("cases.toml:5: by = somebody-else\n"), "{said}");
    assert!(said.contains("differs  suspending asks as restoring does: ask by"), "{said}");
    let (code, said, _) = policy_test(&world, &cases, &["--json"]);
    let report = parsed(&said);
    assert_eq!((code, &report["differ"]), (1, &json!(3)), "{report:#}");
    let second = &report["cases"][1];
    assert_eq!(second["differences"], json!(["want = allow"]));
    assert_eq!(second["verdict"], "ask");
    assert_eq!(second["obligations"], json!(["approve:1:support-lead"]));
    assert_eq!(second["tenant"], "acme");
    let line = usize::try_from(second["line"].as_u64().unwrap()).unwrap();
    assert_eq!(cases.lines().nth(line - 1), Some("[[case]]"));
}

#[test]
fn a_case_that_could_not_be_is_a_mistake_and_no_answer() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let good = "name = \"x\"\nagent = \"helpdesk\"\ncontract = \"idp.read_user\"\n\
                params = { user_id = \"00000000000000000000000000000042\" }\nwant = \"allow\"\n";
    let with = |from: &str, to: &str| format!("format = 1\n\n[[case]]\n{}", good.replace(from, to));
    assert_eq!(policy_test(&world, &with("", ""), &[]).0, 0);
    let plan = "plan = { count = 1, methods = [\"GET\"] }\n";
    let cases = [
        (with("want", "colour = \"red\"\nwant"), 8, "unknown field `colour`"),
        (with("\"allow\"", "\"maybe\""), 8, "unknown variant `maybe`"),
        (with("\"helpdesk\"", "\"nobody\""), 3, "has no agent `nobody`; its agents are `helpdesk`"),
        (with("idp.read_user", "idp.no_such"), 3, "`idp.no_such` is not granted"),
        (with("\"000", "\"x"), 3, "`params/user_id`"),
        (with("want", "tenant = \"nowhere\"\nwant"), 3, "there is no tenant `nowhere`"),
        (with("want", "approvals = { janitor = 1 }\nwant"), 3, "has the role `janitor`"),
        (with("want", "pre = { user = { active = 1 } }\nwant"), 3, "`pre/user/active`"),
        (with("want", "pre = { group = {} }\nwant"), 3, "`pre/group`"),
        (with("want", &format!("{plan}want")), 3, "`plan` needs `pre`"),
        (with("want", &format!("pre = {{}}\n{plan}want")), 3, "contract `idp.read_user` is closed"),
        (with("", "").replace("format = 1", "format = 7"), 1, "use `format = 1`"),
        ("format = 1\n".to_owned(), 0, "add one"),
    ];
    for (cases, line, fragment) in cases {
        let (code, said, errors) = policy_test(&world, &cases, &[]);
        assert_eq!((code, said.as_str()), (1, ""), "{cases}");
        // An error about the file as a whole has no line number.
        let place =
            if line == 0 { "cases.toml: ".to_owned() } else { format!("cases.toml:{line}: ") };
        assert!(errors.contains(&place), "no `{place}` in {errors}");
        assert!(errors.contains(fragment), "no `{fragment}` in {errors}");
    }
}

/// A contract is open if its plan may omit a write.
#[test]
fn a_case_of_an_open_contract_can_have_a_plan() {
    let change = |dir: &Path| {
        declare(dir)?;
        let (guard, open) = ("guard    = \"etag\"", "guard    = \"etag\"\noptional = true");
        edit(dir, "contracts/scim_replace_user.toml", guard, open)?;
        let forbid = "\n@id(\"no-puts\") forbid (principal, action == Deed::Action::\"scim.replace_user\", resource) \
                      when { context has plan && context.plan.methods.contains(\"PUT\") };\n";
        let text = fs::read_to_string(dir.join("policies/scim.cedar"))?;
        Ok(fs::write(dir.join("policies/scim.cedar"), text + forbid)?)
    };
    let world = World::with(scim(), "scim", change).unwrap();
    let case = |plan: &str, want: &str| {
        format!(
            "format = 1\n[[case]]\nname = \"x\"\nagent = \"helpdesk\"\ncontract = \"scim.replace_user\"\n\
             params = {{ user_id = \"00000000000000000000000000000042\", display_name = \"Zoe\" }}\n\
             pre = {{ user = {{ active = true }} }}\n{plan}\nwant = \"{want}\"\n"
        )
    };
    for (plan, want) in [
        ("", "ask"),
        ("plan = { count = 0, methods = [] }", "ask"),
        ("plan = { count = 1, methods = [\"PUT\"] }", "deny"),
    ] {
        let (code, said, errors) = policy_test(&world, &case(plan, want), &[]);
        assert_eq!((code, errors.as_str()), (0, ""), "{plan}: {said}");
    }
    for (plan, fragment) in [
        ("plan = { count = 1, methods = [\"DELETE\"] }", "`plan/methods` has `DELETE`"),
        ("plan = { count = 1, methods = [], any = { x = 1 } }", "`plan/any` has `x`"),
        ("plan = { count = -1, methods = [] }", "cases.toml:"),
    ] {
        let (code, said, errors) = policy_test(&world, &case(plan, "ask"), &[]);
        assert_eq!((code, said.as_str()), (1, ""), "{plan}");
        assert!(errors.contains(fragment), "no `{fragment}` in {errors}");
    }
}

fn check_adapter(file: &Path) -> (i32, Value) {
    let (code, said, errors) = deed(&["adapter", "check", file.to_str().unwrap(), "--json"]);
    assert_eq!(errors, "");
    (code, parsed(&said))
}

#[test]
fn an_adapter_is_told_by_digest_size_imports_and_exports() {
    let file = workspace().join("target/adapters/scim.wasm");
    let (code, report) = check_adapter(&file);
    let bytes = fs::read(&file).unwrap();
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["digest"], deed_spec::digest::Digest::of(&bytes).to_string());
    assert_eq!((&report["bytes"], &report["refused"]), (&json!(bytes.len()), &Value::Null));
    assert_eq!(report["exports"], json!(["observe", "perform"]));
    let imports = report["imports"].as_array().unwrap();
    assert!(imports.contains(&json!("deed:adapter/http@0.2.0")), "{report:#}");
    let (code, said, _) = deed(&["adapter", "check", file.to_str().unwrap()]);
    assert!(code == 0 && said.contains(": accepted"), "{said}");
    let (code, said, errors) = deed(&["adapter", "check", "no-such.wasm"]);
    assert!(code == 1 && said.is_empty() && errors.contains("`no-such.wasm`: "), "{errors}");
}

#[test]
fn an_adapter_is_refused_in_the_words_of_the_host() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let file = world.dir.join("adapters/scim.wasm");
    let foreign = r#"(component (import "acme:cli/environment@0.2.0" (instance (export "get-arguments" (func)))))"#;
    let cases = [
        (b"#!/bin/sh\n".to_vec(), json!([])),
        (wat::parse_str("(module)").unwrap(), json!([])),
        (wat::parse_str(foreign).unwrap(), json!(["acme:cli/environment@0.2.0"])),
        (wat::parse_str("(component)").unwrap(), json!([])),
    ];
    for (bytes, imports) in cases {
        fs::write(&file, bytes).unwrap();
        grant_as_it_is(&world.dir).unwrap();
        let (code, report) = check_adapter(&file);
        assert_eq!((code, &report["imports"]), (1, &imports), "{report:#}");
        let refused = report["refused"].as_str().unwrap();
        let (_, of_the_host, _) = deed(&["check", world.path()]);
        assert!(of_the_host.contains(refused), "{refused}\n{of_the_host}");
    }
}
