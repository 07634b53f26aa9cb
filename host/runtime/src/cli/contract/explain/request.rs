//! One request of a contract: its rendering, its bytes, and the origin of each value.

use deed_record::contract::Contract;
use deed_record::contract::template::text::Source;
use deed_record::contract::template::{self, Place, Rule};
use deed_record::exchange::Rendered;
use deed_record::exchange::codec::Outgoing;
use deed_sandbox::preview;
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::super::super::out::Failure;
use super::super::super::shown::{self, Marked};
use super::open::{self, Computed};

#[derive(Debug, Serialize)]
pub(super) struct Request {
    pub(super) rendered: Rendered,
    /// Whether this is a POST that only reads.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) reads: bool,
    /// Whether the upstream always sends the whole list from which `where` selects.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) complete: bool,
    /// The encoded body, if its encoding is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encoded: Option<String>,
    /// The bytes of the request, which are UTF-8, with a description in place of what only the operator knows and of what
    /// is not known yet.
    pub(super) raw: String,
    pub(super) values: Vec<Explained>,
    /// The parts of the body that the adapter computes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) computed: Vec<Computed>,
}

/// One placeholder, and what it stands for.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    written: String,
    stands_for: &'static str,
    place: &'static str,
    /// Where the value is in its place; absent if the value is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// The same as a line of text.
    #[serde(skip)]
    pub(super) shown: String,
}

/// What the requests of a contract are explained with.
#[derive(Debug)]
pub(super) struct Explain<'a> {
    pub(super) contract: &'a Contract,
    pub(super) params: &'a Value,
    /// The states before the action that are known, by name.
    pub(super) states: &'a Value,
    /// Runs the HTTP client, which writes to memory.
    pub(super) runtime: Runtime,
}

impl Explain<'_> {
    /// Explains the request that a rule renders.
    pub(super) fn of(&self, rule: &Rule, rendered: Rendered) -> Result<Request, Failure> {
        let has_state = self.has_state(&rendered);
        let rendered = if has_state {
            rendered.with_state(self.states).map_err(Failure::failed)?
        } else {
            rendered
        };
        let marked = Marked::of(&rendered);
        let raw =
            self.runtime.block_on(preview::bytes(&marked.request)).map_err(Failure::failed)?;
        Ok(Request {
            values: self.values(rule, has_state).map_err(Failure::failed)?,
            reads: rule.reads,
            complete: rule.complete,
            encoded: encoded(&marked.request)?.map(|text| marked.named(&text)),
            raw: open::raw(&marked, &raw),
            computed: open::computed(rule, &rendered).map_err(Failure::failed)?,
            rendered,
        })
    }

    /// Whether every state whose values the request sends is known.
    fn has_state(&self, rendered: &Rendered) -> bool {
        rendered.pre.values().all(|source| {
            source.split('/').nth(1).is_some_and(|name| self.states.get(name).is_some())
        })
    }

    fn values(
        &self,
        rule: &Rule,
        has_state: bool,
    ) -> Result<Vec<Explained>, template::RenderError> {
        let body = rule.body_template()?;
        let origins = rule.origins(body.as_deref(), self.params, self.contract.templates())?;
        let value = |origin: template::origins::Origin<'_>| {
            let source = origin.used.source;
            let example = match source {
                Source::ActionId => ", here an example",
                Source::Pre(_) if !has_state => ", here null; give it with --state",
                _ => "",
            };
            Explained {
                written: source.written(),
                stands_for: stands_for(source, has_state),
                place: place(origin.used.place),
                shown: format!("{}{example}", shown::origin(&origin)),
                at: origin.at,
            }
        };
        Ok(origins.into_iter().map(value).collect())
    }
}

fn stands_for(source: Source<'_>, has_state: bool) -> &'static str {
    match source {
        Source::Param { .. } => "parameter",
        Source::ActionId => "id of the action, here an example",
        Source::Pre(_) if has_state => "value of the state before the action",
        Source::Pre(_) => "value of the state before the action, here null",
        Source::Answer(_) => "value of the answer to a write, known afterwards",
    }
}

fn place(place: Place) -> &'static str {
    match place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
        Place::Body => "body",
        Place::Where => "list",
    }
}

/// The bytes of a form-urlencoded body, which are ASCII.
fn encoded(rendered: &Rendered) -> Result<Option<String>, Failure> {
    match (&rendered.body, rendered.codec.request) {
        (Some(body), Outgoing::Form) => {
            let bytes = rendered.codec.encode(body, &rendered.numbers).map_err(Failure::failed)?;
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ => Ok(None),
    }
}
