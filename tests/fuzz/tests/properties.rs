//! Tests that no parameter leaves its place in the template: another parser reads the rendered request, and the result
//! is compared with the template.

use std::collections::BTreeSet;

use deed_fuzz::template::stays;
use deed_record::contract::template::text::{Format, Origins};
use deed_record::contract::template::{Rule, render_resource};
use deed_record::exchange::codec::{Codec, Outgoing};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Any scalar, often with content that is known to confuse parsers.
fn scalar() -> impl Strategy<Value = Value> {
    let known = prop::sample::select(vec![
        "..",
        ".",
        "%2e%2e",
        "%2f",
        "/",
        "//",
        "\\",
        ";",
        "?",
        "#",
        "&",
        "=",
        "&a=b",
        "\r\n",
        "\r\nX: y",
        " HTTP/1.1\r\n\r\nGET /x",
        "\0",
        "{p}",
        "{q}",
        "\u{2028}",
        "\u{ff0e}\u{ff0e}",
        "@",
        ":",
        "a b",
        "+",
    ]);
    prop_oneof![
        any::<String>().prop_map(Value::String),
        (known.clone(), any::<String>(), known).prop_map(|(a, b, c)| json!([a, &b, c].concat())),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::Bool),
    ]
}

fn rule(request: &str, form: bool) -> Rule {
    let nested =
        json!({"fixed": "a=b", "p": "{p}", "deep": [{"q": "{q}"}, "{p}", 7], "gone": "{gone}"});
    let flat = json!({"fixed": "a=b", "p": "{p}", "q": "{q}", "n": 7, "gone": "{gone}"});
    let request_codec = if form { Outgoing::Form } else { Outgoing::Json };
    Rule {
        upstream: "idp".into(),
        request: request.into(),
        body: Some(if form { flat } else { nested }),
        codec: Codec { request: request_codec, ..Codec::default() },
        ..Rule::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_value_leaves_its_place(p in scalar(), q in scalar(), form in any::<bool>()) {
        let params = json!({"p": p, "q": q});
        for request in ["PATCH /Users/{p}/x", "POST /a/{p}/{q}?b={q}&c=1&d={p}", "PUT /fixed?e={p}", "POST /"] {
            let rule = rule(request, form);
            prop_assert!(rule.check(false, Format::One).is_ok());
            // A request whose rendering is refused is not sent. Only empty strings, dot segments and control characters
            // may be refused.
            match rule.render(&origins(&params)) {
                Ok(rendered) => stays(&rule, &params, &rendered),
                Err(error) => prop_assert!([&p, &q].into_iter().any(unfit), "{} {}", error, params),
            }
        }
    }

    #[test]
    fn lists_and_objects_have_no_place_in_a_path_or_form(value in prop_oneof![
        Just(json!([])), Just(json!(["a"])), Just(json!({})), Just(json!({"a": "b"})), Just(Value::Null)
    ]) {
        let params = json!({"p": value, "q": "q"});
        for (request, form) in [("GET /{p}", false), ("GET /a?b={p}", false), ("POST /", true)] {
            prop_assert!(rule(request, form).render(&origins(&params)).is_err(), "{}", params);
        }
    }

    #[test]
    fn different_values_name_different_resources(values in prop::collection::btree_set(("[ -~]{1,4}|\\PC{1,3}", "[/%.~ -9a]{1,3}"), 2..24)) {
        let mut seen = BTreeSet::new();
        for (a, b) in &values {
            let Ok(name) = render_resource("idp/{a}/of/{b}", &origins(&json!({"a": a, "b": b}))) else { continue };
            prop_assert_eq!(name.split('/').count(), 4, "{}", name);
            prop_assert!(seen.insert(name.clone()), "`{}` names two", name);
        }
    }
}

/// The values that the templates of a contract of format 1 can use, which are only the parameters.
fn origins(params: &Value) -> Origins<'_> {
    Origins { params, action: None, numbers: &[] }
}

fn unfit(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| ["", ".", ".."].contains(&text) || text.chars().any(char::is_control))
}
