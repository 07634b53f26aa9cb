//! A compiled `pattern` that keeps its source text.
//!
//! Matching takes time linear in the input, because the `regex` crate does not backtrack. This module limits the
//! compiled size.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The maximum size of a compiled pattern in bytes, which is enough for every identifier format and prevents a hostile
/// `(.{1000}){1000}` from exhausting memory.
const COMPILED_BYTES: usize = 1 << 20;

/// A regular expression in the syntax of the `regex` crate, anchored only where it has `^` or `$`. Clones share the
/// compiled expression and the caches of earlier searches.
#[derive(Clone)]
pub struct Pattern(Arc<Regex>);

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    ///
    /// Fails when the pattern is not a valid expression or its compiled form is too large.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        RegexBuilder::new(text)
            .size_limit(COMPILED_BYTES)
            .build()
            .map(|regex| Self(Arc::new(regex)))
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The pattern in the syntax of ECMA-262 with the flag `u`, as JSON Schema expects it; `None` if a part of it has no
    /// exact counterpart there.
    pub fn ecma(&self) -> Option<String> {
        super::ecma::ecma(self.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}
