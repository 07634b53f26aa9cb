//! Literals of GraphQL.

use super::escape;

/// Quotes a text as a string value of GraphQL (specification of October 2021, section 2.9.4). Every text can be quoted:
/// control characters are escaped, and characters beyond U+FFFF are written as two escapes, which servers of earlier
/// versions also read.
///
/// If the upstream accepts variables, send the text as a variable instead, which needs no quoting.
///
/// ```
/// use deed_adapter_sdk::quote;
///
/// let mutation = format!("mutation {{ close(reason: {}) {{ id }} }}", quote::graphql("a \"b\""));
/// assert_eq!(mutation, r#"mutation { close(reason: "a \"b\"") { id } }"#);
/// ```
pub fn graphql(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for one in text.chars() {
        match one {
            '"' | '\\' => out.extend(['\\', one]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if one.is_control() || one > '\u{ffff}' => escape(one, &mut out),
            _ => out.push(one),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::graphql;

    #[test]
    fn a_string_cannot_be_left() {
        assert_eq!(graphql(r#"x") { id } a: b(c: "y"#), r#""x\") { id } a: b(c: \"y""#);
        assert_eq!(graphql(r"\"), r#""\\""#);
        assert_eq!(graphql("a\n\r\t\u{0}\u{7f}b"), r#""a\n\r\t\u0000\u007fb""#);
        assert_eq!(graphql("é😀"), "\"é\\ud83d\\ude00\"");
        assert_eq!(graphql("\"\"\""), r#""\"\"\"""#);
    }

    /// A string of GraphQL with these escapes is also a string of JSON.
    #[test]
    fn a_parser_reads_the_text_again() {
        for text in ["", "\"\\\n\r\t\u{0}\u{1f}\u{7f}\u{9f}", "é ß 漢 😀", "${x} {{y}}"] {
            let read: String = serde_json::from_str(&graphql(text)).unwrap();
            assert_eq!(read, text);
        }
    }
}
