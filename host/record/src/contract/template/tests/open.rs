//! Open parts and values of answers in the bodies of writes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::*;
use crate::action::id::ActionId;

fn post(body: Value) -> Rule {
    Rule { upstream: "idp".into(), request: "POST /x".into(), body: Some(body), ..Rule::default() }
}

fn sent(rule: &Rule, params: &Value) -> Result<Rendered, RenderError> {
    rule.check(false, Format::Two)?;
    let id = ActionId::new(1, [0; 10]);
    rule.render(&Origins { params, action: Some(&id), numbers: &[] })
}

fn named(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(place, name)| ((*place).to_owned(), (*name).to_owned())).collect()
}

fn subject() -> Value {
    json!({"any": {"type": "string", "description": "{x} {"}, "name": "subject"})
}

#[test]
fn an_open_part_is_null_under_its_name() {
    let rule = post(json!({"a": {"b/c": subject()}, "l": ["{gone?}", subject(), "{x}"]}));
    // The names are unique in a contract, which is not a matter of one rule.
    let rendered = sent(&rule, &json!({"x": 1})).unwrap();
    assert_eq!(rendered.body, Some(json!({"a": {"b/c": null}, "l": [null, 1]})));
    assert_eq!(rendered.any, named(&[("/a/b~1c", "subject"), ("/l/0", "subject")]));
    assert!(rendered.is_open() && rule.is_open());
    let parts = rule.open_parts().unwrap();
    let places: Vec<&str> = parts.iter().map(|part| part.pointer.as_str()).collect();
    assert_eq!(places, ["/a/b~1c", "/l/1"]);
    assert!(parts[0].schema.violations(&json!("{x}")).is_empty());
}

#[test]
fn a_whole_body_may_be_an_open_part() {
    let rendered = sent(&post(subject()), &json!({})).unwrap();
    assert_eq!((rendered.body, rendered.any), (None, named(&[("", "subject")])));
    assert_eq!(post(subject()).open_parts().unwrap()[0].pointer, "");
}

/// An escape sequence in the text of `body_json` does not hide an open part.
#[test]
fn an_open_part_may_be_in_json_text() {
    for text in [
        r#"{"a": {"any": {"type": "decimal", "enum": [1.50]}, "name": "subject"}, "n": 2.50}"#,
        r#"{"a": {"\u0061ny": {"type": "decimal", "enum": ["1.5"]}, "name": "subject"}, "n": 2.5}"#,
    ] {
        let rule = Rule { body: None, body_json: Some(text.into()), ..post(Value::Null) };
        let rendered = sent(&rule, &json!({})).unwrap();
        assert_eq!(rendered.body, Some(json!({"a": null, "n": "2.5"})), "{text}");
        assert_eq!(rendered.numbers, ["/n"]);
        assert_eq!(rendered.any, named(&[("/a", "subject")]));
        assert!(rule.is_open() && rule.open_parts().unwrap().len() == 1);
    }
}

/// The schema of an open part has no placeholders.
#[test]
fn a_schema_is_not_a_template() {
    let body = json!({"a": subject(), "b": "{x}"});
    let rule = post(body.clone());
    let uses = rule.placeholders(Some(&body), Format::Two).unwrap();
    assert_eq!(uses.len(), 1, "{uses:?}");
    let params = json!({"x": 1});
    let origins = rule.origins(Some(&body), &params, Format::Two).unwrap();
    assert_eq!(origins.len(), 1, "{origins:?}");
}

#[test]
fn what_resembles_an_open_part_is_refused_with_its_remedy() {
    let any = |schema: Value| json!({"a": [{"any": schema, "name": "subject"}]});
    for (body, why) in [
        (json!({"a": {"any": {"type": "string"}}}), "the computed part at `/body/a` has no `name`"),
        (json!({"any": {}, "name": 5}), "the computed part at `/body` has no `name`"),
        (json!({"any": {}, "name": "A b"}), "at `/body` has the name `A b`, which is not allowed"),
        (json!({"any": {}, "name": "a", "title": "x"}), "has `title` beside `any` and `name`"),
        (
            any(json!({})),
            "`subject` at `/body/a/0` has a schema that cannot be used: schema: has no `type`",
        ),
        (any(json!({"type": "string", "mxLength": 3})), "unknown field `mxLength`"),
        (any(json!({"type": "text"})), "unknown variant `text`"),
        (any(json!({"type": "string", "nullable": true})), "the whole value cannot be `nullable`"),
        (any(json!({"type": "string", "private": true})), "cannot be `private`"),
        (any(json!({"type": "decimal", "as": "number"})), "`as` is for parameters"),
        (
            any(json!({"type": "array", "items": {"type": "string"}, "unordered": true})),
            "`unordered` and `key` are for states",
        ),
    ] {
        let said = sent(&post(body.clone()), &json!({})).unwrap_err().to_string();
        assert!(said.contains(why), "{body}: no `{why}`: {said}");
    }
    let nested = any(json!({"properties": {"x": {"type": "string", "nullable": true}}}));
    assert!(sent(&post(nested), &json!({})).is_ok());
}

