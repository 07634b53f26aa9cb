use std::sync::Arc;

use deed_record::exchange::codec::{Codec, Incoming, Outgoing};
use serde_json::json;

use super::*;

mod wire;

fn rendered(method: &str, body: Option<Value>) -> Rendered {
    let (upstream, path) = ("idp".into(), "/Users/42?a=1".into());
    Rendered { upstream, method: method.into(), path, body, calls: 1, ..Rendered::default() }
}

fn credential(slot: Slot) -> Proof {
    let value = Arc::new(Secret::new("idp-read", b"0123456789abcdef").unwrap());
    Proof { value, slot, headers: vec![], minted: None }
}

fn base() -> Base {
    Base::parse("https://idp.example.com/scim/v2").unwrap()
}

fn sent(slot: Slot, header: &str) -> String {
    let request = encode(&rendered("GET", None), &base(), Some(&credential(slot))).unwrap();
    request.headers().get(header).unwrap().to_str().unwrap().to_owned()
}

fn decoded(kind: &str, bytes: &[u8]) -> Result<Option<Value>, String> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
    read(&Codec::default(), &headers, bytes)
}

fn read(codec: &Codec, headers: &HeaderMap, bytes: &[u8]) -> Result<Option<Value>, String> {
    let rule = Rendered { codec: codec.clone(), ..rendered("GET", None) };
    decode(&rule, &Accepted::default(), headers, bytes).map_err(|unusable| unusable.why)
}

#[test]
fn what_leaves_is_our_rendering() {
    let request =
        encode(&rendered("PATCH", Some(json!({"b": 1, "a": true}))), &base(), None).unwrap();
    assert_eq!(request.uri(), "/scim/v2/Users/42?a=1");
    let names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
    assert_eq!(
        names,
        ["host", "accept", "accept-encoding", "connection", "user-agent", "content-type"]
    );
    assert_eq!(request.headers().get(HOST).unwrap(), "idp.example.com");
    assert!(
        !encode(&rendered("GET", None), &base(), None)
            .unwrap()
            .headers()
            .contains_key(CONTENT_TYPE)
    );
}

#[test]
fn a_request_that_may_have_a_body_says_how_long_it_is() {
    let empty = |method: &str| Rendered {
        codec: Codec { request: Outgoing::Form, ..Codec::default() },
        ..rendered(method, Some(json!({})))
    };
    for (request, length) in [
        (rendered("POST", None), Some("0")),
        (rendered("PUT", None), Some("0")),
        (rendered("PATCH", None), Some("0")),
        (empty("POST"), Some("0")),
        (empty("DELETE"), Some("0")),
        (rendered("DELETE", None), None),
        (rendered("GET", None), None),
        (rendered("HEAD", None), None),
    ] {
        let head = wire::head(&request);
        let sent = head.lines().filter_map(|line| line.strip_prefix("content-length: "));
        assert_eq!(sent.collect::<Vec<_>>(), Vec::from_iter(length), "{head}");
        let agent = format!("user-agent: deed/{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(head.lines().filter(|line| *line == agent).count(), 1, "{head}");
    }
}

#[test]
fn credentials_go_into_their_slot() {
    assert_eq!(sent(Slot::Bearer, "authorization"), "Bearer 0123456789abcdef");
    let basic = sent(Slot::Basic { user: "deed".into() }, "authorization");
    assert_eq!(basic, format!("Basic {}", STANDARD.encode("deed:0123456789abcdef")));
    assert_eq!(sent(Slot::Header { name: "X-Api-Key".into() }, "x-api-key"), "0123456789abcdef");
}

#[test]
fn further_secrets_go_into_headers_of_their_own_and_replace_nothing() {
    let with = |name: &'static str| {
        let value = Arc::new(Secret::new("app-key", b"fedcba9876543210").unwrap());
        let headers = vec![(HeaderName::from_static(name), value)];
        Proof { headers, ..credential(Slot::Header { name: "dd-api-key".into() }) }
    };
    let request =
        encode(&rendered("GET", None), &base(), Some(&with("dd-application-key"))).unwrap();
    assert_eq!(request.headers().get("dd-api-key").unwrap(), "0123456789abcdef");
    let second = request.headers().get("dd-application-key").unwrap();
    assert!(second == "fedcba9876543210" && second.is_sensitive());
    // A request that is signed has them too: a session token of AWS belongs to the signed headers.
    let (key_id, region, service) = ("AKIDEXAMPLE".into(), "us-east-1".into(), "iam".into());
    let slot = Slot::Sigv4 { key_id, region, service };
    let signed = Proof { slot, ..with("x-amz-security-token") };
    let request = encode(&rendered("GET", None), &base(), Some(&signed)).unwrap();
    assert_eq!(request.headers().get("x-amz-security-token").unwrap(), "fedcba9876543210");
    assert!(!request.headers().contains_key("authorization"), "the request is signed later");
    for name in ["dd-api-key", "host", "content-length"] {
        let refused = encode(&rendered("GET", None), &base(), Some(&with(name)));
        assert_eq!(refused.unwrap_err(), EncodeError::Slot("app-key".into()), "{name}");
    }
}

