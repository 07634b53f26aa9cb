//! Closed request templates: a rule and the values of its placeholders result in exactly one rendered request.
//!
//! A rule without a query or body is rendered without one. A value is encoded for the place at which it stands, so that
//! it cannot leave its path segment, query value, header or body value. If text stands next to a placeholder,
//! `deed check` has proved from the parameter's schema that no value can change the meaning of the text.

mod body;
mod covers;
mod error;
pub mod headers;
mod open;
pub mod origins;
mod permission;
mod target;
pub mod text;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::error::RenderError;
pub(crate) use self::open::is_part;
pub use self::open::{OpenError, OpenFault, OpenPart};
pub(crate) use self::target::normal;
pub use self::target::percent_encode;
use self::text::{Format, Origins, Source};
use crate::contract::expose;
use crate::contract::expression::Expression;
use crate::contract::schema::Schema;
use crate::exchange::codec::form::Shape;
use crate::exchange::codec::{Codec, Incoming, Outgoing};
use crate::exchange::{Guard, Rendered};

/// One `[[observe.http]]` or `[[perform.http]]` of a contract.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of a contract")]
pub struct Rule {
    pub upstream: String,
    /// The request in the form `METHOD /path/{param}?key=value`.
    pub request: String,
    /// Headers in addition to those that the host sets itself (format 2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The body as JSON text, for values that TOML cannot express, such as null (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_json: Option<String>,
    /// The encoding of the body and of the response; JSON if absent.
    #[serde(default, skip_serializing_if = "Codec::is_plain")]
    pub codec: Codec,
    /// How often one run may send the request; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
    /// `true` if a GET or HEAD of `perform` changes something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writes: bool,
    /// `true` if a POST of `observe` only reads, such as a search. The operator must permit the request with `safe` in
    /// the grant (format 2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reads: bool,
    /// With `etag`, the write carries the entity tag that the host read on the same path. With `absent`, the write is
    /// carried out only if nothing exists at its path (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// JSON pointers to the parts of the response that the adapter sees and the host records; the whole response if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose: Option<Vec<String>>,
    /// Response statuses of an `observe` rule that mean that the state does not exist (format 2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<u16>,
    /// The request of another `observe` rule, which must succeed in the same observation for the absence of the state
    /// to count (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// The values that an element of the list that `only` names must have, by JSON pointers into the element. Other
    /// elements are ignored (format 2).
    #[serde(rename = "where", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selected: BTreeMap<String, Value>,
    /// `true` if the upstream always sends the whole list from which `where` selects (format 2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub complete: bool,
    /// Response statuses that prove that the write created what exists afterwards (format 2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<u16>,
    /// Response statuses that, with `Retry-After`, mean that the request was not carried out and may be repeated
    /// (format 2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub throttled: Vec<u16>,
    /// Response statuses that mean that the upstream may carry out the write later (format 2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<u16>,
    /// CEL expression over `answer.status` and `answer.body` that is true if a 2xx answer to a write is a refusal
    /// (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_when: Option<Expression>,
    /// The name of a write, by which `{answer.NAME.MEMBER}` refers to its answer. A read that contains a value of an
    /// answer needs a name if it has `answer`, but no request can refer to it (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The members of the answer to a write that other requests contain. An answer that lacks one of these members
    /// cannot be used. For a read that contains a value of an answer, the members that the adapter gets in a rehearsal
    /// (format 2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answer: BTreeMap<String, Schema>,
    /// The form of the path in the header `Location` of the answer to a write, such as `/jobs/{job}`. Each placeholder
    /// of this path is a member of `answer` (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// `true` if a plan may omit this write, and an attempt may end without it (format 2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// The permission that the credential needs for this request, in the words of the upstream. A reason names it if the
    /// upstream answers 401 or 403 (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<String>,
    /// Secrets in the answer to a write that the host takes out of the answer and stores: JSON pointers by name. The
    /// operator says in `vault` of the grant where (format 2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
}

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const CALLS_MAX: u32 = 64;

/// A placeholder of a rule, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use<'t> {
    pub source: Source<'t>,
    /// The whole text that contains the placeholder.
    pub text: &'t str,
    /// Whether other text stands next to the placeholder.
    pub mixed: bool,
    pub place: Place,
}

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Path,
    Query,
    Header,
    Body,
    /// A value that an element of a list must have.
    Where,
}