#[test]
fn an_open_part_is_only_in_a_json_body_of_a_write() {
    let body = json!({"a": subject()});
    let with = |request: &str| Rule { request: request.into(), ..post(body.clone()) };
    let refused =
        |rule: &Rule, observing: bool| rule.check(observing, Format::Two).unwrap_err().to_string();
    let search = Rule { reads: true, ..post(body.clone()) };
    let read = "the computed part `subject` at `/body/a` is not in the body of a write";
    assert!(refused(&search, true).starts_with(read));
    let get = with("GET /x");
    assert!(refused(&get, false).starts_with(read));
    assert!(Rule { writes: true, ..get }.check(false, Format::Two).is_ok());
    let mut form = with("PUT /x");
    form.codec.request = Outgoing::Form;
    assert!(
        refused(&form, false).starts_with("the computed part `subject` at `/body/a` is in a form")
    );
}

#[test]
fn other_objects_with_a_member_any_are_literal() {
    for body in [json!({"any": "x"}), json!({"any": {}, "b": 1}), json!({"a": {"any": [1]}})] {
        let rule = post(body.clone());
        assert_eq!(sent(&rule, &json!({})).unwrap().body, Some(body));
        assert!(!rule.is_open());
    }
    let rule = post(json!({"a": {"any": {"type": "{x}"}, "name": "subject"}}));
    assert!(rule.check(false, Format::One).is_ok(), "format 1 keeps its meaning");
    let params = json!({"x": "t"});
    let origins = Origins { params: &params, action: None, numbers: &[] };
    let body = json!({"a": {"any": {"type": "t"}, "name": "subject"}});
    assert_eq!(rule.render(&origins).unwrap().body, Some(body));
}

#[test]
fn a_value_of_an_answer_in_a_body_is_null_until_it_is_known() {
    let rule =
        post(json!({"thing": "{answer.create.id}", "l": ["{gone?}", "{answer.create.key}"]}));
    let rendered = sent(&rule, &json!({})).unwrap();
    assert_eq!(rendered.body, Some(json!({"thing": null, "l": [null]})));
    assert_eq!(rendered.awaited, named(&[("/thing", "create.id"), ("/l/0", "create.key")]));
    assert!(rule.is_open() && rendered.is_open());
    let whole = post(json!("{answer.create.id}"));
    let said = whole.check(false, Format::Two).unwrap_err().to_string();
    assert!(said.contains("cannot be the whole body"), "{said}");
}

/// What is left out of a form does not count for the pointers.
#[test]
fn a_value_of_an_answer_may_be_in_a_form() {
    let mut rule = post(json!({
        "a": [{"b": "{gone?}"}, ["{gone?}"], {"c": "{answer.create.id}", "d": "{x}"}],
        "e": {"f": {"g": "{gone?}"}}
    }));
    rule.codec.request = Outgoing::Form;
    let rendered = sent(&rule, &json!({"x": 5})).unwrap();
    assert_eq!(rendered.body, Some(json!({"a": [{"c": null, "d": "5"}]})));
    assert_eq!(rendered.awaited, named(&[("/a/0/c", "create.id")]));
    let filled = rendered.with_answer_values(|_| Some(json!(7))).unwrap();
    let bytes = filled.codec.encode(filled.body.as_ref().unwrap(), &[]).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), "a%5B0%5D%5Bc%5D=7&a%5B0%5D%5Bd%5D=5");
}

#[test]
fn a_rule_is_open_if_its_writes_are_left_to_a_plan() {
    let with = |request: &str| Rule { request: request.into(), ..Rule::default() };
    assert!(with("POST /x/{answer.create.id}").is_open());
    assert!(with("PUT /x?of={answer.create.id}").is_open());
    assert!(Rule { optional: true, ..with("POST /x") }.is_open());
    assert!(!with("GET /x/{answer.create.id}").is_open(), "a read is no write");
    assert!(!with("POST /x/{x}").is_open());
    assert!(!post(json!({"a": "{{answer.create.id}}"})).is_open(), "literal braces");
}
