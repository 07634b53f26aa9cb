//! Fuzz target for `state.read`: reduces the value at a guest's JSON pointer in an upstream's document to a contract's
//! schema.

use deed_record::contract::schema::Schema;
use deed_spec::json;
use serde_json::Value;

/// The first line of the input is a pointer, the second line is a schema, and the remaining lines are a document. The
/// kept value must be part of the document, match the schema, and not change when it is reduced again.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.splitn(3, '\n');
    let mut next = || parts.next().unwrap_or_default();
    let (pointer, schema, document) = (next(), next(), next());
    let schema =
        json::parse(schema.as_bytes()).ok().and_then(|v| json::from_value::<Schema>(v).ok());
    let (Some(schema), Ok(document)) = (schema, json::parse(document.as_bytes())) else { return };
    if schema.well_formed().is_err() {
        return;
    }
    let Some(found) = json::pointer(&document, pointer) else { return };
    let Ok(kept) = schema.project(found) else { return };
    within(&kept, found);
    // The kept value must match the schema unless a required property is missing. Missing properties are reported
    // separately.
    let missing = schema.missing(&kept);
    let faults = schema.violations(&kept);
    assert!(faults.is_empty() || !missing.is_empty(), "{faults:?}");
    assert_eq!(schema.project(&kept), Ok(kept));
}

/// Every leaf of the kept value must be at the same place in the document.
fn within(kept: &Value, found: &Value) {
    match (kept, found) {
        (Value::Object(kept), Value::Object(found)) => {
            kept.iter().for_each(|(key, value)| within(value, &found[key]));
        }
        (Value::Array(kept), Value::Array(found)) => {
            assert_eq!(kept.len(), found.len());
            kept.iter().zip(found).for_each(|(kept, found)| within(kept, found));
        }
        _ => assert_eq!(kept, found),
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    [
        "/Resources/0\n{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{\"id\":{\"type\":\"string\",\"pattern\":\"^[0-9]+$\"},\
         \"l\":{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":1},\"maxItems\":3}}}\n\
         {\"Resources\":[{\"id\":\"42\",\"l\":[1,2],\"x\":{}}]}",
        "/a~1b/~0\n{\"type\":\"string\",\"enum\":[\"x\",\"y\"]}\n{\"a/b\":{\"~\":\"x\"}}",
        "\n{\"properties\":{\"a\":{\"type\":\"boolean\",\"const\":true},\"b\":{\"type\":\"string\",\"maxLength\":2}}}\n{\"a\":true,\"b\":null}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
