//! The Cedar schema of a vocabulary, against which policies are validated.
//!
//! No type is left open: every parameter and every state property has the type that its contract declares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cedar_policy::SchemaFragment;
use serde_json::Value;

use super::{ActionShape, AttributeType, Vocabulary};
use crate::contract::schema::{Kind, Schema};
use crate::plan::Computed;

/// The schema in Cedar's human-readable syntax, namespace `Deed`.
pub(super) fn text(vocabulary: &Vocabulary) -> String {
    let attributes = vocabulary.attributes.iter().map(|(name, kind)| {
        let kind = match kind {
            AttributeType::Bool => "Bool",
            AttributeType::Long => "Long",
            AttributeType::String => "String",
        };
        field(name, false, kind)
    });
    let approvals = vocabulary.roles.iter().map(|role| field(role, true, "Long"));
    let mut out = String::from("namespace Deed {\n");
    out += "  entity Agent = { person: String, roles: Set<String>, tenant: String };\n";
    line(&mut out, &format!("entity Resource = {};", record(attributes)));
    line(&mut out, &format!("type Approvals = {};", record(approvals)));
    for (name, shape) in &vocabulary.actions {
        line(&mut out, &action(name, shape));
    }
    out + "}\n"
}

/// The roles for which a schema text, as created by [`text`], declares counts of approvals.
pub(super) fn roles(schema_text: &str) -> Result<BTreeSet<String>, String> {
    let (schema, _warnings) =
        SchemaFragment::from_cedarschema_str(schema_text).map_err(|error| error.to_string())?;
    roles_of(schema)
}

/// Does the same as [`roles`] for a schema that is already parsed.
pub(super) fn roles_of(schema: SchemaFragment) -> Result<BTreeSet<String>, String> {
    let value = schema.to_json_value().map_err(|error| error.to_string())?;
    let approvals = value.pointer("/Deed/commonTypes/Approvals/attributes");
    let roles = approvals.and_then(Value::as_object).ok_or(
        "the schema has no record `Deed::Approvals`; use the schema that the host generates",
    )?;
    Ok(roles.keys().cloned().collect())
}

/// The schema with another type for one string parameter of one action; `None` if the action does not declare the
/// parameter.
pub(super) fn retyped(schema_text: &str, action: &str, param: &str) -> Option<SchemaFragment> {
    let (schema, _warnings) = SchemaFragment::from_cedarschema_str(schema_text).ok()?;
    let mut value = schema.to_json_value().ok()?;
    let context = value.pointer_mut("/Deed/actions")?.get_mut(action)?;
    let params = context.pointer_mut("/appliesTo/context/attributes/params/attributes")?;
    let kind = params.get_mut(param)?.as_object_mut()?;
    // The replacement type shares no value with a string type, so that a policy that reads the parameter fails
    // validation. A required parameter stays required, and an optional parameter stays optional.
    kind.retain(|member, _| member == "required");
    kind.insert("type".to_owned(), Value::from("Record"));
    kind.insert("attributes".to_owned(), Value::Object(serde_json::Map::new()));
    SchemaFragment::from_json_value(value).ok()
}

/// A Cedar string literal; Rust's escapes are a subset of Cedar's.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail; the result is used only because it is `#[must_use]`.
    if writeln!(out, "  {text}").is_err() {
        out.push('\n');
    }
}

fn action(name: &str, shape: &ActionShape) -> String {
    let context = [
        field("params", true, &properties(&shape.params, Absence::AsDeclared)),
        field("environment", true, "String"),
        field("verb", true, "String"),
        field("mode", true, "String"),
        field("on_behalf_of", false, "String"),
        field("sources", true, "Set<String>"),
        field("time", true, "Long"),
        field("approvals", true, "Approvals"),
        field("pre", false, &states(&shape.state)),
    ];
    // Only the policies of an open contract can read a plan.
    let plan = shape.plan.as_ref().map(|parts| field("plan", false, &plan(parts)));
    let context = record(context.into_iter().chain(plan));
    let name = quoted(name);
    format!(
        "action {name} appliesTo {{ principal: [Agent], resource: [Resource], context: {context} }};"
    )
}

/// Whether properties may be absent: as the contract declares, or always, because an upstream may omit any property.
#[derive(Clone, Copy, PartialEq)]
enum Absence {
    AsDeclared,
    Always,
}

fn states(states: &BTreeMap<String, Schema>) -> String {
    record(states.iter().map(|(name, schema)| field(name, false, &kind(schema, Absence::Always))))
}

/// A plan, with the parts that the adapter computes. A part may be absent, because its write may be optional.
fn plan(parts: &BTreeMap<String, Computed>) -> String {
    let any = record(parts.iter().map(|(name, part)| {
        let one = kind(&part.schema, Absence::Always);
        let all = if part.is_repeated { format!("Set<{one}>") } else { one };
        field(name, false, &all)
    }));
    record([
        field("sha256", true, "String"),
        field("count", true, "Long"),
        field("methods", true, "Set<String>"),
        field("any", true, &any),
    ])
}

fn kind(schema: &Schema, absence: Absence) -> String {
    match schema.kind() {
        Some(Kind::String) => "String".into(),
        Some(Kind::Integer) => "Long".into(),
        Some(Kind::Boolean) => "Bool".into(),
        Some(Kind::Decimal) => "__cedar::decimal".into(),
        Some(Kind::Array) => {
            let items =
                schema.items.as_ref().map_or_else(|| "String".into(), |items| kind(items, absence));
            format!("Set<{items}>")
        }
        Some(Kind::Object) | None => properties(schema, absence),
    }
}

fn properties(schema: &Schema, absence: Absence) -> String {
    record(schema.properties.iter().map(|(name, inner)| {
        let required =
            absence == Absence::AsDeclared && schema.required.contains(name) && !inner.nullable;
        field(name, required, &kind(inner, absence))
    }))
}

fn record(fields: impl IntoIterator<Item = String>) -> String {
    let fields: Vec<String> = fields.into_iter().collect();
    if fields.is_empty() { "{}".into() } else { format!("{{ {} }}", fields.join(", ")) }
}

fn field(name: &str, required: bool, kind: &str) -> String {
    let mark = if required { "" } else { "?" };
    if plain(name) {
        format!("{name}{mark}: {kind}")
    } else {
        format!("{}{mark}: {kind}", quoted(name))
    }
}

/// Whether a name needs no quotes (Cedar grammar `IDENT`, minus its reserved words).
fn plain(name: &str) -> bool {
    const RESERVED: [&str; 10] =
        ["true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"];
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first == '_' || first.is_ascii_alphabetic())
        && characters.all(|rest| rest == '_' || rest.is_ascii_alphanumeric())
        && !RESERVED.contains(&name)
}
