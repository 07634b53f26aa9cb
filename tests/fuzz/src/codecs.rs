//! Fuzz targets for decoders of an upstream's JSON, form-encoded and XML bodies.

use deed_record::exchange::codec::{form, xml};
use deed_spec::json;
use serde_json::Value;

/// A second JSON parser must read the same value, and the value must have exactly one canonical text.
pub(crate) fn json(data: &[u8]) {
    // `parse_part` without pointers keeps no value, but it must still read the text to its end.
    let nothing = json::parse_part(data, &[]);
    let Ok(value) = json::parse(data) else { return };
    assert!(nothing.is_ok(), "a part of it cannot be read");
    assert_eq!(json::parse_part(data, &[Vec::new()]).as_ref(), Ok(&value));
    for (name, member) in value.as_object().into_iter().flatten() {
        let part = json::parse_part(data, &[vec![name.clone()]]);
        assert_eq!(part, Ok(Value::Object([(name.clone(), member.clone())].into_iter().collect())));
    }
    let other: Value = match serde_json::from_slice(data) {
        Ok(other) => other,
        // If a number does not fit into a float, the second parser refuses it, but this project's parser keeps its
        // digits.
        Err(error) if error.to_string().starts_with("number out of range") => return,
        Err(error) => panic!("another parser refuses it: {error}"),
    };
    assert_eq!(shape(&value), shape(&other), "another parser reads another value");
    let text = json::canonical(&value).unwrap();
    assert_eq!(json::parse(&text), Ok(value));
}

pub(crate) fn json_seeds() -> Vec<Vec<u8>> {
    vec![br#"{"a":[1,-2.5e3,"\u00e9\ud83d\ude00",true,null],"b":{"":9007199254740993,"c":-9223372036854775808}}"#.to_vec()]
}

/// The value without its numbers, because this project's parser reads numbers beyond the safe integers as strings, and
/// the second parser reads them as floats.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.clone(), shape(value))).collect()
        }
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Number(_) => Value::Null,
        Value::String(text)
            if text.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) =>
        {
            Value::Null
        }
        other => other.clone(),
    }
}

/// Decoding, encoding and decoding again must give the same object.
pub(crate) fn form(data: &[u8]) {
    let Ok(value) = form::decode(data) else { return };
    let text = form::encode(&value).unwrap();
    assert_eq!(form::decode(text.as_bytes()), Ok(value), "{text}");
}

pub(crate) fn form_seeds() -> Vec<Vec<u8>> {
    vec![b"Action=Tag&Tags.member.1.Key=a+b%26%C3%A9&empty=".to_vec()]
}

/// The first line of the input names elements that are lists; the remaining lines are an XML document. The result must
/// be JSON that the host can keep.
pub(crate) fn xml(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let names = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let lists: Vec<String> = names.split(' ').map(str::to_owned).collect();
    let Ok(value) = xml::decode(parts.next().unwrap_or_default(), &lists) else { return };
    assert_eq!(value.as_object().map(serde_json::Map::len), Some(1), "one root");
    let kept = json::canonical(&value).unwrap();
    assert_eq!(json::parse(&kept), Ok(value));
}

pub(crate) fn xml_seeds() -> Vec<Vec<u8>> {
    [
        "Users/member \n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R xmlns=\"urn:x\">\n<Users><member>\
         <Name>a&amp;b&#x41;</Name></member><member a='1'>t</member></Users><Id/></R>",
        "\n<a><![CDATA[<]]>&lt;</a>",
        "a/b\n<!DOCTYPE a [<!ENTITY x \"y\">]><a><!-- --><?p q?><b/>&x;</a>",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
