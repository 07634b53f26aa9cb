//! The body of a request: which of its members are parameters, and how it is encoded.

use deed_record::contract::schema::{Kind, Schema};
use serde_json::Value;

use super::error::OpenApiError;
use super::lost::Lost;
use super::names::is_plain;
use super::operation::Operation;
use super::params::{Origin, Params, literal};
use super::response::{essence, is_json};
use super::schema::{parameter, title};
use super::secret;
use super::sketch::Rule;
use super::text::{inline, named, quoted, shown};
use super::walk::{Flat, Walk};

/// The most optional members of a body that become parameters.
const OPTIONAL_MAX: usize = 40;
/// The most members of a body.
const SENT_MAX: usize = 200;
const NO_BODY: &str = "The body is optional in the document, and no contract can send what the document describes. \
                       Does the upstream accept this request without a body?";
const VARIANTS: &str = "The document also describes the body as one of several objects, and the draft sends no member \
                        of these. Add the members of one of them, or do not use this operation.";

/// A member of the body of a write.
pub(super) struct Written {
    /// The name of the member in the document.
    pub(super) name: String,
    pub(super) sent: Sent,
}

/// What is sent as a member.
pub(super) enum Sent {
    /// The value of a parameter.
    Param(Origin),
    /// The only value that the document allows.
    Literal(Value),
    /// The value that the look read, as a placeholder.
    Back(String),
}

/// What a draft sends of a body.
#[derive(Default)]
struct Members {
    written: Vec<Written>,
    left_out: Vec<String>,
    questions: Vec<String>,
}

/// Adds the body to the rule and its members to the parameters. A chosen member is added however many there are. Fails
/// when the document requires a body that no contract can send.
pub(super) fn add<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
    chosen: &[String],
    rule: &mut Rule,
    params: &mut Params,
) -> Result<Vec<Written>, OpenApiError> {
    let Some(body) = operation.value.get("requestBody") else { return Ok(vec![]) };
    let body = walk.resolve(body)?;
    let is_required = body.get("required").and_then(Value::as_bool) == Some(true);
    let content = body.get("content").and_then(Value::as_object);
    let kinds: Vec<&str> =
        content.into_iter().flat_map(|all| all.keys().map(String::as_str)).collect();
    let Some(kind) = best(&kinds) else {
        if is_required {
            return Err(unknown(operation, &kinds));
        }
        rule.questions.extend((!kinds.is_empty()).then(|| NO_BODY.to_owned()));
        return Ok(vec![]);
    };
    let media = content.and_then(|all| all.get(kind));
    let schema = media.and_then(|media| media.get("schema"));
    let members = match schema {
        Some(schema) => members(walk, operation, schema, (is_form(kind), chosen, &mut *params))?,
        None => Members::default(),
    };
    if members.written.is_empty() {
        if is_required {
            return Err(nothing_sent(operation, &members.left_out));
        }
        rule.questions.push(NO_BODY.to_owned());
        return Ok(vec![]);
    }
    encode(kind, rule);
    rule.body = values(&members.written, params);
    rule.left_out = members.left_out;
    rule.body_questions = members.questions;
    Ok(members.written)
}

/// The document requires a body of which a contract can send no member.
fn nothing_sent(operation: &Operation<'_>, left_out: &[String]) -> OpenApiError {
    let what = if left_out.is_empty() {
        "the document does not describe the members of the body; write the contract by hand"
            .to_owned()
    } else {
        let names = named(left_out.iter().map(String::as_str));
        format!(
            "the schemas of contracts cannot express the values of any member of the body, which has {names}; write the \
             contract by hand, or let an adapter compute the body"
        )
    };
    OpenApiError::at(operation.pointer(), what)
}

/// The members of a body, each with its value as TOML.
pub(super) fn values(written: &[Written], params: &Params) -> Vec<(String, String)> {
    written.iter().map(|one| (one.name.clone(), value(one, params))).collect()
}

/// The members of the body of an operation, if the document describes them.
pub(super) fn flat<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
) -> Result<Option<Flat<'d>>, OpenApiError> {
    let Some(body) = operation.value.get("requestBody") else { return Ok(None) };
    let content = walk.resolve(body)?.get("content").and_then(Value::as_object);
    let kinds: Vec<&str> =
        content.into_iter().flat_map(|all| all.keys().map(String::as_str)).collect();
    let media = best(&kinds).and_then(|kind| content.and_then(|all| all.get(kind)));
    media.and_then(|media| media.get("schema")).map(|schema| walk.flat(schema)).transpose()
}

/// The media type that a contract can send best. A range that is not wholly JSON, such as `application/*+json`, is none.
fn best<'k>(kinds: &[&'k str]) -> Option<&'k str> {
    let with = |is: &dyn Fn(&str) -> bool| kinds.iter().copied().find(|kind| is(kind));
    let is_range = |kind: &str| essence(kind).contains('*');
    with(&|kind: &str| essence(kind) == "application/json")
        .or_else(|| with(&|kind: &str| is_json(kind) && !is_range(kind)))
        .or_else(|| with(&|kind: &str| is_json(kind) && !essence(kind).ends_with("+json")))
        .or_else(|| with(&is_form))
}

fn unknown(operation: &Operation<'_>, kinds: &[&str]) -> OpenApiError {
    let kinds: Vec<String> =
        kinds.iter().take(5).map(|kind| format!("`{}`", shown(kind))).collect();
    let what = format!(
        "the operation takes only {}, and a contract can send JSON or a form; use another operation of the upstream",
        if kinds.is_empty() { "bodies without a media type".to_owned() } else { kinds.join(", ") }
    );
    OpenApiError::at(operation.pointer(), what)
}

