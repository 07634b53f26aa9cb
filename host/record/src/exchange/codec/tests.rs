use serde_json::json;

use super::*;

mod form;
mod kind;
mod xml;

fn codec(request: Outgoing, response: Incoming) -> Codec {
    Codec { request, response, lists: Vec::new() }
}

fn read(codec: &Codec, kind: &str, bytes: &[u8]) -> Result<Value, DecodeError> {
    codec.decode(&Received { kind, bytes, ..Received::default() })
}

#[test]
fn a_codec_takes_its_own_content_types_only() {
    let cases: [(Incoming, &str, &[&str], &[&str]); 3] = [
        (
            Incoming::Json,
            "{}",
            &["application/json", "application/scim+json; charset=UTF-8", "Application/X+JSON"],
            &["text/json", "application/json; charset=latin-1", "+json", "a/+json", "text/xml"],
        ),
        (
            Incoming::Form,
            "a=b",
            &[
                "application/x-www-form-urlencoded",
                "application/x-www-form-urlencoded;charset=utf-8",
            ],
            &["text/plain", "application/json", "multipart/form-data", ""],
        ),
        (
            Incoming::Xml,
            "<a/>",
            &["application/xml", "text/xml; charset=\"utf-8\"", "application/atom+xml"],
            &["text/html", "application/json", "text/xml; charset=utf-16", "+xml", "xml"],
        ),
    ];
    for (response, body, own, foreign) in cases {
        let codec = codec(Outgoing::Json, response);
        for kind in own {
            assert!(read(&codec, kind, body.as_bytes()).is_ok(), "{response:?} {kind}");
        }
        for kind in foreign {
            let refused = read(&codec, kind, body.as_bytes());
            assert!(
                matches!(refused, Err(DecodeError::Kind(_) | DecodeError::Charset)),
                "{response:?} {kind}: {refused:?}"
            );
        }
    }
}

#[test]
fn a_text_is_one_string_and_nothing_else() {
    let text = |kind: &str, bytes: &[u8]| read(&codec(Outgoing::Json, Incoming::Text), kind, bytes);
    assert_eq!(text("text/plain", "OK é\n\u{0}".as_bytes()), Ok(json!("OK é\n\u{0}")));
    assert_eq!(text("text/plain; charset=utf8", b"{\"a\": 1}"), Ok(json!("{\"a\": 1}")));
    for kind in ["text/html", "application/json", "text/plain; charset=latin-1", ""] {
        assert!(text(kind, b"OK").is_err(), "{kind}");
    }
    let gives =
        |response, value: Option<Value>| codec(Outgoing::Json, response).could_give(value.as_ref());
    assert!(gives(Incoming::Text, Some(json!("OK"))) && gives(Incoming::Text, None));
    assert!(!gives(Incoming::Text, Some(json!({"a": "OK"}))));
    assert!(gives(Incoming::None, None) && !gives(Incoming::None, Some(json!("OK"))));
    assert!(gives(Incoming::Json, Some(json!([]))));
    for bytes in [b"\xff".as_slice(), b"\xef\xbb\xbfOK", b"\xed\xa0\x80"] {
        assert!(matches!(text("text/plain", bytes), Err(DecodeError::Body(_))), "{bytes:?}");
    }
}

#[test]
fn bad_bytes_have_no_value_in_any_codec() {
    let cases =
        [(Incoming::Json, "application/json"), (Incoming::Form, FORM), (Incoming::Xml, "text/xml")];
    for (response, kind) in cases {
        let refused = read(&codec(Outgoing::Json, response), kind, b"a=\xff<a>\xff</a>");
        assert!(matches!(refused, Err(DecodeError::Body(_))), "{response:?}: {refused:?}");
    }
}

#[test]
fn a_rule_says_a_codec_that_can_be_kept() {
    let form = codec(Outgoing::Form, Incoming::Xml);
    assert_eq!(form.check(Some(&json!({"Action": "x", "n": 1, "b": true})), Shape::Flat), Ok(()));
    assert_eq!(form.check(None, Shape::Flat), Err(CodecError::NoForm));
    assert_eq!(form.check(Some(&json!(["a"])), Shape::Flat), Err(CodecError::NoForm));
    for member in [json!({"a": {}}), json!({"a": []}), json!({"a": null}), json!({"a": 1.5})] {
        let flat = form.check(Some(&member), Shape::Flat);
        assert_eq!(flat, Err(CodecError::NotFlat("a".into())), "{member}");
        assert!(form.check(Some(&member), Shape::Nested).is_err(), "{member}");
    }
    let lists = |lists: &[&str], response| Codec {
        response,
        lists: lists.iter().map(|list| (*list).to_owned()).collect(),
        ..Codec::default()
    };
    assert_eq!(lists(&["Users/member"], Incoming::Xml).check(None, Shape::Flat), Ok(()));
    assert_eq!(
        lists(&["Users/member"], Incoming::Json).check(None, Shape::Flat),
        Err(CodecError::NoLists)
    );
    for bad in ["member", "/member", "a/", "a/b/c", "a b/c", "@a/b", ""] {
        let refused = lists(&[bad], Incoming::Xml).check(None, Shape::Flat);
        assert_eq!(refused, Err(CodecError::List(bad.into())), "{bad}");
    }
}

#[test]
fn what_is_not_said_is_not_recorded() {
    assert_eq!(serde_json::to_value(Codec::default()).unwrap(), json!({}));
    let said = codec(Outgoing::Form, Incoming::Xml);
    let value = serde_json::to_value(&said).unwrap();
    assert_eq!(value, json!({"request": "form", "response": "xml"}));
    assert_eq!(serde_json::from_value::<Codec>(value).unwrap(), said);
    for bad in [json!({"request": "xml"}), json!({"answer": "xml"}), json!("form")] {
        assert!(serde_json::from_value::<Codec>(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn an_answer_is_no_deeper_than_a_record_can_carry() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let deep = |levels| read(&Codec::default(), "application/json", nested(levels).as_bytes());
    assert!(deep(48).is_ok());
    assert_eq!(deep(49), Err(DecodeError::Deep));
}
