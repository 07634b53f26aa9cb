//! Changes are verified only by what the agent sent, and only in the object that was changed.

use super::*;

/// An object with an id and a name, and maybe an owner.
fn object() -> Value {
    let properties =
        json!({"id": {"type": "integer"}, "name": {"type": "string"}, "owner": {"type": "string"}});
    json!({"type": "object", "required": ["id", "name"], "properties": properties})
}

fn sources(expressions: &[Expression]) -> Vec<&str> {
    expressions.iter().map(Expression::source).collect()
}

#[test]
fn a_change_without_a_parameter_is_refused_before_it_is_sent() {
    let change = contract(&drafted(TICKETS, "changeTicket").unwrap());
    let sent = "has(params.status) || has(params.subject) || has(params.tags)";
    assert_eq!(sources(&change.verify.before), [sent]);
    // A parameter that is always sent is compared.
    let body = json!({"name": {"type": "string"}, "owner": {"type": "string"}});
    let text = one_object(&object(), "patch", &write(&["name"], &body));
    let change = contract(&drafted(&text, "write").unwrap());
    assert!(change.verify.before.is_empty());
    assert_eq!(change.action.effect, Effect::Observable);
}

#[test]
fn members_that_the_state_does_not_show_are_asked_about() {
    let body = json!({"name": {"type": "string"}, "locked": {"type": "boolean"}});
    for method in ["patch", "put", "post"] {
        let draft = drafted(&one_object(&object(), method, &write(&[], &body)), "write").unwrap();
        let change = contract(&draft);
        assert_eq!(change.action.effect, Effect::Opaque, "{method}");
        let asked: Vec<String> = questions(&draft.text).into_iter().map(|one| one.text).collect();
        let has = |words: &str| asked.iter().any(|one| one.contains(words));
        assert!(has("No condition covers these members") && has("`locked`"), "{}", draft.text);
        assert!(has("May the host send this write again"), "{}", draft.text);
    }
}

#[test]
fn too_many_optional_parameters_are_asked_about() {
    let names: Vec<String> =
        (0..40).map(|n| format!("a_rather_long_name_of_a_member_{n}")).collect();
    let all: serde_json::Map<String, Value> =
        names.iter().map(|name| (name.clone(), json!({"type": "string"}))).collect();
    let object = json!({"type": "object", "properties": all});
    let draft = drafted(&one_object(&object, "patch", &write(&[], &json!(all))), "write").unwrap();
    assert!(contract(&draft).verify.before.is_empty());
    assert!(draft.text.contains("is verified, and changes nothing"), "{}", draft.text);
}

#[test]
fn a_put_sends_every_member_that_the_state_shows() {
    let body = json!({
        "name": {"type": "string"}, "owner": {"type": "string"},
        "note": {"type": "string"}, "labels": {"type": "object", "properties": {"a": {"type": "string"}}},
    });
    let draft = drafted(&one_object(&object(), "put", &write(&["name"], &body)), "write").unwrap();
    let put = contract(&draft);
    assert_eq!(put.params.required, ["id", "name", "owner"]);
    let sent = put.perform.http[0].body.as_ref().unwrap();
    assert_eq!((&sent["owner"], &sent["note"]), (&json!("{owner}"), &json!("{note?}")));
    let after = "has(post.t.owner) && post.t.owner == params.owner";
    assert!(sources(&put.verify.after).contains(&after), "{}", draft.text);
    let question = "#? What does the upstream do with members that a PUT leaves out?";
    let line = draft.text.lines().find(|line| line.starts_with(question)).unwrap();
    assert!(line.contains("`{pre.t.MEMBER}`: `note`, `labels`."), "{line}");
}

#[test]
fn members_of_another_object_verify_nothing() {
    let paths = |method: &str, below: &str, write: Value| {
        let text = one_object(&object(), "head", &json!({}));
        let mut document: Value = serde_json::from_str(&text).unwrap();
        document["paths"][format!("/t/{{id}}/{below}")] = json!({method: write});
        document.to_string()
    };
    let body = write(&["name"], &json!({"name": {"type": "string"}}));
    for (method, below) in [("post", "payments"), ("patch", "devices/{device}"), ("put", "lock")] {
        let text = paths(method, below, body.clone());
        for look in [None, Some("read")] {
            let choice = Choice { name: "desk.act", operation: "write", look, members: &[] };
            let draft = draft(&document(&text), choice).unwrap();
            let change = contract(&draft);
            assert_eq!(change.action.effect, Effect::Opaque);
            assert_eq!(sources(&change.verify.after), ["post.t.id == pre.t.id"]);
            assert!(change.verify.may_change.is_empty());
            assert!(draft.text.contains("#? What must hold after the action?"), "{}", draft.text);
        }
    }
}

#[test]
fn a_look_with_another_query_verifies_nothing() {
    let query =
        |name: &str, required: bool| json!([{"name": name, "in": "query", "required": required}]);
    let body = write(&["name"], &json!({"name": {"type": "string"}}));
    for (read, written, is_same) in [
        (query("locale", true), query("locale", true), true),
        (query("locale", false), query("locale", false), true),
        (query("locale", true), query("locale", false), false),
        (query("locale", false), query("locale", true), false),
        (query("from", true), query("to", true), false),
    ] {
        let text = one_object(&object(), "patch", &body);
        let mut document: Value = serde_json::from_str(&text).unwrap();
        document["paths"]["/t/{id}"]["get"]["parameters"] = read;
        document["paths"]["/t/{id}"]["patch"]["parameters"] = written;
        let draft = drafted(&document.to_string(), "write").unwrap();
        let change = contract(&draft);
        let (after, effect) = if is_same {
            ("post.t.name == params.name", Effect::Observable)
        } else {
            ("post.t.id == pre.t.id", Effect::Opaque)
        };
        assert_eq!(sources(&change.verify.after), [after], "{}", draft.text);
        assert_eq!(change.action.effect, effect);
        assert_eq!(draft.text.contains("have different queries"), !is_same, "{}", draft.text);
    }
}

