//! Escapes untrusted text so that it is safe to show.
//!
//! Control characters, and characters that hide or reorder text, do not reach a terminal.

use std::fmt::{Arguments, Write as _};

use deed_spec::text::safe;
use serde_json::Value;

/// The maximum number of characters of one value or text that a page shows.
const SHOWN: usize = 500;

/// Escapes several lines of text. Line breaks are kept, and `indent` precedes each line.
pub(crate) fn safe_lines(text: &str, indent: &str) -> String {
    join(text.lines().map(|line| format!("{indent}{}", safe(line))))
}

/// Escapes text as [`safe`] does, but keeps its line breaks, which `deed` itself wrote.
pub(crate) fn safe_text(text: &str) -> String {
    text.split('\n').map(safe).collect::<Vec<_>>().join("\n")
}

/// Appends one line; the caller must escape its parts.
pub(crate) fn line(out: &mut String, text: Arguments<'_>) {
    // Writing to a string cannot fail.
    writeln!(out, "{text}").unwrap_or_default();
}

/// One line of a page: a title and its text, which the caller must escape.
pub(super) fn row(title: &str, text: &str) -> String {
    format!("{title:<12} {text}\n")
}

/// The digits of a digest in groups of four, which people can read to each other.
pub(crate) fn grouped(digits: &str) -> String {
    let groups = digits.as_bytes().chunks(4).map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(" ")
}

/// A number with its noun, in the plural unless the number is 1.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Joins texts, each on its own line.
pub(crate) fn join(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// Formats a value as one line. A long value is shortened, so that the other parts of the page stay visible.
pub(crate) fn compact(value: &Value) -> String {
    let text = value.to_string();
    let shown: String = text.chars().take(SHOWN).collect();
    match text.chars().count().saturating_sub(SHOWN) {
        0 => safe(&shown),
        more => format!("{} … and {more} more characters", safe(&shown)),
    }
}

/// Formats a text of an adapter or an upstream as one line. A long text is shortened.
pub(crate) fn short(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { " …" } else { "" };
    format!("{}{more}", safe(&shown))
}

/// Formats a value as indented lines. JSON escapes line breaks inside strings, so a string in the value cannot add
/// lines.
pub(crate) fn pretty(value: &Value, indent: &str) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    safe_lines(&text, indent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn line_breaks_of_a_text_stay() {
        assert_eq!(safe_text("a\nb\rc"), "a\nb\\u{d}c");
    }

    #[test]
    fn a_long_value_shows_its_beginning() {
        assert_eq!(compact(&"ä".repeat(498).into()).chars().count(), 500);
        let long = compact(&"ä".repeat(1000).into());
        assert!(
            long.starts_with("\"ää") && long.ends_with("ä … and 502 more characters"),
            "{long}"
        );
    }

    #[test]
    fn a_long_text_is_shortened_and_escaped() {
        assert_eq!(short("a\u{1b}[2K\nb"), "a\\u{1b}[2K\\u{a}b");
        let long = short(&"ä".repeat(SHOWN + 1));
        assert!(long.ends_with("ä …") && long.chars().count() == SHOWN + 2, "{long}");
    }

    #[test]
    fn no_text_makes_lines_of_its_own() {
        let shown = pretty(&json!({"note": "fine\nPATCH /other\u{2028}"}), "  ");
        assert_eq!(shown, "  {\n    \"note\": \"fine\\nPATCH /other\\u{2028}\"\n  }\n");
        assert_eq!(safe_lines("one\ntwo\u{1b}", "> "), "> one\n> two\\u{1b}\n");
    }
}
