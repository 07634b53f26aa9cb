//! Whether a pattern of a contract means the same in other languages. Contracts use the syntax of the Rust crate
//! `regex`; JSON Schema expects ECMA-262, which validators compile with the flag `u`.

use std::iter::Peekable;
use std::str::Chars;

/// The characters that ECMA-262 allows after a backslash outside and inside a class, with the meaning of `regex`.
/// Classes such as `\d` are not among them, because they are of all scripts in `regex` and of ASCII in ECMA-262.
const ESCAPED: &str = "^$\\.*+?()[]{}|/nrtfv";
const ESCAPED_IN_CLASS: &str = "^$\\.*+?()[]{}|/-nrtfv";

/// Whether the pattern has the same syntax and meaning in ECMA-262 with the flag `u`. A pattern for which this is not
/// certain is reported as not portable.
pub(super) fn is_portable(pattern: &str) -> bool {
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    let mut last = None;
    while let Some(c) = rest.next() {
        let fits = if in_class { class(c, &mut rest) } else { outside(c, last, &mut rest) };
        if !fits {
            return false;
        }
        match c {
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        last = Some(c);
    }
    true
}

fn outside(c: char, last: Option<char>, rest: &mut Peekable<Chars<'_>>) -> bool {
    let next = rest.peek().copied();
    match c {
        '\\' => rest.next().is_some_and(|escaped| ESCAPED.contains(escaped)),
        // Of the groups with `(?`, only the one without a name or flags is the same everywhere.
        '(' if next == Some('?') => {
            rest.next();
            rest.peek() == Some(&':')
        }
        // In `regex`, a `]` at the start of a class is an ordinary character.
        '[' => !matches!(next, Some(']')),
        '{' => counts(rest),
        '}' | ']' => false,
        '+' | '*' => !matches!(last, Some('+' | '*' | '?' | '{')),
        _ => true,
    }
}

/// Skips the rest of a repetition such as `{3}`, `{1,}` or `{1,64}`.
fn counts(rest: &mut Peekable<Chars<'_>>) -> bool {
    if !rest.peek().is_some_and(char::is_ascii_digit) {
        return false;
    }
    rest.by_ref().take_while(|c| *c != '}').all(|c| c.is_ascii_digit() || c == ',')
}

fn class(c: char, rest: &mut Peekable<Chars<'_>>) -> bool {
    match c {
        '\\' => rest.next().is_some_and(|escaped| ESCAPED_IN_CLASS.contains(escaped)),
        // `regex` has classes inside classes, and the operations `&&`, `--` and `~~`.
        '[' => false,
        '&' | '-' | '~' => rest.peek() != Some(&c),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::is_portable;

    #[test]
    fn patterns_that_mean_the_same_everywhere_are_found() {
        for pattern in [
            "^[0-9a-f]{32}$",
            "^[A-Za-z0-9._%+-]+@[a-z]+\\.[a-z]{2,}$",
            "^(?:a|b){1,3}$",
            "^[0-9]+(\\.[0-9]{1,2})?$",
            "^[^/\\]]+$",
            "^a+?$",
        ] {
            assert!(is_portable(pattern), "{pattern}");
        }
        for pattern in [
            "(?i)^a$",
            "(?P<name>a)",
            "\\A[a-z]\\z",
            "^\\d+$",
            "^[\\w-]+$",
            "^\\p{L}+$",
            "^[[:alpha:]]+$",
            "^[a-z&&[^b]]$",
            "^\\x{41}$",
            "^a\\-b$",
            "^a}$",
            "^a++$",
            "^[]a]$",
            "a\\",
        ] {
            assert!(!is_portable(pattern), "{pattern}");
        }
    }
}
