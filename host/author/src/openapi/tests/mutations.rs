//! No document makes a draft panic, and every draft is a contract: small changes of a document.

use proptest::prelude::*;

use super::*;

/// Values that take the place of a part of the document.
fn replacement(choice: usize) -> Value {
    match choice {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(1.5),
        4 => json!("x"),
        5 => json!([]),
        6 => json!({}),
        7 => json!({"$ref": "#/components/schemas/Item"}),
        8 => json!({"$ref": "#"}),
        9 => json!({"type": ["string", "integer"], "enum": [1, "a", null]}),
        10 => {
            json!({"oneOf": [{"type": "object", "properties": {"a": {"type": "number"}}}, {"type": "null"}]})
        }
        _ => {
            json!({"type": "object", "required": ["any", "name"], "properties": {"any": {"type": "string"}, "name": {"type": "string"}}})
        }
    }
}

/// The places of all values in a document.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &deed_spec::json::child(at, name), found);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_document_is_drafted_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12), 1..4),
    ) {
        let mut value: Value = serde_json::from_str(INVENTORY).unwrap();
        for (place, choice) in changes {
            let mut all = Vec::new();
            places(&value, "", &mut all);
            let at = place.get(&all).clone();
            if let Some(target) = value.pointer_mut(&at) {
                *target = replacement(choice);
            }
        }
        let Ok(document) = Document::from_bytes("a", value.to_string().as_bytes()) else { return Ok(()) };
        for operation in document.operations() {
            let request = operation.request();
            let choice = Choice { name: "desk.act", operation: &request, look: None, members: &[] };
            if let Ok(draft) = draft(&document, choice) {
                contract(&draft);
            }
        }
    }

    #[test]
    fn any_text_is_a_document_or_refused(text in "\\PC{0,200}") {
        Document::from_bytes("a", text.as_bytes()).map(drop).unwrap_or_default();
        let json = format!("{{{text}");
        Document::from_bytes("a", json.as_bytes()).map(drop).unwrap_or_default();
    }
}
