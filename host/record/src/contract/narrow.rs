//! Which characters the values of a schema can contain, as far as the schema proves it.
//!
//! Text may stand next to a placeholder only if no value of the placeholder can change the meaning of the text.
//! Therefore the schema of the placeholder's parameter must rule out quotes, separators, spaces and characters outside
//! ASCII.

use regex_syntax::hir::{Class, Hir, HirKind, Look};
use serde_json::Value;

use crate::contract::schema::{Kind, Schema};

/// A set of ASCII characters; bit `n` is the character with the code `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alphabet(u128);

/// The characters that may stand next to literal text: `A-Z a-z 0-9 _ - . @ +`.
const NARROW: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.@+";

impl Alphabet {
    /// The characters that rendered values of the schema can contain; `None` if the schema does not limit them to a set
    /// of ASCII characters.
    pub fn of(schema: &Schema) -> Option<Self> {
        let listed = schema.constant.iter().chain(schema.choices.iter().flatten());
        if schema.constant.is_some() || schema.choices.is_some() {
            return listed.map(rendered).try_fold(Self::default(), |all, text| all.with(&text?));
        }
        match (schema.kind()?, &schema.pattern) {
            (Kind::Integer, _) => Self::default().with("-0123456789"),
            (Kind::Decimal, _) => Self::default().with("-0123456789."),
            (Kind::Boolean, _) => Self::default().with("truefalse"),
            (Kind::String, Some(pattern)) => Self::of_pattern(pattern.as_str()),
            _ => None,
        }
    }

    /// Whether every character of the set may stand next to literal text.
    pub fn is_narrow(self) -> bool {
        Self::default().with(NARROW).is_some_and(|narrow| self.0 & !narrow.0 == 0)
    }

    pub fn has(self, character: char) -> bool {
        bit(character).is_some_and(|bit| self.0 & bit != 0)
    }

    /// The characters of a text; `None` if it is not ASCII.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        Self::default().with(text)
    }

    /// Returns the union of the two sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn with(self, text: &str) -> Option<Self> {
        text.chars().try_fold(self, |all, character| Some(Self(all.0 | bit(character)?)))
    }

    fn of_pattern(pattern: &str) -> Option<Self> {
        let hir = regex_syntax::parse(pattern).ok()?;
        let properties = hir.properties();
        // A pattern without both anchors, `^` and `$`, does not limit the text around its match.
        let anchored = properties.look_set_prefix().contains(Look::Start)
            && properties.look_set_suffix().contains(Look::End);
        if anchored { characters(&hir) } else { None }
    }
}

/// Recursion is bounded by the parser's nesting limit.
fn characters(hir: &Hir) -> Option<Alphabet> {
    let all = |parts: &[Hir]| {
        parts.iter().try_fold(Alphabet::default(), |all, part| Some(all.and(characters(part)?)))
    };
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(Alphabet::default()),
        HirKind::Literal(literal) => {
            Alphabet::default().with(std::str::from_utf8(&literal.0).ok()?)
        }
        HirKind::Class(Class::Unicode(class)) => {
            let ranges = class.ranges().iter().map(|range| (range.start(), range.end()));
            ranges.into_iter().try_fold(Alphabet::default(), |all, (first, last)| {
                last.is_ascii().then_some(())?;
                (first..=last).try_fold(all, |all, one| Some(Alphabet(all.0 | bit(one)?)))
            })
        }
        HirKind::Class(Class::Bytes(_)) => None,
        HirKind::Repetition(repetition) => characters(&repetition.sub),
        HirKind::Capture(capture) => characters(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => all(parts),
    }
}

fn bit(character: char) -> Option<u128> {
    character.is_ascii().then(|| 1_u128 << u32::from(character))
}

/// A value as it appears in a path, a query or a header; `None` for lists and objects.
fn rendered(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alphabet(schema: Value) -> Option<Alphabet> {
        Alphabet::of(&serde_json::from_value(schema).unwrap())
    }

    fn is_narrow(schema: Value) -> bool {
        alphabet(schema).is_some_and(Alphabet::is_narrow)
    }

    fn pattern(text: &str) -> Value {
        json!({ "type": "string", "pattern": text })
    }

    #[test]
    fn only_a_pattern_with_both_anchors_and_narrow_classes_is_narrow() {
        for text in [
            "^[0-9a-f]{32}$",
            "^(a|b)+$",
            "^user_[A-Za-z0-9.@+-]*$",
            r"\A[a-z]\z",
            "^x$",
            "^$",
            "^(?:^[a-z]+$)$",
            "^a$|^b$",
        ] {
            assert!(is_narrow(pattern(text)), "{text}");
        }
        for text in [
            "[0-9a-f]{32}",
            "^[0-9]+",
            "[0-9]+$",
            "^a$|b",
            "^[^/]+$",
            r"^\w+$",
            r"^\d+$",
            "^.*$",
            "^a b$",
            "^\"$",
            "^é$",
            "^[a-z]*'$",
            "(?m)^[a-z]+$",
            "^%$",
            "^a:b$",
        ] {
            assert!(!is_narrow(pattern(text)), "{text}");
        }
    }

    #[test]
    fn other_types_are_narrow_only_if_every_value_is() {
        assert!(is_narrow(json!({ "type": "integer" })));
        assert!(is_narrow(json!({ "type": "boolean" })));
        assert!(is_narrow(json!({ "type": "string", "enum": ["a", "b-c"] })));
        assert!(is_narrow(json!({ "type": "string", "const": "a.b" })));
        assert!(!is_narrow(json!({ "type": "string", "enum": ["a", "b c"] })));
        assert!(!is_narrow(json!({ "type": "string" })));
        assert!(!is_narrow(json!({ "type": "string", "maxLength": 3 })));
        assert!(!is_narrow(json!({ "type": "array", "items": { "type": "integer" } })));
    }

    #[test]
    fn an_alphabet_has_the_characters_of_its_values() {
        let hex = alphabet(pattern("^[0-9a-f]+$")).unwrap();
        assert!(hex.has('a') && hex.has('0') && !hex.has('g') && !hex.has('é'));
    }
}
