use proptest::prelude::*;
use serde_json::{Map, json};

use super::super::xml::*;
use super::*;

fn read(text: &str) -> Result<Value, XmlError> {
    decode(text.as_bytes(), &["Users/member".to_owned()])
}

#[test]
fn an_answer_maps_by_the_documented_rules() {
    let cases = [
        ("<a/>", json!({"a": ""})),
        ("<a></a>", json!({"a": ""})),
        ("<a> x </a>\n", json!({"a": " x "})),
        ("<a b='1' c=\"&lt;&#x41;\n\"/>", json!({"a": {"@b": "1", "@c": "<A "}})),
        ("<a b='1'>x</a>", json!({"a": {"@b": "1", "#text": "x"}})),
        ("<a>\r\n <b>1</b>\t<c/></a>", json!({"a": {"b": "1", "c": ""}})),
        ("<a>&amp;lt;&#233;<![CDATA[<&]]]]><![CDATA[>]]></a>", json!({"a": "&lt;é<&]]>"})),
        ("<a>x\ry\r\nz&#13;</a>", json!({"a": "x\ny\nz\r"})),
        (
            "<s:a xmlns:s='urn:x'><s:b>1</s:b></s:a>",
            json!({"s:a": {"@xmlns:s": "urn:x", "s:b": "1"}}),
        ),
        ("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<a/>", json!({"a": ""})),
    ];
    for (text, value) in cases {
        assert_eq!(read(text), Ok(value), "{text}");
    }
}

#[test]
fn none_one_and_many_of_a_list_have_one_shape() {
    for (members, count) in
        [("", 0), ("<member>u</member>", 1), ("<member>u</member> <member/>", 2)]
    {
        let value = read(&format!("<R><Users>{members}</Users></R>")).unwrap();
        assert_eq!(value["R"]["Users"]["member"].as_array().map(Vec::len), Some(count), "{value}");
    }
    assert_eq!(read("<R><Users/></R>"), Ok(json!({"R": {"Users": {"member": []}}})));
    let twice = "<R><id>1</id><id>2</id></R>";
    assert_eq!(read(twice), Err(XmlError::Repeated("R/id".into())));
    // An element that has the name of a declared list, but another parent, is not a list.
    assert_eq!(
        read("<member><Users>x</Users></member>").unwrap_err(),
        XmlError::Mixed("Users".into())
    );
}

#[test]
fn what_could_mean_two_things_is_refused() {
    for text in [
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<a>&x;</a>",
        "<a b='&x;'/>",
        "<?php x?><a/>",
        "<a><?x y?></a>",
        "<a>ad<!-- -->min</a>",
        "<!-- --><a/>",
        " <?xml version=\"1.0\"?><a/>",
        "<?xml version=\"1.1\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"latin-1\"?><a/>",
        "<a>x<b/></a>",
        "<a><b/>x</a>",
        "<a b='1' b='2'/>",
        "<a b=1/>",
        "<a b/>",
        "<a b='<'/>",
        "<a b='&'/>",
        "<a>&</a>",
        "<a>&#0;</a>",
        "<a>&#xfffe;</a>",
        "<a>&#xd800;</a>",
        "<a>&#+65;</a>",
        "<a>&#;</a>",
        "<a>\u{1}</a>",
        "<a>\u{ffff}</a>",
        "<a>]]></a>",
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a/><![CDATA[ ]]>",
        "<a/>&#32;",
        "<1/>",
        "<a 1='x'/>",
        "< a/>",
        "",
        "{}",
    ] {
        assert!(read(text).is_err(), "{text}: {:?}", read(text));
    }
    assert_eq!(decode(b"<a>\xff</a>", &[]), Err(XmlError::Utf8));
    assert_eq!(decode(b"\xfe\xff\0<\0a\0/\0>", &[]), Err(XmlError::Utf8));
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
    assert!(read(&nested(30)).is_ok());
    assert_eq!(read(&nested(31)), Err(XmlError::Deep));
    assert_eq!(read(&"<a>".repeat(300_000)), Err(XmlError::Deep));
}

/// Any JSON value that is the result of decoding some XML document.
fn element() -> impl Strategy<Value = Value> {
    let text = "[ -~é😀\\t\\n\\r]{0,8}".prop_map(Value::String);
    text.prop_recursive(4, 24, 4, |inner| {
        proptest::collection::btree_map("@?[a-c]", inner, 1..4).prop_map(|members| {
            let fit = |(name, value): (String, Value)| {
                let value =
                    if name.starts_with('@') { Value::String("v&<\"".into()) } else { value };
                (name, value)
            };
            Value::Object(members.into_iter().map(fit).collect::<Map<_, _>>())
        })
    })
}

/// An XML document that decodes to this value.
fn written(name: &str, value: &Value) -> String {
    let members = value.as_object().cloned().unwrap_or_default();
    let (attributes, elements): (Vec<_>, Vec<_>) =
        members.iter().partition(|(key, _)| key.starts_with('@'));
    let attribute = |(key, value): &(&String, &Value)| {
        format!(" {}='{}'", key.trim_start_matches('@'), escape(value.as_str().unwrap()))
    };
    let attributes: String = attributes.iter().map(attribute).collect();
    let elements: String = elements.iter().map(|(key, value)| written(key, value)).collect();
    let text = escape(value.as_str().unwrap_or_default());
    format!("<{name}{attributes}>{text}{elements}</{name}>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;")
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in element()) {
        let text = written("r", &value);
        prop_assert_eq!(decode(text.as_bytes(), &[]), Ok(json!({"r": value})), "{}", text);
    }

    #[test]
    fn no_text_leaves_its_element(text in "[^\u{0}-\u{8}\u{b}-\u{1f}\u{fffe}\u{ffff}]{0,40}") {
        let document = format!("<r><a>{}</a><b>fixed</b></r>", escape(&text));
        let value = decode(document.as_bytes(), &[]).unwrap();
        let normal = text.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert_eq!(value["r"]["b"].as_str(), Some("fixed"));
        let read = value["r"]["a"].as_str().unwrap().replace("\r\n", "\n").replace('\r', "\n");
        prop_assert_eq!(read, normal);
    }
}
