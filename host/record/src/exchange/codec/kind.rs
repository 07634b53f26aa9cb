//! Content types: which types each codec accepts, and which types an operator accepts in addition.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{FORM, Incoming};

/// The content types and the compression that an operator accepts from an upstream, in addition to what each codec
/// accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Further content types that the upstream sends for the codec of a rule, in lower case and without parameters.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub content_types: BTreeSet<String>,
    /// Whether the host asks for gzip in its requests and decompresses answers that are compressed with gzip.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gzip: bool,
}

impl Accepted {
    /// Whether the operator adds nothing, in which case records omit this value.
    pub fn is_plain(&self) -> bool {
        self.content_types.is_empty() && !self.gzip
    }
}

/// The longest content type that an operator can list.
const KIND_MAX: usize = 128;

/// Whether a text is a content type without parameters: two tokens (RFC 9110 section 8.3.1) and no wildcard.
pub fn is_kind(text: &str) -> bool {
    let token = |part: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        !part.is_empty() && part.bytes().all(plain)
    };
    text.len() <= KIND_MAX && text.split_once('/').is_some_and(|(a, b)| token(a) && token(b))
}

/// How a content type relates to the codec of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// The content is UTF-8, which includes ASCII.
    Utf8,
    /// ASCII only.
    Ascii,
    /// The content type belongs to another codec.
    OtherKind,
    /// The content type fits the codec, but the content is in another character encoding.
    OtherCharset,
}

/// Reads a content type. Parameters other than `charset` have no effect (RFC 6839, RFC 7303).
pub(super) fn fit(codec: Incoming, kind: &str, more: &BTreeSet<String>) -> Fit {
    let mut parts = kind.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    if !is_own(codec, &essence) && !more.contains(&essence) {
        return Fit::OtherKind;
    }
    parts.fold(Fit::Utf8, |fit, part| match (fit, charset(&part)) {
        (Fit::OtherCharset, _) | (_, Fit::OtherCharset) => Fit::OtherCharset,
        (Fit::Ascii, _) | (_, Fit::Ascii) => Fit::Ascii,
        _ => Fit::Utf8,
    })
}

fn is_own(codec: Incoming, essence: &str) -> bool {
    let suffixed = |suffix: &str| {
        let stem = essence.strip_suffix(suffix).and_then(|stem| stem.split_once('/'));
        stem.is_some_and(|(main, sub)| !main.is_empty() && !sub.is_empty())
    };
    match codec {
        Incoming::Json => essence == "application/json" || suffixed("+json"),
        Incoming::Form => essence == FORM,
        Incoming::Xml => essence == "application/xml" || essence == "text/xml" || suffixed("+xml"),
        Incoming::Text => essence == "text/plain",
        Incoming::None => true,
    }
}

/// What a parameter of a content type says about the character encoding. Many servers write `utf8` for UTF-8.
fn charset(parameter: &str) -> Fit {
    match parameter.split_once('=') {
        Some(("charset", value)) => match value.trim_matches('"') {
            "utf-8" | "utf8" => Fit::Utf8,
            "us-ascii" => Fit::Ascii,
            _ => Fit::OtherCharset,
        },
        _ => Fit::Utf8,
    }
}
