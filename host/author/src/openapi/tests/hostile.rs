//! Documents that try to write something else into a contract, or to use up the machine.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use deed_spec::text::deceives;

use super::*;

const TEXTS: [&str; 12] = [
    "\"]\n[grant]\nx = [\"",
    "'''\n[verify]\nafter = [\"true\"]\n'''",
    "\"\"\"\n",
    "\\\" }\n[outputs]\n",
    "#? answered\n#?",
    "\u{1b}[2Kpinned",
    "\u{202e}desk\u{202c}",
    "a\u{200b}b\u{feff}",
    "\r\nformat = 1",
    "\u{85}\u{2028}\u{2029}",
    "{ticket}{{}}",
    "\0",
];

/// A document that has a text in each place from which a draft takes text.
fn with(text: &str) -> Value {
    let member = json!({"type": "string", "title": text, "description": text, "enum": ["open", text], "pattern": text});
    let object = json!({
        "type": "object", "description": text, "required": ["status", text],
        "properties": {"status": member, text: {"type": "string"}, "id": {"type": "integer"}},
    });
    let content = json!({"application/json": {"schema": object}});
    json!({
        "openapi": "3.1.0", "info": {"title": text, "version": text},
        "servers": [{"url": text}],
        "paths": {
            "/tickets/{ticket}": {
                "parameters": [
                    {"name": "ticket", "in": "path", "required": true, "description": text, "schema": {"type": "integer"}},
                    {"name": text, "in": "header", "required": true, "schema": {"const": text}},
                ],
                "get": {"operationId": "read", "summary": text, "responses": {"200": {"description": text, "content": content}}},
                "patch": {
                    "operationId": text, "summary": text,
                    "parameters": [{"name": text, "in": "query", "required": true, "schema": {"type": "string"}}],
                    "requestBody": {"required": true, "content": {"application/json": {"schema": {
                        "type": "object", "required": ["status"],
                        "properties": {"status": member, text: {"type": "string", "title": text}},
                    }}}},
                    "responses": {"200": {"description": text, "content": content}},
                },
                "put": {"summary": text, "responses": {"200": {"description": text}}},
            },
            format!("/{text}"): {"get": {"operationId": "other", "summary": text, "responses": {"200": {"description": text, "content": content}}}},
        },
    })
}

/// No line of a draft is anything that the document did not mean, and every character is visible.
fn is_sound(draft: &Draft) {
    let text = &draft.text;
    assert!(!text.contains(|c: char| c != '\n' && deceives(c)), "{text:?}");
    let contract = contract(draft);
    assert_eq!(contract.action.name, "desk.act");
    assert_eq!(contract.format, 2);
    assert!(contract.outputs.is_empty() && contract.approval.is_none());
    let heads: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
    let is_known = |line: &&str| {
        let known = ["[action]", "[params]", "[verify]", "[[observe.http]]", "[[perform.http]]"];
        known.contains(line) || line.starts_with("[state.") || *line == "[perform.http.body]"
    };
    assert!(heads.iter().all(is_known), "{heads:?}");
    assert_eq!(questions(text).len(), draft.questions, "{text}");
}

#[test]
fn no_text_of_a_document_is_read_as_something_else() {
    for text in TEXTS {
        let source = with(text).to_string();
        let mut drafts = 0;
        for operation in ["read", "PATCH /tickets/{ticket}", "PUT /tickets/{ticket}", "other"] {
            match drafted(&source, operation) {
                Ok(draft) => {
                    drafts += 1;
                    is_sound(&draft);
                }
                Err(error) => assert!(error.what.len() < 2_000, "{error}"),
            }
        }
        assert!(drafts >= 2, "{text:?}");
    }
}

#[test]
fn schemas_that_refer_to_each_other_end() {
    let mut schemas = serde_json::Map::new();
    for n in 0..40 {
        let next = json!({"$ref": format!("#/components/schemas/s{}", (n + 1) % 40)});
        schemas
            .insert(format!("s{n}"), json!({"allOf": [next, next, next, {"anyOf": [next, next]}]}));
    }
    schemas.insert("own".to_owned(), json!({"$ref": "#/components/schemas/own"}));
    schemas.insert(
        "list".to_owned(),
        json!({"type": "array", "items": {"$ref": "#/components/schemas/list"}}),
    );
    for name in ["s0", "own", "list"] {
        let content = json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}});
        let source = json!({
            "openapi": "3.0.0", "components": {"schemas": schemas},
            "paths": {"/a": {"get": {"operationId": "a", "responses": {"200": {"content": content}}}}},
        });
        let started = Instant::now();
        let error = drafted(&source.to_string(), "a").unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(5), "{name}");
        assert!(error.what.contains(';'), "{error}");
    }
}

#[test]
fn references_never_lead_out_of_the_document() {
    for reference in ["http://127.0.0.1:1/a.json", "file:///etc/hostname", "other.yaml#/a", "//h/a"]
    {
        let content = json!({"application/json": {"schema": {"$ref": reference}}});
        let source = json!({
            "openapi": "3.0.0",
            "paths": {"/a": {"get": {"operationId": "a", "responses": {"200": {"content": content}}}}},
        });
        let error = drafted(&source.to_string(), "a").unwrap_err().to_string();
        assert!(error.contains("@redocly/cli bundle"), "{error}");
    }
}

/// A document as large as that of GitHub: a thousand operations with references.
#[test]
fn a_large_document_takes_seconds() {
    let mut text = "{\"openapi\":\"3.0.3\",\"paths\":{".to_owned();
    let filler = "x".repeat(9_000);
    for n in 0..1_000 {
        let comma = if n == 0 { "" } else { "," };
        write!(
            text,
            "{comma}\"/r{n}/{{id}}\":{{\"get\":{{\"operationId\":\"read{n}\",\"description\":\"{filler}\",\
             \"responses\":{{\"200\":{{\"content\":{{\"application/json\":{{\"schema\":{{\
             \"$ref\":\"#/components/schemas/s{n}\"}}}}}}}}}}}}}}"
        )
        .unwrap();
    }
    text.push_str("},\"components\":{\"schemas\":{");
    for n in 0..1_000 {
        let comma = if n == 0 { "" } else { "," };
        write!(
            text,
            "{comma}\"s{n}\":{{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{{\
             \"id\":{{\"type\":\"integer\"}},\"next\":{{\"$ref\":\"#/components/schemas/s{}\"}}}}}}",
            (n + 1) % 1_000
        )
        .unwrap();
    }
    text.push_str("}}}");
    let started = Instant::now();
    let draft = drafted(&text, "read999").unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    is_sound(&draft);
}
