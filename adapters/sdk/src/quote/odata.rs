//! Literals of OData.

use crate::Failure;

/// Quotes a text as a string literal of OData (OData 4.01, URL conventions, section 5.1.1.14): single quotes, with each
/// single quote in the text doubled. The result is not percent-encoded; a literal in a URL, such as that of
/// `manager@odata.bind`, must also be encoded with [`path::segment`](crate::path::segment).
///
/// ```
/// use deed_adapter_sdk::{Failure, quote};
///
/// # fn main() -> Result<(), Failure> {
/// assert_eq!(format!("name eq {}", quote::odata("O'Neil")?), "name eq 'O''Neil'");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Fails with [`Failure::Invalid`] if the text has a control character. OData has no escape for it, and servers refuse
/// it in a URL.
pub fn odata(text: &str) -> Result<String, Failure> {
    if let Some(one) = text.chars().find(|one| one.is_control()) {
        return Err(Failure::Invalid(format!(
            "a text for OData contains the control character U+{:04X}, for which OData has no escape; \
             remove it from the text",
            u32::from(one)
        )));
    }
    Ok(format!("'{}'", text.replace('\'', "''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_cannot_be_left() {
        assert_eq!(odata("x' or 'a' eq 'a").unwrap(), "'x'' or ''a'' eq ''a'");
        assert_eq!(odata(r#"\"é"#).unwrap(), r#"'\"é'"#);
        assert_eq!(odata("").unwrap(), "''");
    }

    #[test]
    fn a_control_character_is_refused_by_its_number() {
        for (text, number) in [("a\nb", "U+000A"), ("\u{0}", "U+0000"), ("\u{7f}", "U+007F")] {
            let Err(Failure::Invalid(why)) = odata(text) else { unreachable!("{text:?}") };
            assert!(why.contains(number), "{why}");
        }
    }
}
