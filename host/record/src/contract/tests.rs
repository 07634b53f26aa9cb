use serde_json::json;

use super::*;
use crate::exchange::codec::Outgoing;
use crate::fixtures::CONTRACT as GOOD;

fn fault(from: &str, to: &str) -> ContractError {
    assert!(GOOD.contains(from), "{from}");
    Contract::from_toml("c.toml", &GOOD.replace(from, to)).unwrap_err()
}

#[test]
fn parses_and_survives_its_own_json() {
    let contract = Contract::from_toml("c.toml", GOOD).unwrap();
    let json = json::parse(&contract.canonical().unwrap()).unwrap();
    let again = Contract::from_json(json).unwrap();
    assert_eq!(again.digest().unwrap(), contract.digest().unwrap());
    assert_eq!(contract.volatile(), ["/user/meta"]);
}

#[test]
fn a_state_is_kept_and_missed_as_by_its_schema() {
    let contract = Contract::from_toml("c.toml", GOOD).unwrap();
    let shape = &contract.state["user"];
    let schema = shape.schema();
    for value in [
        json!({"id": "1", "active": true, "other": 1, "meta": {"version": null, "x": []}}),
        json!({"active": null, "meta": {}}),
        json!({"active": "yes"}),
        json!({"id": null}),
        json!({}),
        json!([{"id": "1"}]),
        json!("id"),
        json!(null),
    ] {
        assert_eq!(shape.project(&value), schema.project(&value), "{value}");
        assert_eq!(shape.missing(&value), schema.missing(&value), "{value}");
    }
    assert_eq!(shape.missing(&json!({})), ["/id"]);
    assert!(shape.project(&json!("id")).is_err());
}

#[test]
fn faults_name_the_line_and_the_remedy() {
    let cases = [
        ("title = \"Restore\"", "titel = \"Restore\"", 6, "titel"),
        ("verb = \"update\"", "verb = \"change\"", 7, "change"),
        (
            "request = \"GET /Users/{user_id}\"",
            "request = \"GET /Users/{uid}\"",
            21,
            "properties.uid",
        ),
        ("!pre.user.active\"]", "!pre.user.locked\"]", 27, "locked"),
        ("has(pre.user.active) && !pre.user.active", "has(pre.user.id)", 27, "is always true"),
        ("[\"/user/active\"]", "[\"/user/aktive\"]", 29, "/user/aktive"),
        ("[\"/meta\"]", "[\"/mete\"]", 17, "/user/mete"),
        ("required = [\"user_id\"]", "required = []", 10, "required"),
        ("request = \"GET /", "request = \"POST /", 21, "observe"),
        ("after = [", "after = [] #", 0, "after"),
        ("value = true", "value = 1.5", 25, "1.5"),
        ("value = true }", "value = {} }\ncodec.request = \"form\"", 24, "lists and tables need"),
        ("value = true }", "value = true }\ncodec.lists = [\"a/b\"]", 24, "codec.lists"),
        ("value = true }", "value = true }\ncodec.response = \"yaml\"", 26, "yaml"),
    ];
    for (from, to, line, word) in cases {
        let error = fault(from, to);
        assert!(error.to_string().contains(word), "{error}");
        assert!(line == 0 || error.line == line, "{error}: wanted line {line}");
    }
}

#[test]
fn a_contract_that_was_accepted_once_can_be_read_back() {
    let contract = Contract::from_toml("c.toml", GOOD).unwrap();
    let text = String::from_utf8(contract.canonical().unwrap()).unwrap();
    let older = text.replace("has(pre.user.active) && !pre.user.active", "has(pre.user.id)");
    assert_ne!(text, older);
    Contract::from_json(json::parse(older.as_bytes()).unwrap()).unwrap();
}

