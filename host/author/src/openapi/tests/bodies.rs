//! No part of a body or a request is left out without a word.

use super::*;

fn object() -> Value {
    json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}})
}

/// The draft of a PATCH with this schema of the body, in this media type.
fn patched(media: &str, schema: &Value) -> Result<Draft, OpenApiError> {
    let body = json!({"required": true, "content": {media: {"schema": schema}}});
    let answers = json!({"200": {"description": "ok"}});
    let write = json!({"operationId": "write", "requestBody": body, "responses": answers});
    drafted(&one_object(&object(), "patch", &write), "write")
}

#[test]
fn members_that_are_not_sent_are_named() {
    let mut properties = serde_json::Map::new();
    for n in 0..42 {
        properties.insert(format!("m{n:02}"), json!({"type": "string"}));
    }
    properties.insert("z".to_owned(), json!({"type": "object"}));
    let schema = json!({"type": "object", "properties": properties});
    let draft = patched("application/json", &schema).unwrap();
    let comment = "# Members of the document that are not sent: `m40`, `m41`, `z`.\n[perform";
    assert!(draft.text.contains(comment), "{}", draft.text);
}

#[test]
fn what_an_object_leaves_out_is_named() {
    let inner = json!({"a": {"type": "string", "pattern": "(?=a)"}, "b": {"type": "number"}});
    let schema = json!({"type": "object", "required": ["x"], "properties": {
        "name": {"type": "string"}, "x": {"type": "object", "properties": inner},
    }});
    let draft = patched("application/json", &schema).unwrap();
    for comment in [
        "# The document bounds `x` by `pattern`, which is not enforced here.\n",
        "# These members of `x` cannot be sent: `b`.\nproperties.x = ",
    ] {
        assert!(draft.text.contains(comment), "{}", draft.text);
    }
}

#[test]
fn variants_beside_members_are_asked_about() {
    let variant =
        |name: &str| json!({"required": [name], "properties": {name: {"type": "string"}}});
    let schema = json!({
        "type": "object", "properties": {"name": {"type": "string"}}, "oneOf": [variant("b"), variant("c")],
    });
    let draft = patched("application/json", &schema).unwrap();
    assert!(draft.text.contains("#? The document also describes the body"), "{}", draft.text);
}

#[test]
fn an_optional_body_that_is_not_sent_is_asked_about() {
    for content in [
        json!({"multipart/form-data": {"schema": {"type": "object"}}}),
        json!({"application/json": {"schema": {"type": "object"}}}),
    ] {
        let write =
            json!({"operationId": "write", "requestBody": {"content": content}, "responses": {}});
        let draft = drafted(&one_object(&object(), "patch", &write), "write").unwrap();
        assert!(draft.text.contains("#? The body is optional"), "{}", draft.text);
    }
}

#[test]
fn what_cannot_be_sent_is_refused_with_its_reason() {
    let form = "application/x-www-form-urlencoded";
    let named = |name: &str| json!({"type": "object", "required": [name], "properties": {name: {"type": "string"}}});
    for (media, schema, why) in [
        (form, named("x[0]"), "no member of a contract can have this name"),
        ("application/*+json", named("name"), "takes only `application/*+json`"),
        (
            "application/json",
            json!({"type": "object", "required": ["gone"], "properties": {"name": {"type": "string"}}}),
            "the document does not describe it",
        ),
        (
            "application/json",
            json!({"type": "object"}),
            "does not describe the members of the body",
        ),
        (
            "application/json",
            json!({"type": "object", "properties": {"filters": {"type": "object", "additionalProperties": true}}}),
            "any member of the body, which has `filters`; write the contract by hand",
        ),
    ] {
        let error = patched(media, &schema).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    for media in ["*/*", "application/*", "application/json; charset=utf-8"] {
        let patch = contract(&patched(media, &named("name")).unwrap());
        assert!(patch.perform.http[0].headers.is_empty(), "{media}");
    }
}

#[test]
fn styles_of_parameters_that_no_contract_can_write_are_refused() {
    for (parameter, why) in [
        (
            json!({"name": "id", "in": "path", "style": "label", "schema": {"type": "string"}}),
            "the style `label`",
        ),
        (
            json!({"name": "id", "in": "path", "style": "matrix", "schema": {"type": "string"}}),
            "the style `label`",
        ),
        (
            json!({"name": "f", "in": "query", "required": true, "content": {"application/json": {"schema": {"type": "string"}}}}),
            "JSON, which a contract cannot put into a query",
        ),
    ] {
        let mut document: Value =
            serde_json::from_str(&one_object(&object(), "head", &json!({}))).unwrap();
        document["paths"]["/t/{id}"]["parameters"] = json!([parameter]);
        let error = drafted(&document.to_string(), "read").unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_draft_that_is_no_contract_is_refused_with_a_line_of_the_contract() {
    let text = one_object(&object(), "head", &json!({})).replace("/t/{id}", "/t#part");
    let error = drafted(&text, "read").unwrap_err().to_string();
    assert!(error.contains("in the line `") && !error.contains("`# "), "{error}");
}
