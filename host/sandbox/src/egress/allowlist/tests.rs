use serde_json::json;

use super::*;

fn rendered(method: &str, path: &str, body: Option<Value>, calls: u32) -> Rendered {
    let (upstream, method, path) = ("idp".into(), method.into(), path.into());
    Rendered { upstream, method, path, body, calls, ..Rendered::default() }
}

fn request(method: &str, path: &str, body: Option<&str>) -> Request {
    Request {
        upstream: "idp".into(),
        method: method.into(),
        path: path.into(),
        headers: Vec::new(),
        body: body.map(str::to_owned),
    }
}

fn allowance(requests: Vec<Rendered>) -> Allowance {
    let requests = requests.into_iter().map(Prepared::plain).collect();
    Allowance::new("idp.restore_access", "perform", requests)
}

#[test]
fn only_what_was_rendered_is_let_through() {
    let mut allowance = allowance(vec![rendered("GET", "/Users/42", None, 9)]);
    for (method, path) in [
        ("GET", "/Users/43"),
        ("get", "/Users/42"),
        ("PUT", "/Users/42"),
        ("GET", "/Users/42?x=1"),
        ("GET", "/Users/%342"),
    ] {
        let refused = allowance.take(&request(method, path, None)).unwrap_err();
        assert!(refused.contains("denied by contract `idp.restore_access`"), "{refused}");
        assert!(
            refused.contains("[[perform.http]]") && refused.contains("`GET /Users/42` to `idp`"),
            "{refused}"
        );
    }
    let elsewhere = Request { upstream: "crm".into(), ..request("GET", "/Users/42", None) };
    assert!(allowance.take(&elsewhere).is_err());
    assert!(allowance.take(&request("GET", "/Users/42", None)).is_ok());
}

#[test]
fn bodies_are_compared_as_values_and_ours_is_what_leaves() {
    let own = json!({"Operations": [{"op": "replace", "value": true}], "n": 1});
    let mut allowance = allowance(vec![rendered("PATCH", "/Users/42", Some(own.clone()), 9)]);
    let spaced = " {\"n\": 1, \"Operations\":[ {\"value\":true,\"op\":\"replace\"}]}";
    assert_eq!(
        allowance.take(&request("PATCH", "/Users/42", Some(spaced))).unwrap().public.body,
        Some(own)
    );
    let other = allowance
        .take(&request("PATCH", "/Users/42", Some("{\"Operations\":[],\"n\":1}")))
        .unwrap_err();
    assert!(other.contains("`/Operations`"), "{other}");
    for bad in [Some("{\"n\":1,\"n\":1}"), Some("{"), Some("null"), None] {
        assert!(allowance.take(&request("PATCH", "/Users/42", bad)).is_err(), "{bad:?}");
    }
}

#[test]
fn headers_are_not_the_guests_to_set() {
    let mut allowance = allowance(vec![rendered("GET", "/Users/42", None, 9)]);
    let with = |name: &str| Request {
        headers: vec![(name.into(), "x".into())],
        ..request("GET", "/Users/42", None)
    };
    for name in ["Authorization", "host", "x-http-method-override", "content-length"] {
        assert!(allowance.take(&with(name)).unwrap_err().contains(name));
    }
    assert!(allowance.take(&with("Accept")).is_ok());
}

#[test]
fn calls_are_counted() {
    let mut limited = allowance(vec![rendered("GET", "/a", None, 2)]);
    assert!(limited.take(&request("GET", "/a", None)).is_ok());
    assert!(limited.take(&request("GET", "/a", None)).is_ok());
    assert!(limited.take(&request("GET", "/a", None)).unwrap_err().contains("`calls`"));
    let mut busy = allowance(vec![rendered("GET", "/a", None, 100)]);
    let passed = (0..100).filter(|_| busy.take(&request("GET", "/a", None)).is_ok()).count();
    assert_eq!(passed, limits::EXCHANGES);
}

#[test]
fn a_refusal_is_short_and_printable() {
    let mut allowance = allowance(Vec::new());
    let long = format!("/{}\n", "x".repeat(100_000));
    let refused = allowance.take(&request("GET", &long, None)).unwrap_err();
    assert!(refused.len() <= REFUSAL && !refused.contains('\n'));
}
