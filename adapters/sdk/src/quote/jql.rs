//! Literals of the Jira Query Language.

use super::escape;

/// Quotes a text as a string of the Jira Query Language (JQL), with the escapes of JQL for quotes, backslashes and
/// control characters, so that every text can be quoted.
///
/// Use the literal with operators that compare whole values, such as `=` and `in`. After `~`, Jira reads the content of
/// the string as a search with operators of its own, which this function does not escape.
///
/// ```
/// use deed_adapter_sdk::quote;
///
/// let query = format!("reporter = {} and resolution is empty", quote::jql("ann \"a\" doe"));
/// assert_eq!(query, r#"reporter = "ann \"a\" doe" and resolution is empty"#);
/// ```
pub fn jql(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for one in text.chars() {
        match one {
            '"' | '\\' => out.extend(['\\', one]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_reserved(one) => escape(one, &mut out),
            _ => out.push(one),
        }
    }
    out.push('"');
    out
}

/// Whether JQL refuses the character in a string unless it is escaped.
fn is_reserved(one: char) -> bool {
    one.is_control() || matches!(one, '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::jql;

    #[test]
    fn a_string_cannot_be_left() {
        assert_eq!(jql(r#"x" or project = "HR"#), r#""x\" or project = \"HR""#);
        assert_eq!(jql(r"\"), r#""\\""#);
        assert_eq!(jql("a\n\r\tb"), r#""a\n\r\tb""#);
        assert_eq!(jql("\u{0}\u{7f}\u{fffe}"), r#""\u0000\u007f\ufffe""#);
        assert_eq!(jql("it's é 😀"), "\"it's é 😀\"");
        assert_eq!(jql(""), "\"\"");
    }
}
