//! Request templates. A rule and a set of parameters determine exactly one rendered request.
//!
//! A rule without a query or body renders a request without a query or body. A placeholder is a whole path segment, a
//! whole query value or a whole body value; it is never joined with other text, so no value can change the shape of the
//! request.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::contract::expose::{self, ExposeError};
use crate::exchange::codec::{Codec, CodecError, Outgoing, form};
use crate::exchange::{Guard, Rendered};

/// One `[[observe.http]]` or `[[perform.http]]` of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub upstream: String,
    /// The request in the form `METHOD /path/{param}?key=value`.
    pub request: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The encoding of the body and of the response; JSON if absent.
    #[serde(default, skip_serializing_if = "Codec::is_plain")]
    pub codec: Codec,
    /// How often one run may send the request; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
    /// `true` if a GET or HEAD of `perform` changes something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writes: bool,
    /// `etag`: the write carries the entity tag that the host read from the same path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// JSON pointers to the parts of the response that the adapter sees and the host records; the whole response if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose: Option<Vec<String>>,
}

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const CALLS_MAX: u32 = 64;

impl Rule {
    /// Renders the rule for these parameters. Fails when a required parameter is absent or has an unusable value.
    pub fn render(&self, params: &Value) -> Result<Rendered, RenderError> {
        let (method, target) = self.split()?;
        let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
        let mut out = String::new();
        for segment in path.split('/').skip(1) {
            out.push('/');
            out.push_str(&fill(segment, params)?);
        }
        if let Some(query) = query {
            out.push('?');
            out.push_str(&render_query(query, params)?);
        }
        Ok(Rendered {
            upstream: self.upstream.clone(),
            method: method.to_owned(),
            path: out,
            body: self.body(params)?,
            codec: self.codec.clone(),
            calls: self.calls.unwrap_or(1),
            writes: self.writes || !is_safe(method),
            guard: self.guard,
            expose: self.expose.clone(),
        })
    }

    /// Checks the syntax of the rule. If `observing` is true, only GET and HEAD with fixed query values are allowed.
    /// Fails at the first fault.
    pub fn check(&self, observing: bool) -> Result<(), RenderError> {
        let (method, target) = self.split()?;
        let (path, query) = target.split_once('?').map_or((target, ""), |(p, q)| (p, q));
        if observing && (!is_safe(method) || self.writes || self.body.is_some()) {
            return Err(RenderError::ObserveWrites(self.request.clone()));
        }
        if observing && query.contains('{') {
            return Err(RenderError::ObserveQuery(self.request.clone()));
        }
        if self.guard.is_some() && (observing || !self.may_write()?) {
            return Err(RenderError::GuardedRead(self.request.clone()));
        }
        if let Some(pointers) = &self.expose {
            expose::check(pointers)?;
        }
        if self.calls.is_some_and(|n| n == 0 || n > CALLS_MAX) {
            return Err(RenderError::Calls);
        }
        // The path `/` is the base URL of the upstream, as used by APIs that name the operation in the query or body.
        if path != "/" {
            path.split('/').skip(1).try_for_each(|s| check_piece(s, true))?;
        }
        query.split('&').filter(|pair| !pair.is_empty()).try_for_each(|pair| {
            let (key, value) = pair.split_once('=').ok_or_else(|| shape(&self.request))?;
            check_literal(key)?;
            check_piece(value, false)
        })?;
        self.codec.check(self.body.as_ref())?;
        self.body.as_ref().map_or(Ok(()), check_body)
    }

    /// Whether the request may change something. Fails when the request is malformed.
    pub fn may_write(&self) -> Result<bool, RenderError> {
        Ok(self.writes || !is_safe(self.split()?.0))
    }

    /// Whether this `observe` rule reads the entity tag of the resource that the other rule writes.
    pub fn sees_tag_for(&self, write: &Self) -> bool {
        self.request.starts_with("GET ") && self.has_target_of(write)
    }

    /// Whether both rules have the same target on the same upstream.
    pub fn has_target_of(&self, other: &Self) -> bool {
        let target =
            |rule: &Self| rule.request.split_once(' ').map(|(_, target)| target.to_owned());
        self.upstream == other.upstream && target(self) == target(other)
    }

    /// The rendered body. A form-urlencoded body is converted to the strings that are sent, so that exactly these
    /// strings are shown and compared.
    fn body(&self, params: &Value) -> Result<Option<Value>, RenderError> {
        let Some(template) = &self.body else { return Ok(None) };
        let filled = fill_body(template, params)?;
        match self.codec.request {
            Outgoing::Json => Ok(filled),
            Outgoing::Form => {
                filled.map(|body| form::texts(body).map_err(|_| RenderError::NotFlat)).transpose()
            }
        }
    }

    /// The parameters that the rule uses, in two lists: those that must be present, and those that may be absent.
    pub fn placeholders(&self) -> (Vec<String>, Vec<String>) {
        let pieces = self.request.split(['/', '?', '&', '=']);
        let needed = pieces.filter_map(placeholder).map(str::to_owned).collect();
        let mut optional = Vec::new();
        if let Some(body) = &self.body {
            collect(body, &mut optional);
        }
        (needed, optional)
    }

    fn split(&self) -> Result<(&str, &str), RenderError> {
        let (method, target) = self.request.split_once(' ').ok_or_else(|| shape(&self.request))?;
        if METHODS.contains(&method) && target.starts_with('/') && !target.contains(' ') {
            Ok((method, target))
        } else {
            Err(shape(&self.request))
        }
    }
}

