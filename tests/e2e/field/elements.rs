//! Systems that cannot be searched: the state is the element of a list that has the values of the action.

use deed_record::contract::Contract;
use deed_test_support::shared::{ended, look};
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, served, tried};

const TABLES: &str = r#"
[state.note]
from = "GET /notes"
only = "/items"
required = ["id", "text"]
properties.id = { type = "integer" }
properties.text = { type = "string" }
[[observe.http]]
upstream = "field"
request  = "GET /notes"
where    = { "/by/action" = "{action.id}", "/kind" = 7, "/about" = "{id}" }
complete = true
control  = "GET /me"
[[observe.http]]
upstream = "field"
request  = "GET /me"
[[perform.http]]
upstream = "field"
request  = "POST /notes"
body     = { by = { action = "{action.id}" }, kind = 7, about = "{id}", text = "x" }
[verify]
before     = ["pre.note == null"]
after      = ["post.note != null && post.note.text == 'x'"]
may_change = ["/note"]
settle     = "0s"
[limits]
attempts = 3
backoff  = "50ms"
"#;

/// A list of notes that begins with these, and to which a write adds one. `change` may change a note before it is added;
/// the first `lost` writes get no answer.
fn notes(first: &Value, lost: usize, change: impl Fn(&mut Value) + Send + 'static) -> Upstream {
    let mut items = first.as_array().unwrap().clone();
    let mut writes = 0;
    Upstream::start(move |request| {
        if request.method == "POST" {
            let mut note = request.json();
            note["id"] = json!(items.len());
            change(&mut note);
            items.push(note);
            writes += 1;
            return if writes <= lost { Reply::empty(0) } else { Reply::json(200, json!({})) };
        }
        Reply::json(200, json!({ "items": items }))
    })
}

/// Notes that differ from the one that the action creates in one value each.
fn others() -> Value {
    json!([
        {"id": 90, "text": "x", "by": {"action": "act_other"}, "kind": 7, "about": "a1"},
        {"id": 91, "text": "x", "by": null, "kind": 7, "about": "a1"},
        {"id": 92, "text": "x"},
        "no object",
    ])
}

#[test]
fn an_element_is_found_among_others() {
    let upstream = notes(&others(), 0, |_| ());
    let world = served(&upstream, &contract("create", TABLES), "");
    let view = tried(&world);
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(look(&world, &view, "pre")["state"]["note"], Value::Null);
    assert_eq!(look(&world, &view, "post")["state"]["note"], json!({"id": 4, "text": "x"}));
}

#[test]
fn an_element_is_found_again_after_a_lost_answer() {
    let upstream = notes(&others(), 3, |_| ());
    let world = served(&upstream, &contract("create", TABLES), "");
    ended(&world, &tried(&world), "verified", "every expectation holds");
    assert_eq!(upstream.writes().len(), 1);
}

/// A change of the note that is created, and the outcome that follows.
type Change = (fn(&mut Value), &'static str, &'static str);

/// A missing member has no value, and a value of another type cannot be compared.
#[test]
fn an_element_with_other_values_is_not_the_one() {
    let other = "has a value of another type than in `where`";
    let changes: [Change; 5] = [
        (|note| note["kind"] = json!("7"), "indeterminate", other),
        (|note| note["kind"] = json!(7.5), "indeterminate", other),
        (|note| note["by"]["action"] = json!([note["by"]["action"]]), "indeterminate", other),
        (|note| note["about"] = json!("a1 "), "mismatch", "nothing changed"),
        (|note| note["by"] = json!([]), "mismatch", "nothing changed"),
    ];
    for (change, outcome, why) in changes {
        let upstream = notes(&others(), 0, change);
        let world = served(&upstream, &contract("create", TABLES), "");
        ended(&world, &tried(&world), outcome, why);
    }
}

#[test]
fn two_elements_with_the_values_are_not_a_state() {
    let mut items = vec![];
    let upstream = Upstream::start(move |request| {
        if request.method == "POST" {
            let mut note = request.json();
            note["id"] = json!(1);
            items = vec![note.clone(), note];
            return Reply::json(200, json!({}));
        }
        Reply::json(200, json!({ "items": items }))
    });
    let world = served(&upstream, &contract("create", TABLES), "");
    let why = "has 2 elements with the values of `where` at `/items`";
    ended(&world, &tried(&world), "indeterminate", why);
}

#[test]
fn a_selection_that_has_no_effect_is_refused() {
    let text = contract("create", TABLES);
    let selection = "{ \"/by/action\" = \"{action.id}\", \"/kind\" = 7, \"/about\" = \"{id}\" }";
    for (new, why) in [
        ("{ \"by\" = \"{id}\" }", "is not a JSON pointer"),
        ("{ \"/a~2b\" = \"{id}\" }", "is not a JSON pointer"),
        ("{ \"/by\" = \"x-{id}\" }", "must be a whole placeholder"),
        ("{ \"/by\" = \"{note?}\" }", "can only be a whole value of a body"),
        ("{ \"/by\" = \"{other}\" }", "is not bound"),
        ("{ \"/by\" = \"{pre.note.text}\" }", "can only be a whole value"),
        ("{ \"/by\" = [1] }", "must be a text, an integer or a boolean"),
        ("{ \"/by\" = 1.5 }", "is a floating-point number"),
    ] {
        let refused = Contract::from_toml("c.toml", &text.replace(selection, new));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(why), "{new}: {refused}");
    }
    let without = text.replace("only = \"/items\"\n", "").replace("control  = \"GET /me\"\n", "");
    let note = "properties.note = { type = \"string\" }";
    let about = |kind: &str| {
        text.replace(note, &format!("properties.note = {kind}"))
            .replace("required = [\"id\"]", "required = [\"id\", \"note\"]")
            .replace("\"/about\" = \"{id}\"", "\"/about\" = \"{note}\"")
    };
    let xml = text.replace("complete = true", "complete = true\ncodec.response = \"xml\"");
    let write = text.replace(
        "request  = \"POST /notes\"",
        "request  = \"POST /notes\"\nwhere = { \"/a\" = 1 }",
    );
    let private = text
        .replace(
            "properties.note = { type = \"string\" }",
            "properties.note = { type = \"string\", private = true }",
        )
        .replace("required = [\"id\"]", "required = [\"id\", \"note\"]")
        .replace("\"/about\" = \"{id}\"", "\"/about\" = \"{note}\"");
    for (text, why) in [
        (without, "selects an element of the list"),
        (write, "`where` is for [[observe.http]]"),
        (private, "that is not private"),
        (about("{ type = \"decimal\" }"), "a string, an integer or a boolean"),
        (
            about("{ type = \"array\", items = { type = \"string\" } }"),
            "a string, an integer or a boolean",
        ),
        (xml, "because the answer has only texts"),
        (text.replace("complete = true\n", ""), "a further page would count as absent"),
        (text.replace(&format!("where    = {selection}\n"), ""), "add `where`"),
    ] {
        let refused = Contract::from_toml("c.toml", &text).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}
