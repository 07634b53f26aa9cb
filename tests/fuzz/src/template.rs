//! Fuzz target for request templates of format 1: a rule is rendered with any value, and another parser reads the
//! resulting request.

use deed_record::contract::template::Rule;
use deed_record::contract::template::text::{Format, Origins};
use deed_record::exchange::Rendered;
use deed_record::exchange::codec::{Codec, Outgoing, form};
use deed_spec::json as strict;
use serde_json::{Value, json};

/// The first line of the input is the request, the second line is the encoding of the body, and the remaining lines are
/// the value of `{p}`.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.splitn(3, '\n');
    let mut next = || parts.next().unwrap_or_default();
    let (request, kind, value) = (next(), next(), next());
    let mut codec = Codec::default();
    if kind == "form" {
        codec.request = Outgoing::Form;
    }
    let body = (!kind.is_empty()).then(|| json!({"fixed": "x", "p": "{p}", "n": 7}));
    let (upstream, request) = ("idp".to_owned(), request.to_owned());
    let rule = Rule { upstream, request, body, codec, ..Rule::default() };
    for params in [json!({"p": value}), json!({"p": i64::from(u32::MAX)}), json!({"p": true})] {
        if rule.check(false, Format::One).is_ok()
            && let Ok(rendered) =
                rule.render(&Origins { params: &params, action: None, numbers: &[] })
        {
            stays(&rule, &params, &rendered);
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    [
        "PATCH /Users/{p}/a\njson\nx",
        "GET /a?b={p}&c=1\n\na&b",
        "POST /\nform\na=b&c",
        "GET /a/{p}\n\n..",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Panics when a rendered request differs from its rule outside the rule's placeholders.
pub fn stays(rule: &Rule, params: &Value, rendered: &Rendered) {
    let (method, target) = rule.request.split_once(' ').unwrap();
    let head = format!("{} {} HTTP/1.1\r\nhost: x\r\n\r\n", rendered.method, rendered.path);
    let mut headers = [httparse::EMPTY_HEADER; 4];
    let mut parsed = httparse::Request::new(&mut headers);
    let end = parsed.parse(head.as_bytes()).unwrap();
    assert_eq!(end, httparse::Status::Complete(head.len()), "more than one request: {head}");
    assert_eq!((parsed.method, parsed.path), (Some(method), Some(rendered.path.as_str())));
    assert_eq!(parsed.headers.len(), 1, "{head}");
    let (path, query) = cut(target);
    let (sent_path, sent_query) = cut(&rendered.path);
    pieces(path, sent_path, '/', params);
    assert_eq!(query.is_some(), sent_query.is_some(), "{head}");
    pieces(query.unwrap_or_default(), sent_query.unwrap_or_default(), '&', params);
    body(rule, params, rendered);
}

/// Path and query of a target.
pub(crate) fn cut(target: &str) -> (&str, Option<&str>) {
    target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)))
}

/// The sent text must have as many segments as the template, and each segment must be the literal or the encoded
/// parameter.
fn pieces(template: &str, sent: &str, between: char, params: &Value) {
    let (wanted, found): (Vec<_>, Vec<_>) =
        (template.split(between).collect(), sent.split(between).collect());
    assert_eq!(wanted.len(), found.len(), "`{template}` became `{sent}`");
    for (wanted, found) in wanted.into_iter().zip(found) {
        let (key, place) = wanted.split_once('=').map_or(("", wanted), |(key, value)| (key, value));
        let name = place.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let Some(name) = name else {
            assert_eq!(wanted, found);
            continue;
        };
        let value =
            if key.is_empty() { found } else { found.strip_prefix(&format!("{key}=")).unwrap() };
        assert!(!["", ".", ".."].contains(&value), "`{template}` became `{sent}`");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
        assert!(value.bytes().all(plain), "`{template}` became `{sent}`");
        assert_eq!(decoded(value), text(&params[name]), "`{template}` became `{sent}`");
    }
}

fn body(rule: &Rule, params: &Value, rendered: &Rendered) {
    let Some(body) = &rendered.body else { return };
    let Ok(bytes) = rendered.codec.encode(body, &rendered.numbers) else {
        // If the body cannot be encoded, the parameters must not have a canonical text either, so that they can never
        // become an action.
        assert!(strict::canonical(params).is_err(), "{params}");
        return;
    };
    let sent = match rule.codec.request {
        Outgoing::Json => serde_json::from_slice(&bytes).unwrap(),
        Outgoing::Form => form::decode(&bytes).unwrap(),
    };
    fits(rule.body.as_ref().unwrap(), &sent, params, rule.codec.request == Outgoing::Form);
}

/// The sent body must have the template's structure, with parameters only at the template's placeholders.
fn fits(template: &Value, sent: &Value, params: &Value, form: bool) {
    match (template, sent) {
        (Value::Object(wanted), Value::Object(found)) => {
            assert!(found.keys().all(|key| wanted.contains_key(key)), "{sent}");
            for (key, wanted) in wanted {
                match found.get(key) {
                    Some(found) => fits(wanted, found, params, form),
                    None => assert!(place(wanted).is_some_and(|name| params.get(name).is_none())),
                }
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            wanted.iter().zip(found).for_each(|(wanted, found)| fits(wanted, found, params, form));
        }
        (Value::Array(_), Value::Array(_)) => {}
        _ => {
            let value = place(template).map_or(template, |name| &params[name]);
            let value = if form { &Value::String(text(value)) } else { value };
            assert_eq!(value, sent);
        }
    }
}

fn place(template: &Value) -> Option<&str> {
    template.as_str()?.strip_prefix('{')?.strip_suffix('}')
}

/// A scalar as it stands in a path, a query, a header or a form.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}
