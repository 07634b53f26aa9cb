//! Takes what came from outside, gives it without this run's secrets and without control characters.
//!
//! Never cuts a secret out of a text: a text that holds one is replaced whole, and its place is noted.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use deed_record::json::child;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::vault::{SECRET_MIN, Secret};

/// What stands where a secret was.
pub(super) const REDACTED: &str = "redacted";

/// Finds a run's secrets in any of the forms in which servers echo them.
pub(super) struct Redactor {
    /// As written, and in base64 of both alphabets at every alignment; no two equal ones.
    exact: Vec<Zeroizing<String>>,
    /// In hex; compared in lower case.
    hex: Vec<Zeroizing<String>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("forms", &(self.exact.len() + self.hex.len())).finish()
    }
}

impl Redactor {
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a Arc<Secret>>) -> Self {
        let values: BTreeSet<&str> = secrets.map(|secret| secret.reveal()).collect();
        let exact = values.iter().flat_map(|value| exact_forms(value));
        let hex = values.iter().map(|value| data_encoding::HEXLOWER.encode(value.as_bytes()));
        Self { exact: exact.collect(), hex: hex.map(Zeroizing::new).collect() }
    }

    /// Replaces every leaf that holds a secret, and an object one of whose keys does.
    ///
    /// Returns the JSON pointers of what was replaced, sorted.
    pub(super) fn value(&self, value: &mut Value) -> Vec<String> {
        let mut hits = Vec::new();
        if !self.exact.is_empty() {
            self.walk(value, "", &mut hits);
        }
        hits.sort();
        hits
    }

    /// A text for the operator: whole or not at all, control characters escaped, at most `limit` bytes.
    pub(super) fn text(&self, text: &str, limit: usize) -> String {
        if self.finds(text) { REDACTED.into() } else { plain(text, limit) }
    }

    /// Whether a secret is in the text, also under percent-encoding or JSON escapes.
    pub(super) fn finds(&self, text: &str) -> bool {
        if text.len() < SECRET_MIN || self.exact.is_empty() {
            return false;
        }
        self.holds(text)
            || (text.contains('%') && self.holds(&percent_decoded(text, false)))
            || (text.contains('+') && self.holds(&percent_decoded(text, true)))
            || (text.contains('\\') && self.holds(&unescaped(text)))
    }

    fn holds(&self, text: &str) -> bool {
        self.exact.iter().any(|form| text.contains(form.as_str())) || {
            let lower = Zeroizing::new(text.to_ascii_lowercase());
            self.hex.iter().any(|form| lower.contains(form.as_str()))
        }
    }

    fn walk(&self, value: &mut Value, at: &str, hits: &mut Vec<String>) {
        let hit = match value {
            Value::String(text) => self.finds(text),
            // A secret of digits alone may have been read as a number.
            Value::Number(number) => self.finds(&number.to_string()),
            Value::Object(members) => members.keys().any(|key| self.finds(key)),
            _ => false,
        };
        if hit {
            *value = Value::String(REDACTED.into());
            hits.push(at.into());
            return;
        }
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.walk(item, &child(at, &index.to_string()), hits);
                }
            }
            Value::Object(members) => {
                for (key, member) in members.iter_mut() {
                    self.walk(member, &child(at, key), hits);
                }
            }
            _ => {}
        }
    }
}

/// Cuts a text to `limit` bytes at a character boundary and escapes control and bidi characters.
pub(super) fn plain(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        let shown = if letter.is_control() || is_bidi(letter) {
            letter.escape_default().to_string()
        } else {
            letter.to_string()
        };
        if out.len() + shown.len() > limit {
            break;
        }
        out.push_str(&shown);
    }
    out
}

/// Characters that make a line read otherwise than it is (Unicode UAX #9).
fn is_bidi(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn exact_forms(value: &str) -> Vec<Zeroizing<String>> {
    let mut forms = BTreeSet::from([value.to_owned()]);
    for shift in 0..3 {
        let bytes = Zeroizing::new([vec![0; shift].as_slice(), value.as_bytes()].concat());
        for encoded in [STANDARD_NO_PAD.encode(&*bytes), URL_SAFE_NO_PAD.encode(&*bytes)] {
            forms.extend(whole_digits(&encoded, shift, bytes.len()).map(str::to_owned));
        }
    }
    forms.into_iter().map(Zeroizing::new).collect()
}

/// The base64 digits that depend on the secret alone: not on what stands `shift` bytes before it, nor after.
fn whole_digits(encoded: &str, shift: usize, bytes: usize) -> Option<&str> {
    encoded.get((shift * 8).div_ceil(6)..bytes * 8 / 6)
}

/// Percent-decoding (RFC 3986 section 2.1); in a form `+` is a space. Bytes that are not UTF-8 cannot be a secret.
fn percent_decoded(text: &str, form: bool) -> Zeroizing<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            (b'+', _) if form => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
    }
    Zeroizing::new(String::from_utf8_lossy(&out).into_owned())
}

/// JSON escapes (RFC 8259 section 7), for JSON inside a JSON string.
fn unescaped(text: &str) -> Zeroizing<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let unit = after.strip_prefix('u').and_then(|hex| hex.get(..4));
        let letter =
            unit.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        if let Some(letter) = letter {
            out.push(letter);
            rest = after.get(5..).unwrap_or_default();
        } else {
            // `\"`, `\\`, `\/` stand for what follows; take it, so that `\\` is read once.
            let mut letters = after.chars();
            out.extend(letters.next());
            rest = letters.as_str();
        }
    }
    out.push_str(rest);
    Zeroizing::new(out)
}

fn digit(letter: u8) -> u8 {
    char::from(letter).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
