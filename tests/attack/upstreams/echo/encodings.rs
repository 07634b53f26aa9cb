//! The encodings in which servers return a text that they received.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

/// The name of an encoding, and the encoder.
pub(super) type Encoding = (&'static str, fn(&str) -> String);

fn each(text: &str, escape: impl Fn(u8) -> String) -> String {
    text.bytes().map(escape).collect()
}

/// Escapes everything except letters and digits.
fn reserved(text: &str, escape: impl Fn(u8) -> String) -> String {
    each(text, |b| if b.is_ascii_alphanumeric() { char::from(b).into() } else { escape(b) })
}

fn wrapped(text: &str, width: usize, end: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(width).map(|line| line.iter().collect::<String>() + end).collect()
}

pub(super) const ENCODINGS: [Encoding; 27] = [
    ("raw", |s| s.into()),
    ("after its scheme", |s| format!("authorization: Bearer {s}")),
    ("upper case", str::to_ascii_uppercase),
    ("base64 at 0", |s| STANDARD.encode(s)),
    ("base64 at 1", |s| STANDARD.encode(format!("u{s}:p"))),
    ("base64 at 2", |s| STANDARD.encode(format!("u:{s}"))),
    ("base64 in lines", |s| wrapped(&STANDARD.encode(format!("user:{s}")), 16, "\r\n")),
    ("base64url", |s| URL_SAFE.encode(s)),
    ("base64url at 1", |s| URL_SAFE_NO_PAD.encode(format!("u{s}"))),
    ("base64url at 2", |s| URL_SAFE_NO_PAD.encode(format!("u:{s}"))),
    ("hex", |s| each(s, |b| format!("{b:02x}"))),
    ("hex in capitals", |s| each(s, |b| format!("{b:02X}"))),
    ("hex with colons", |s| each(s, |b| format!("{b:02x}:"))),
    ("hex as C writes it", |s| each(s, |b| format!("\\x{b:02x}"))),
    ("percent", |s| each(s, |b| format!("%{b:02X}"))),
    ("percent in small letters", |s| each(s, |b| format!("%{b:02x}"))),
    ("percent where reserved", |s| reserved(s, |b| format!("%{b:02X}"))),
    ("percent twice", |s| reserved(s, |b| format!("%25{b:02X}"))),
    ("percent of its base64", |s| reserved(&STANDARD.encode(s), |b| format!("%{b:02X}"))),
    ("JSON", |s| serde_json::to_string(s).unwrap()),
    ("JSON in JSON", |s| serde_json::to_string(&serde_json::to_string(s).unwrap()).unwrap()),
    ("JSON escapes", |s| each(s, |b| format!("\\u{b:04X}"))),
    ("percent in JSON escapes", |s| reserved(s, |b| format!("\\u0025{b:02x}"))),
    ("HTML entities", |s| reserved(s, |b| format!("&#{b};"))),
    ("HTML entities in hex", |s| each(s, |b| format!("&#x{b:x};"))),
    ("named HTML entities", |s| {
        s.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    }),
    ("quoted-printable", |s| {
        s.as_bytes()
            .chunks(5)
            .map(|line| {
                reserved(std::str::from_utf8(line).unwrap(), |b| format!("={b:02X}")) + "=\r\n"
            })
            .collect()
    }),
];
