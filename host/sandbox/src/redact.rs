//! Removes a run's secrets, and deceptive characters, from data that upstreams and guests send.
//!
//! The whole text that contains a secret is replaced, and not only the secret in it. The place of the text is recorded.

mod escape;

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use deed_record::action::commitment::Live;
use deed_spec::json::child;
use deed_spec::text::deceives;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::credentials::{SECRET_MIN, Secret};

/// The replacement for a text that contained a secret.
pub(super) const REDACTED: &str = "redacted";

/// Maximum number of redacted places in one answer, and maximum total bytes of the JSON pointers to these places. An
/// answer that exceeds a limit is replaced as a whole.
const PLACES: usize = 64;
const PLACES_TEXT: usize = 64 << 10;

/// How many levels of nested escapes are decoded, such as JSON in a form body in a log line.
const NESTING: usize = 3;

/// Finds a run's secrets in any of the encodings in which servers echo them.
pub(super) struct Redactor {
    /// The letters and digits of each encoding of a secret. Other characters are left out, so that line breaks,
    /// separators, letter case and the base64 alphabet do not matter.
    forms: Vec<Zeroizing<String>>,
    /// Encodings of a secret that have too few letters and digits to be recognised by letters and digits alone. These
    /// encodings are compared with all their characters.
    exact: Vec<Zeroizing<String>>,
    /// Length in bytes of the shortest text that can contain a secret.
    shortest: usize,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let forms = self.exact.len() + self.forms.len();
        f.debug_struct("Redactor").field("forms", &forms).finish_non_exhaustive()
    }
}

impl Redactor {
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a Arc<Secret>>) -> Self {
        let values: BTreeSet<&str> = secrets.map(|secret| secret.reveal()).collect();
        let redactor = Self { forms: Vec::new(), exact: Vec::new(), shortest: usize::MAX };
        values.into_iter().fold(redactor, Self::with)
    }

    /// Adds private parameters, which the guest knows and which must not be recorded.
    pub(super) fn and(self, private: &Live<Vec<String>>) -> Self {
        private.reveal().iter().map(String::as_str).fold(self, Self::with)
    }

    fn with(mut self, value: &str) -> Self {
        self.shortest = self.shortest.min(value.len());
        for form in forms(value) {
            let letters = letters(&form);
            if letters.len() >= SECRET_MIN {
                self.forms.push(letters);
            } else {
                self.exact.push(form);
            }
        }
        self
    }

    /// Replaces every leaf that contains a secret, and every object with a key that contains a secret. If more than
    /// [`PLACES`] places would be replaced, replaces the whole value.
    ///
    /// Returns the JSON pointers of the replaced places, sorted.
    pub(super) fn value(&self, value: &mut Value) -> Vec<String> {
        let mut hits = Vec::new();
        if !self.is_empty() {
            self.walk(value, &mut Vec::new(), &mut hits);
        }
        if hits.len() > PLACES || hits.iter().map(String::len).sum::<usize>() > PLACES_TEXT {
            *value = Value::String(REDACTED.into());
            hits = vec![String::new()];
        }
        hits.sort();
        hits
    }

    /// Prepares a text for the operator. The text has at most `limit` bytes and escaped control characters, or is
    /// replaced if it contains a secret.
    pub(super) fn text(&self, text: &str, limit: usize) -> String {
        if self.finds(text) { REDACTED.into() } else { plain(text, limit) }
    }

    /// Whether the text contains a secret, either directly or after escapes of one or more kinds are decoded.
    pub(super) fn finds(&self, text: &str) -> bool {
        if text.len() < self.shortest || self.is_empty() {
            return false;
        }
        if self.holds(text) {
            return true;
        }
        let kinds: Vec<escape::Kind> =
            escape::KINDS.into_iter().filter(|(sign, _)| text.contains(*sign)).collect();
        kinds.iter().any(|kind| self.holds(&escape::undo(text, &[*kind])))
            || (!kinds.is_empty() && self.finds_nested(text))
    }

    fn finds_nested(&self, text: &str) -> bool {
        let mut inner = Zeroizing::new(text.to_owned());
        (0..NESTING).any(|_| {
            inner = escape::undo(&inner, &escape::NESTED);
            self.holds(&inner)
        })
    }

    fn is_empty(&self) -> bool {
        self.forms.is_empty() && self.exact.is_empty()
    }

    fn holds(&self, text: &str) -> bool {
        let letters = letters(text);
        self.forms.iter().any(|form| letters.contains(form.as_str()))
            || self.exact.iter().any(|form| text.contains(form.as_str()))
    }

    /// Redacts a value in place. `path` leads to the value and is converted to a JSON pointer only if a secret is
    /// found, because a name of half a megabyte above thousands of members must not be copied for each member.
    fn walk<'a>(&self, value: &'a mut Value, path: &mut Vec<Step<'a>>, hits: &mut Vec<String>) {
        let hit = match value {
            Value::String(text) => self.finds(text),
            // Numbers are searched too, because a secret that consists of digits may have been parsed as a number.
            Value::Number(number) => self.finds(&number.to_string()),
            Value::Object(members) => members.keys().any(|key| self.finds(key)),
            _ => false,
        };
        if hit {
            *value = Value::String(REDACTED.into());
            if hits.len() <= PLACES {
                hits.push(pointer(path));
            }
            return;
        }
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    path.push(Step::Item(index));
                    self.walk(item, path, hits);
                    path.pop();
                }
            }
            Value::Object(members) => {
                for (key, member) in members.iter_mut() {
                    path.push(Step::Member(key));
                    self.walk(member, path, hits);
                    path.pop();
                }
            }
            _ => {}
        }
    }
}

