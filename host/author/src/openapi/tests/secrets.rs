//! Secrets are private parameters, no part of a state, and not exposed.

use super::*;

fn user() -> Value {
    json!({"type": "object", "required": ["login"], "properties": {
        "id": {"type": "integer"}, "login": {"type": "string"}, "apiToken": {"type": "string"},
        "password": {"type": "string"}, "token_type": {"type": "string"},
        "profile": {"type": "object", "properties": {"city": {"type": "string"}, "secret": {"type": "string"}}},
    }})
}

#[test]
fn secrets_that_are_sent_are_private() {
    let body = json!({"login": {"type": "string"}, "password": {"type": "string"}, "clientSecret": {"enum": ["a", "b"]}});
    let draft = drafted(&one_object(&user(), "patch", &write(&["login"], &body)), "write").unwrap();
    let change = contract(&draft);
    for (name, is_private) in [("login", false), ("password", true), ("client_secret", true)] {
        assert_eq!(change.params.properties[name].private, is_private, "{}", draft.text);
    }
    let question = draft.text.lines().find(|line| line.contains("No condition covers")).unwrap();
    assert!(question.contains("`password`") && question.contains("`clientSecret`"), "{question}");
}

#[test]
fn secrets_that_are_read_are_neither_kept_nor_exposed() {
    let read = contract(&drafted(&one_object(&user(), "head", &json!({})), "read").unwrap());
    let kept: Vec<&String> = read.state["t"].properties.keys().collect();
    assert_eq!(kept, ["id", "login", "profile", "token_type"]);
    let mut exposed = read.observe.http[0].expose.clone().unwrap();
    exposed.sort();
    assert_eq!(exposed, ["/id", "/login", "/profile/city", "/token_type"]);
    let plain = json!({"type": "object", "properties": {"id": {"type": "integer"}, "max_tokens": {"type": "integer"}}});
    let read = contract(&drafted(&one_object(&plain, "head", &json!({})), "read").unwrap());
    assert_eq!(read.observe.http[0].expose, None);
}

#[test]
fn an_answer_to_a_write_exposes_no_secret() {
    let mut change = write(&["login"], &json!({"login": {"type": "string"}}));
    change["responses"] = json!({"200": {"content": {"application/json": {"schema": user()}}}});
    let change = contract(&drafted(&one_object(&user(), "patch", &change), "write").unwrap());
    assert_eq!(change.perform.http[0].expose, Some(vec![]));
}

#[test]
fn secrets_that_cannot_be_private_are_asked_about() {
    let body = json!({"keys": {"type": "object", "properties": {"api_key": {"type": "string"}}}});
    let draft = drafted(&one_object(&user(), "patch", &write(&["keys"], &body)), "write").unwrap();
    assert!(
        draft.text.contains("#? `keys` looks like a secret, or has a member"),
        "{}",
        draft.text
    );
    let text = one_object(&user(), "head", &json!({})).replace("{id}", "{token}");
    let draft = drafted(&text, "read").unwrap();
    assert!(draft.text.contains("#? `token` looks like a secret"), "{}", draft.text);
}

/// An object with this many members that are objects of ten members, and a secret.
fn large(count: usize) -> Value {
    let inner: serde_json::Map<String, Value> =
        (0..10).map(|n| (format!("m{n}"), json!({"type": "string"}))).collect();
    let inner = json!({"type": "object", "properties": inner});
    let mut all: serde_json::Map<String, Value> =
        (0..count).map(|n| (format!("o{n}"), inner.clone())).collect();
    all.insert("id".to_owned(), json!({"type": "integer"}));
    all.insert("token".to_owned(), json!({"type": "string"}));
    json!({"type": "object", "properties": all})
}

#[test]
fn objects_without_a_secret_are_exposed_whole_if_their_values_are_too_many() {
    let read = |object: &Value| {
        let draft = drafted(&one_object(object, "head", &json!({})), "read").unwrap();
        contract(&draft).observe.http[0].expose.clone().unwrap()
    };
    let few = read(&large(6));
    assert!(few.len() == 61 && few.contains(&"/o0/m0".to_owned()), "{few:?}");
    let mut many = large(7);
    let secret = json!({"type": "object", "properties": {"a": {"type": "string"}, "secret": {"type": "string"}}});
    many["properties"]["user"] = secret;
    let many = read(&many);
    assert!(many.len() == 9 && many.contains(&"/o0".to_owned()), "{many:?}");
    assert!(many.contains(&"/user/a".to_owned()), "{many:?}");
}

#[test]
fn addresses_in_objects_of_a_state_are_left_out() {
    let owner = json!({"type": "object", "properties": {
        "login": {"type": "string"}, "html_url": {"type": "string"}, "avatarUrl": {"type": "string"},
        "_links": {"type": "string"}, "url": {"type": "string"},
    }});
    let links = json!({"type": "object", "properties": {"self_url": {"type": "string"}}});
    let object = json!({"type": "object", "properties": {"id": {"type": "integer"}, "owner": owner, "links": links}});
    let read = contract(&drafted(&one_object(&object, "head", &json!({})), "read").unwrap());
    let kept: Vec<&String> = read.state["t"].properties["owner"].properties.keys().collect();
    assert_eq!(kept, ["login", "url"]);
    assert!(!read.state["t"].properties.contains_key("links"));
}
