//! Body of a request: the checks of its template, and the rendering.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use deed_spec::json::{self, child};
use serde_json::{Map, Value};

use super::text::{self, Format, Origins, Piece, Source};
use super::{RenderError, open};
use crate::contract::schema::decimal;
use crate::exchange::codec::form::{self, Shape};

/// The template of a body.
#[derive(Debug)]
pub(super) struct Template<'t> {
    pub(super) body: Cow<'t, Value>,
    /// JSON pointers into `body` to texts that `body_json` has as numbers with a fraction or an exponent.
    pub(super) fractions: BTreeSet<String>,
}

impl<'t> Template<'t> {
    /// A template without fractions.
    pub(super) fn plain(body: &'t Value) -> Self {
        Self { body: Cow::Borrowed(body), fractions: BTreeSet::new() }
    }
}

/// Reads the text of `body_json`. A number with a fraction or an exponent becomes the canonical text of the decimal.
/// Fails when the text is not strict JSON, or has a number that is neither a safe integer nor a decimal.
pub(super) fn parse(text: &str) -> Result<Template<'static>, String> {
    // The strict parser refuses duplicate names, and returns the digits of a fraction as text. The other parser tells
    // these digits from a text.
    let written = json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let read: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut fractions = BTreeSet::new();
    let body = exact(written, &read, "", &mut fractions);
    json::canonical(&body).map_err(|error| error.to_string())?;
    Ok(Template { body: Cow::Owned(body), fractions })
}

/// The value `written` of the strict parser, in which the digits of each decimal are replaced by its canonical text and
/// the digits of each other number by the number in `read`.
fn exact(written: Value, read: &Value, at: &str, fractions: &mut BTreeSet<String>) -> Value {
    match (written, read) {
        (Value::String(digits), Value::Number(number)) => match decimal::parse(&digits) {
            Some(count) => {
                fractions.insert(at.to_owned());
                Value::String(decimal::text(count))
            }
            None => Value::Number(number.clone()),
        },
        (Value::Array(items), Value::Array(others)) => {
            let pairs = items.into_iter().zip(others).enumerate();
            pairs
                .map(|(n, (item, other))| exact(item, other, &child(at, &n.to_string()), fractions))
                .collect()
        }
        (Value::Object(members), Value::Object(others)) => {
            let one = |(name, member): (String, Value)| {
                let other = others.get(&name).unwrap_or(&Value::Null);
                let value = exact(member, other, &child(at, &name), fractions);
                (name, value)
            };
            Value::Object(members.into_iter().map(one).collect())
        }
        (_, read) => read.clone(),
    }
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
        // The schema of an open part contains no placeholders.
        Value::Object(members) if format == Format::Two && open::is_part(members) => Ok(()),
        Value::Object(members) => members.values().try_for_each(|item| check(item, format)),
        _ => Ok(()),
    }
}

/// Refuses a body that is only a value of the state or of an answer, because a record could not distinguish a body that
/// is not known yet from an absent body.
pub(super) fn not_late(body: &Value, format: Format) -> Result<(), RenderError> {
    let Value::String(text) = body else { return Ok(()) };
    match text::whole(&text::pieces(text, format)?) {
        Some(Source::Pre(_) | Source::Answer(_)) => Err(RenderError::LateBody(text.clone())),
        _ => Ok(()),
    }
}

/// Collects every text of a body that may contain placeholders, in document order.
pub(super) fn texts<'t>(body: &'t Value, format: Format, found: &mut Vec<&'t str>) {
    match body {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, format, found)),
        Value::Object(members) if format == Format::Two && open::is_part(members) => {}
        Value::Object(members) => members.values().for_each(|item| texts(item, format, found)),
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
    /// The names of the open parts, by JSON pointers into the body.
    pub(super) any: BTreeMap<String, String>,
    /// The values of answers, as a map from JSON pointers into the body to `NAME.MEMBER`.
    pub(super) awaited: BTreeMap<String, String>,
}

/// Fills a body; a member or item whose parameter is absent is left out, and with `drops_empty` also a list or table
/// inside the body of which nothing is left. A value of the state or of an answer and an open part are null; if the
/// whole body is an open part, there is no body. Fails when literal text stands next to a placeholder whose value is
/// absent or is not a text, number or boolean.
pub(super) fn fill(
    template: &Template<'_>,
    origins: &Origins<'_>,
    drops_empty: bool,
) -> Result<Filled, RenderError> {
    let mut filled = Filled::default();
    let fill = Fill { origins, fractions: &template.fractions, drops_empty };
    filled.value = filled.part(&template.body, fill, At::Top)?;
    // The order of the pointers must not depend on the order in which a build keeps the members of an object.
    filled.numbers.sort_unstable();
    Ok(filled)
}

