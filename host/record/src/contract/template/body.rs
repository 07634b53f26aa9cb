//! Body of a request: the checks of its template, and the rendering.

use std::collections::BTreeMap;

use deed_spec::json::{self, child};
use serde_json::{Map, Value};

use super::RenderError;
use super::text::{self, Format, Origins, Piece, Source};

/// Reads the text of `body_json`. Fails when the text is not strict JSON or has a number without a canonical form.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    // The strict parser is used only to refuse duplicate names; its result is not used, because it contains fractions
    // as text.
    json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let body: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    json::canonical(&body).map_err(|error| error.to_string())?;
    Ok(body)
}

/// Checks the texts of a body, and fails at the first text that is not a template of the format.
pub(super) fn check(body: &Value, format: Format) -> Result<(), RenderError> {
    match body {
        Value::String(text) => {
            let pieces = text::pieces(text, format)?;
            let optional = |piece: &Piece<'_>| {
                matches!(piece, Piece::Value(Source::Param { optional: true, .. }))
            };
            if text::whole(&pieces).is_none() && pieces.iter().any(optional) {
                return Err(RenderError::OptionalText(text.clone()));
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| check(item, format)),
        // A later release may give this form a meaning, so no accepted contract may contain it.
        Value::Object(members) if format == Format::Two && is_reserved(members) => {
            Err(RenderError::Any)
        }
        Value::Object(members) => members.values().try_for_each(|item| check(item, format)),
        _ => Ok(()),
    }
}

/// Whether this is the form of a value that an adapter computes: a schema in `any`, and nothing else except a `name`.
fn is_reserved(members: &Map<String, Value>) -> bool {
    members.get("any").is_some_and(Value::is_object)
        && members.keys().all(|name| matches!(name.as_str(), "any" | "name"))
}

/// Refuses a body that is only a value of the state, because a record could not distinguish a body that is not known
/// yet from an absent body.
pub(super) fn not_late(body: &Value, format: Format) -> Result<(), RenderError> {
    let Value::String(text) = body else { return Ok(()) };
    match text::whole(&text::pieces(text, format)?) {
        Some(Source::Pre(_)) => Err(RenderError::LateBody(text.clone())),
        _ => Ok(()),
    }
}

/// Collects every text of a body, in document order.
pub(super) fn texts<'t>(body: &'t Value, found: &mut Vec<&'t str>) {
    match body {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}

/// A filled body.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// The filled body; `None` if every part of the body was left out.
    pub(super) value: Option<Value>,
    /// JSON pointers to texts that are sent as numbers.
    pub(super) numbers: Vec<String>,
    /// The values of the state before the action, as a map from JSON pointers into the body to JSON pointers into the
    /// state.
    pub(super) pre: BTreeMap<String, String>,
}

/// Fills a body; a member or item whose parameter is absent is left out. A value of the state is null until the host
/// has read the state. Fails when literal text stands next to a placeholder whose value is absent or is not a text,
/// number or boolean.
pub(super) fn fill(body: &Value, origins: &Origins<'_>) -> Result<Filled, RenderError> {
    let mut filled = Filled::default();
    filled.value = filled.part(body, origins, At::Top)?;
    Ok(filled)
}

/// The place of a value in a body, as a linked list on the stack, because few places are converted to JSON pointers.
#[derive(Clone, Copy)]
enum At<'a> {
    Top,
    Member(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl At<'_> {
    /// The JSON pointer (RFC 6901).
    fn pointer(self) -> String {
        match self {
            Self::Top => String::new(),
            Self::Member(outer, name) => child(&outer.pointer(), name),
            Self::Item(outer, n) => child(&outer.pointer(), &n.to_string()),
        }
    }
}

impl Filled {
    fn part(
        &mut self,
        body: &Value,
        origins: &Origins<'_>,
        at: At<'_>,
    ) -> Result<Option<Value>, RenderError> {
        Ok(Some(match body {
            Value::String(text) if !text.contains(['{', '}']) => body.clone(),
            Value::String(text) => return self.text(text, origins, at),
            Value::Array(items) => {
                let mut kept = Vec::new();
                for item in items {
                    // An item that is left out does not count for the indices of later items.
                    kept.extend(self.part(item, origins, At::Item(&at, kept.len()))?);
                }
                Value::Array(kept)
            }
            Value::Object(members) => {
                let mut kept = Map::new();
                for (key, member) in members {
                    if let Some(value) = self.part(member, origins, At::Member(&at, key))? {
                        kept.insert(key.clone(), value);
                    }
                }
                Value::Object(kept)
            }
            other => other.clone(),
        }))
    }

    fn text(
        &mut self,
        text: &str,
        origins: &Origins<'_>,
        at: At<'_>,
    ) -> Result<Option<Value>, RenderError> {
        let pieces = text::pieces(text, origins.format())?;
        match text::whole(&pieces) {
            Some(Source::Pre(path)) => {
                self.pre.insert(at.pointer(), format!("/{}", path.replace('.', "/")));
                return Ok(Some(Value::Null));
            }
            Some(source) => {
                let value = origins.value(source).map(std::borrow::Cow::into_owned);
                if value.is_some() && origins.is_number(source) {
                    self.numbers.push(at.pointer());
                }
                return Ok(value);
            }
            None => {}
        }
        let same = |text: &str| text.to_owned();
        text::render(&pieces, origins, same, same).map(|text| Some(Value::String(text)))
    }
}