impl Rule {
    /// Renders the rule with the values of its placeholders.
    ///
    /// # Errors
    ///
    /// Fails when a required parameter is absent, or a value does not fit its place.
    pub fn render(&self, origins: &Origins<'_>) -> Result<Rendered, RenderError> {
        let (method, target) = self.split()?;
        let (path, query) = target::split(target);
        let mut out = target::render_path(path, origins)?;
        if let Some(query) = query
            && let Some(query) = target::render_query(query, origins)?
        {
            out.push('?');
            out.push_str(&query);
        }
        let body = self.filled(origins)?;
        Ok(Rendered {
            upstream: self.upstream.clone(),
            method: method.to_owned(),
            path: out,
            headers: headers::render(&self.headers, origins)?,
            body: body.value,
            numbers: body.numbers,
            pre: body.pre,
            codec: self.codec.clone(),
            calls: self.calls.unwrap_or(1),
            writes: self.writes || !(is_safe(method) || self.reads),
            guard: self.guard,
            expose: self.expose.clone(),
            absent: self.absent.clone(),
            selected: self.selection(origins)?,
            created: self.created.clone(),
            throttled: self.throttled.clone(),
            accepted: self.accepted.clone(),
            refused_when: self.refused_when.clone(),
            name: self.name.clone(),
            location: self.location.clone(),
            any: body.any,
            awaited: body.awaited,
            optional: self.optional,
            secrets: self.secrets.clone(),
        })
    }

    /// Checks the rule itself, without the rest of the contract. With `observing`, the rule may only use GET and HEAD.
    ///
    /// # Errors
    ///
    /// Fails at the first fault.
    pub fn check(&self, observing: bool, format: Format) -> Result<(), RenderError> {
        let (method, target) = self.split()?;
        if format == Format::One && target.contains(' ') {
            return Err(malformed(&self.request));
        }
        let (path, query) = target::split(target);
        let has_body = self.body.is_some() || self.body_json.is_some();
        let is_search = observing && self.reads && method == "POST" && !self.writes;
        if self.reads && !is_search {
            return Err(RenderError::Reads(self.request.clone()));
        }
        if observing && !is_search && (!is_safe(method) || self.writes || has_body) {
            return Err(RenderError::ObserveWrites(self.request.clone()));
        }
        if observing && format == Format::One && query.is_some_and(|query| query.contains('{')) {
            return Err(RenderError::ObserveQuery(self.request.clone()));
        }
        if self.guard.is_some() && (observing || !self.may_write()?) {
            return Err(RenderError::GuardedRead(self.request.clone()));
        }
        if let Some(pointers) = &self.expose {
            expose::check(pointers)?;
            if !pointers.is_empty() && !self.codec.has_members() {
                return Err(RenderError::ExposesNothing);
            }
        }
        if self.calls.is_some_and(|n| n == 0 || n > CALLS_MAX) {
            return Err(RenderError::Calls);
        }
        target::check_path(path, format)?;
        target::check_query(query.unwrap_or_default(), format)?;
        headers::check(&self.headers)?;
        permission::check(self.permission.as_deref())?;
        let body = self.body_template()?;
        body.as_deref().map_or(Ok(()), |body| body::not_late(body, format))?;
        if format == Format::Two {
            self.check_open_parts(observing)?;
        }
        self.codec.check(body.as_deref(), shape(format))?;
        self.content_type(has_body)?;
        body.map_or(Ok(()), |body| body::check(&body, format))
    }

