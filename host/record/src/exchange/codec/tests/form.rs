use proptest::collection::btree_map;
use proptest::prelude::*;
use serde_json::{Map, json};

use super::super::form::*;
use super::*;

#[test]
fn a_form_is_written_as_the_standard_says() {
    let body = json!({"b": "a b&c=d+é~*-._", "a": "", "%": "\r\n\u{0}"});
    let text = "%25=%0D%0A%00&a=&b=a+b%26c%3Dd%2B%C3%A9%7E*-._";
    assert_eq!(encode(&body).as_deref(), Ok(text));
    assert_eq!(decode(text.as_bytes()), Ok(body));
    assert_eq!(decode(b""), Ok(json!({})));
    assert_eq!(decode(b"=x"), Ok(json!({"": "x"})));
}

#[test]
fn what_readers_of_forms_disagree_on_is_refused() {
    assert_eq!(decode(b"a=1&a=2"), Err(FormError::Twice("a".into())));
    assert_eq!(decode(b"a=1&%61=2"), Err(FormError::Twice("a".into())));
    for bad in [b"a".as_slice(), b"a=1&", b"&a=1", b"a=1&&b=2", b"a=1;b"] {
        let known = matches!(decode(bad), Err(FormError::Pair) | Ok(_));
        assert!(known && (bad == b"a=1;b" || decode(bad).is_err()), "{bad:?}");
    }
    for bad in ["a=%", "a=%4", "a=%zz", "a=%+1", "a= ", "a=\n", "a=é", "a=b\r\n"] {
        assert!(matches!(decode(bad.as_bytes()), Err(FormError::Byte(_))), "{bad:?}");
    }
    assert_eq!(decode(b"a=%ff"), Err(FormError::Utf8));
    assert_eq!(decode(b"a=%c0%80"), Err(FormError::Utf8));
    assert_eq!(decode(b"a=%ed%a0%80"), Err(FormError::Utf8));
}

#[test]
fn only_flat_objects_of_texts_are_forms() {
    for shape in [Shape::Flat, Shape::Nested] {
        let flat = texts(json!({"t": "x", "n": -3, "b": false}), shape);
        assert_eq!(flat, Ok(json!({"t": "x", "n": "-3", "b": "false"})));
        for bad in [json!([]), json!("a"), json!({"a": null}), json!({"a": 1.5})] {
            assert_eq!(texts(bad.clone(), shape), Err(FormError::NotFlat), "{bad}");
            assert!(encode(&bad).is_err(), "{bad}");
        }
    }
    for nested in [json!({"a": ["b"]}), json!({"a": {}}), json!({"a": []})] {
        assert_eq!(texts(nested.clone(), Shape::Flat), Err(FormError::NotFlat), "{nested}");
    }
}

#[test]
fn a_nested_form_is_written_with_brackets_in_order() {
    let items: Vec<Value> = (0..11).map(|n| json!({"price": format!("p{n}")})).collect();
    let body =
        json!({"z": 1, "metadata": {"id": "a b", "é&": true}, "items": items, "b": [["x"], "y"]});
    let text = encode(&texts(body, Shape::Nested).unwrap()).unwrap();
    assert!(text.starts_with("b%5B0%5D%5B0%5D=x&b%5B1%5D=y&items%5B0%5D%5Bprice%5D=p0&"), "{text}");
    assert!(
        text.contains("items%5B9%5D%5Bprice%5D=p9&items%5B10%5D%5Bprice%5D=p10&metadata"),
        "{text}"
    );
    assert!(text.ends_with("metadata%5Bid%5D=a+b&metadata%5B%C3%A9%26%5D=true&z=1"), "{text}");
}

#[test]
fn a_list_or_table_that_is_left_empty_is_left_out() {
    let left = texts(json!({"a": [], "b": {"c": {}}, "d": [{}, "x"]}), Shape::Nested);
    assert_eq!(left, Ok(json!({"d": ["x"]})));
    assert_eq!(texts(json!({"a": []}), Shape::Nested), Ok(json!({})));
    assert_eq!(encode(&json!({"a": []})), Err(FormError::Empty("a".into())));
}

#[test]
fn a_name_in_a_nested_form_has_one_place_only() {
    let codec = Codec { request: Outgoing::Form, ..Codec::default() };
    for (body, why) in [
        (json!({"a[b]": "x"}), FormError::Bracket("a[b]".into())),
        (json!({"a]": "x"}), FormError::Bracket("a]".into())),
        (json!({"a": {"b]": "x"}}), FormError::Bracket("b]".into())),
        (json!({"a": [{"[0]": "x"}]}), FormError::Bracket("[0]".into())),
        (json!({"a": {"0": "x"}}), FormError::Name("0".into())),
        (json!({"a": {"": "x"}}), FormError::Name(String::new())),
        (json!({"": "x"}), FormError::Name(String::new())),
        (json!({"a": {}}), FormError::Empty("a".into())),
        (json!({"a": [["x"], []]}), FormError::Empty("a".into())),
        (json!({"a": [null]}), FormError::Leaf("a".into())),
        (json!({"a": {"b": 1.5}}), FormError::Leaf("b".into())),
    ] {
        let refused = codec.check(Some(&body), Shape::Nested);
        assert_eq!(refused, Err(CodecError::Form(why)), "{body}");
    }
    let allowed = json!({"0": "x", "a.b": {"c": ["{id}", 1, true, {"d": "y"}]}});
    assert_eq!(codec.check(Some(&allowed), Shape::Nested), Ok(()));
    // A body that names the same place both with brackets and by nesting cannot be encoded.
    let both = json!({"a[b]": "x", "a": {"b": "y"}});
    assert_eq!(encode(&both), Err(FormError::Bracket("a[b]".into())));
}

/// Generates a tree of lists and tables with texts as leaves.
fn trees() -> impl Strategy<Value = Value> {
    let leaf = "[a-c]{0,2}".prop_map(Value::String);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let table = btree_map("[a-c]{1,2}", inner.clone(), 1..3);
        prop_oneof![
            proptest::collection::vec(inner, 1..3).prop_map(Value::Array),
            table.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn bodies() -> impl Strategy<Value = Value> {
    btree_map("[a-c0]{1,2}", trees(), 0..3)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #[test]
    fn two_bodies_have_different_bytes(one in bodies(), other in bodies()) {
        let (text, its) = (encode(&one).unwrap(), encode(&other).unwrap());
        prop_assert_eq!(text == its, one == other, "{} {}", text, its);
        // For a reader that does not interpret brackets, every name occurs only once.
        prop_assert!(decode(text.as_bytes()).is_ok(), "{}", text);
    }

    #[test]
    fn every_flat_object_comes_back(members in btree_map(any::<String>(), any::<String>(), 0..6)) {
        let object: Map<String, Value> =
            members.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
        // The generated objects include the empty object, which is encoded as the empty text.
        let value = Value::Object(object);
        let text = encode(&value).unwrap();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"*-._+%&=".contains(&byte);
        prop_assert!(text.bytes().all(plain), "{text}");
        prop_assert_eq!(decode(text.as_bytes()), Ok(value));
    }
}
