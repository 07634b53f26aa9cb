//! Makes text from outside safe to display.

use std::fmt::Write as _;

/// Whether a character is invisible, or changes the order or position of displayed text (Unicode UAX #9, UTR #36), or
/// looks different in each font, as those for private use do.
pub fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}'
            | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

/// Makes a text safe for one line of a terminal or page: deceptive characters become `\u{…}`, all others stay
/// unchanged.
pub fn safe(text: &str) -> String {
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

/// Makes JSON text safe for a terminal. Deceptive characters are written as `\uXXXX` (RFC 8259 section 7), which does
/// not change the JSON value.
pub fn plain_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // A line break stays, because it can only be layout: line breaks inside JSON strings are already escaped.
        if c != '\n' && deceives(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").unwrap_or_default();
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{plain_json, safe};

    #[test]
    fn characters_that_deceive_are_escaped() {
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
    fn characters_without_a_shape_of_their_own_are_escaped() {
        for (from, to) in [
            ('\u{600}', '\u{605}'),
            ('\u{6dd}', '\u{6dd}'),
            ('\u{70f}', '\u{70f}'),
            ('\u{890}', '\u{891}'),
            ('\u{8e2}', '\u{8e2}'),
            ('\u{2800}', '\u{2800}'),
            ('\u{e000}', '\u{f8ff}'),
            ('\u{110bd}', '\u{110bd}'),
            ('\u{110cd}', '\u{110cd}'),
            ('\u{13430}', '\u{1343f}'),
            ('\u{1bca0}', '\u{1bca3}'),
            ('\u{1d159}', '\u{1d159}'),
            ('\u{f0000}', '\u{10ffff}'),
        ] {
            for c in from..=to {
                assert_eq!(safe(&c.to_string()), c.escape_unicode().to_string());
            }
        }
        for text in ["\u{606}\u{6de}", "\u{2801}", "\u{f900}", "\u{1bca4}\u{13440}", "\u{1f600}"] {
            assert_eq!(safe(text), text);
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = json!({"name": "Grüße\u{9b}\u{202e}\u{e0041}\n\u{7f}"});
        let text = plain_json(&serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(text, "{\n  \"name\": \"Grüße\\u009b\\u202e\\udb40\\udc41\\n\\u007f\"\n}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
