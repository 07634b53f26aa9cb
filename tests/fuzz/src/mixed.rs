//! Fuzz target for request templates of format 2, in which text may stand next to a value. A second implementation
//! fills the template, and another parser reads the rendered request.

use deed_record::action::id::ActionId;
use deed_record::contract::template::Rule;
use deed_record::contract::template::text::{Format, Origins};
use deed_record::exchange::Rendered;
use deed_record::exchange::codec::{Codec, Outgoing, form};
use deed_spec::json as strict;
use serde_json::{Value, json};

use crate::template::{cut, text as plain};

/// The values that placeholders stand for.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) params: &'a Value,
    pub(crate) id: &'a ActionId,
}

/// A part of a template whose placeholders are filled.
enum Part<'t> {
    Literal(&'t str),
    Value(Value),
}

/// The input is that of the target `template`: the request, the encoding of the body, and the value of `{p}`.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.splitn(3, '\n');
    let mut next = || parts.next().unwrap_or_default();
    let (request, kind, value) = (next(), next(), next());
    let id = ActionId::new(1, [0; 10]);
    for params in [json!({"p": value}), json!({"p": i64::from(u32::MAX)}), json!({"p": true})] {
        let rule = rule(request, kind, &params);
        if rule.check(false, Format::Two).is_err() || rule.awaits_answer() {
            continue;
        }
        let origins = Origins { params: &params, action: Some(&id), numbers: &[] };
        if let Ok(rendered) = rule.render(&origins) {
            Values { params: &params, id: &id }.check(&rule, &rendered);
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    [
        "POST /Users/{p}:suspend/\njson\nx",
        "GET /Users('{p}')?$filter=name eq \"{p}\"&n={gone?}\n\na@b+c",
        "POST /a%2fb/{action.id}/{{x}}\nform\na=b&c",
        "GET /a/.{p}\n\n.",
        "PUT /a/{p}%2F{p}\njson\n..",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn rule(request: &str, kind: &str, params: &Value) -> Rule {
    let mut codec = Codec::default();
    if kind == "form" {
        codec.request = Outgoing::Form;
    }
    let body = json!({"fixed": "{{x}}", "p": "{p}", "mixed": "a-{p}", "by": "{action.id}", "gone": "{gone?}", "n": 7});
    let body = (!kind.is_empty()).then_some(body);
    let (upstream, request) = ("idp".to_owned(), request.to_owned());
    let mut rule = Rule { upstream, request, body, codec, ..Rule::default() };
    // A header can contain only visible ASCII, so other values are tried without the header.
    if plain(&params["p"]).bytes().all(|byte| byte.is_ascii_graphic()) {
        rule.headers.insert("X-Own".to_owned(), "v-{p}".to_owned());
    }
    rule
}

impl Values<'_> {
    /// Panics if the rendered request is not the rule with each value in the place of its placeholder.
    pub(crate) fn check(self, rule: &Rule, rendered: &Rendered) {
        let (method, target) = rule.request.split_once(' ').unwrap();
        self.head(method, rule, rendered);
        let (path, query) = cut(target);
        let (sent_path, sent_query) = cut(&rendered.path);
        let wanted: Vec<&str> = path.split('/').collect();
        let found: Vec<&str> = sent_path.split('/').collect();
        assert_eq!(wanted.len(), found.len(), "`{path}` became `{sent_path}`");
        for (wanted, found) in wanted.into_iter().zip(found) {
            self.piece(wanted, found);
            let has_value = self.parts(wanted).iter().any(|part| matches!(part, Part::Value(_)));
            assert!(!(has_value && has_dots(found)), "`{wanted}` became `{found}`");
        }
        self.query(query.unwrap_or_default(), sent_query);
        self.body(rule, rendered);
    }

    fn head(self, method: &str, rule: &Rule, rendered: &Rendered) {
        let lines = rendered.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let lines = lines.collect::<Vec<_>>().concat();
        let head = format!("{} {} HTTP/1.1\r\n{lines}\r\n", rendered.method, rendered.path);
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut parsed = httparse::Request::new(&mut headers);
        let end = parsed.parse(head.as_bytes()).unwrap();
        assert_eq!(end, httparse::Status::Complete(head.len()), "more than one request: {head}");
        assert_eq!((parsed.method, parsed.path), (Some(method), Some(rendered.path.as_str())));
        assert_eq!(parsed.headers.len(), rule.headers.len(), "{head}");
        for header in &*parsed.headers {
            let is_it = |(name, _): &(&String, &String)| name.eq_ignore_ascii_case(header.name);
            let (_, template) = rule.headers.iter().find(is_it).unwrap();
            assert_eq!(header.value, self.text(template).as_bytes(), "{head}");
        }
    }

    /// Each pair of the template must be sent, in the same order, unless it is empty or its optional parameter is
    /// absent.
    fn query(self, template: &str, sent: Option<&str>) {
        let wanted: Vec<&str> =
            template.split('&').filter(|pair| !self.is_left_out(pair)).collect();
        let found: Vec<&str> = sent.map_or_else(Vec::new, |query| query.split('&').collect());
        assert_eq!(wanted.len(), found.len(), "`{template}` became `{sent:?}`");
        for (wanted, found) in wanted.into_iter().zip(found) {
            let (key, value) = wanted.split_once('=').unwrap();
            let (sent_key, sent_value) = found.split_once('=').unwrap();
            assert_eq!(decoded(key), decoded(sent_key), "`{wanted}` became `{found}`");
            self.piece(value, sent_value);
        }
    }

    fn is_left_out(self, pair: &str) -> bool {
        let value = pair.split_once('=').map_or("", |(_, value)| value);
        let optional = whole(value).and_then(|name| name.strip_suffix('?'));
        pair.is_empty() || optional.is_some_and(|name| self.params.get(name).is_none())
    }

    /// The sent text must decode to the decoded literals and the values of the template.
    fn piece(self, template: &str, sent: &str) {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$'()*+,=:@/?%".contains(&byte);
        assert!(sent.bytes().all(fits), "`{template}` became `{sent}`");
        let bytes = |part: &Part<'_>| match part {
            Part::Literal(text) => decoded(text),
            Part::Value(value) => plain(value).into_bytes(),
        };
        let wanted: Vec<u8> = self.parts(template).iter().flat_map(bytes).collect();
        assert_eq!(decoded(sent), wanted, "`{template}` became `{sent}`");
    }

    fn body(self, rule: &Rule, rendered: &Rendered) {
        let template = rule.body_template().unwrap();
        let filled = template.and_then(|template| self.filled(&template));
        let is_form = rule.codec.request == Outgoing::Form;
        let as_form = |body: Value| texts(&body).unwrap_or_else(|| json!({}));
        let wanted = if is_form { filled.map(as_form) } else { filled };
        assert_eq!(rendered.body, wanted);
        let is_nested = |body: &Value| body.as_object().unwrap().values().any(|v| !v.is_string());
        let Some(body) = wanted.filter(|body| !(is_form && is_nested(body))) else { return };
        if !rendered.numbers.is_empty() {
            return;
        }
        let Ok(bytes) = rendered.codec.encode(&body, &rendered.numbers) else {
            // Such parameters have no canonical text either, so they can never become an action.
            assert!(strict::canonical(self.params).is_err(), "{}", self.params);
            return;
        };
        let sent: Value = if is_form {
            form::decode(&bytes).unwrap()
        } else {
            serde_json::from_slice(&bytes).unwrap()
        };
        assert_eq!(sent, body);
    }

    /// The body with its placeholders filled; `None` if the parameter of an optional placeholder is absent.
    fn filled(self, template: &Value) -> Option<Value> {
        Some(match template {
            Value::String(text) => match whole(text) {
                Some(name) => return self.value(name),
                None => self.text(text).into(),
            },
            Value::Array(items) => items.iter().filter_map(|item| self.filled(item)).collect(),
            Value::Object(members) => {
                let kept = |(key, member): (&String, &Value)| {
                    self.filled(member).map(|value| (key.clone(), value))
                };
                members.iter().filter_map(kept).collect()
            }
            other => other.clone(),
        })
    }

    fn text(self, template: &str) -> String {
        let text = |part: &Part<'_>| match part {
            Part::Literal(text) => (*text).to_owned(),
            Part::Value(value) => plain(value),
        };
        self.parts(template).iter().map(text).collect()
    }

    fn parts(self, template: &str) -> Vec<Part<'_>> {
        let (mut parts, mut rest) = (Vec::new(), template);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            parts.push(Part::Literal(before));
            if let Some(behind) = after.strip_prefix("{{").or_else(|| after.strip_prefix("}}")) {
                parts.push(Part::Literal(after.split_at(1).0));
                rest = behind;
                continue;
            }
            let inner = after.strip_prefix('{').unwrap();
            let (name, behind) = inner.split_once('}').unwrap();
            parts.push(Part::Value(self.value(name).unwrap()));
            rest = behind;
        }
        parts.push(Part::Literal(rest));
        parts
    }

    /// The value of a placeholder; `None` if its parameter is absent. A value of the state is null until the host has
    /// read the state.
    fn value(self, name: &str) -> Option<Value> {
        match name.trim_end_matches('?') {
            "action.id" => Some(self.id.as_str().into()),
            name if name.starts_with("pre.") => Some(Value::Null),
            name => self.params.get(name).cloned(),
        }
    }
}

/// The name of the placeholder, if the text is a single placeholder.
fn whole(text: &str) -> Option<&str> {
    text.strip_prefix('{')?.strip_suffix('}').filter(|name| !name.contains(['{', '}']))
}

/// A form-urlencoded body has only texts, and no empty lists and tables.
fn texts(body: &Value) -> Option<Value> {
    let is_empty = match body {
        Value::Array(items) => items.iter().all(|item| texts(item).is_none()),
        Value::Object(members) => members.values().all(|member| texts(member).is_none()),
        _ => return Some(plain(body).into()),
    };
    if is_empty {
        return None;
    }
    Some(match body {
        Value::Array(items) => items.iter().filter_map(texts).collect(),
        Value::Object(members) => {
            let kept = |(key, member): (&String, &Value)| Some((key.clone(), texts(member)?));
            members.iter().filter_map(kept).collect()
        }
        other => other.clone(),
    })
}

/// Whether a segment contains a dot segment for a server that decodes a path before it splits it.
fn has_dots(segment: &str) -> bool {
    let bytes = decoded(segment);
    bytes.split(|byte| b"/\\".contains(byte)).any(|part| matches!(part, b"." | b".."))
}

fn decoded(text: &str) -> Vec<u8> {
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
    bytes
}