fn is_form(kind: &str) -> bool {
    essence(kind) == "application/x-www-form-urlencoded"
}

fn encode(kind: &str, rule: &mut Rule) {
    let essence = essence(kind);
    match essence.as_str() {
        "application/json" | "*/*" | "application/*" => {}
        _ if is_form(kind) => rule.codec = Some("{ request = \"form\" }"),
        _ => rule.headers.push(("Content-Type".to_owned(), literal(&essence))),
    }
}

fn members<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
    schema: &'d Value,
    (is_form, chosen, params): (bool, &[String], &mut Params),
) -> Result<Members, OpenApiError> {
    let flat = walk.flat(schema)?;
    can_be_divided(operation, &flat)?;
    let mut found = Members::default();
    found.questions.extend((!flat.variants.is_empty()).then(|| VARIANTS.to_owned()));
    let mut optional = 0;
    for (name, schema) in flat.properties.iter().copied() {
        let required = flat.required.contains(name);
        let inner = walk.flat(schema)?;
        if inner.is("readOnly") {
            continue;
        }
        let is_named = is_plain(name) && !(is_form && name.contains(['[', ']']));
        let only = inner.get("const").filter(|only| required && is_named && is_literal(only));
        if let Some(only) = only {
            found
                .written
                .push(Written { name: name.to_owned(), sent: Sent::Literal(only.clone()) });
            continue;
        }
        let mut lost = Lost::default();
        lost.keywords.extend(flat.divided.contains(name).then_some("allOf"));
        let is_kept = required || chosen.iter().any(|one| one == name);
        let can_be_sent = is_named && (is_kept || optional < OPTIONAL_MAX);
        let translated = if can_be_sent { parameter(walk, schema, &mut lost)? } else { None };
        let translated = translated
            .filter(|one| is_scalar(one) || !is_form && (required || is_list_of_scalars(one)));
        match translated {
            None if required => return Err(not_sent(operation, name, is_named)),
            None => found.left_out.push(name.to_owned()),
            Some(translated) => {
                optional += usize::from(!required);
                let schema = sent(name, &inner, (translated, is_form), &mut lost);
                let origin = Origin::Body(name.to_owned());
                let param = params.add(origin.clone(), schema, required);
                params.lose(&param, lost);
                found.written.push(Written { name: name.to_owned(), sent: Sent::Param(origin) });
            }
        }
    }
    if found.written.len() > SENT_MAX {
        let what = format!("the body has more than {SENT_MAX} members; write the contract by hand");
        return Err(OpenApiError::at(operation.pointer(), what));
    }
    Ok(found)
}

/// Refuses a body that cannot be divided into members, and one whose members the document does not describe.
fn can_be_divided(operation: &Operation<'_>, flat: &Flat<'_>) -> Result<(), OpenApiError> {
    let refuse = |what: String| Err(OpenApiError::at(operation.pointer(), what));
    if flat.is_list() {
        return refuse(
            "the body is a list, which a draft cannot divide into parameters; write the contract by hand, with one \
             parameter for the whole body"
                .to_owned(),
        );
    }
    if flat.properties.is_empty() && !flat.variants.is_empty() {
        return refuse(
            "the body is one of several objects; write the contract by hand, with the members of one of them".to_owned(),
        );
    }
    match flat.required.iter().find(|name| !flat.has(name)) {
        None => Ok(()),
        Some(name) => refuse(format!(
            "the member `{}` of the body is required, and the document does not describe it; add it to `properties`, or \
             write the contract by hand",
            shown(name)
        )),
    }
}

/// A value that a contract can send as it is.
fn is_literal(value: &Value) -> bool {
    value.is_string() || value.is_boolean() || value.as_i64().is_some()
}

fn not_sent(operation: &Operation<'_>, name: &str, is_named: bool) -> OpenApiError {
    let why = if is_named {
        "the schemas of contracts cannot express its values"
    } else {
        "no member of a contract can have this name"
    };
    let what = format!(
        "the member `{}` of the body is required, and {why}; write the contract by hand, or let an adapter compute the \
         member",
        shown(name)
    );
    OpenApiError::at(operation.pointer(), what)
}

fn is_scalar(schema: &Schema) -> bool {
    matches!(schema.kind(), Some(Kind::String | Kind::Integer | Kind::Boolean | Kind::Decimal))
}

fn is_list_of_scalars(schema: &Schema) -> bool {
    schema.items.as_deref().is_some_and(is_scalar)
}

/// The schema of a parameter that is sent in this body. A secret is private, and a form has no numbers.
fn sent(name: &str, flat: &Flat<'_>, (schema, is_form): (Schema, bool), lost: &mut Lost) -> Schema {
    let sent_as = if is_form { None } else { schema.sent_as };
    let schema = Schema { title: title(flat), sent_as, ..schema };
    if !secret::hides(name, flat) {
        return schema;
    }
    match schema.kind() {
        Some(Kind::String) => Schema { private: true, choices: None, constant: None, ..schema },
        Some(Kind::Array | Kind::Object) => {
            lost.has_secret = true;
            schema
        }
        _ => schema,
    }
}

/// The value of a member as TOML.
fn value(one: &Written, params: &Params) -> String {
    match &one.sent {
        Sent::Literal(Value::String(text)) => quoted(&literal(text)),
        Sent::Literal(value) => inline(value),
        Sent::Back(placeholder) => quoted(placeholder),
        Sent::Param(origin) => {
            let found = params.of(origin);
            let name = found.map_or("", |param| param.name.as_str());
            let mark = if found.is_some_and(|param| param.required) { "" } else { "?" };
            quoted(&format!("{{{name}{mark}}}"))
        }
    }
}
