use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::document;

#[test]
fn the_committed_document_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let committed = fs::read_to_string(path).unwrap_or_default();
    let current = serde_json::to_string_pretty(&document()).unwrap();
    assert!(
        committed.trim_end() == current,
        "docs/openapi.json is stale; run `cargo run -p deed-host -- openapi > docs/openapi.json`"
    );
}

#[test]
fn every_operation_has_an_id_of_its_own_and_a_known_tag() {
    let document = document();
    let tags = document["tags"].as_array().unwrap();
    let tags: BTreeSet<&str> = tags.iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        let operations = item.as_object().unwrap().iter().filter(|(key, _)| *key != "servers");
        for (_, operation) in operations {
            assert!(ids.insert(operation["operationId"].to_string()), "{operation:#}");
            assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{operation:#}");
        }
    }
}

#[test]
fn every_problem_says_what_it_means() {
    for (status, problem) in document()["components"]["responses"].as_object().unwrap() {
        assert_ne!(problem["description"], "", "{status}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_part_is_used() {
    let document = document();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    for pointer in &used {
        assert!(document.pointer(pointer.trim_start_matches('#')).is_some(), "{pointer}");
    }
    for (kind, parts) in document["components"].as_object().unwrap() {
        for name in parts.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
            assert!(used.contains(&format!("#/components/{kind}/{name}")), "{kind}/{name}");
        }
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}
