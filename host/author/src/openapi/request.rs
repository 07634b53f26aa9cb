//! Requests of operations: paths, required queries and required headers.

use std::collections::BTreeSet;

use deed_record::contract::schema::{Kind, Schema};
use deed_record::contract::template::headers;
use serde_json::Value;

use super::error::OpenApiError;
use super::lost::Lost;
use super::operation::{Operation, parent};
use super::params::{Origin, Params, Piece, encoded, literal, pieces};
use super::schema::parameter;
use super::secret::is_secret;
use super::sketch::Rule;
use super::text::{prose, shown};
use super::walk::Walk;

/// The most parameters of one operation that are read.
const PARAMETERS_MAX: usize = 200;

/// A parameter as the document declares it.
pub(super) struct Declared<'d> {
    pub(super) name: &'d str,
    pub(super) place: &'d str,
    pub(super) required: bool,
    schema: Option<&'d Value>,
    value: &'d Value,
}

impl Declared<'_> {
    /// Whether the value is written in another form than its text: as `.x` or `;name=x`, or as JSON.
    fn is_encoded(&self) -> bool {
        let style = self.value.get("style").and_then(Value::as_str);
        matches!(style, Some("label" | "matrix")) || self.value.get("content").is_some()
    }
}

/// A path, and the operation that declares its parameters.
#[derive(Clone, Copy)]
pub(super) struct Place<'d> {
    pub(super) owner: Operation<'d>,
    pub(super) path: &'d str,
}

impl<'d> Place<'d> {
    pub(super) fn of(owner: Operation<'d>) -> Self {
        Self { owner, path: owner.path }
    }

    /// The place of an operation whose path has the form of this one. A parameter is the same by its position, because
    /// `/a/{x}/{y}` and `/a/{y}/{x}` lead to different objects.
    pub(super) fn with(self, found: Operation<'d>) -> Self {
        if names(found.path) == names(self.path) { Self::of(found) } else { self }
    }

    /// The place without the last segment of its path, or without the text after the parameter in this segment, as in
    /// `/items/{item}:reserve`.
    pub(super) fn parent(self) -> Option<Self> {
        let bare = self.path.rsplit_once('}').and_then(|(head, tail)| {
            let is_operation = !tail.is_empty() && !tail.contains('/');
            self.path.get(..=head.len()).filter(|_| is_operation)
        });
        bare.or_else(|| parent(self.path)).map(|path| Self { path, ..self })
    }
}

/// The names of the parameters of a path.
pub(super) fn names(path: &str) -> Vec<&str> {
    let pieces = path.split('/').flat_map(pieces);
    pieces
        .filter_map(|piece| if let Piece::Param(name) = piece { Some(name) } else { None })
        .collect()
}

/// The parameters of an operation. One of the operation takes the place of one of its path with the same name.
pub(super) fn declared<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
) -> Result<Vec<Declared<'d>>, OpenApiError> {
    let mut found: Vec<Declared<'d>> = Vec::new();
    for holder in [operation.value, operation.item] {
        let listed = holder.get("parameters").and_then(Value::as_array);
        for one in listed.into_iter().flatten().take(PARAMETERS_MAX) {
            let value = walk.resolve(one)?;
            let text = |name: &str| value.get(name).and_then(Value::as_str);
            let (Some(name), Some(place)) = (text("name"), text("in")) else { continue };
            if found.iter().any(|known| known.name == name && known.place == place) {
                continue;
            }
            let required = value.get("required").and_then(Value::as_bool) == Some(true);
            found.push(Declared { name, place, required, schema: value.get("schema"), value });
        }
    }
    Ok(found)
}

/// The schema of a value in a path or a query, which is a scalar; a text if the document does not say more.
fn scalar<'d>(
    walk: &Walk<'d>,
    declared: Option<&Declared<'d>>,
    lost: &mut Lost,
) -> Result<Option<Schema>, OpenApiError> {
    let text = || Schema { declared: Some(Kind::String), ..Schema::default() };
    if declared.is_some_and(Declared::is_encoded) {
        return Ok(None);
    }
    let Some(schema) = declared.and_then(|one| one.schema) else { return Ok(Some(text())) };
    let translated = parameter(walk, schema, lost)?.unwrap_or_else(text);
    let title = declared.and_then(|one| one.value.get("description")).and_then(Value::as_str);
    let title = title.map(|text| prose(text, 80)).filter(|line| !line.is_empty());
    let is_scalar = !matches!(translated.kind(), Some(Kind::Array | Kind::Object) | None);
    let title = translated.title.clone().or(title);
    Ok(is_scalar.then_some(Schema { title, sent_as: None, ..translated }))
}

/// The path with placeholders of the contract.
pub(super) fn target<'d>(
    walk: &Walk<'d>,
    place: Place<'d>,
    params: &mut Params,
) -> Result<String, OpenApiError> {
    let operation = &place.owner;
    let all = declared(walk, operation)?;
    let mut segments = Vec::new();
    for segment in place.path.split('/') {
        let pieces = pieces(segment);
        let mut out = String::new();
        for piece in &pieces {
            match piece {
                Piece::Text(text) => out.push_str(&literal(text)),
                Piece::Param(name) => {
                    let own = all.iter().find(|one| one.place == "path" && one.name == *name);
                    let name = in_path(walk, operation, (*name, own), params)?;
                    if pieces.len() > 1 {
                        params.narrow(&name);
                    }
                    out.push('{');
                    out.push_str(&name);
                    out.push('}');
                }
            }
        }
        segments.push(out);
    }
    Ok(segments.join("/"))
}

