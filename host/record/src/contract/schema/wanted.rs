//! What a schema allows, in words. The words have nothing of a value, so that a caller who must not see the value can
//! read them.

use std::collections::BTreeSet;

use super::{Kind, Schema, check};

/// Maximum number of members or listed values in a text.
const NAMED: usize = 20;

impl Schema {
    /// What the schema allows, in words, such as `an integer from 1 to 9`.
    pub fn allowed(&self) -> String {
        words(self)
    }

    /// The place of a value that a JSON pointer leads to, and what the schema allows at this place. A member that is
    /// not declared has a name that only the value has, so its place is the object that has the member.
    pub(crate) fn wanted_at(&self, pointer: &str) -> (String, String) {
        let (mut place, mut schema) = (String::new(), self);
        for token in pointer.split('/').skip(1) {
            let name = token.replace("~1", "/").replace("~0", "~");
            let inner = match schema.kind() {
                Some(Kind::Array) => schema.items.as_deref(),
                _ => schema.properties.get(&name),
            };
            let Some(inner) = inner else { break };
            place.push('/');
            place.push_str(token);
            schema = inner;
        }
        (place, words(schema))
    }
}

fn words(schema: &Schema) -> String {
    let null = if schema.nullable { ", or null" } else { "" };
    format!("{}{null}", not_null(schema))
}

fn not_null(schema: &Schema) -> String {
    if let Some(constant) = &schema.constant {
        return format!("`{}`", check::shorten(constant));
    }
    if let Some(choices) = &schema.choices {
        let listed = choices.iter().map(|choice| format!("`{}`", check::shorten(choice)));
        return format!("one of {}", list(listed));
    }
    let kind = check::wanted(schema);
    match schema.kind() {
        Some(Kind::String) => {
            let pattern = schema.pattern.as_ref();
            let pattern =
                pattern.map(|pattern| format!(" that matches the pattern `{}`", pattern.as_str()));
            let length = length(schema.min_length, schema.max_length, "characters");
            format!("{kind}{length}{}", pattern.unwrap_or_default())
        }
        Some(Kind::Array) => {
            format!("{kind}{}", length(schema.min_items, schema.max_items, "items"))
        }
        Some(Kind::Integer) => format!("{kind}{}", range(schema.minimum, schema.maximum)),
        Some(Kind::Object) => format!("{kind} {}", members(schema)),
        Some(Kind::Boolean | Kind::Decimal) | None => kind,
    }
}

fn length(least: Option<u64>, most: Option<u64>, what: &str) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!(" with {least} to {most} {what}"),
        (Some(least), None) => format!(" with at least {least} {what}"),
        (None, Some(most)) => format!(" with at most {most} {what}"),
        (None, None) => String::new(),
    }
}

fn range(least: Option<i64>, most: Option<i64>) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" of at least {least}"),
        (None, Some(most)) => format!(" of at most {most}"),
        (None, None) => String::new(),
    }
}

fn members(schema: &Schema) -> String {
    let all: BTreeSet<&String> = schema.properties.keys().chain(&schema.required).collect();
    if all.is_empty() {
        return "without members".to_owned();
    }
    let named = all.into_iter().map(|name| {
        let required = if schema.required.contains(name) { " (required)" } else { "" };
        format!("`{name}`{required}")
    });
    format!("with no other members than {}", list(named))
}

fn list(texts: impl ExactSizeIterator<Item = String>) -> String {
    let more = if texts.len() > NAMED { ", …" } else { "" };
    let texts: Vec<String> = texts.take(NAMED).collect();
    format!("{}{more}", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn schema(value: Value) -> Schema {
        let schema: Schema = serde_json::from_value(value).unwrap();
        schema.well_formed().unwrap();
        schema
    }

    #[test]
    fn the_words_say_what_is_allowed() {
        for (schema, words) in [
            (json!({"type": "boolean"}), "a boolean"),
            (json!({"type": "string"}), "a string"),
            (json!({"type": "string", "maxLength": 40}), "a string with at most 40 characters"),
            (
                json!({"type": "string", "minLength": 1, "maxLength": 4, "pattern": "^[a-z]+$"}),
                "a string with 1 to 4 characters that matches the pattern `^[a-z]+$`",
            ),
            (json!({"type": "integer", "minimum": 1, "maximum": 9}), "an integer from 1 to 9"),
            (json!({"type": "integer", "minimum": 1}), "an integer of at least 1"),
            (json!({"type": "string", "enum": ["a", "b"]}), "one of `\"a\"`, `\"b\"`"),
            (json!({"type": "boolean", "const": true}), "`true`"),
            (
                json!({"type": "array", "maxItems": 3, "items": {"type": "string"}}),
                "an array with at most 3 items",
            ),
            (
                json!({"required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}),
                "an object with no other members than `a` (required), `b`",
            ),
        ] {
            assert_eq!(super::words(&self::schema(schema)), words);
        }
    }

    #[test]
    fn a_place_has_only_declared_names() {
        let lines = schema(json!({"type": "array", "items": {"properties": {
            "a/b": {"type": "string", "nullable": true},
        }}}));
        let text = "a string, or null";
        for (pointer, place, words) in [
            ("", "", "an array"),
            ("/7/a~1b", "/7/a~1b", text),
            ("/7/a~1b/x", "/7/a~1b", text),
            ("/7/what was read", "/7", "an object with no other members than `a/b`"),
        ] {
            assert_eq!(lines.wanted_at(pointer), (place.to_owned(), words.to_owned()));
        }
    }
}