/// Replaces the `{name}` segments of a resource name such as `idp/users/{user_id}`; other segments stay as written.
/// Fails when a parameter is absent or has an unusable value.
pub fn render_resource(template: &str, params: &Value) -> Result<String, RenderError> {
    let pieces: Result<Vec<_>, _> = template.split('/').map(|piece| fill(piece, params)).collect();
    Ok(pieces?.join("/"))
}

/// The parameters in a resource name.
pub fn resource_placeholders(template: &str) -> Vec<String> {
    template.split('/').filter_map(placeholder).map(str::to_owned).collect()
}

/// Why a rule cannot be used, or cannot be rendered for these parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error(
        "`{0}` is not a request; write `METHOD /path`, with GET, HEAD, POST, PUT, PATCH or DELETE"
    )]
    Shape(String),
    #[error("`{0}` in observe could write; observe allows only GET and HEAD without a body")]
    ObserveWrites(String),
    #[error(
        "`{0}` in observe has a placeholder in its query; observe allows fixed query values only"
    )]
    ObserveQuery(String),
    #[error("`{0}` does not write, so there is nothing to guard; remove `guard`")]
    GuardedRead(String),
    #[error("`calls` must be from 1 to 64")]
    Calls,
    #[error("`{0}` mixes a placeholder with text; a placeholder must be a whole segment or value")]
    Mixed(String),
    #[error("`{0}` has characters that need percent-encoding, or is empty or a dot segment")]
    Literal(String),
    #[error("parameter `{0}` is missing; the request requires it")]
    Absent(String),
    #[error(
        "parameter `{0}` must be a non-empty text, number or boolean without control characters, and not a dot segment"
    )]
    Unfit(String),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Expose(#[from] ExposeError),
    #[error(
        "a parameter of a form is a list or an object; a form can contain only texts, integers and booleans"
    )]
    NotFlat,
}

fn shape(request: &str) -> RenderError {
    RenderError::Shape(request.to_owned())
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

fn check_piece(piece: &str, segment: bool) -> Result<(), RenderError> {
    if placeholder(piece).is_some() || (!segment && piece.is_empty()) {
        return Ok(());
    }
    if piece.contains(['{', '}']) {
        return Err(RenderError::Mixed(piece.to_owned()));
    }
    check_literal(piece)
}

/// Checks that a literal can be sent as written: RFC 3986 `pchar` without `%`, `&`, `;` and `=`.
fn check_literal(piece: &str) -> Result<(), RenderError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$'()*+,:@".contains(&b);
    if piece.is_empty() || piece == "." || piece == ".." || !piece.bytes().all(fits) {
        return Err(RenderError::Literal(piece.to_owned()));
    }
    Ok(())
}

fn check_body(body: &Value) -> Result<(), RenderError> {
    match body {
        Value::String(text) if placeholder(text).is_none() && text.contains(['{', '}']) => {
            Err(RenderError::Mixed(text.clone()))
        }
        Value::Array(items) => items.iter().try_for_each(check_body),
        Value::Object(members) => members.values().try_for_each(check_body),
        _ => Ok(()),
    }
}

fn collect(body: &Value, names: &mut Vec<String>) {
    match body {
        Value::String(text) => names.extend(placeholder(text).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(members) => members.values().for_each(|item| collect(item, names)),
        _ => {}
    }
}

fn fill(piece: &str, params: &Value) -> Result<String, RenderError> {
    let Some(name) = placeholder(piece) else { return Ok(piece.to_owned()) };
    let value = params.get(name).ok_or_else(|| RenderError::Absent(name.to_owned()))?;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return Err(RenderError::Unfit(name.to_owned())),
    };
    let unfit =
        text.is_empty() || text == "." || text == ".." || text.chars().any(char::is_control);
    if unfit { Err(RenderError::Unfit(name.to_owned())) } else { Ok(percent_encode(&text)) }
}

fn render_query(query: &str, params: &Value) -> Result<String, RenderError> {
    let pairs: Result<Vec<String>, RenderError> = query
        .split('&')
        .map(|pair| {
            let (key, value) = pair.split_once('=').ok_or_else(|| shape(pair))?;
            Ok(format!("{key}={}", fill(value, params)?))
        })
        .collect();
    Ok(pairs?.join("&"))
}

/// Fills the placeholders of a body. An object member or array element whose parameter is absent is left out.
fn fill_body(body: &Value, params: &Value) -> Result<Option<Value>, RenderError> {
    Ok(Some(match body {
        Value::String(text) => match placeholder(text) {
            Some(name) => return Ok(params.get(name).cloned()),
            None => body.clone(),
        },
        Value::Array(items) => {
            let filled: Result<Vec<_>, _> = items.iter().map(|v| fill_body(v, params)).collect();
            Value::Array(filled?.into_iter().flatten().collect())
        }
        Value::Object(members) => {
            let mut filled = Map::new();
            for (key, member) in members {
                if let Some(value) = fill_body(member, params)? {
                    filled.insert(key.clone(), value);
                }
            }
            Value::Object(filled)
        }
        other => other.clone(),
    }))
}

/// RFC 3986 §2.3: unreserved characters stay, and every other byte becomes `%XX` in upper case.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    out
}

#[cfg(test)]
mod tests;
