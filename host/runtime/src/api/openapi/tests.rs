use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use deed_record::exchange::{self, codec};
use deed_record::lifecycle::outcome;
use deed_record::statement::{approval, envelope, resolution};
use deed_record::{action, policy, timeline};
use deed_spec::json;
use serde::de::value::Error;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::Value;

use super::document;
use crate::api::view;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_committed_document_is_this_one() {
    let committed = fs::read_to_string(workspace().join("docs/openapi.json")).unwrap_or_default();
    let current = serde_json::to_string_pretty(&document()).unwrap();
    assert!(
        committed.trim_end() == current,
        "docs/openapi.json is stale; run `cargo run -p deed-host -- openapi > docs/openapi.json`"
    );
}

/// `METHOD /path` of every `.route(…)` in the surface's source.
fn served() -> BTreeSet<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = fs::read_dir(src.join("http")).unwrap().map(|entry| entry.unwrap().path());
    let files = inside.filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let mut routes = BTreeSet::new();
    for file in files.chain([src.join("http.rs")]) {
        let text = fs::read_to_string(file).unwrap();
        for route in text.split(".route(").skip(1) {
            let path = route.split('"').nth(1).unwrap().replace("{*", "{");
            let handlers = route.lines().take_while(|l| !l.contains(".fallback"));
            let handlers: String = handlers.collect();
            let takes = |method: &&str| handlers.contains(&format!("{method}("));
            let methods = ["get", "put", "post", "delete", "patch"].into_iter().filter(takes);
            routes.extend(methods.map(|m| format!("{m} {path}")));
        }
    }
    routes
}

#[test]
fn every_route_is_documented_and_nothing_else() {
    let document = document();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys().filter(|key| *key != "servers");
        documented.extend(methods.map(|method| format!("{method} {path}")));
    }
    assert!(served().len() >= 14, "the sources could not be read: {:?}", served());
    assert_eq!(served(), documented, "routes on the left, the document on the right");
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

#[test]
fn schemas_have_the_fields_of_the_types() {
    assert_fields(&[
        ("View", fields::<view::View>()),
        ("Said", fields::<view::Said>()),
        ("Call", fields::<view::Call>()),
        ("ReceiptRef", fields::<view::ReceiptRef>()),
        ("Line", fields::<timeline::Line>()),
        (
            "ResolutionRequest",
            fields::<deed_record::statement::resolution_request::ResolutionRequest>(),
        ),
        ("LastLook", fields::<deed_record::statement::resolution_request::LastLook>()),
        ("Resolution", fields::<resolution::Resolution>()),
        ("Proposal", fields::<action::Proposal>()),
        ("Source", fields::<action::Source>()),
        ("Action", fields::<action::Action>()),
        ("ContractRef", fields::<action::ContractRef>()),
        ("Binding", fields::<action::Binding>()),
        ("CredentialRef", fields::<action::CredentialRef>()),
        ("Rendered", fields::<exchange::Rendered>()),
        ("Codec", fields::<codec::Codec>()),
        ("Decision", fields::<policy::Decision>()),
        ("Obligation", fields::<policy::Obligation>()),
        ("Change", fields::<json::Change>()),
        ("Check", fields::<outcome::Check>()),
        ("Outcome", fields::<outcome::Outcome>()),
        ("Ask", fields::<approval::Ask>()),
        ("ApprovalRequest", fields::<approval::ApprovalRequest>()),
        ("Envelope", fields::<envelope::Envelope>()),
        ("EnvelopeSignature", fields::<envelope::EnvelopeSignature>()),
    ]);
}

fn assert_fields(types: &[(&str, BTreeSet<String>)]) {
    let document = document();
    for (name, fields) in types {
        let schema = &document["components"]["schemas"][name];
        let words = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let properties = schema["properties"].as_object().into_iter().flatten().map(|(k, _)| k);
        let documented: BTreeSet<String> =
            words.map(str::to_owned).chain(properties.cloned()).collect();
        assert_eq!(*fields, documented, "`{name}`: the type on the left, its schema on the right");
    }
}

/// The names that serde knows a type's fields or variants by.
fn fields<'de, T: Deserialize<'de> + std::fmt::Debug>() -> BTreeSet<String> {
    let names = T::deserialize(Names).unwrap_err().to_string();
    names.split(' ').map(str::to_owned).collect()
}

/// Answers what is asked of it with the names that were asked for.
struct Names;

impl<'de> Deserializer<'de> for Names {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("this type is neither a struct nor an enum"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        Err(Error::custom(fields.join(" ")))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        Err(Error::custom(variants.join(" ")))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}
