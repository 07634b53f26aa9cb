//! Tests of the translation of schemas.

use serde_json::json;

use super::super::document::Document;
use super::*;

fn translated(schema: &Value, side: Side) -> Option<Value> {
    let root = json!({"openapi": "3.1.0", "paths": {"/a": {}}, "components": {"schemas": {
        "s": schema, "text": {"type": "string"}, "cycle": {"$ref": "#/components/schemas/cycle"},
        "tree": {"type": "object", "properties": {"name": {"type": "string"}, "inner": {"$ref": "#/components/schemas/tree"}}},
    }}});
    let document = Document::from_bytes("a", root.to_string().as_bytes()).unwrap();
    let walk = Walk::new(&document);
    let schema = document.target("#/components/schemas/s").unwrap();
    let found = translate(&walk, schema, side).unwrap();
    found.map(|one| {
        one.well_formed().unwrap();
        serde_json::to_value(&one).unwrap()
    })
}

#[test]
fn a_parameter_keeps_what_bounds_its_values() {
    for (schema, wanted) in [
        (json!({"type": "string", "maxLength": 5}), json!({"type": "string", "maxLength": 5})),
        (json!({"type": ["string", "null"]}), json!({"type": "string"})),
        (json!({"enum": ["a", "b"]}), json!({"type": "string", "enum": ["a", "b"]})),
        (
            json!({"type": "string", "pattern": "^\\d{2}[\\w-]$"}),
            json!({"type": "string", "pattern": "^[0-9]{2}[A-Za-z0-9_-]$"}),
        ),
        (json!({"type": "string", "pattern": "(?=a)"}), json!({"type": "string"})),
        (
            json!({"type": "integer", "minimum": 1, "exclusiveMaximum": 10}),
            json!({"type": "integer", "minimum": 1, "maximum": 9}),
        ),
        (
            json!({"type": "number", "minimum": 0.5, "exclusiveMaximum": 3}),
            json!({"type": "decimal", "minimum": 0, "maximum": 3, "as": "number"}),
        ),
        (
            json!({"type": "integer", "minimum": 1.0, "exclusiveMinimum": 4, "maximum": 9.5}),
            json!({"type": "integer", "minimum": 5, "maximum": 9}),
        ),
        (
            json!({"type": "integer", "minimum": 0, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false}),
            json!({"type": "integer", "minimum": 1, "maximum": 9}),
        ),
        (
            json!({"allOf": [
                {"type": "string", "maxLength": 100, "minLength": 1, "enum": ["a", "b", "c"]},
                {"maxLength": 5, "minLength": 0, "enum": ["c", "a"]},
            ]}),
            json!({"type": "string", "minLength": 1, "maxLength": 5, "enum": ["a", "c"]}),
        ),
        (json!({"type": "integer", "minimum": 9, "maximum": 1}), json!({"type": "integer"})),
        (json!({"oneOf": [{"type": "integer"}, {"type": "string"}]}), json!({"type": "string"})),
        (json!({"$ref": "#/components/schemas/text"}), json!({"type": "string"})),
        (
            json!({"allOf": [{"$ref": "#/components/schemas/text"}, {"maxLength": 3}]}),
            json!({"type": "string", "maxLength": 3}),
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "maxItems": 2}),
            json!({"type": "array", "items": {"type": "string"}, "maxItems": 2}),
        ),
    ] {
        assert_eq!(translated(&schema, Side::Param), Some(wanted), "{schema}");
    }
}

#[test]
fn what_no_longer_bounds_a_parameter_is_recorded() {
    for (schema, wanted) in [
        (json!({"type": "integer", "multipleOf": 10}), vec!["multipleOf"]),
        (json!({"type": "integer", "multipleOf": 1, "minimum": 1}), vec![]),
        (json!({"type": "string", "not": {"const": "admin"}}), vec!["not"]),
        (json!({"type": "string", "pattern": "^(?!a)"}), vec!["pattern"]),
        (
            json!({"allOf": [{"type": "string", "pattern": "^a"}, {"pattern": "b$"}]}),
            vec!["pattern"],
        ),
        (json!({"type": "string", "minLength": 5, "maxLength": 1}), vec!["maxLength", "minLength"]),
        (json!({"allOf": [{"enum": ["a"]}, {"enum": ["b"]}]}), vec!["enum"]),
        (json!({"type": "number", "minimum": 0.5}), vec!["minimum"]),
        (
            json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}),
            vec!["uniqueItems"],
        ),
        (json!({"type": "string", "oneOf": [{"pattern": "a"}, {"pattern": "b"}]}), vec!["oneOf"]),
    ] {
        let root = json!({"openapi": "3.1.0", "paths": {"/a": {}}, "s": schema});
        let document = Document::from_bytes("a", root.to_string().as_bytes()).unwrap();
        let mut lost = Lost::default();
        let found = parameter(&Walk::new(&document), document.target("#/s").unwrap(), &mut lost);
        found.unwrap().unwrap().well_formed().unwrap();
        assert_eq!(lost.keywords.into_iter().collect::<Vec<_>>(), wanted, "{schema}");
    }
}

#[test]
fn a_state_admits_what_the_upstream_sends() {
    for (schema, wanted) in [
        (json!({"type": "string", "enum": ["a"], "maxLength": 1}), json!({"type": "string"})),
        (json!({"type": ["string", "null"]}), json!({"type": "string", "nullable": true})),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
            json!({"type": "string", "nullable": true}),
        ),
        (json!({"type": "string", "nullable": true}), json!({"type": "string", "nullable": true})),
        (json!({"type": "number"}), json!({"type": "decimal"})),
    ] {
        assert_eq!(translated(&schema, Side::State), Some(wanted), "{schema}");
    }
    let tree = translated(&json!({"$ref": "#/components/schemas/tree"}), Side::State).unwrap();
    assert_eq!(tree["properties"], json!({"name": {"type": "string"}}));
}

#[test]
fn what_a_contract_cannot_say_is_left_out() {
    for schema in [
        json!({}),
        json!(true),
        json!({"type": "array"}),
        json!({"type": "object"}),
        json!({"type": "string", "format": "binary"}),
        json!({"$ref": "#/components/schemas/cycle"}),
        json!({"type": "object", "properties": {"a": {}}, "required": ["a"]}),
    ] {
        assert_eq!(translated(&schema, Side::Param), None, "{schema}");
    }
}
