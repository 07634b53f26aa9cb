//! The members of a body that the author chooses with `--member`.

use super::*;

fn chosen(text: &str, members: &[&str]) -> Result<Draft, OpenApiError> {
    let members: Vec<String> = members.iter().map(|name| (*name).to_owned()).collect();
    let choice =
        Choice { name: "desk.act", operation: "write", look: None, members: members.as_slice() };
    draft(&document(text), choice)
}

/// An object of which some members are always there, and a body with the same members, all optional.
fn document_of(method: &str, required: &[&str]) -> String {
    let properties = json!({
        "id": {"type": "integer"}, "name": {"type": "string"}, "owner": {"type": "string"},
        "size": {"type": "integer"}, "price": {"type": "number"}, "note": {"type": "string"},
    });
    let object = json!({"type": "object", "required": required, "properties": properties});
    let mut body = properties;
    body.as_object_mut().unwrap().remove("id");
    one_object(&object, method, &write(&[], &body))
}

#[test]
fn a_put_sends_other_members_as_the_look_read_them() {
    let text = document_of("put", &["id", "name", "owner", "size", "price"]);
    let draft = chosen(&text, &["name"]).unwrap();
    let put = contract(&draft);
    assert_eq!(put.params.required, ["id", "name"]);
    assert_eq!(put.params.properties.len(), 2, "{}", draft.text);
    let sent = put.perform.http[0].body.as_ref().unwrap();
    assert_eq!(sent["name"], json!("{name}"));
    assert_eq!(sent["owner"], json!("{pre.t.owner}"));
    assert_eq!(sent["size"], json!("{pre.t.size}"));
    // A decimal cannot be sent back, and neither can a member that may be absent.
    assert!(sent.get("price").is_none() && sent.get("note").is_none(), "{}", draft.text);
    assert!(draft.text.contains("#? Has the answer to the read an entity tag?"), "{}", draft.text);
    let asked = "#? What does the upstream do with members that a PUT leaves out?";
    let line = draft.text.lines().find(|line| line.starts_with(asked)).unwrap();
    assert!(line.contains("`price`") && line.contains("`note`") && !line.contains("`owner`"));
    // Only the chosen member may change.
    assert_eq!(put.verify.may_change, ["/t/name"], "{}", draft.text);
}

#[test]
fn another_write_leaves_out_optional_members_that_were_not_chosen() {
    for method in ["patch", "post"] {
        let draft = chosen(&document_of(method, &["id", "name"]), &["name", "note"]).unwrap();
        let sent = contract(&draft).perform.http[0].body.clone().unwrap();
        let names: Vec<&String> = sent.as_object().unwrap().keys().collect();
        assert_eq!(names, ["name", "note"], "{method}: {}", draft.text);
        let line = draft.text.lines().find(|line| line.contains("that are not sent: ")).unwrap();
        assert!(line.contains("`owner`"), "{line}");
    }
}

#[test]
fn the_only_chosen_member_of_a_change_is_required() {
    for method in ["patch", "post"] {
        let draft = chosen(&document_of(method, &["id", "name"]), &["name"]).unwrap();
        let change = contract(&draft);
        assert_eq!(change.params.required, ["id", "name"], "{method}: {}", draft.text);
        assert_eq!(change.perform.http[0].body, Some(json!({"name": "{name}"})));
        let after: Vec<&str> = change.verify.after.iter().map(Expression::source).collect();
        assert_eq!(after, ["post.t.name == params.name"], "{}", draft.text);
        assert!(change.verify.before.is_empty(), "{}", draft.text);
        let two = contract(&chosen(&document_of(method, &["id"]), &["name", "note"]).unwrap());
        assert_eq!(two.params.required, ["id"], "{method}");
    }
}

#[test]
fn a_member_that_the_document_requires_stays() {
    let body = json!({"name": {"type": "string"}, "kind": {"type": "string"}});
    let object = json!({"type": "object", "properties": {"id": {"type": "integer"}}});
    let draft = chosen(&one_object(&object, "patch", &write(&["kind"], &body)), &["name"]).unwrap();
    let params = contract(&draft).params;
    assert!(params.properties.contains_key("kind") && params.properties.contains_key("name"));
}

#[test]
fn a_member_that_is_not_sent_cannot_be_chosen() {
    let text = document_of("patch", &["id"]);
    for name in ["id", "none", "\u{1b}[2J", ""] {
        let error = chosen(&text, &["name", name]).unwrap_err().to_string();
        assert!(error.contains("--member") && error.contains("`owner`"), "{error}");
        assert!(!error.contains('\u{1b}'), "{error}");
    }
    let choice =
        Choice { name: "desk.read", operation: "read", look: None, members: &["name".to_owned()] };
    let error = draft(&document(&text), choice).unwrap_err().to_string();
    assert!(error.contains("leave out `--member`"), "{error}");
}

#[test]
fn a_large_draft_says_how_to_make_it_smaller() {
    let names: Vec<String> = (0..9).map(|n| format!("m{n}")).collect();
    let all: serde_json::Map<String, Value> =
        names.iter().map(|name| (name.clone(), json!({"type": "string"}))).collect();
    let object = json!({"type": "object", "properties": all});
    let text = one_object(&object, "put", &write(&[], &json!(all)));
    let large = drafted(&text, "write").unwrap();
    assert!(large.text.contains("9 members of the body are parameters"), "{}", large.text);
    let small = chosen(&text, &["m3"]).unwrap();
    assert!(!small.text.contains("are parameters. `--member NAME`"), "{}", small.text);
    assert_eq!(contract(&small).params.properties.len(), 2, "{}", small.text);
    assert_eq!(contract(&small).verify.after.len(), 1, "{}", small.text);
}

#[test]
fn members_of_the_answer_that_are_not_declared_are_named() {
    let object = json!({"type": "object", "required": ["id"], "properties": {
        "id": {"type": "integer"}, "name": {"type": "string"}, "html_url": {"type": "string"},
        "self\u{1b}[2J_url": {"type": "string"},
    }});
    let body = json!({"name": {"type": "string"}});
    let draft = drafted(&one_object(&object, "patch", &write(&[], &body)), "write").unwrap();
    assert!(draft.text.contains("that are not declared: `html_url`"), "{}", draft.text);
    assert!(!draft.text.contains('\u{1b}'), "{}", draft.text);
}