/// Adds a parameter of a path, and returns its name in the contract.
fn in_path<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
    (name, own): (&str, Option<&Declared<'d>>),
    params: &mut Params,
) -> Result<String, OpenApiError> {
    let mut lost = Lost::default();
    let schema = scalar(walk, own, &mut lost)?.ok_or_else(|| {
        let what = format!(
            "the parameter `{}` of the path is a list, an object, or has the style `label` or `matrix`, which a \
             contract cannot put into a path; write the contract by hand, with one parameter for each part",
            shown(name)
        );
        OpenApiError::at(operation.pointer(), what)
    })?;
    // Records name the resource, so a parameter of its path cannot be private.
    lost.has_secret |= schema.kind() == Some(Kind::String) && is_secret(name);
    let name = params.add(Origin::Path(name.to_owned()), schema, true);
    params.lose(&name, lost);
    Ok(name)
}

/// The request of an operation, with the queries that it requires and these further ones.
pub(super) fn request<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
    place: Place<'d>,
    more: &[String],
    params: &mut Params,
) -> Result<String, OpenApiError> {
    let target = target(walk, place, params)?;
    let pairs = queries(walk, operation, more, params)?;
    let mark = if target.contains('?') { "&" } else { "?" };
    let query = if pairs.is_empty() { String::new() } else { format!("{mark}{}", pairs.join("&")) };
    Ok(format!("{} {target}{query}", operation.method))
}

/// The pairs of the queries that an operation requires, and these further ones.
pub(super) fn queries<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
    more: &[String],
    params: &mut Params,
) -> Result<Vec<String>, OpenApiError> {
    let all = declared(walk, operation)?;
    let mut pairs = Vec::new();
    for one in all.iter().filter(|one| one.place == "query" && one.required) {
        let key = encoded(one.name);
        if more.iter().any(|pair| pair.split('=').next() == Some(key.as_str())) {
            continue;
        }
        let mut lost = Lost::default();
        let schema = scalar(walk, Some(one), &mut lost)?.ok_or_else(|| {
            let what = format!(
                "the required query `{}` is a list, an object, or JSON, which a contract cannot put into a query; \
                 write the contract by hand",
                shown(one.name)
            );
            OpenApiError::at(operation.pointer(), what)
        })?;
        let is_private = schema.kind() == Some(Kind::String) && is_secret(one.name);
        let schema = if is_private {
            Schema { private: true, choices: None, constant: None, ..schema }
        } else {
            schema
        };
        let name = params.add(Origin::Query(one.name.to_owned()), schema, true);
        params.lose(&name, lost);
        pairs.push(format!("{key}={{{name}}}"));
    }
    pairs.extend_from_slice(more);
    Ok(pairs)
}

/// Adds the headers that the operation requires. A header whose value or permission is not known is a question.
pub(super) fn add_headers<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
    rule: &mut Rule,
) -> Result<(), OpenApiError> {
    for one in declared(walk, operation)?.iter().filter(|one| one.required) {
        let lower = one.name.to_ascii_lowercase();
        let is_own = matches!(lower.as_str(), "accept" | "content-type" | "authorization");
        if one.place == "cookie" {
            let cookie = shown(one.name);
            rule.questions.push(format!(
                "The document requires the cookie `{cookie}`. A contract sends no cookies: make sure that the upstream \
                 accepts the request without it, or do not use this operation."
            ));
        }
        if one.place != "header" || is_own {
            continue;
        }
        match known(walk, one)? {
            Some(value) if headers::is_name(one.name) && headers::is_allowed(&lower) => {
                rule.headers.push((one.name.to_owned(), literal(&value)));
            }
            _ => {
                let name = shown(one.name);
                rule.questions.push(format!(
                    "The document requires the header `{name}`. Add it to `headers` of this rule, and its name to \
                     `allow_headers` of the upstream in `deed.toml`; or configure the upstream to send it."
                ));
            }
        }
    }
    Ok(())
}

/// The pairs in the query of a request. A query can select another object below the same path. Headers are not compared,
/// because a draft only sends those about versions and forms, and asks about all others.
pub(super) fn pairs(request: &str) -> BTreeSet<&str> {
    request.split_once('?').map(|(_, query)| query.split('&').collect()).unwrap_or_default()
}

/// The value of a header, if the document knows only one.
fn known<'d>(walk: &Walk<'d>, one: &Declared<'d>) -> Result<Option<String>, OpenApiError> {
    let Some(schema) = one.schema else { return Ok(None) };
    let flat = walk.flat(schema)?;
    let listed = flat.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    let only = listed.and_then(|all| if let [one] = all { Some(one) } else { None });
    let value = flat.get("const").or(only).or_else(|| flat.get("default"));
    let text = value.map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    Ok(text.filter(|text| headers::is_value(text) && !text.contains(['{', '}'])))
}
