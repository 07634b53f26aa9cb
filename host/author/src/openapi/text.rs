//! Text of a document as TOML: strings, keys, inline values and comments, none of which can end before its end.

use std::fmt::Write as _;

use deed_spec::text::deceives;
use serde_json::Value;

/// How many names a sentence lists, and how much of each.
const NAMES_MAX: usize = 4;
const NAME_MAX: usize = 40;

/// A text as a basic string of TOML. Characters that a reader cannot see are escaped, so the line shows what it means.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if deceives(c) => write!(out, "\\U{:08X}", u32::from(c)).unwrap_or_default(),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A key of TOML.
pub(super) fn key(name: &str) -> String {
    let is_bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !name.is_empty() && name.bytes().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// A JSON value as an inline value of TOML. Null and fractions do not occur in schemas of contracts.
pub(super) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => list(&items.iter().map(inline).collect::<Vec<_>>()),
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let one =
                |(name, value): (&String, &Value)| format!("{} = {}", key(name), inline(value));
            format!("{{ {} }}", members.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Value::Null => quoted(""),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A list of values that are TOML already.
pub(super) fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

/// Prose of a document on one line, with single spaces and at most this many characters. Characters that deceive become
/// spaces.
pub(super) fn prose(text: &str, most: usize) -> String {
    // A description can have megabytes, and only its beginning is kept.
    let head: String = text.chars().take(most.saturating_mul(4)).collect();
    let plain: String = head.chars().map(|c| if deceives(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A text of a document in a message or a comment: at most 100 characters, and visible.
pub(super) fn shown(text: &str) -> String {
    prose(text, 100)
}

/// Names of a document in a sentence: the first few, and how many more there are.
pub(super) fn named<'t>(names: impl IntoIterator<Item = &'t str>) -> String {
    let mut names = names.into_iter();
    let first = names.by_ref().take(NAMES_MAX);
    let mut shown: Vec<String> = first.map(|name| format!("`{}`", prose(name, NAME_MAX))).collect();
    let more = names.count();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&str; 8] = [
        "\"]\n[grant]",
        "'''\"\"\"",
        "a\\",
        "\u{202e}x\u{200b}",
        "\0\u{1b}[2K",
        "# \r\n#? x",
        "\u{85}\u{2028}",
        "{x} }} {{",
    ];

    #[test]
    fn every_text_comes_back_from_a_string_of_toml() {
        for text in HOSTILE {
            let table: toml::Table = toml::from_str(&format!("a = {}", quoted(text))).unwrap();
            assert_eq!(table["a"].as_str(), Some(text));
            let written = format!("x = 1\n[t]\n{} = 2\n", key(text));
            let table: toml::Table = toml::from_str(&written).unwrap();
            assert_eq!(table["t"][text].as_integer(), Some(2), "{written}");
            assert_eq!(quoted(text).lines().count(), 1, "{text:?}");
        }
    }

    #[test]
    fn prose_stays_on_one_line() {
        for text in HOSTILE {
            let line = prose(text, 40);
            assert!(!line.contains(deceives), "{line:?}");
        }
        assert_eq!(prose("a  b\n\tc", 40), "a b c");
        assert_eq!(named(["a"]), "`a`");
        assert_eq!(named(["a", "b", "c", "d", "e", "f"]), "`a`, `b`, `c`, `d`, and 2 more");
        assert_eq!(prose(&"x".repeat(100), 5), "xxxx…");
    }
}
