use super::super::kind::{Accepted, is_kind};
use super::*;

fn listed(
    kinds: &[&str],
    response: Incoming,
    kind: &str,
    bytes: &[u8],
) -> Result<Value, DecodeError> {
    let content_types = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let accepted = Accepted { content_types, gzip: false };
    let received = Received { kind, bytes, accepted: Some(&accepted), ..Received::default() };
    codec(Outgoing::Json, response).decode(&received)
}

#[test]
fn a_listed_type_is_taken_for_the_codec_of_the_rule() {
    let odd = ["application/json+scim", "text/plain"];
    for kind in [
        "application/json+scim",
        "Application/JSON+scim; version=2",
        "application/json+scim;charset=UTF-8",
        "text/plain; charset=us-ascii",
        "application/json",
    ] {
        assert_eq!(listed(&odd, Incoming::Json, kind, b"{}"), Ok(json!({})), "{kind}");
    }
    assert_eq!(listed(&odd, Incoming::Xml, "text/plain", b"<a/>"), Ok(json!({"a": ""})));
    for kind in ["application/json+other", "application/json+scimx", "text/plain2", "", "text"] {
        let refused = listed(&odd, Incoming::Json, kind, b"{}");
        assert_eq!(refused, Err(DecodeError::Kind("application/json")), "{kind}");
    }
}

#[test]
fn no_list_makes_another_charset_acceptable() {
    for charset in ["latin-1", "utf-16", "utf-8x", "\"\"", "cp1252", "us-ascii; charset=utf-16"] {
        for kind in ["application/json", "text/plain"] {
            let said = format!("{kind}; charset={charset}");
            let refused = listed(&["text/plain"], Incoming::Json, &said, b"{}");
            assert_eq!(refused, Err(DecodeError::Charset), "{said}");
        }
    }
    for charset in ["utf8", "UTF8", "\"utf-8\"", "US-ASCII"] {
        let said = format!("application/json; charset={charset}");
        assert_eq!(listed(&[], Incoming::Json, &said, b"{}"), Ok(json!({})), "{said}");
    }
    let beyond =
        listed(&[], Incoming::Json, "application/json; charset=us-ascii", "\"é\"".as_bytes());
    assert_eq!(beyond, Err(DecodeError::Charset));
}

#[test]
fn a_content_type_is_two_tokens() {
    for kind in ["application/json+scim", "text/x-json", "application/vnd.a.b-c+json"] {
        assert!(is_kind(kind), "{kind}");
    }
    for bad in [
        "",
        "json",
        "a/",
        "/b",
        "a/b/c",
        "*/*",
        "text/*",
        "a/b; charset=utf-8",
        "a/b ",
        " a/b",
        "a/b\r\nx: y",
        "a/é",
    ] {
        assert!(!is_kind(bad), "{bad:?}");
    }
    assert!(!is_kind(&format!("a/{}", "b".repeat(127))));
}

#[test]
fn what_expose_drops_is_not_counted_and_not_strict() {
    let bytes = br#"{"id": "1", "big": {"k": 1, "k": [[[]]]}, "id2": "\ud800"}"#;
    let of = |pointers: &[&str]| {
        let expose: Vec<String> = pointers.iter().map(|one| (*one).to_owned()).collect();
        let kind = "application/json";
        let received = Received { kind, bytes, expose: Some(&expose), ..Received::default() };
        Codec::default().decode(&received)
    };
    assert_eq!(of(&["/id"]), Ok(json!({"id": "1"})));
    assert_eq!(of(&[]), Ok(json!({})));
    for kept in ["/big", "/big/k", "/big/k/0", "/id2"] {
        assert!(matches!(of(&["/id", kept]), Err(DecodeError::Body(_))), "{kept}");
    }
    let deep = format!("{{\"a\": {}{}, \"b\": 1}}", "[".repeat(60), "]".repeat(60));
    let expose = ["/b".to_owned()];
    let received = Received {
        kind: "application/json",
        bytes: deep.as_bytes(),
        expose: Some(&expose),
        ..Received::default()
    };
    assert_eq!(Codec::default().decode(&received), Ok(json!({"b": 1})));
}
