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
    let flat = texts(json!({"t": "x", "n": -3, "b": false}));
    assert_eq!(flat, Ok(json!({"t": "x", "n": "-3", "b": "false"})));
    for bad in [json!([]), json!("a"), json!({"a": null}), json!({"a": ["b"]}), json!({"a": {}})] {
        assert_eq!(texts(bad.clone()), Err(FormError::NotFlat), "{bad}");
        assert_eq!(encode(&bad), Err(FormError::NotFlat), "{bad}");
    }
}

proptest! {
    #[test]
    fn every_flat_object_comes_back(members in btree_map(any::<String>(), any::<String>(), 0..6)) {
        let object: Map<String, Value> =
            members.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
        // The empty object is included; it is encoded as the empty text.
        let value = Value::Object(object);
        let text = encode(&value).unwrap();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"*-._+%&=".contains(&byte);
        prop_assert!(text.bytes().all(plain), "{text}");
        prop_assert_eq!(decode(text.as_bytes()), Ok(value));
    }
}
