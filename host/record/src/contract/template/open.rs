//! Open parts: `{ any = SCHEMA, name = "NAME" }` in the body of a write stands for a value that the adapter computes.
//!
//! The name identifies the part in plans, policies and texts for people. Only format 2 has open parts; in format 1, the
//! same table is literal.

mod error;

use deed_spec::json::{self, child};
use serde_json::{Map, Value};

pub use self::error::{OpenError, OpenFault};
use super::text::{self, Format, Source};
use super::{RenderError, Rule, body};
use crate::action::id;
use crate::contract::schema::Schema;
use crate::exchange::codec::Outgoing;

/// A part of the body of a write that the adapter computes.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenPart {
    /// JSON pointer into the template of the body; empty if the adapter computes the whole body.
    pub pointer: String,
    pub name: String,
    pub schema: Schema,
}

/// The beginning of a placeholder for a value of an answer.
const ANSWER: &str = "{answer.";

impl Rule {
    /// The open parts of the body, in the order of their pointers. The contract must have format 2.
    ///
    /// # Errors
    ///
    /// Fails at the first table that resembles an open part but is not one, and at the first schema that cannot be
    /// used.
    pub fn open_parts(&self) -> Result<Vec<OpenPart>, RenderError> {
        if !self.mentions(has_any, "\"any\"") {
            return Ok(vec![]);
        }
        let mut found = Vec::new();
        if let Some(body) = self.body_template()? {
            collect(&body, "", &mut found)?;
        }
        // The result must not depend on the order in which a build keeps the members of an object.
        found.sort_by(|one, other| one.pointer.cmp(&other.pointer));
        Ok(found)
    }

    /// Whether the contract leaves a part of this rule of `perform` to a plan. The contract must have format 2.
    pub fn is_open(&self) -> bool {
        self.optional
            || self.open_parts().is_ok_and(|parts| !parts.is_empty())
            || self.has_answer_in_body()
            || self.awaits_answer() && self.may_write().unwrap_or(false)
    }

    /// Checks that open parts are only in JSON bodies of writes.
    pub(super) fn check_open_parts(&self, observing: bool) -> Result<(), RenderError> {
        let parts = self.open_parts()?;
        let Some(part) = parts.first() else { return Ok(()) };
        if observing || !self.may_write()? {
            return Err(OpenFault::Read.at(&part.pointer, Some(&part.name)).into());
        }
        if self.codec.request != Outgoing::Json {
            return Err(OpenFault::Form.at(&part.pointer, Some(&part.name)).into());
        }
        Ok(())
    }

    /// Whether the body contains a value of an answer.
    fn has_answer_in_body(&self) -> bool {
        if !self.mentions(|body| texts(body).iter().any(|text| text.contains(ANSWER)), ANSWER) {
            return false;
        }
        let is_answer = |text: &&str| {
            let pieces = text::pieces(text, Format::Two).unwrap_or_default();
            matches!(text::whole(&pieces), Some(Source::Answer(_)))
        };
        let body = self.body_template().unwrap_or_default();
        body.is_some_and(|body| texts(&body).iter().any(is_answer))
    }

    /// A cheap test that is false only if a part of the body certainly does not occur: `is_in` tests the value of
    /// `body`, and `needle` is searched in the text of `body_json`.
    fn mentions(&self, is_in: impl Fn(&Value) -> bool, needle: &str) -> bool {
        // An escape sequence could hide the text.
        let in_text = |json: &String| json.contains(needle) || json.contains('\\');
        self.body.as_ref().is_some_and(is_in) || self.body_json.as_ref().is_some_and(in_text)
    }
}

/// The name and the schema of an open part, as they are written.
pub(super) type Written<'m> = (&'m str, &'m Map<String, Value>);

/// The name and the schema of an open part; `None` for any other object. An object with a table in `any` and without
/// `name` is literal if it has further members; `deed check` refuses such an object if it resembles an open part.
pub(super) fn written(members: &Map<String, Value>) -> Result<Option<Written<'_>>, OpenFault> {
    let Some(Value::Object(schema)) = members.get("any") else { return Ok(None) };
    let name = members.get("name");
    if name.is_none() && members.len() > 1 {
        return Ok(None);
    }
    if let Some(key) = members.keys().find(|key| !matches!(key.as_str(), "any" | "name")) {
        return Err(OpenFault::Key(key.clone()));
    }
    match name.and_then(Value::as_str) {
        Some(name) if id::is_name(name) => Ok(Some((name, schema))),
        Some(name) => Err(OpenFault::Name(name.to_owned())),
        None => Err(OpenFault::Nameless),
    }
}

/// Whether this object is an open part.
pub(crate) fn is_part(members: &Map<String, Value>) -> bool {
    matches!(written(members), Ok(Some(_)))
}

/// The texts of a body that may contain placeholders.
fn texts(body: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    body::texts(body, Format::Two, &mut found);
    found
}

fn has_any(body: &Value) -> bool {
    match body {
        Value::Array(items) => items.iter().any(has_any),
        Value::Object(members) => {
            members.get("any").is_some_and(Value::is_object) || members.values().any(has_any)
        }
        _ => false,
    }
}

fn collect(body: &Value, at: &str, found: &mut Vec<OpenPart>) -> Result<(), RenderError> {
    match body {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(n, item)| collect(item, &child(at, &n.to_string()), found)),
        Value::Object(members) => match written(members).map_err(|fault| fault.at(at, None))? {
            Some((name, schema)) => {
                found.push(part(at, name, schema)?);
                Ok(())
            }
            None => members
                .iter()
                .try_for_each(|(name, member)| collect(member, &child(at, name), found)),
        },
        _ => Ok(()),
    }
}

fn part(at: &str, name: &str, schema: &Map<String, Value>) -> Result<OpenPart, OpenError> {
    let refuse = |why: String| OpenFault::Schema(why).at(at, Some(name));
    let schema: Schema = json::from_value(Value::Object(schema.clone()))
        .map_err(|error| refuse(error.to_string()))?;
    schema.well_formed().map_err(|error| refuse(error.to_string()))?;
    match unfit(&schema) {
        Some(why) => Err(refuse(why.to_owned())),
        None => Ok(OpenPart { pointer: at.to_owned(), name: name.to_owned(), schema }),
    }
}

/// Why a schema cannot be that of a computed value, although it is well formed.
fn unfit(schema: &Schema) -> Option<&'static str> {
    // In a rendered rule, null stands for a part that is not computed yet.
    if schema.nullable {
        return Some(
            "the whole value cannot be `nullable`; compute an object with a nullable member",
        );
    }
    if schema.has_private() {
        return Some("a computed value cannot be `private`, because approvers and records show it");
    }
    if schema.has_sent_as() {
        return Some("`as` is for parameters; a computed decimal is sent as text");
    }
    if schema.has_set() {
        return Some("`unordered` and `key` are for states; a computed list keeps its order");
    }
    None
}
