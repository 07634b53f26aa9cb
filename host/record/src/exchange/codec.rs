//! The wire encodings of a rule's bodies: JSON, `application/x-www-form-urlencoded` and XML. Inside the host, all
//! bodies are JSON.
//!
//! A codec encodes a rendered body into the bytes that are sent, and decodes the bytes of a response into one JSON
//! value. Each value has exactly one encoding, and input that two readers may understand differently is refused.

pub mod form;
mod numbers;
pub mod xml;

use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// `application/x-www-form-urlencoded`, from a flat object.
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
}

const FORM: &str = "application/x-www-form-urlencoded";

impl Codec {
    /// Whether this is the default codec, which records leave out.
    pub fn is_plain(&self) -> bool {
        is_default(self)
    }

    /// Checks the codec against the body template of its rule.
    pub(crate) fn check(&self, body: Option<&Value>) -> Result<(), CodecError> {
        if self.request == Outgoing::Form {
            let Some(Value::Object(members)) = body else { return Err(CodecError::NoForm) };
            if let Some((name, _)) = members.iter().find(|(_, value)| !is_scalar(value)) {
                return Err(CodecError::NotFlat(name.clone()));
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
        }
    }

    /// Encodes a rendered body. In JSON, the texts at `numbers` are written as numbers.
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

    /// Decodes a response of this content type into one JSON value.
    ///
    /// # Errors
    ///
    /// Fails when the content type differs, or the body is invalid or nested too deeply.
    pub fn decode(&self, kind: &str, bytes: &[u8]) -> Result<Value, DecodeError> {
        if !self.takes(kind) {
            return Err(DecodeError::Kind(self.accept()));
        }
        let unfit = |error: &dyn std::fmt::Display| DecodeError::Body(error.to_string());
        let value = match self.response {
            Incoming::Json => json::parse(bytes).map_err(|error| {
                DecodeError::Body(format!("the answer is not strict JSON: {error}"))
            }),
            Incoming::Form => form::decode(bytes).map_err(|error| unfit(&error)),
            Incoming::Xml => xml::decode(bytes, &self.lists).map_err(|error| unfit(&error)),
        }?;
        // A more deeply nested value could not be read again from the evidence in a bundle.
        if json::depth(&value) > json::NESTED_MAX { Err(DecodeError::Deep) } else { Ok(value) }
    }

    /// Whether a content type belongs to this codec. If it names a charset, the charset must be UTF-8 (RFC 6839, RFC
    /// 7303).
    fn takes(&self, kind: &str) -> bool {
        let mut parts = kind.split(';').map(|part| part.trim().to_ascii_lowercase());
        let essence = parts.next().unwrap_or_default();
        let suffixed = |suffix: &str| {
            let stem = essence.strip_suffix(suffix).and_then(|stem| stem.split_once('/'));
            stem.is_some_and(|(main, sub)| !main.is_empty() && !sub.is_empty())
        };
        let known = match self.response {
            Incoming::Json => essence == "application/json" || suffixed("+json"),
            Incoming::Form => essence == FORM,
            Incoming::Xml => {
                essence == "application/xml" || essence == "text/xml" || suffixed("+xml")
            }
        };
        known && parts.all(|part| is_utf8(&part))
    }
}

/// Why a rule's codec cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("`codec.request = \"form\"` requires a `body` that is a table of texts")]
    NoForm,
    #[error("field `{0}` of a form is not a text, integer, boolean or placeholder; a form is flat")]
    NotFlat(String),
    #[error("`codec.lists` is for `codec.response = \"xml\"` only")]
    NoLists,
    #[error("`{0}` in `codec.lists` is not a `parent/child` pair of element names")]
    List(String),
}

/// Why a response cannot be decoded into a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the answer is not {0} in UTF-8, as the codec of its rule requires")]
    Kind(&'static str),
    #[error("{0}")]
    Body(String),
    #[error("the answer is nested deeper than {max} levels", max = json::NESTED_MAX)]
    Deep,
}

fn is_utf8(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some(("charset", value)) => value.trim_matches('"') == "utf-8",
        _ => true,
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Bool(_)) || value.is_i64() || value.is_u64()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
