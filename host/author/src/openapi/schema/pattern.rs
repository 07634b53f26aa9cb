//! Translates patterns of ECMA-262 into patterns of contracts.

use deed_record::contract::schema::Pattern;
use deed_spec::text::deceives;

/// The longest pattern.
const PATTERN_MAX: usize = 500;

/// A pattern as contracts have it, where `\d` and `\w` would mean all of Unicode, and `&&`, `--` and `~~` would combine
/// classes. `None` if the pattern has no such form.
pub(super) fn pattern(text: &str) -> Option<Pattern> {
    if text.len() > PATTERN_MAX {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut in_class = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => escaped(rest.next()?, in_class, &mut out)?,
            '[' if in_class => out.push_str("\\["),
            '[' => {
                in_class = true;
                out.push('[');
                out.extend(rest.next_if_eq(&'^'));
                // In ECMA-262, the class ends here and is empty. Here, the bracket would be its first character.
                if rest.peek() == Some(&']') {
                    return None;
                }
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => out.extend(['\\', c]),
            '-' if in_class && rest.peek() == Some(&'-') => return None,
            c if deceives(c) => return None,
            c => out.push(c),
        }
    }
    Pattern::new(&out).ok().filter(|_| out.len() <= PATTERN_MAX)
}

/// Writes what follows a backslash.
fn escaped(c: char, in_class: bool, out: &mut String) -> Option<()> {
    match c {
        'd' if in_class => out.push_str("0-9"),
        'd' => out.push_str("[0-9]"),
        'w' if in_class => out.push_str("A-Za-z0-9_"),
        'w' => out.push_str("[A-Za-z0-9_]"),
        // With a backslash, these would be the beginning and the end of a word.
        '<' | '>' => out.push(c),
        c if deceives(c) => return None,
        c => out.extend(['\\', c]),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_class_is_read_as_an_operation_on_classes() {
        for (text, wanted, fits, other) in [
            ("^[a&&b]$", "^[a\\&\\&b]$", "&", "c"),
            ("^[a~~b]$", "^[a\\~\\~b]$", "~", "c"),
            ("^[\\&&&a]$", "^[\\&\\&\\&a]$", "a", "b"),
            ("^[[a]$", "^[\\[a]$", "[", "b"),
            ("^[^&]$", "^[^\\&]$", "a", "&"),
            ("^\\<$", "^<$", "<", ""),
        ] {
            let found = pattern(text).unwrap();
            assert_eq!(found.as_str(), wanted);
            assert!(found.matches(fits) && !found.matches(other), "{text}");
        }
        for text in ["[a--z]", "[]]", "[^]a]", "[]", "(?=a)", "\\1", "a\\\u{202e}", "[a"] {
            assert_eq!(pattern(text), None, "{text}");
        }
        assert_eq!(pattern(&"a".repeat(501)), None);
    }
}