#[test]
fn a_form_takes_scalar_parameters_only() {
    let form = "value = \"{user_id}\" }\ncodec.request = \"form\"";
    let text = GOOD.replace("value = true }", form);
    assert_eq!(
        Contract::from_toml("c.toml", &text).unwrap().perform.http[0].codec.request,
        Outgoing::Form
    );
    let list = text.replace(
        "[state.user]",
        "properties.ids = { type = \"array\", items = { type = \"string\" } }\n[state.user]",
    );
    let error = Contract::from_toml("c.toml", &list.replace("\"{user_id}\" }", "\"{ids}\" }"));
    assert!(error.unwrap_err().to_string().contains("a form can contain nothing else"));
}

#[test]
fn a_limit_that_is_not_given_has_its_default() {
    let of = |table: &str| {
        let text = format!("{GOOD}{table}\n");
        Contract::from_toml("c.toml", &text).unwrap()
    };
    let whole = of("");
    // A contract that states only a timeout keeps the digest and bytes that it had before the other limits existed.
    let bytes = String::from_utf8(whole.canonical().unwrap()).unwrap();
    assert!(bytes.contains(r#""limits":{"timeout":"30s"}"#), "{bytes}");
    for table in ["[limits]", "[limits]\ntimeout = \"30s\"", "[limits]\nattempts = 1"] {
        assert_eq!(of(table).digest().unwrap(), whole.digest().unwrap(), "{table}");
    }
    let default = Limits::default();
    for (table, wanted) in [
        ("attempts = 3", Limits { attempts: 3, ..default.clone() }),
        ("backoff = \"2s\"", Limits { backoff: Duration::from_millis(2_000), ..default.clone() }),
        ("observe = \"2m\"", Limits { observe: Duration::from_millis(120_000), ..default.clone() }),
        ("total = \"2m\"", Limits { total: Duration::from_millis(120_000), ..default.clone() }),
        ("queue = \"1s\"", Limits { queue: Duration::from_millis(1_000), ..default.clone() }),
    ] {
        assert_eq!(of(&format!("[limits]\n{table}")).limits, wanted, "{table}");
    }
}

#[test]
fn a_value_that_json_does_not_have_is_refused_at_its_line() {
    let param = "pattern = \"^[0-9a-f]{32}$\" }";
    let wider =
        |schema: &str| format!("{param}\nproperties.due = {{ type = \"string\", {schema} }}");
    let cases = [
        (
            "value = true }",
            "due = 2025-01-31 }".to_owned(),
            25,
            "write it as text: `\"2025-01-31\"`",
        ),
        (
            "value = true }",
            "due = [{ at = 07:30:00 }] }".to_owned(),
            25,
            "`07:30:00` is a TOML date",
        ),
        ("value = true }", "due = -inf }".to_owned(), 25, "`-inf` is not a number"),
        ("value = true }", "due = nan }".to_owned(), 25, "`nan` is not a number"),
        ("value = true }", "rate = 1.50 }".to_owned(), 25, "write it as text: `\"1.50\"`"),
        ("value = true }", "rate = 1e3 }".to_owned(), 25, "`1e3` is a floating-point number"),
        (param, wider("minimum = 1.0"), 15, "`1.0` is a floating-point number"),
        (param, wider("const = 2025-01-31T07:30:00Z"), 15, "`2025-01-31T07:30:00Z`"),
        (param, wider("enum = [\"a\", 2025-01-31]"), 15, "`2025-01-31`"),
        ("version = \"1.0.0\"", "version = 2025-01-31".to_owned(), 5, "write it as text"),
        // The error names the date that comes first in the file, not the one whose key sorts first.
        ("value = true }", "z = 2025-01-31, a = 2026-01-31 }".to_owned(), 25, "`2025-01-31`"),
    ];
    for (from, to, line, words) in cases {
        let error = fault(from, &to);
        assert_eq!(error.line, line, "{to}: {error}");
        assert!(error.what.contains(words), "{to}: {error}");
    }
}

mod depends;
mod pages;
mod two;
