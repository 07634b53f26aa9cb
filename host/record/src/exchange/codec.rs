//! The wire encodings of a rule's bodies: JSON, `application/x-www-form-urlencoded` and XML. Inside the host, all
//! bodies are JSON.
//!
//! A codec encodes a rendered body into the bytes that are sent, and decodes the bytes of a response into one JSON
//! value. Each value has exactly one encoding, and input that two readers may understand differently is refused.

pub mod form;
pub mod kind;
mod numbers;
pub mod xml;

use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::form::{FormError, Shape};
use self::kind::{Accepted, Fit};
use crate::contract::expose;

/// The encoding of the body and of the response; JSON if absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Codec {
    #[serde(default, skip_serializing_if = "is_default")]
    pub request: Outgoing,
    #[serde(default, skip_serializing_if = "is_default")]
    pub response: Incoming,
    /// The lists in an XML response, each as `parent/child`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<String>,
}

/// The encoding of a request body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub enum Outgoing {
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`, with brackets for lists and tables.
    Form,
}

/// The expected encoding of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub enum Incoming {
    #[default]
    Json,
    Form,
    Xml,
    /// Text in UTF-8, which becomes one JSON string (format 2).
    Text,
    /// The response body is not kept, because only the status counts (format 2).
    None,
}

const FORM: &str = "application/x-www-form-urlencoded";

impl Codec {
    /// Whether this is the default codec. Records leave out a codec that is the default.
    pub fn is_plain(&self) -> bool {
        is_default(self)
    }

    /// Checks the codec against the body template of its rule.
    pub(crate) fn check(&self, body: Option<&Value>, shape: Shape) -> Result<(), CodecError> {
        if self.request == Outgoing::Form {
            let Some(body @ Value::Object(members)) = body else { return Err(CodecError::NoForm) };
            let nested = members.iter().find(|(_, value)| !is_scalar(value));
            match (shape, nested) {
                (Shape::Nested, _) => form::check(body)?,
                (Shape::Flat, Some((name, _))) => return Err(CodecError::NotFlat(name.clone())),
                (Shape::Flat, None) => {}
            }
        }
        if self.response != Incoming::Xml && !self.lists.is_empty() {
            return Err(CodecError::NoLists);
        }
        let pair = |list: &&String| {
            list.split_once('/').is_some_and(|(a, b)| xml::is_name(a) && xml::is_name(b))
        };
        match self.lists.iter().find(|list| !pair(list)) {
            Some(list) => Err(CodecError::List(list.clone())),
            None => Ok(()),
        }
    }

    /// The content type of a request body.
    pub fn content_type(&self) -> &'static str {
        match self.request {
            Outgoing::Json => "application/json",
            Outgoing::Form => FORM,
        }
    }

    /// The `Accept` header of a request.
    pub fn accept(&self) -> &'static str {
        match self.response {
            Incoming::Json => "application/json",
            Incoming::Form => FORM,
            Incoming::Xml => "application/xml, text/xml",
            Incoming::Text => "text/plain",
            Incoming::None => "*/*",
        }
    }

    /// Encodes a rendered body. In a JSON body, the texts at the pointers in `numbers` are written as numbers.
    ///
    /// # Errors
    ///
    /// Fails when the encoding cannot represent the body.
    pub fn encode(&self, body: &Value, numbers: &[String]) -> Result<Vec<u8>, String> {
        match self.request {
            Outgoing::Json => numbers::encode(body, numbers),
            Outgoing::Form => {
                form::encode(body).map(String::into_bytes).map_err(|error| error.to_string())
            }
        }
    }

    /// Whether a response has members, so that pointers can lead into it.
    pub fn has_members(&self) -> bool {
        !matches!(self.response, Incoming::Text | Incoming::None)
    }

    /// Whether this codec can produce the recorded response: only a string for `text`, and no response for `none`.
    pub fn could_give(&self, response: Option<&Value>) -> bool {
        match self.response {
            Incoming::None => response.is_none(),
            Incoming::Text => response.is_none_or(Value::is_string),
            Incoming::Json | Incoming::Form | Incoming::Xml => true,
        }
    }

    /// Decodes the exposed part of a response into one JSON value.
    ///
    /// # Errors
    ///
    /// Fails when the content type differs from the expected one, or the exposed part is invalid or nested too deeply.
    pub fn decode(&self, received: &Received<'_>) -> Result<Value, DecodeError> {
        let Received { kind, bytes, .. } = *received;
        let none = Accepted::default();
        let more = &received.accepted.unwrap_or(&none).content_types;
        match kind::fit(self.response, kind, more) {
            Fit::OtherKind => return Err(DecodeError::Kind(self.accept())),
            Fit::OtherCharset => return Err(DecodeError::Charset),
            Fit::Ascii if !bytes.is_ascii() => return Err(DecodeError::Charset),
            Fit::Ascii | Fit::Utf8 => {}
        }
        let value = self.exposed(received)?;
        // The nesting is limited, because a more deeply nested value could not be read again from the evidence in a
        // bundle.
        if json::depth(&value) > json::NESTED_MAX { Err(DecodeError::Deep) } else { Ok(value) }
    }

    /// The exposed part of a body. In a JSON body, a value that is not exposed is skipped and only has to be
    /// well-formed.
    fn exposed(&self, received: &Received<'_>) -> Result<Value, DecodeError> {
        let Received { bytes, expose, .. } = *received;
        let unfit = |error: &dyn std::fmt::Display| DecodeError::Body(error.to_string());
        let value = match self.response {
            Incoming::Json => {
                let read = expose.map_or_else(|| json::parse(bytes), |at| expose::read(bytes, at));
                return read.map_err(|error| {
                    DecodeError::Body(format!("the answer is not strict JSON: {error}"))
                });
            }
            Incoming::Form => form::decode(bytes).map_err(|error| unfit(&error)),
            Incoming::Xml => xml::decode(bytes, &self.lists).map_err(|error| unfit(&error)),
            Incoming::Text => text(bytes),
            Incoming::None => Ok(Value::Null),
        }?;
        Ok(match expose {
            Some(pointers) => expose::only(value, pointers),
            None => value,
        })
    }
}

/// A response body as it arrived, and which part of the body is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Received<'a> {
    /// The content type as the response has it.
    pub kind: &'a str,
    pub bytes: &'a [u8],
    /// The content types and the compression that the operator accepts from this upstream, in addition to the codec's
    /// own.
    pub accepted: Option<&'a Accepted>,
    /// The pointers in `expose` of the rule; the whole body is kept if there are none.
    pub expose: Option<&'a [String]>,
}

/// Why a rule's codec cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("`codec.request = \"form\"` requires a `body` that is a table of texts")]
    NoForm,
    #[error(
        "field `{0}` of a form is not a text, integer, boolean or placeholder; lists and tables need `format = 2`"
    )]
    NotFlat(String),
    #[error(transparent)]
    Form(#[from] FormError),
    #[error("`codec.lists` is for `codec.response = \"xml\"` only")]
    NoLists,
    #[error("`{0}` in `codec.lists` is not a `parent/child` pair of element names")]
    List(String),
}

/// Why a response cannot be decoded into a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the answer is not {0}, which the codec of its rule requires")]
    Kind(&'static str),
    #[error("the answer is not in UTF-8, which the codec of its rule requires")]
    Charset,
    #[error("{0}")]
    Body(String),
    #[error("the answer is nested deeper than {max} levels", max = json::NESTED_MAX)]
    Deep,
}

/// A text answer as a JSON string. A byte order mark is refused, because some readers would remove it.
fn text(bytes: &[u8]) -> Result<Value, DecodeError> {
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|_| DecodeError::Body("the answer is not UTF-8".to_owned()))?;
    if text.starts_with('\u{feff}') {
        return Err(DecodeError::Body("the answer begins with U+FEFF".to_owned()));
    }
    Ok(Value::String(text.to_owned()))
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Bool(_)) || value.is_i64() || value.is_u64()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
