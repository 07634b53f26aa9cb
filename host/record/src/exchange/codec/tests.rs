use serde_json::json;

use super::*;

mod form;
mod xml;

fn codec(request: Outgoing, response: Incoming) -> Codec {
    Codec { request, response, lists: Vec::new() }
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
            assert!(codec.decode(kind, body.as_bytes()).is_ok(), "{response:?} {kind}");
        }
        for kind in foreign {
            let refused = codec.decode(kind, body.as_bytes());
            assert!(
                matches!(refused, Err(DecodeError::Kind(_))),
                "{response:?} {kind}: {refused:?}"
            );
        }
    }
}

#[test]
fn bad_bytes_have_no_value_in_any_codec() {
    let cases =
        [(Incoming::Json, "application/json"), (Incoming::Form, FORM), (Incoming::Xml, "text/xml")];
    for (response, kind) in cases {
        let refused = codec(Outgoing::Json, response).decode(kind, b"a=\xff<a>\xff</a>");
        assert!(matches!(refused, Err(DecodeError::Body(_))), "{response:?}: {refused:?}");
    }
}

#[test]
fn a_rule_says_a_codec_that_can_be_kept() {
    let form = codec(Outgoing::Form, Incoming::Xml);
    assert_eq!(form.check(Some(&json!({"Action": "x", "n": 1, "b": true}))), Ok(()));
    assert_eq!(form.check(None), Err(CodecError::NoForm));
    assert_eq!(form.check(Some(&json!(["a"]))), Err(CodecError::NoForm));
    for member in [json!({"a": {}}), json!({"a": []}), json!({"a": null}), json!({"a": 1.5})] {
        assert_eq!(form.check(Some(&member)), Err(CodecError::NotFlat("a".into())), "{member}");
    }
    let lists = |lists: &[&str], response| Codec {
        response,
        lists: lists.iter().map(|list| (*list).to_owned()).collect(),
        ..Codec::default()
    };
    assert_eq!(lists(&["Users/member"], Incoming::Xml).check(None), Ok(()));
    assert_eq!(lists(&["Users/member"], Incoming::Json).check(None), Err(CodecError::NoLists));
    for bad in ["member", "/member", "a/", "a/b/c", "a b/c", "@a/b", ""] {
        let refused = lists(&[bad], Incoming::Xml).check(None);
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
    let read = |levels| Codec::default().decode("application/json", nested(levels).as_bytes());
    assert!(read(48).is_ok());
    assert_eq!(read(49), Err(DecodeError::Deep));
}
