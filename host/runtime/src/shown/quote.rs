//! Quotes the words of a command that users paste into a shell.

use deed_spec::text::safe;

/// Quotes a word for a POSIX shell. A word is returned unchanged if that is safe, otherwise in single quotes.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", safe(word).replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_is_one_word() {
        for (word, shown) in [
            ("support-lead", "support-lead"),
            ("http://127.0.0.1:7117", "http://127.0.0.1:7117"),
            ("my keys/bob.key", "'my keys/bob.key'"),
            ("lead; rm -rf ~", "'lead; rm -rf ~'"),
            ("it's", "'it'\\''s'"),
            ("$(x)\u{1b}", "'$(x)\\u{1b}'"),
            ("--yes", "'--yes'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }
}
