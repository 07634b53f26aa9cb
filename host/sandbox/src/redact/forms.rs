//! The encodings in which servers echo secrets, and the search for them in a text.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::ends::{Ends, TAIL};
use super::escape;
use crate::credentials::secret::{SECRET_MIN, Secret};

/// How many levels of nested escapes are decoded, such as JSON in a form body in a log line.
const NESTING: usize = 3;
/// How many bytes of the end of an encoding are looked up if it is compared with all its characters. The encodings of
/// secrets are longer.
const EXACT: usize = 8;

/// All encodings of a set of secrets.
#[derive(Clone)]
pub(crate) struct Forms {
    /// The letters and digits of each encoding of a secret. Other characters are left out, so that line breaks,
    /// separators, letter case and the base64 alphabet do not matter. The ends are looked up because the beginnings
    /// are the same in many tokens.
    letters: Ends<SECRET_MIN>,
    /// Encodings of a secret that have too few letters and digits to be recognised by letters and digits alone. These
    /// encodings are compared with all their characters.
    exact: Ends<EXACT>,
    /// Encodings that are too short to be looked up. Only private parameters have such encodings.
    short: Vec<(Zeroizing<String>, Arc<str>)>,
    /// Length in bytes of the shortest text that can contain a secret.
    shortest: usize,
    /// The secrets whose encodings were added.
    known: Vec<Arc<Secret>>,
}

impl Default for Forms {
    fn default() -> Self {
        Self {
            letters: Ends::default(),
            exact: Ends::default(),
            short: Vec::new(),
            shortest: usize::MAX,
            known: Vec::new(),
        }
    }
}

impl Forms {
    /// The number of encodings.
    pub(crate) fn len(&self) -> usize {
        self.letters.len() + self.exact.len() + self.short.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.letters.is_empty() && self.exact.is_empty() && self.short.is_empty()
    }

    /// Whether the encodings of this secret were added.
    pub(crate) fn knows(&self, secret: &Arc<Secret>) -> bool {
        self.known.iter().any(|one| Arc::ptr_eq(one, secret) || one.reveal() == secret.reveal())
    }

    /// Adds the encodings of a secret, once.
    pub(crate) fn learn(&mut self, secret: &Arc<Secret>) {
        if !self.knows(secret) {
            self.add(secret.reveal(), secret.name());
            self.known.push(Arc::clone(secret));
        }
    }

    /// Adds the encodings of a value. The name says to the operator whose value it is.
    pub(crate) fn add(&mut self, value: &str, name: &str) {
        let name: Arc<str> = Arc::from(name);
        for form in forms(value) {
            let letters = letters(&form);
            // A text can contain the letters and digits without the other characters of the encoding.
            let is_by_letters = self.letters.add(&letters, &name);
            let searched = if is_by_letters { letters.len() } else { form.len() };
            self.shortest = self.shortest.min(searched.min(TAIL));
            if !is_by_letters && !self.exact.add(&backwards(&form), &name) {
                self.short.push((form, Arc::clone(&name)));
            }
        }
    }

    /// Whether the text contains a secret, either directly or after escapes of one or more kinds are decoded.
    pub(crate) fn finds(&self, text: &str) -> bool {
        name_in(&[self], text).is_some()
    }

    /// The name of a secret of which the text contains one of the encodings. `letters` are the letters and digits of
    /// the text.
    fn name_in(&self, text: &str, letters: &[u8]) -> Option<&str> {
        let found = self.letters.name_in(letters).or_else(|| {
            if self.exact.is_empty() { None } else { self.exact.name_in(&backwards(text)) }
        });
        let short = || self.short.iter().find(|(form, _)| text.contains(form.as_str()));
        found.or_else(|| short().map(|(_, name)| name)).map(|name| &**name)
    }
}

/// The name of one of these secrets that the text contains, either directly or after escapes of one or more kinds are
/// decoded.
pub(crate) fn name_in<'f>(all: &[&'f Forms], text: &str) -> Option<&'f str> {
    let shortest = all.iter().map(|forms| forms.shortest).min()?;
    if text.len() < shortest {
        return None;
    }
    holds(all, text).or_else(|| name_in_escapes(all, text))
}

fn name_in_escapes<'f>(all: &[&'f Forms], text: &str) -> Option<&'f str> {
    let kinds: Vec<escape::Kind> =
        escape::KINDS.into_iter().filter(|(sign, _)| text.contains(*sign)).collect();
    if kinds.is_empty() {
        return None;
    }
    let found = kinds.iter().find_map(|kind| holds(all, &escape::undo(text, &[*kind])));
    found.or_else(|| name_in_nested(all, text))
}

fn name_in_nested<'f>(all: &[&'f Forms], text: &str) -> Option<&'f str> {
    let mut inner = Zeroizing::new(text.to_owned());
    for _ in 0..NESTING {
        let decoded = escape::undo(&inner, &escape::NESTED);
        if *decoded == *inner {
            return None;
        }
        inner = decoded;
        let found = holds(all, &inner);
        if found.is_some() {
            return found;
        }
    }
    None
}

fn holds<'f>(all: &[&'f Forms], text: &str) -> Option<&'f str> {
    let letters = letters(text);
    all.iter().find_map(|forms| forms.name_in(text, &letters))
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

/// The letters and digits of a text, in lower case and backwards. The alphabets of base64 differ only in characters that
/// are neither letters nor digits.
fn letters(text: &str) -> Zeroizing<Vec<u8>> {
    // A vector that grows would leave copies of the text in memory.
    let mut letters = Zeroizing::new(Vec::with_capacity(text.len()));
    let kept = text.bytes().rev().filter(u8::is_ascii_alphanumeric);
    letters.extend(kept.map(|byte| byte.to_ascii_lowercase()));
    letters
}

fn backwards(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.bytes().rev().collect())
}