#[test]
fn a_slot_cannot_displace_what_frames_a_request() {
    for name in [
        "If-Match",
        "host",
        "Content-Length",
        "transfer-encoding",
        "accept",
        "user-agent",
        "bad name",
    ] {
        let slot = credential(Slot::Header { name: name.into() });
        let refused = encode(&rendered("GET", None), &base(), Some(&slot));
        assert_eq!(refused.unwrap_err(), EncodeError::Slot("idp-read".into()), "{name}");
    }
}

#[test]
fn json_is_read_strictly() {
    for kind in
        ["application/json", "application/scim+json; charset=UTF-8", "Application/Problem+JSON"]
    {
        assert_eq!(decoded(kind, b"{\"a\":1}"), Ok(Some(json!({"a": 1}))), "{kind}");
    }
    for kind in ["text/html", "text/json", "application/json; charset=latin-1", "+json"] {
        assert!(decoded(kind, b"{}").is_err(), "{kind}");
    }
    assert_eq!(decoded("text/html", b""), Ok(None));
    assert!(decoded("application/json", b"{\"a\":1,\"a\":2}").is_err());
    assert!(decoded("application/json", b"\xff").is_err());
    let marked = decoded("application/json", b"\xef\xbb\xbf{}").unwrap_err();
    assert!(marked.contains("byte order mark"), "{marked}");
    assert!(read(&Codec::default(), &HeaderMap::new(), b"{}").is_err());
}

#[test]
fn an_odd_content_type_is_a_problem_that_names_its_remedy() {
    let odd = decoded("application/json+scim; charset=utf-8", b"{}").unwrap_err();
    assert!(odd.contains("it says `application/json+scim; charset=utf-8`"), "{odd}");
    assert!(
        odd.ends_with("add `application/json+scim` to `content_types` in its table in deed.toml")
    );
    // No setting of `content_types` allows another charset or an answer without a content type, so the errors do not
    // suggest that setting.
    for kind in ["application/json; charset=latin-1", "json", ""] {
        assert!(!decoded(kind, b"{}").unwrap_err().contains("content_types"), "{kind}");
    }
}

#[test]
fn each_direction_is_written_and_read_by_the_rules_codec() {
    let codec = Codec { request: Outgoing::Form, response: Incoming::Xml, lists: Vec::new() };
    let body = Some(json!({"UserName": "a&Action=DeleteUser", "Action": "GetUser"}));
    let request = Rendered { codec: codec.clone(), ..rendered("POST", body) };
    let built = encode(&request, &base(), None).unwrap();
    assert_eq!(built.headers().get(CONTENT_TYPE).unwrap(), "application/x-www-form-urlencoded");
    assert_eq!(built.headers().get(ACCEPT).unwrap(), "application/xml, text/xml");
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    let decoded = read(&codec, &headers, b"<a><b>1</b></a>");
    assert_eq!(decoded, Ok(Some(json!({"a": {"b": "1"}}))));
    let foreign = read(&Codec::default(), &headers, b"<a/>").unwrap_err();
    assert!(foreign.contains("application/json") && foreign.contains("text/xml"), "{foreign}");
}
