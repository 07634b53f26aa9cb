//! Literals of SCIM filters.

use serde_json::Value;

/// Quotes a text as the value of a SCIM filter or of the path of a PATCH operation (RFC 7644 sections 3.4.2.2 and
/// 3.5.2). Such a value is a JSON string, so every text can be quoted.
///
/// ```
/// use deed_adapter_sdk::quote;
///
/// let path = format!("emails[value eq {}]", quote::scim_filter("\"ann\"@example.com"));
/// assert_eq!(path, r#"emails[value eq "\"ann\"@example.com"]"#);
/// ```
pub fn scim_filter(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::scim_filter;

    #[test]
    fn a_filter_cannot_be_left() {
        assert_eq!(scim_filter(r#"x" or title pr or a eq "x"#), r#""x\" or title pr or a eq \"x""#);
        assert_eq!(scim_filter(r"\"), r#""\\""#);
        assert_eq!(scim_filter("a\nb\u{0}é"), "\"a\\nb\\u0000é\"");
        assert_eq!(scim_filter(""), "\"\"");
    }
}
