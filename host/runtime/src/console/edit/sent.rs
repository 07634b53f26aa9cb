//! What a person typed into the form, and the draft that it stands for.

use axum::body::Body;
use axum::http::HeaderMap;
use deed_record::action::Source;
use deed_record::contract::schema::Violation;
use serde_json::{Map, Value};

use super::super::form::{self, Fields};
use super::super::html::FORGERY;
use super::input::Input;
use crate::api::draft::DraftWanted;
use crate::api::problem::Problem;

pub(super) const INTENT: &str = "intent";
pub(super) const SOURCES: &str = "sources";
/// The beginning of the name of a field with the value of a parameter.
pub(super) const PARAM: &str = "param.";
/// The beginning of the name of a field that leaves a private parameter out.
pub(super) const DROP: &str = "drop.";

/// The maximum number of bytes of the form.
const FORM_MAX: usize = 256 * 1024;

/// The fields of the form.
#[derive(Debug)]
pub(super) struct Sent(Fields);

impl Sent {
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        let pairs = form::pairs_of(headers, body, FORM_MAX).await?;
        // Which parameters there are is decided by the contract, as for every draft.
        let is_param = |name: &&String| name.starts_with(PARAM) || name.starts_with(DROP);
        let names: Vec<String> =
            pairs.iter().map(|(name, _)| name).filter(is_param).cloned().collect();
        let fixed = [FORGERY, INTENT, SOURCES].into_iter();
        let known: Vec<&str> = fixed.chain(names.iter().map(String::as_str)).collect();
        // Browsers send every line break of a field as CR LF.
        let unix = |(name, value): (String, String)| (name, value.replace("\r\n", "\n"));
        Ok(Self(form::fields(pairs.into_iter().map(unix).collect(), &known)?))
    }

    /// The value of a field; empty if the form does not have the field.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name)
    }

    /// What was typed for this parameter.
    pub(super) fn typed(&self, input: &Input<'_>) -> Option<&str> {
        self.0.given(&format!("{PARAM}{}", input.name))
    }

    /// Whether this private parameter is to be left out.
    pub(super) fn drops(&self, input: &Input<'_>) -> bool {
        input.can_be_dropped() && self.0.given(&format!("{DROP}{}", input.name)).is_some()
    }

    /// The draft that these fields stand for.
    pub(super) fn draft(&self, inputs: &[Input<'_>]) -> Result<DraftWanted, Vec<Violation>> {
        let (mut params, mut faults) = (self.undeclared(inputs), Vec::new());
        for input in inputs {
            match input.value(self.typed(input), self.drops(input)) {
                Ok(value) => {
                    params.extend(value.map(|value| (input.name.to_owned(), value)));
                }
                Err(reason) => faults.push(Violation { pointer: input.pointer(), reason }),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let intent = self.get(INTENT).to_owned();
        let sources = sources(self.get(SOURCES));
        Ok(DraftWanted { params: Value::Object(params), intent, sources })
    }

    /// Parameters that the contract does not have, so that it refuses them.
    fn undeclared(&self, inputs: &[Input<'_>]) -> Map<String, Value> {
        let params =
            self.0.iter().filter_map(|(name, value)| Some((name.strip_prefix(PARAM)?, value)));
        let others = params.filter(|(name, _)| !inputs.iter().any(|input| input.name == *name));
        others.map(|(name, value)| (name.to_owned(), value.into())).collect()
    }
}

/// The sources, one in each line: a URI, which the SHA-256 of the content may follow.
fn sources(text: &str) -> Vec<Source> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(source).collect()
}

fn source(line: &str) -> Source {
    let is_digest = |word: &str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    match line.rsplit_once(char::is_whitespace) {
        Some((uri, word)) if is_digest(word) => {
            Source { uri: uri.trim_end().to_owned(), sha256: Some(word.to_owned()) }
        }
        _ => Source { uri: line.to_owned(), sha256: None },
    }
}

#[cfg(test)]
mod tests {
    use deed_record::action::private::Openings;
    use deed_record::contract::schema::Schema;
    use serde_json::json;

    use super::super::input;
    use super::*;

    fn sent(pairs: &[(&str, &str)]) -> Sent {
        let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let known: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
        Sent(form::fields(owned.collect(), &known).unwrap())
    }

    #[test]
    fn the_fields_stand_for_a_draft_and_an_unknown_parameter_stays_in_it() {
        let schema: Schema = serde_json::from_value(json!({"required": ["a"], "properties": {
            "a": {"type": "string"}, "b": {"type": "integer"}, "c": {"type": "boolean"},
        }}))
        .unwrap();
        let params = json!({"a": "x"});
        let inputs = input::all(&schema, &params, &Openings::default());
        let fields = [("param.a", "y"), ("param.b", "7"), ("param.c", ""), ("param.d", "z")];
        let more = [("drop.a", "yes"), (INTENT, "as agreed"), (SOURCES, "ticket:1\n\n")];
        let draft = sent(&[&fields[..], &more[..]].concat()).draft(&inputs).unwrap();
        assert_eq!(draft.params, json!({"a": "y", "b": 7, "d": "z"}));
        assert_eq!((draft.intent.as_str(), draft.sources.len()), ("as agreed", 1));
        let faults = sent(&[("param.c", "maybe")]).draft(&inputs).unwrap_err();
        assert_eq!(faults[0].pointer, "/params/c");
    }

    #[test]
    fn each_line_is_a_source() {
        let digest = "0a".repeat(32);
        let found = sources(&format!(" ticket:1 \n\ndoc: page 4\nhttps://a.example/ {digest}\n"));
        let found: Vec<_> =
            found.iter().map(|one| (one.uri.as_str(), one.sha256.as_deref())).collect();
        let last = ("https://a.example/", Some(digest.as_str()));
        assert_eq!(found, [("ticket:1", None), ("doc: page 4", None), last]);
        assert!(sources(" \n").is_empty());
    }
}
