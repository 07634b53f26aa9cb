//! Bodies of requests as text. A value that is not known yet is shown by its name and without quotes, so that no text
//! in the body looks like it.

use deed_record::exchange::Rendered;
use deed_spec::digest::Digest;
use deed_spec::json;
use deed_spec::text::safe;
use serde_json::Value;

use super::text::pretty;

/// The body of a request, indented; empty if there is none.
pub(crate) fn body(request: &Rendered, indent: &str) -> String {
    let shown = |request: &Rendered| {
        request.body.as_ref().map(|body| pretty(body, indent)).unwrap_or_default()
    };
    if unknown(request).is_empty() {
        return shown(request);
    }
    let marked = Marked::of(request);
    marked.named(&shown(&marked.request))
}

/// A request with a mark in place of each value that is not known yet.
#[derive(Debug)]
pub(crate) struct Marked {
    pub(crate) request: Rendered,
    /// Each mark, and the name that is shown in its place.
    marks: Vec<(String, String)>,
}

impl Marked {
    pub(crate) fn of(request: &Rendered) -> Self {
        let mut marked = Self { request: request.clone(), marks: vec![] };
        let unknown = unknown(request);
        if unknown.is_empty() {
            return marked;
        }
        // No text contains its own digest, so the marks occur nowhere else in the request. They have only letters and
        // digits, so every encoding leaves them as they are.
        let text = serde_json::to_string(request).unwrap_or_default();
        let digest = Digest::of(text.as_bytes()).to_string().replace(':', "");
        for (n, (place, name)) in unknown.into_iter().enumerate() {
            let mark = format!("{digest}n{n}n");
            set(&mut marked.request, place, Value::from(mark.as_str()));
            marked.marks.push((mark, name));
        }
        marked
    }

    /// Whether every value of the body is known.
    pub(crate) fn is_complete(&self) -> bool {
        self.marks.is_empty()
    }

    /// A text that was made of the request, with the names of the values.
    pub(crate) fn named(&self, text: &str) -> String {
        let replaced = |text: String, (mark, name): &(String, String)| {
            text.replacen(&format!("\"{mark}\""), name, 1).replacen(mark, name, 1)
        };
        self.marks.iter().fold(text.to_owned(), replaced)
    }
}

/// The places of the values that are not known yet, with their names: those that the adapter computes, and those of
/// answers.
fn unknown(request: &Rendered) -> Vec<(&str, String)> {
    let is_open = |place: &str| {
        let body = request.body.as_ref();
        let value = body.and_then(|body| json::pointer(body, place));
        value.map_or(body.is_none() && place.is_empty(), Value::is_null)
    };
    let computed =
        request.any.iter().map(|(place, name)| (place, format!("<computed: {}>", safe(name))));
    let awaited =
        request.awaited.iter().map(|(place, name)| (place, format!("<answer.{}>", safe(name))));
    let all = computed.chain(awaited).map(|(place, name)| (place.as_str(), name));
    all.filter(|(place, _)| is_open(place)).collect()
}

fn set(request: &mut Rendered, place: &str, value: Value) {
    match &mut request.body {
        None => request.body = Some(value),
        Some(body) => {
            if let Some(slot) = body.pointer_mut(place) {
                *slot = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named<const N: usize>(
        pairs: [(&str, &str); N],
    ) -> std::collections::BTreeMap<String, String> {
        pairs.map(|(place, name)| (place.to_owned(), name.to_owned())).into()
    }

    /// What the adapter computed may say anything, but it is always inside quotes.
    #[test]
    fn no_text_of_a_body_looks_like_a_value_that_is_not_known() {
        let request = Rendered {
            awaited: named([("/by", "create.id"), ("/list/1", "create.by")]),
            any: named([("/n", "total\u{1b}")]),
            body: Some(
                json!({"by": null, "list": ["<answer.create.id>", null, "\"\n"], "n": null}),
            ),
            ..Rendered::default()
        };
        assert_eq!(
            body(&request, ""),
            "{\n  \"by\": <answer.create.id>,\n  \"list\": [\n    \"<answer.create.id>\",\n    \
             <answer.create.by>,\n    \"\\\"\\n\"\n  ],\n  \"n\": <computed: total\\u{1b}>\n}\n"
        );
        let plain = Rendered { body: Some(json!({"by": "<answer.a.b>"})), ..Rendered::default() };
        assert_eq!(body(&plain, " "), " {\n   \"by\": \"<answer.a.b>\"\n }\n");
    }

    #[test]
    fn a_known_value_is_shown_as_it_is() {
        let request = Rendered {
            any: named([("", "doc")]),
            body: Some(json!({"a": 1})),
            ..Rendered::default()
        };
        assert_eq!(body(&request, ""), "{\n  \"a\": 1\n}\n");
        let open = Rendered { body: None, ..request };
        assert_eq!(body(&open, "  "), "  <computed: doc>\n");
        assert!(!Marked::of(&open).is_complete());
        assert_eq!(body(&Rendered::default(), "  "), "");
    }

    #[test]
    fn more_than_ten_values_keep_their_names() {
        let places: Vec<(String, String)> =
            (0..12).map(|n| (format!("/{n:02}"), format!("a.m{n:02}"))).collect();
        let members: serde_json::Map<String, Value> =
            (0..12).map(|n| (format!("{n:02}"), Value::Null)).collect();
        let request = Rendered {
            awaited: places.into_iter().collect(),
            body: Some(Value::Object(members)),
            ..Rendered::default()
        };
        let shown = body(&request, "");
        for n in 0..12 {
            assert!(shown.contains(&format!("\"{n:02}\": <answer.a.m{n:02}>")), "{shown}");
        }
    }
}