    /// The first key of this rule that exists only in format 2, if there is one.
    pub(crate) fn newer(&self) -> Option<&'static str> {
        let keys = [
            ("headers", !self.headers.is_empty()),
            ("codec.response = \"text\"", self.codec.response == Incoming::Text),
            ("codec.response = \"none\"", self.codec.response == Incoming::None),
            ("body_json", self.body_json.is_some()),
            ("absent", !self.absent.is_empty()),
            ("control", self.control.is_some()),
            ("where", !self.selected.is_empty()),
            ("created", !self.created.is_empty()),
            ("throttled", !self.throttled.is_empty()),
            ("accepted", !self.accepted.is_empty()),
            ("refused_when", self.refused_when.is_some()),
            ("guard = \"absent\"", self.guard == Some(Guard::Absent)),
            ("reads", self.reads),
            ("complete", self.complete),
            ("name", self.name.is_some()),
            ("answer", !self.answer.is_empty()),
            ("location", self.location.is_some()),
            ("optional", self.optional),
            ("permission", self.permission.is_some()),
            ("secrets", !self.secrets.is_empty()),
        ];
        keys.into_iter().find_map(|(key, used)| used.then_some(key))
    }

    /// Whether the request may change something.
    ///
    /// # Errors
    ///
    /// Fails when the request is malformed.
    pub fn may_write(&self) -> Result<bool, RenderError> {
        Ok(self.writes || !(is_safe(self.split()?.0) || self.reads))
    }

    /// Whether the request contains a value of the answer to a write, so that the request can be sent only after that
    /// write.
    pub fn awaits_answer(&self) -> bool {
        self.request.contains("{answer.") && self.answers().next().is_some()
    }

    /// The values of answers in the request, as `NAME.MEMBER`.
    pub fn answers(&self) -> impl Iterator<Item = &str> {
        let target = self.split().map(|(_, target)| target).unwrap_or_default();
        let (path, query) = target::split(target);
        let values = target::pairs(query.unwrap_or_default()).filter_map(Result::ok);
        let texts = target::segments(path, Format::Two).chain(values.map(|(_, value)| value));
        texts.flat_map(|text| text::pieces(text, Format::Two).unwrap_or_default()).filter_map(
            |piece| match piece {
                text::Piece::Value(Source::Answer(path)) => Some(path),
                _ => None,
            },
        )
    }

    /// Whether this `observe` rule reads the entity tag of the resource that the rule `write` changes.
    pub fn sees_tag_for(&self, write: &Self) -> bool {
        self.request.starts_with("GET ") && self.has_target_of(write)
    }

    /// Whether both rules have the same target on the same upstream.
    pub fn has_target_of(&self, other: &Self) -> bool {
        let target =
            |rule: &Self| rule.request.split_once(' ').map(|(_, target)| target.to_owned());
        self.upstream == other.upstream && target(self) == target(other)
    }

    /// The template of the body, from `body` or `body_json`.
    ///
    /// # Errors
    ///
    /// Fails when the rule has both `body` and `body_json`, or when `body_json` is not JSON.
    pub fn body_template(&self) -> Result<Option<Cow<'_, Value>>, RenderError> {
        Ok(self.template()?.map(|template| template.body))
    }

    /// The template of the body, with the places of its fractions.
    fn template(&self) -> Result<Option<body::Template<'_>>, RenderError> {
        match (&self.body, &self.body_json) {
            (Some(_), Some(_)) => Err(RenderError::TwoBodies),
            (Some(body), None) => Ok(Some(body::Template::plain(body))),
            (None, Some(text)) => {
                let template = body::parse(text).map_err(RenderError::BodyJson)?;
                if template.body.is_null() {
                    Err(RenderError::NullBody)
                } else {
                    Ok(Some(template))
                }
            }
            (None, None) => Ok(None),
        }
    }

    /// The placeholders of the rule.
    ///
    /// # Errors
    ///
    /// Fails at the first text that is not a template.
    pub fn placeholders<'t>(
        &'t self,
        body: Option<&'t Value>,
        format: Format,
    ) -> Result<Vec<Use<'t>>, RenderError> {
        let (path, query) = target::split(self.split()?.1);
        let mut texts: Vec<(&str, Place)> =
            target::segments(path, format).map(|one| (one, Place::Path)).collect();
        for pair in target::pairs(query.unwrap_or_default()) {
            texts.push((pair?.1, Place::Query));
        }
        texts.extend(self.headers.values().map(|value| (value.as_str(), Place::Header)));
        let wanted = self.selected.values().filter_map(Value::as_str);
        texts.extend(wanted.map(|text| (text, Place::Where)));
        let mut inside = Vec::new();
        if let Some(body) = body {
            body::texts(body, format, &mut inside);
        }
        texts.extend(inside.into_iter().map(|text| (text, Place::Body)));
        let mut found = Vec::new();
        for (text, place) in texts {
            found.extend(uses(text, place, format)?);
        }
        Ok(found)
    }

    /// Renders the values that an element of a list must have.
    fn selection(&self, origins: &Origins<'_>) -> Result<BTreeMap<String, Value>, RenderError> {
        let mut values = BTreeMap::new();
        for (pointer, template) in &self.selected {
            let filled = body::fill(&body::Template::plain(template), origins, false)?;
            let value = filled.value.ok_or(RenderError::NullBody)?;
            values.insert(pointer.clone(), value);
        }
        Ok(values)
    }

    /// Renders the body. The values of a form-urlencoded body become strings, so that the values that are shown and
    /// compared are those that are sent.
    fn filled(&self, origins: &Origins<'_>) -> Result<body::Filled, RenderError> {
        let Some(template) = self.template()? else { return Ok(body::Filled::default()) };
        let shape = shape(origins.format());
        let is_form = self.codec.request == Outgoing::Form;
        let filled = body::fill(&template, origins, is_form && shape == Shape::Nested)?;
        // A null body is refused, because a record could not distinguish it from an absent body.
        if filled.value.as_ref().is_some_and(Value::is_null) {
            return Err(RenderError::NullBody);
        }
        if is_form { filled.into_form(shape) } else { Ok(filled) }
    }

    /// Checks that the header `Content-Type` of the rule names the encoding in which the codec writes the body.
    fn content_type(&self, has_body: bool) -> Result<(), RenderError> {
        let written = |(name, _): &(&String, &String)| name.eq_ignore_ascii_case("content-type");
        let Some((_, kind)) = self.headers.iter().find(written) else { return Ok(()) };
        if !has_body {
            return Err(RenderError::KindWithoutBody);
        }
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let fits = match self.codec.request {
            Outgoing::Json => essence == "application/json" || essence.ends_with("+json"),
            Outgoing::Form => essence == self.codec.content_type(),
        };
        if fits { Ok(()) } else { Err(RenderError::KindOfBody(kind.clone())) }
    }

    fn split(&self) -> Result<(&str, &str), RenderError> {
        let (method, target) =
            self.request.split_once(' ').ok_or_else(|| malformed(&self.request))?;
        if METHODS.contains(&method) && target.starts_with('/') && target.trim() == target {
            Ok((method, target))
        } else {
            Err(malformed(&self.request))
        }
    }
}

