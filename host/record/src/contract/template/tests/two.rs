//! Templates of format 2.

use deed_spec::json as canonical;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use crate::action::id::ActionId;

fn id() -> ActionId {
    ActionId::new(1, [0; 10])
}

fn rule(request: &str) -> Rule {
    Rule { upstream: "idp".into(), request: request.into(), ..Rule::default() }
}

fn sent(rule: &Rule, params: &Value) -> Result<Rendered, RenderError> {
    rule.check(!matches!(rule.split()?.0, "POST" | "PUT" | "DELETE"), Format::Two)?;
    rule.render(&Origins { params, action: Some(&id()), numbers: &[] })
}

fn path(request: &str, params: &Value) -> String {
    sent(&rule(request), params).unwrap().path
}

#[test]
fn text_stands_next_to_values() {
    let x = || json!({ "x": "a@b+c" });
    for (request, expected) in [
        ("GET /Users/{x}:suspend", "/Users/a%40b%2Bc:suspend"),
        ("GET /u/{x}.json", "/u/a%40b%2Bc.json"),
        ("GET /Users('{x}')", "/Users('a%40b%2Bc')"),
        ("GET /u/{x}/", "/u/a%40b%2Bc/"),
        ("GET /", "/"),
        ("GET /u?q=name eq \"{x}\"", "/u?q=name%20eq%20%22a%40b%2Bc%22"),
        ("GET /u?q=name%20eq%20%22{x}%22", "/u?q=name%20eq%20%22a%40b%2Bc%22"),
        ("GET /u?$top=1&page[size]=2", "/u?$top=1&page%5Bsize%5D=2"),
        ("GET /a%2fb/%7ex/é", "/a%2Fb/~x/%C3%A9"),
        ("GET /u/{{x}}", "/u/%7Bx%7D"),
        ("GET /u/{action.id}", "/u/act_0000000001o000000000000000"),
    ] {
        let shown = path(request, &x());
        if request.contains("action.id") {
            assert_eq!(shown, format!("/u/{}", id().as_str()));
        } else {
            assert_eq!(shown, expected, "{request}");
        }
    }
}

#[test]
fn what_could_change_the_shape_is_refused() {
    for bad in [
        "GET /a//b",
        "GET //",
        "GET /%2e%2E/x",
        "GET /..",
        "GET /%2",
        "GET /a;b",
        "GET /a#b",
        "GET /a\nb",
        "GET /u/{x",
        "GET /u/x}",
        "GET /u/{}",
        "GET /u/{a b}",
        "GET /u?x",
        "GET /u ",
    ] {
        assert!(rule(bad).check(true, Format::Two).is_err(), "{bad}");
    }
    for unfit in
        [json!({}), json!({"x": ""}), json!({"x": ".."}), json!({"x": null}), json!({"x": [1]})]
    {
        assert!(sent(&rule("GET /u/{x}"), &unfit).is_err(), "{unfit}");
    }
    assert!(
        sent(&rule("GET /u/{x}.json"), &json!({"x": ""})).is_err(),
        "an empty value next to text"
    );
}

/// A value and the text around the value never form a dot segment together.
#[test]
fn dots_do_not_meet() {
    for request in
        ["GET /a/{x}{y}", "GET /a/.{x}", "GET /a/%2e{x}", "GET /a/{x}.", "GET /.{x}/.{y}"]
    {
        let dots = json!({"x": ".", "y": "."});
        assert!(sent(&rule(request), &dots).is_err(), "{request}");
        assert!(sent(&rule(request), &json!({"x": "a", "y": "b"})).is_ok(), "{request}");
    }
}

#[test]
fn an_optional_pair_is_left_out() {
    let request = "GET /u?a={a}&b={b?}";
    assert_eq!(path(request, &json!({"a": "1"})), "/u?a=1");
    assert_eq!(path(request, &json!({"a": "1", "b": "2"})), "/u?a=1&b=2");
}

#[test]
fn a_body_has_braces_nulls_and_mixed_text() {
    let mut write = rule("POST /graphql");
    write.body_json = Some(
        r#"{"query":"mutation {{ x }}","name":"u-{x}","gone":"{y?}","clear":null,"n":2}"#.into(),
    );
    let body = sent(&write, &json!({"x": "7"})).unwrap().body.unwrap();
    assert_eq!(body, json!({"query": "mutation { x }", "name": "u-7", "clear": null, "n": 2}));
    assert!(canonical::canonical(&body).is_ok());
    write.body = Some(json!({}));
    assert_eq!(sent(&write, &json!({"x": "7"})), Err(RenderError::TwoBodies));
    for text in ["{", "{\"a\":1,\"a\":2}", "null"] {
        let write = Rule { body_json: Some(text.into()), ..rule("POST /x") };
        assert!(write.check(false, Format::Two).is_err(), "{text}");
    }
}

