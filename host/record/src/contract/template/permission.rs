//! The permission that a contract names for a request.

use super::RenderError;

/// The maximum number of characters of a permission.
const LONGEST: usize = 100;

/// Checks that the permission can stand in a reason, between backquotes.
pub(super) fn check(permission: Option<&str>) -> Result<(), RenderError> {
    let Some(text) = permission else { return Ok(()) };
    let is_short = (1..=LONGEST).contains(&text.chars().count());
    let is_plain = !text.contains('`') && !text.chars().any(deed_spec::text::deceives);
    if is_short && is_plain && text.trim() == text { Ok(()) } else { Err(RenderError::Permission) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_one_line_of_plain_text() {
        let long = "x".repeat(LONGEST + 1);
        let longest = long.get(1..).unwrap();
        for good in ["users:write", "Customers: write", longest] {
            assert_eq!(check(Some(good)), Ok(()), "{good}");
        }
        for bad in ["", " a", "a ", "a\nb", "a\u{202e}b", "a`b", long.as_str()] {
            assert_eq!(check(Some(bad)), Err(RenderError::Permission), "{bad:?}");
        }
        assert_eq!(check(None), Ok(()));
    }
}