/// What a body is filled with.
#[derive(Clone, Copy)]
struct Fill<'a> {
    origins: &'a Origins<'a>,
    fractions: &'a BTreeSet<String>,
    drops_empty: bool,
}

impl Fill<'_> {
    /// Whether a list or table of which nothing is left is left out itself.
    fn drops(self, is_empty: bool, at: At<'_>) -> bool {
        is_empty && self.drops_empty && !matches!(at, At::Top)
    }
}

/// The place of a value in a body, as a linked list on the stack, because few places are converted to JSON pointers. An
/// item has its index in the filled body and its index in the template.
#[derive(Clone, Copy)]
enum At<'a> {
    Top,
    Member(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize, usize),
}

impl At<'_> {
    /// The JSON pointer (RFC 6901) into the filled body.
    fn pointer(self) -> String {
        match self {
            Self::Top => String::new(),
            Self::Member(outer, name) => child(&outer.pointer(), name),
            Self::Item(outer, n, _) => child(&outer.pointer(), &n.to_string()),
        }
    }

    /// The JSON pointer into the template.
    fn template(self) -> String {
        match self {
            Self::Top => String::new(),
            Self::Member(outer, name) => child(&outer.template(), name),
            Self::Item(outer, _, n) => child(&outer.template(), &n.to_string()),
        }
    }
}

/// The name of the open part, if the object is one.
fn name_of<'t>(
    members: &'t Map<String, Value>,
    format: Format,
    at: At<'_>,
) -> Result<Option<&'t str>, RenderError> {
    match format {
        Format::One => Ok(None),
        Format::Two => match open::written(members) {
            Ok(part) => Ok(part.map(|(name, _)| name)),
            Err(fault) => Err(fault.at(&at.template(), None).into()),
        },
    }
}

impl Filled {
    /// Converts the values of a form-urlencoded body to texts. A value of an answer stays null. Fails when the body is
    /// not an object of this shape.
    pub(super) fn into_form(mut self, shape: Shape) -> Result<Self, RenderError> {
        let Some(body) = self.value.take() else { return Ok(Self::default()) };
        // The pointers stay valid, because nothing in the body is empty.
        let body = replaced(body, &self.awaited, &Value::String(String::new()));
        let body = form::texts(body, shape).map_err(|_| RenderError::NotFlat)?;
        let value = Some(replaced(body, &self.awaited, &Value::Null));
        Ok(Self { value, awaited: self.awaited, ..Self::default() })
    }

    fn part(
        &mut self,
        body: &Value,
        fill: Fill<'_>,
        at: At<'_>,
    ) -> Result<Option<Value>, RenderError> {
        Ok(Some(match body {
            Value::String(text) if !text.contains(['{', '}']) => {
                if !fill.fractions.is_empty() && fill.fractions.contains(&at.template()) {
                    self.numbers.push(at.pointer());
                }
                body.clone()
            }
            Value::String(text) => return self.text(text, fill.origins, at),
            Value::Array(items) => {
                let mut kept = Vec::new();
                for (n, item) in items.iter().enumerate() {
                    // An item that is left out does not count for the indices of later items.
                    kept.extend(self.part(item, fill, At::Item(&at, kept.len(), n))?);
                }
                if fill.drops(kept.is_empty(), at) {
                    return Ok(None);
                }
                Value::Array(kept)
            }
            Value::Object(members) => {
                if let Some(name) = name_of(members, fill.origins.format(), at)? {
                    self.any.insert(at.pointer(), name.to_owned());
                    return Ok((!matches!(at, At::Top)).then_some(Value::Null));
                }
                let mut kept = Map::new();
                for (key, member) in members {
                    if let Some(value) = self.part(member, fill, At::Member(&at, key))? {
                        kept.insert(key.clone(), value);
                    }
                }
                if fill.drops(kept.is_empty(), at) {
                    return Ok(None);
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
            Some(Source::Answer(path)) => {
                self.awaited.insert(at.pointer(), path.to_owned());
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

/// The body with this value at each of these places.
fn replaced(mut body: Value, places: &BTreeMap<String, String>, value: &Value) -> Value {
    for place in places.keys() {
        if let Some(slot) = body.pointer_mut(place) {
            *slot = value.clone();
        }
    }
    body
}
