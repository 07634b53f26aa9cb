//! Shortens untrusted text. A registry or a manifest can quote megabytes, and an error must still be readable.

/// The longest quoted part of an error, and the longest text, in characters.
const PART_MAX: usize = 200;
pub(super) const TEXT_MAX: usize = 2_000;

/// A part that an error quotes.
pub(super) fn part(text: &str) -> String {
    cut(text, PART_MAX)
}

/// A whole error or text. An error may contain errors of other crates, which quote without a limit.
pub(super) fn text(text: &str) -> String {
    cut(text, TEXT_MAX)
}

/// At most this many characters of a text. A text that is cut off ends in `…`.
fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_texts_are_cut_off() {
        assert_eq!((cut("äbc", 3), cut("äbcd", 3)), ("äbc".to_owned(), "äbc…".to_owned()));
        assert_eq!(part(&"x".repeat(5_000)).chars().count(), PART_MAX + 1);
        assert_eq!(text(&"x".repeat(5_000)).chars().count(), TEXT_MAX + 1);
    }
}
