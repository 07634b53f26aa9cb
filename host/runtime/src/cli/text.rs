//! Takes text that came from outside, gives text that shows what is there and does nothing.
//!
//! Never passes a control character to a terminal, nor one that hides or reorders what people read.

use std::fmt::{Arguments, Write as _};

use serde_json::Value;

/// One line of text: control, bidi and invisible characters as `\u{…}`, everything else as it is.
pub(super) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if deceives(c) {
            write!(out, "{}", c.escape_unicode()).unwrap_or_default();
        } else {
            out.push(c);
        }
    }
    out
}

/// Several lines of text: line breaks stay, each line is shown behind `indent`.
pub(super) fn safe_lines(text: &str, indent: &str) -> String {
    join(text.lines().map(|line| format!("{indent}{}", safe(line))))
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

/// A value on one line.
pub(super) fn compact(value: &Value) -> String {
    safe(&value.to_string())
}

/// A value on indented lines. JSON escapes line breaks inside of texts, so those that are left are its own.
pub(super) fn pretty(value: &Value, indent: &str) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    safe_lines(&text, indent)
}

/// Characters that a reader cannot see, or that change the order or place of what a reader sees.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_deceives_is_spelled_out() {
        for (text, shown) in [
            ("Grüße 日本", "Grüße 日本"),
            ("a\u{1b}[2Kb", "a\\u{1b}[2Kb"),
            ("pay \u{202e}001", "pay \\u{202e}001"),
            ("a\nb\rc\u{9b}d", "a\\u{a}b\\u{d}c\\u{9b}d"),
            ("x\u{200b}\u{feff}\u{e0041}", "x\\u{200b}\\u{feff}\\u{e0041}"),
        ] {
            assert_eq!(safe(text), shown);
        }
    }

    #[test]
    fn no_text_makes_lines_of_its_own() {
        let shown = pretty(&json!({"note": "fine\nPATCH /other\u{2028}"}), "  ");
        assert_eq!(shown, "  {\n    \"note\": \"fine\\nPATCH /other\\u{2028}\"\n  }\n");
        assert_eq!(safe_lines("one\ntwo\u{1b}", "> "), "> one\n> two\\u{1b}\n");
    }
}
