//! Names in a contract, made from names in a document.

use deed_spec::text::deceives;

/// The longest name of a parameter or state.
const NAME_MAX: usize = 48;

/// Words that cannot be members in CEL.
const RESERVED: [&str; 22] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "has",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// A name with lower-case letters, digits and `_`, for a parameter or a state: `userName` becomes `user_name`.
pub(super) fn snake(text: &str, otherwise: &str) -> String {
    let mut out = String::new();
    let mut is_lower = false;
    for c in text.chars().take(4 * NAME_MAX) {
        if c.is_ascii_uppercase() && is_lower {
            out.push('_');
        }
        is_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        let next = if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        if next != '_' || !out.ends_with('_') {
            out.push(next);
        }
    }
    let name: String = out.trim_matches('_').chars().take(NAME_MAX).collect();
    let name = name.trim_end_matches('_');
    match name.chars().next() {
        None => otherwise.to_owned(),
        Some(first) if first.is_ascii_digit() || RESERVED.contains(&name) => {
            format!("{otherwise}_{name}")
        }
        Some(_) => name.to_owned(),
    }
}

/// Whether a member of a state can be written in CEL after a point.
pub(super) fn is_member(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !RESERVED.contains(&name)
}

/// Whether a member has the name of a parameter of a path: `name` is `{name}` or `{user_name}`. The name of the parameter
/// is in lower case.
pub(super) fn is_key(parameter: &str, member: &str) -> bool {
    let member = snake(member, "member");
    parameter == member || parameter.strip_suffix(&member).is_some_and(|head| head.ends_with('_'))
}

/// Whether a member of a document can be a member of a contract. Names of other members hide characters, or are read as
/// something else in a pointer or by policies.
pub(super) fn is_plain(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && !name.contains(|c: char| deceives(c) || matches!(c, '{' | '}'))
        && !name.starts_with("__")
}

/// The singular of an English plural, as far as its ending tells.
pub(super) fn singular(word: &str) -> String {
    let stem = |ending: &str| word.strip_suffix(ending).filter(|stem| stem.len() > 1);
    if let Some(stem) = stem("ies") {
        return format!("{stem}y");
    }
    for ending in ["sses", "shes", "ches", "xes"] {
        if let Some(stem) = stem(ending) {
            let kept = ending.strip_suffix("es").unwrap_or(ending);
            return format!("{stem}{kept}");
        }
    }
    match stem("s").filter(|stem| !stem.ends_with(['s', 'u', 'i'])) {
        Some(stem) => stem.to_owned(),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_lower_case_letters_digits_and_underscores() {
        for (text, name) in [
            ("userName", "user_name"),
            ("user-id", "user_id"),
            ("HTTPServer2", "httpserver2"),
            ("$top", "top"),
            ("2fa", "param_2fa"),
            ("in", "param_in"),
            ("", "param"),
            ("\u{202e}\n", "param"),
            ("größe", "gr_e"),
            ("filter[name]", "filter_name"),
        ] {
            assert_eq!(snake(text, "param"), name, "{text}");
        }
        assert!(snake(&"x".repeat(1000), "param").len() <= NAME_MAX);
    }

    #[test]
    fn the_singular_follows_the_ending() {
        for (many, one) in [
            ("tickets", "ticket"),
            ("companies", "company"),
            ("boxes", "box"),
            ("addresses", "address"),
            ("branches", "branch"),
            ("status", "status"),
            ("access", "access"),
            ("me", "me"),
            ("s", "s"),
        ] {
            assert_eq!(singular(many), one);
        }
    }
}
