//! Creates at a path that the agent chooses, and creates that another operation reads.

use super::*;

fn object() -> Value {
    let properties = json!({"id": {"type": "integer"}, "name": {"type": "string"}});
    json!({"type": "object", "required": ["id", "name"], "properties": properties})
}

fn answer(schema: &Value) -> Value {
    json!({"description": "ok", "content": {"application/json": {"schema": schema}}})
}

/// Groups that are created at their path by this method, with these answers.
fn groups(method: &str, answers: &Value) -> String {
    let limit = json!({"name": "limit", "in": "query", "schema": {"type": "integer"}});
    let list = answer(&json!({"type": "array", "items": object()}));
    json!({"openapi": "3.0.3", "paths": {
        "/groups": {"get": {"parameters": [limit], "responses": {"200": list}}},
        "/groups/{name}": {
            "get": {"operationId": "read", "responses": {"200": answer(&object())}},
            method: {"operationId": "write", "responses": answers},
        },
    }})
    .to_string()
}

#[test]
fn a_write_to_a_path_that_answers_only_201_creates_the_object_there() {
    for method in ["post", "put"] {
        let draft =
            drafted(&groups(method, &json!({"201": {}, "409": {}, "default": {}})), "write");
        let draft = draft.unwrap();
        let create = contract(&draft);
        assert_eq!((create.action.verb, create.action.effect), (Verb::Create, Effect::Observable));
        assert_eq!(create.action.resource, "desk/groups/{name}");
        assert_eq!(create.observe.http[0].request, "GET /groups/{name}");
        assert_eq!(create.observe.http[0].absent, [404]);
        assert_eq!(create.observe.http[0].control.as_deref(), Some("GET /groups?limit=1"));
        assert_eq!(create.perform.http[0].created, [201]);
        assert_eq!(create.verify.before[0].source(), "pre.group == null");
        assert_eq!(create.verify.after[0].source(), "post.group != null");
        assert!(draft.text.contains("#? Does 201 mean that no object was at"), "{}", draft.text);
    }
}

#[test]
fn a_write_to_a_path_that_has_another_success_changes_the_object_there() {
    for (method, verb) in [("post", Verb::Call), ("put", Verb::Update)] {
        for other in ["200", "202", "2XX"] {
            let draft = drafted(&groups(method, &json!({"201": {}, other: {}})), "write").unwrap();
            assert_eq!(contract(&draft).action.verb, verb, "{}", draft.text);
        }
    }
}

/// Comments that are created below a ticket, and read at a path of their own.
fn comments(code: &str, path: &str) -> String {
    let body = write(&["name"], &json!({"name": {"type": "string"}}));
    json!({"openapi": "3.0.3", "paths": {
        "/desks/{desk}/tickets/{ticket}": {
            "get": {"responses": {"200": answer(&object())}},
        },
        "/desks/{desk}/tickets/{ticket}/comments": {"post": {
            "operationId": "add", "requestBody": body["requestBody"], "responses": {code: answer(&object())},
        }},
        path: {"get": {"operationId": "readComment", "responses": {"200": answer(&object())}}},
    }})
    .to_string()
}

/// Pools in a document whose collection has a path that ends with a slash. `listed` is the read of the
/// collection.
fn pools(listed: &Value) -> String {
    let body = write(&["name"], &json!({"name": {"type": "string"}}));
    let made = json!({"201": answer(&object())});
    let mut all = json!({"post": {
        "operationId": "write", "requestBody": body["requestBody"], "responses": made,
    }});
    if !listed.is_null() {
        all["get"] = listed.clone();
    }
    json!({"openapi": "3.0.3", "paths": {
        "/work_pools/": all,
        "/work_pools/{id}": {"get": {"operationId": "read", "responses": {"200": answer(&object())}}},
    }})
    .to_string()
}

#[test]
fn a_collection_whose_path_ends_with_a_slash_is_read_before_the_write() {
    let list = json!({"responses": {"200": answer(&json!({"type": "array", "items": object()}))}});
    let create = contract(&drafted(&pools(&list), "write").unwrap());
    let reads: Vec<&str> = create.observe.http.iter().map(|one| one.request.as_str()).collect();
    assert_eq!(reads, ["GET /work_pools/", "GET /work_pools/{answer.create.id}"]);
    assert_eq!(create.perform.http[0].request, "POST /work_pools/");
}

#[test]
fn a_create_with_nothing_to_read_before_it_is_refused_with_this_reason() {
    for look in [None, Some("read")] {
        let choice = Choice { name: "desk.act", operation: "write", look, members: &[] };
        let said = draft(&document(&pools(&Value::Null)), choice).unwrap_err().to_string();
        assert!(said.contains("the collection has no GET"), "{look:?}: {said}");
        assert!(said.contains("at `/paths/~1work_pools~1/post`"), "{look:?}: {said}");
        assert!(!said.contains("`--look`"), "{look:?}: {said}");
    }
}

fn added(text: &str) -> Contract {
    let choice =
        Choice { name: "desk.add", operation: "add", look: Some("readComment"), members: &[] };
    contract(&draft(&document(text), choice).unwrap())
}

#[test]
fn a_look_at_another_path_reads_what_a_create_made() {
    let create = added(&comments("201", "/desks/{desk}/comments/{comment_id}"));
    assert_eq!((create.action.verb, create.action.effect), (Verb::Create, Effect::Opaque));
    assert_eq!(create.params.required, ["desk", "ticket", "name"]);
    let reads: Vec<&str> = create.observe.http.iter().map(|one| one.request.as_str()).collect();
    let read = "GET /desks/{desk}/comments/{answer.create.id}";
    assert_eq!(reads, ["GET /desks/{desk}/tickets/{ticket}", read]);
}

#[test]
fn a_look_whose_object_the_write_does_not_name_is_no_look_at_a_new_object() {
    for (code, path) in [
        ("200", "/desks/{desk}/comments/{comment_id}"),
        ("201", "/rooms/{room}/comments/{comment_id}"),
        ("201", "/{comment_id}"),
    ] {
        let call = added(&comments(code, path));
        assert_eq!(call.action.verb, Verb::Call, "{code} {path}");
    }
}

#[test]
fn a_member_with_the_name_of_the_key_is_asked_about() {
    let asked = "#? Is `id` the key in the path? If the write can change the key, remove the member and the parameter \
                 `id_2`";
    for method in ["patch", "put"] {
        for (member, is_asked) in [("id", true), ("name", false)] {
            let body = write(&[member], &json!({member: {"type": "string"}}));
            let draft = drafted(&one_object(&object(), method, &body), "write").unwrap();
            assert_eq!(draft.text.contains(asked), is_asked, "{}", draft.text);
        }
    }
}
