//! Makes text from outside safe to show.
//!
//! Control characters, and characters that hide or reorder text, do not reach a terminal.

use std::fmt::{Arguments, Write as _};

use deed_spec::text::safe;
use serde_json::Value;

/// Characters of one value that a page shows.
const SHOWN: usize = 500;

/// Several lines of text: line breaks stay, and `indent` precedes each line.
pub(super) fn safe_lines(text: &str, indent: &str) -> String {
    join(text.lines().map(|line| format!("{indent}{}", safe(line))))
}

/// Text with line breaks of our own: they stay, everything else is as in [`safe`].
pub(super) fn safe_text(text: &str) -> String {
    text.split('\n').map(safe).collect::<Vec<_>>().join("\n")
}

/// Appends one line; the caller makes its parts safe.
pub(super) fn line(out: &mut String, text: Arguments<'_>) {
    // Writing to a string cannot fail.
    writeln!(out, "{text}").unwrap_or_default();
}

/// Texts, each on a line of its own.
pub(super) fn join(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// A value on one line, shortened when it is long, so that the rest of the page stays visible.
pub(super) fn compact(value: &Value) -> String {
    let text = value.to_string();
    let shown: String = text.chars().take(SHOWN).collect();
    match text.chars().count().saturating_sub(SHOWN) {
        0 => safe(&shown),
        more => format!("{} … and {more} more characters", safe(&shown)),
    }
}

/// A value on indented lines. JSON escapes line breaks inside of texts, so the remaining ones are its own.
pub(super) fn pretty(value: &Value, indent: &str) -> String {
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
    fn no_text_makes_lines_of_its_own() {
        let shown = pretty(&json!({"note": "fine\nPATCH /other\u{2028}"}), "  ");
        assert_eq!(shown, "  {\n    \"note\": \"fine\\nPATCH /other\\u{2028}\"\n  }\n");
        assert_eq!(safe_lines("one\ntwo\u{1b}", "> "), "> one\n> two\\u{1b}\n");
    }
}
