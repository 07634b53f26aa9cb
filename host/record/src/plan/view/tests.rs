use serde_json::json;

use super::*;
use crate::fixtures::{CONTRACT, contract, request};
use crate::plan::Planned;

const CLOSED_BODY: &str = r#"body = { op = "replace", value = true }"#;

/// One write with a part, and up to three writes with another part.
const OPEN: &str = r#"body = { quota = { any = { properties = { amount = { type = "decimal" }, note = { type = "string", nullable = true } } }, name = "quota" } }
[[perform.http]]
upstream = "idp"
request = "POST /Users/{user_id}/notes"
calls = 3
body = { text = { any = { type = "string", maxLength = 80 }, name = "notes" } }"#;

fn open() -> Contract {
    let text = CONTRACT.replace("format = 1", "format = 2").replace(CLOSED_BODY, OPEN);
    Contract::from_toml("c.toml", &text).unwrap()
}

/// A planned write with one part.
fn planned(method: &str, rule: u32, member: &str, (part, value): (&str, Value)) -> Planned {
    let mut request = request(method, "/Users/1");
    request.any = [(format!("/{member}"), part.to_owned())].into();
    request.body = Some(json!({ member: value }));
    Planned { rule, request }
}

fn note(text: &str) -> Planned {
    planned("POST", 1, "text", ("notes", json!(text)))
}

#[test]
fn a_closed_contract_has_no_computed_parts() {
    assert_eq!(contract("observable", "").computed(), None);
}

#[test]
fn an_open_contract_names_its_parts_with_their_schemas() {
    let computed = open().computed().unwrap();
    let names: Vec<&str> = computed.keys().map(String::as_str).collect();
    assert_eq!(names, ["notes", "quota"]);
    assert!(computed["notes"].is_repeated && !computed["quota"].is_repeated);
    assert_eq!(computed["notes"].schema.max_length, Some(80));
}

#[test]
fn policies_see_each_value_once_in_the_order_of_the_plan() {
    let quota = planned("PATCH", 0, "quota", ("quota", json!({"amount": "10.50", "note": null})));
    let plan = Plan { writes: vec![quota, note("b"), note("a"), note("b")] };
    let expected = json!({
        "sha256": plan.digest().unwrap(),
        "count": 4,
        "methods": ["PATCH", "POST"],
        "any": {
            "quota": {"amount": {"__extn": {"fn": "decimal", "arg": "10.5"}}, "note": null},
            "notes": ["b", "a"],
        },
    });
    assert_eq!(open().policy_plan(&plan), expected);
}

#[test]
fn a_part_of_a_write_that_is_not_planned_is_absent() {
    let plan = Plan { writes: vec![note("a")] };
    assert_eq!(open().policy_plan(&plan)["any"], json!({"notes": ["a"]}));
    let empty = open().policy_plan(&Plan::default());
    assert_eq!((&empty["count"], &empty["any"]), (&json!(0), &json!({})));
}

#[test]
fn values_of_undeclared_parts_and_nulls_are_left_out() {
    let plan = Plan {
        writes: vec![
            planned("PATCH", 0, "quota", ("other", json!("x"))),
            planned("PATCH", 0, "quota", ("quota", Value::Null)),
        ],
    };
    assert_eq!(open().policy_plan(&plan)["any"], json!({}));
}