#[test]
fn a_create_is_repeated_only_if_the_look_reads_where_it_creates() {
    let query = json!([{"name": "tenant", "in": "query", "required": true}]);
    let content = json!({"application/json": {"schema": object()}});
    let answers = json!({"201": {"content": content}});
    for (of_read, of_write, effect) in [
        (false, false, Effect::Observable),
        (true, true, Effect::Observable),
        (true, false, Effect::Opaque),
        (false, true, Effect::Opaque),
    ] {
        let text = users("login", &answers);
        let mut document: Value = serde_json::from_str(&text).unwrap();
        for (path, method, is_required) in
            [("/users/{login}", "get", of_read), ("/users", "post", of_write)]
        {
            if is_required {
                document["paths"][path][method]["parameters"] = query.clone();
            }
        }
        let draft = drafted(&document.to_string(), "create").unwrap();
        assert_eq!(contract(&draft).action.effect, effect, "{}", draft.text);
        let asked = "so the read can miss what was created";
        assert_eq!(draft.text.contains(asked), effect == Effect::Opaque, "{}", draft.text);
    }
}

#[test]
fn the_key_of_an_object_proves_no_change() {
    let body = json!({"id": {"type": "integer"}, "name": {"type": "string"}});
    let text = one_object(&object(), "patch", &write(&["id"], &body));
    let change = contract(&drafted(&text, "write").unwrap());
    assert_eq!(sources(&change.verify.before), ["has(params.name)"]);
    let after = ["post.t.id == params.id_2", "(!has(params.name) || (post.t.name == params.name))"];
    assert_eq!(sources(&change.verify.after), after);
    // A change that sends only the key is not proven by it.
    let text = one_object(&object(), "patch", &write(&["id"], &json!({"id": {"type": "integer"}})));
    let draft = drafted(&text, "write").unwrap();
    assert_eq!(contract(&draft).action.effect, Effect::Opaque);
    assert!(draft.text.contains("#? What must hold after the action?"), "{}", draft.text);
    // So is the parameter of the path, by its name.
    let text =
        one_object(&object(), "patch", &write(&["name"], &json!({"name": {"type": "string"}})));
    let draft = drafted(&text.replace("/t/{id}", "/t/{name}"), "write").unwrap();
    assert_eq!(contract(&draft).action.effect, Effect::Opaque, "{}", draft.text);
}

#[test]
fn a_look_reads_the_object_at_the_same_place() {
    let content = json!({"application/json": {"schema": object()}});
    let document = json!({"openapi": "3.0.3", "paths": {
        "/a/{x}/{y}": {"patch": write(&["name"], &json!({"name": {"type": "string"}}))},
        "/a/{y}/{x}": {"get": {"operationId": "read", "responses": {"200": {"content": content}}}},
    }});
    let document = super::document(&document.to_string());
    for look in [None, Some("read")] {
        let choice = Choice { name: "desk.act", operation: "write", look, members: &[] };
        let change = contract(&draft(&document, choice).unwrap());
        assert_eq!(change.observe.http[0].request, "GET /a/{x}/{y}");
        assert_eq!(change.perform.http[0].request, "PATCH /a/{x}/{y}");
    }
}

/// A collection `/users` with a create, and a read of one user by the parameter.
fn users(parameter: &str, answers: &Value) -> String {
    let body = write(&["login"], &json!({"login": {"type": "string"}}));
    let content = json!({"application/json": {"schema": object()}});
    let list = json!({"application/json": {"schema": {"type": "array", "items": object()}}});
    json!({"openapi": "3.0.3", "paths": {
        "/users": {
            "get": {"operationId": "list", "responses": {"200": {"content": list}}},
            "post": {"operationId": "create", "requestBody": body["requestBody"], "responses": answers},
        },
        format!("/users/{{{parameter}}}"): {
            "get": {"operationId": "read", "responses": {"200": {"content": content}}},
        },
    }})
    .to_string()
}

#[test]
fn an_id_that_may_not_be_the_key_is_asked_about() {
    let content = json!({"application/json": {"schema": object()}});
    let answers = json!({"201": {"content": content}});
    let asked = "#? Is `id` of the answer the value of `username` in the path";
    for (parameter, is_asked) in [("username", true), ("id", false), ("userId", false)] {
        let draft = drafted(&users(parameter, &answers), "create").unwrap();
        assert_eq!(draft.text.contains(asked), is_asked, "{}", draft.text);
        let create = contract(&draft);
        assert_eq!(create.observe.http[1].request, "GET /users/{answer.create.id}");
    }
}

#[test]
fn only_201_proves_without_a_question_that_a_write_created_something() {
    for (code, status, is_asked) in
        [("201", 201, false), ("200", 200, true), ("202", 202, true), ("2XX", 201, true)]
    {
        let content = json!({"application/json": {"schema": object()}});
        let answers = json!({code: {"content": content}});
        let draft = drafted(&users("id", &answers), "create").unwrap();
        assert_eq!(contract(&draft).perform.http[0].created, [status]);
        let is_found = draft.text.contains("that this write created the object?");
        assert_eq!(is_found, is_asked, "{}", draft.text);
    }
}