fn uses(text: &str, place: Place, format: Format) -> Result<Vec<Use<'_>>, RenderError> {
    Ok(placed(&text::pieces(text, format)?, text, place))
}

fn placed<'t>(pieces: &[text::Piece<'t>], text: &'t str, place: Place) -> Vec<Use<'t>> {
    let mixed = pieces.len() > 1;
    let one = |piece: &text::Piece<'t>| match piece {
        text::Piece::Value(source) => Some(Use { source: *source, text, mixed, place }),
        text::Piece::Literal(_) => None,
    };
    pieces.iter().filter_map(one).collect()
}

/// Fills the placeholders of a resource name such as `idp/users/{user_id}`.
///
/// # Errors
///
/// Fails when a parameter is absent, or its value is empty, a dot segment, a list or an object.
pub fn render_resource(template: &str, origins: &Origins<'_>) -> Result<String, RenderError> {
    let part = |part| target::fill_name(&name_pieces(part, origins.format())?, origins);
    let parts: Result<Vec<_>, _> = template.split('/').map(part).collect();
    Ok(parts?.join("/"))
}

/// The placeholders in a resource name.
///
/// # Errors
///
/// Fails at the first part that is not a template.
pub fn resource_placeholders(template: &str, format: Format) -> Result<Vec<Use<'_>>, RenderError> {
    let mut found = Vec::new();
    for part in template.split('/') {
        found.extend(placed(&name_pieces(part, format)?, part, Place::Path));
    }
    Ok(found)
}

/// In format 1, a part of a resource name that is not a placeholder is literal, even if it contains braces.
fn name_pieces(part: &str, format: Format) -> Result<Vec<text::Piece<'_>>, RenderError> {
    match format {
        Format::One if placeholder(part).is_none() => Ok(vec![text::Piece::Literal(part.into())]),
        _ => text::pieces(part, format),
    }
}

fn malformed(request: &str) -> RenderError {
    RenderError::Shape(request.to_owned())
}

/// In format 1, a form-urlencoded body is flat; in format 2, it may contain lists and tables.
fn shape(format: Format) -> Shape {
    match format {
        Format::One => Shape::Flat,
        Format::Two => Shape::Nested,
    }
}

/// GET and HEAD: the methods that RFC 9110 §9.2.1 calls safe and that carry no body.
fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

/// The parameter's name, if the whole text is one placeholder `{name}`.
pub(crate) fn placeholder(piece: &str) -> Option<&str> {
    let name = piece.strip_prefix('{')?.strip_suffix('}')?;
    (!name.is_empty() && !name.contains(['{', '}'])).then_some(name)
}

#[cfg(test)]
mod tests;