/// One step of a path into a JSON value.
enum Step<'a> {
    Item(usize),
    Member(&'a str),
}

/// The path as a JSON pointer (RFC 6901).
fn pointer(path: &[Step<'_>]) -> String {
    path.iter().fold(String::new(), |at, step| match step {
        Step::Item(index) => child(&at, &index.to_string()),
        Step::Member(key) => child(&at, key),
    })
}

/// Cuts a text to `limit` bytes at a character boundary and escapes deceptive characters.
pub(super) fn plain(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        let shown =
            if deceives(letter) { letter.escape_default().to_string() } else { letter.to_string() };
        if out.len() + shown.len() > limit {
            break;
        }
        out.push_str(&shown);
    }
    out
}

/// The encodings of a secret that are searched for: unchanged, in hex, and in base64 at every alignment.
fn forms(value: &str) -> Vec<Zeroizing<String>> {
    let hex = data_encoding::HEXLOWER.encode(value.as_bytes());
    let mut forms = vec![Zeroizing::new(value.to_owned()), Zeroizing::new(hex)];
    for shift in 0..3 {
        let bytes = Zeroizing::new([vec![0; shift].as_slice(), value.as_bytes()].concat());
        let encoded = Zeroizing::new(STANDARD_NO_PAD.encode(&*bytes));
        let whole = whole_digits(&encoded, shift, bytes.len()).map(str::to_owned);
        forms.extend(whole.map(Zeroizing::new));
    }
    forms
}

/// The base64 digits that depend only on the secret. The digits that also depend on the `shift` bytes before the
/// secret, or on the bytes after it, are left out.
fn whole_digits(encoded: &str, shift: usize, bytes: usize) -> Option<&str> {
    encoded.get((shift * 8).div_ceil(6)..bytes * 8 / 6)
}

/// The letters and digits of a text, in lower case. The alphabets of base64 differ only in characters that are neither
/// letters nor digits.
fn letters(text: &str) -> Zeroizing<String> {
    let kept = text.bytes().filter(u8::is_ascii_alphanumeric);
    Zeroizing::new(kept.map(|byte| char::from(byte.to_ascii_lowercase())).collect())
}

#[cfg(test)]
mod tests;