/// A fraction in `body_json` is kept as the text of a decimal and sent as a number, with all of its digits.
#[test]
fn a_fraction_of_a_body_is_sent_as_written() {
    let mut write = rule("POST /x");
    write.body_json = Some(
        r#"{"rate":0.250,"list":["{y?}","0.5",{"a/b":1.5e1}],"most":-922337203685477.5807,"n":2}"#
            .into(),
    );
    let shown = sent(&write, &json!({})).unwrap();
    let body = json!({"rate": "0.25", "list": ["0.5", {"a/b": "15"}], "most": "-922337203685477.5807", "n": 2});
    assert_eq!(shown.body.as_ref(), Some(&body));
    assert_eq!(shown.numbers, ["/list/1/a~1b", "/most", "/rate"]);
    let bytes = shown.codec.encode(&body, &shown.numbers).unwrap();
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        r#"{"list":["0.5",{"a/b":15}],"most":-922337203685477.5807,"n":2,"rate":0.25}"#
    );
    // With the parameter, the fraction is one item later.
    let shown = sent(&write, &json!({"y": "0.5"})).unwrap();
    assert!(shown.numbers.contains(&"/list/2/a~1b".to_owned()), "{:?}", shown.numbers);
    assert_eq!(shown.body.unwrap()["list"], json!(["0.5", "0.5", {"a/b": "15"}]));
    // A form has only texts.
    write.codec.request = Outgoing::Form;
    let form = sent(&write, &json!({})).unwrap();
    assert_eq!((form.body.unwrap()["rate"].clone(), form.numbers), (json!("0.25"), vec![]));
    for number in ["0.00001", "922337203685477.5808", "1e400", "1e-5", "9007199254740992"] {
        let text = format!("{{\"rate\":{number}}}");
        let write = Rule { body_json: Some(text), ..rule("POST /x") };
        let refused = write.check(false, Format::Two);
        assert!(matches!(refused, Err(RenderError::BodyJson(_))), "{number}: {refused:?}");
    }
}

#[test]
fn headers_are_few_visible_and_never_those_of_the_host() {
    let with = |name: &str, value: &str| Rule {
        headers: [(name.to_owned(), value.to_owned())].into(),
        ..rule("GET /x")
    };
    for (name, value) in [
        ("Host", "x"),
        ("content-length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Authorization", "x"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Method-Override", "DELETE"),
        ("X-Forwarded-For", "x"),
        ("Sec-WebSocket-Version", "13"),
        ("Cookie", "x"),
        ("If-Match", "x"),
        ("Prefer", "a\r\nX: b"),
        ("Prefer", "é"),
        ("Prefer", " a"),
        ("Prefer", ""),
        ("Pre fer", "a"),
        ("Content-Type", "application/json"),
    ] {
        assert!(with(name, value).check(true, Format::Two).is_err(), "{name}: {value}");
    }
    let shown = sent(&with("Notion-Version", "2022-06-28"), &json!({})).unwrap().headers;
    assert_eq!(shown, [("notion-version".to_owned(), "2022-06-28".to_owned())].into());
    let version = sent(&with("Prefer", "wait={x}"), &json!({"x": 5})).unwrap().headers;
    assert_eq!(version["prefer"], "wait=5");
    let kind = |value: &str| Rule {
        headers: [("Content-Type".to_owned(), value.to_owned())].into(),
        body: Some(json!({})),
        ..rule("POST /x")
    };
    assert!(kind("application/merge-patch+json").check(false, Format::Two).is_ok());
    assert!(kind("text/plain").check(false, Format::Two).is_err());
    assert!(headers::is_allowed("notion-version") && !headers::is_allowed("sec-x-version"));
}

proptest! {
    /// No parameter value can change the structure of a request target, which depends only on the template.
    #[test]
    fn no_value_leaves_its_place(x in "\\PC{0,20}", y in "[A-Za-z0-9_.@+-]{1,20}") {
        let request = "GET /a/{x}/b/{y}:go?f=name eq \"{y}\"&g={x}";
        let params = json!({"x": x, "y": y});
        if let Ok(sent) = sent(&rule(request), &params) {
            let (path, query) = sent.path.split_once('?').unwrap();
            prop_assert_eq!(path.split('/').count(), 5);
            prop_assert_eq!(query.split('&').count(), 2);
            prop_assert!(sent.path.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'#'));
            let decoded = percent_encoding::percent_decode_str(query.split('&').next().unwrap());
            prop_assert_eq!(decoded.decode_utf8().unwrap(), format!("f=name eq \"{y}\""));
        }
    }
}
