use serde_json::json;

use super::*;
use crate::exchange::codec::CodecError;

fn rule(request: &str, body: Option<Value>) -> Rule {
    Rule { upstream: "idp".into(), request: request.into(), body, ..Rule::default() }
}

/// Renders a rule of format 1.
fn render(rule: &Rule, params: &Value) -> Result<Rendered, RenderError> {
    rule.render(&Origins { params, action: None, numbers: &[] })
}

#[test]
fn a_value_never_changes_the_shape() {
    let rule = rule("GET /Users/{id}?a=1&b={q}", None);
    let sent = render(&rule, &json!({"id": "a/../b?x#%", "q": "1&c=2"})).unwrap();
    assert_eq!(sent.path, "/Users/a%2F..%2Fb%3Fx%23%25?a=1&b=1%26c%3D2");
    for bad in ["", ".", "..", "a\nb", "\u{0}"] {
        assert!(render(&rule, &json!({"id": bad, "q": "1"})).is_err(), "{bad:?}");
    }
}

#[test]
fn bodies_keep_types_and_drop_absent_members() {
    let rule = rule("PATCH /x", Some(json!({"n": "{n}", "gone": "{gone}", "l": ["{n}", "t"]})));
    let sent = render(&rule, &json!({"n": 3})).unwrap();
    assert_eq!(sent.body, Some(json!({"n": 3, "l": [3, "t"]})));
    assert!(sent.writes);
}

#[test]
fn a_form_is_rendered_to_the_texts_that_leave() {
    let body = json!({"Action": "Tag", "N": "{n}", "Gone": "{gone}", "On": true});
    let mut form = rule("POST /", Some(body));
    form.codec.request = Outgoing::Form;
    assert_eq!(form.check(false, Format::One), Ok(()));
    let sent = render(&form, &json!({"n": 7})).unwrap();
    assert_eq!((sent.path.as_str(), sent.codec.request), ("/", Outgoing::Form));
    assert_eq!(sent.body, Some(json!({"Action": "Tag", "N": "7", "On": "true"})));
    assert_eq!(render(&form, &json!({"n": ["7"]})), Err(RenderError::NotFlat));
    form.body = None;
    assert!(matches!(form.check(false, Format::One), Err(RenderError::Codec(CodecError::NoForm))));
}

#[test]
fn unsafe_rules_are_refused() {
    for bad in [
        "FETCH /x",
        "GET x",
        "GET /a b",
        "GET /a//b",
        "GET //",
        "GET /a/",
        "GET /..",
        "GET /a{b}",
        "GET /a%2f",
    ] {
        assert!(rule(bad, None).check(false, Format::One).is_err(), "{bad}");
    }
    assert!(rule("DELETE /x", None).check(true, Format::One).is_err());
    assert!(rule("GET /x?q={q}", None).check(true, Format::One).is_err());
    assert!(rule("GET /x?q=1", None).check(true, Format::One).is_ok());
}

mod open;
mod two;
