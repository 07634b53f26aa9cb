//! Small documents that would take long, if what a draft reads were not bounded.

use std::time::{Duration, Instant};

use super::*;

/// Drafts one operation, which takes at most some seconds.
fn soon(text: &str, operation: &str) -> Result<Draft, OpenApiError> {
    let started = Instant::now();
    let document = Document::from_bytes("api.json", text.as_bytes());
    let choice = Choice { name: "desk.act", operation, look: None, members: &[] };
    let found = document.and_then(|document| draft(&document, choice));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    found
}

/// A document with a read whose answer has this schema, as JSON.
fn read(schema: &str, schemas: &str) -> String {
    let text = one_object(&json!("SCHEMA"), "head", &json!({})).replace("\"SCHEMA\"", schema);
    let components = format!("\"components\":{{\"schemas\":{{{schemas}}}}},\"paths\":");
    text.replacen("\"paths\":", &components, 1)
}

/// An object with so many members that refer to the object itself.
fn own(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|n| format!("\"k{n}\"")).collect();
    let member = |name: &String| format!("{name}:{{\"$ref\":\"#/components/schemas/big\"}}");
    let members: Vec<String> = names.iter().map(member).collect();
    format!(
        "\"big\":{{\"type\":\"object\",\"required\":[{}],\"properties\":{{{}}}}}",
        names.join(","),
        members.join(",")
    )
}

#[test]
fn members_that_refer_to_their_object_end() {
    for count in [300, 1_000] {
        let text = read("{\"$ref\":\"#/components/schemas/big\"}", &own(count));
        let error = soon(&text, "read").unwrap_err();
        assert!(error.what.contains("parts once their references are followed"), "{error}");
    }
}

#[test]
fn the_members_of_a_merged_object_are_bounded() {
    let part = |n: usize| {
        let members: Vec<String> = (0..1_000).map(|m| format!("\"p{n}_{m}\":{{}}")).collect();
        format!("{{\"properties\":{{{}}}}}", members.join(","))
    };
    for count in [2, 300] {
        let parts: Vec<String> = (0..count).map(part).collect();
        let text = read(&format!("{{\"allOf\":[{}]}}", parts.join(",")), "");
        let error = soon(&text, "read").unwrap_err();
        assert!(error.what.contains("more than 1000 members"), "{error}");
    }
}

#[test]
fn long_paths_and_references_are_refused() {
    let long = format!("/{}", "x".repeat(5_000));
    for path in ["/a".repeat(100_000), "/a".repeat(65), long.clone()] {
        let error = soon(&read("{}", "").replace("/t/{id}", &path), "read").unwrap_err();
        assert!(error.what.contains("2048 bytes or 64 segments"), "{error}");
        assert!(error.to_string().len() < 500, "{error}");
    }
    let schema = "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}}}";
    soon(&read(schema, "").replace("/t/{id}", &"/a".repeat(64)), "read").unwrap();
    let error = soon(&read(&format!("{{\"$ref\":\"#{long}\"}}"), ""), "read").unwrap_err();
    assert!(error.what.contains("more than 1024 bytes"), "{error}");
}

#[test]
fn a_long_reference_counts_as_many_parts() {
    let names = vec!["kkkkkkkk"; 80];
    let at = format!("#/components/schemas/deep/{}/", names.join("/"));
    let mut node = json!({"s0": {"type": "string"}});
    for n in 1..7 {
        node[format!("s{n}")] = json!({"$ref": format!("{at}s{}", n - 1)});
    }
    for name in names {
        node = Value::Object([(name.to_owned(), node)].into_iter().collect());
    }
    let many = json!({"anyOf": vec![json!({"$ref": format!("{at}s6")}); 100]});
    let member = json!({"$ref": "#/components/schemas/many"});
    let members: serde_json::Map<String, Value> =
        (0..900).map(|n| (format!("m{n}"), member.clone())).collect();
    let object = json!({"type": "object", "properties": {"id": {"type": "integer"}}});
    let text = one_object(&object, "patch", &write(&[], &json!(members)));
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["components"] = json!({"schemas": {"deep": node, "many": many}});
    let error = soon(&document.to_string(), "write").unwrap_err();
    assert!(error.what.contains("parts once their references are followed"), "{error}");
}

#[test]
fn parameters_with_one_name_are_told_apart() {
    let segments: Vec<String> = (1..60).map(|n| format!("/{{a{}}}", "!".repeat(n))).collect();
    let schema = "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}}}";
    let text = read(schema, "").replace("/t/{id}", &segments.concat());
    let draft = soon(&text, "read").unwrap();
    assert!(draft.text.contains("/{a}/{a_2}/") && draft.text.contains("/{a_59}"), "{}", draft.text);
}

#[test]
fn long_values_are_not_read_for_each_member() {
    let long = "x ".repeat(1_000_000);
    let values: Vec<usize> = (0..50_000).collect();
    let text = json!({"type": "string", "description": long, "pattern": long});
    let schemas = json!({"list": {"type": "integer", "enum": values}, "text": text});
    for (name, is_drafted) in [("list", false), ("text", true)] {
        let member = json!({"$ref": format!("#/components/schemas/{name}")});
        let names: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
        let properties: serde_json::Map<String, Value> =
            names.iter().map(|name| (name.clone(), member.clone())).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let object = json!({"type": "object", "properties": {"id": {"type": "integer"}}});
        let text = one_object(&object, "patch", &write(&names, &json!(properties)));
        let mut document: Value = serde_json::from_str(&text).unwrap();
        document["components"] = json!({"schemas": schemas});
        let found = soon(&document.to_string(), "write");
        assert_eq!(found.is_ok(), is_drafted, "{name}: {:?}", found.err());
    }
}
