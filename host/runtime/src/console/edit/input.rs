//! The fields for the parameters of a contract: how each value is typed, and which value a typed text stands for.
//!
//! A field that is sent back unchanged stands for exactly the present value. A value that no text field can show or
//! send as it is, such as a list or a text with invisible characters, is typed as JSON. A private value is never put
//! into a field.

use deed_record::action::commitment::Live;
use deed_record::action::private::Openings;
use deed_record::contract::schema::{Kind, Schema};
use deed_spec::json;
use deed_spec::text::{deceives, plain_json};
use serde_json::Value;

/// The maximum number of characters of a text in a field of one line.
const LINE_MAX: usize = 80;
/// A contract that permits more characters than these expects texts of several lines.
const SHORT_MAX: u64 = 160;

/// How a value is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Line,
    Lines,
    Integer,
    Decimal,
    /// One of the values that the contract lists.
    Choice,
    Json,
    /// A new text, or none to keep the present one.
    Private,
}

/// The field of one parameter.
#[derive(Debug)]
pub(super) struct Input<'a> {
    pub(super) name: &'a str,
    pub(super) schema: &'a Schema,
    pub(super) is_required: bool,
    pub(super) entry: Entry,
    /// The present value, unless it is private.
    present: Option<&'a Value>,
    /// The present value, if it is private.
    kept: Option<Live<Value>>,
}

/// The fields for the parameters of this schema, with the parameters that the waiting action has now.
pub(super) fn all<'a>(schema: &'a Schema, params: &'a Value, private: &Openings) -> Vec<Input<'a>> {
    let field = |(name, inner): (&'a String, &'a Schema)| {
        let recorded = params.get(name.as_str());
        let opened = private.iter().find(|(of, _)| *of == name);
        let opened = opened.map(|(_, one)| Value::from(one.value.as_str()));
        let is_private = inner.private || opened.is_some();
        let kept = opened.or_else(|| recorded.cloned()).filter(|_| is_private);
        let present = recorded.filter(|_| !is_private);
        let is_required = schema.required.contains(name);
        let entry = if is_private { Entry::Private } else { entry(inner, is_required, present) };
        Input { name, schema: inner, is_required, entry, present, kept: kept.map(Live::new) }
    };
    schema.properties.iter().map(field).collect()
}

/// How a value that is not private is typed.
fn entry(schema: &Schema, is_required: bool, present: Option<&Value>) -> Entry {
    let kind = schema.kind();
    if schema.choices.is_some() || schema.constant.is_some() || kind == Some(Kind::Boolean) {
        return Entry::Choice;
    }
    let text = present.map_or(Some(""), Value::as_str);
    // An empty field leaves an optional parameter out, so it cannot stand for an empty text.
    let is_plain = |text: &&str| {
        let is_empty = text.is_empty() && present.is_some() && !is_required;
        !is_empty && !text.chars().any(|c| c != '\n' && deceives(c))
    };
    let text = text.filter(is_plain).filter(|_| !schema.nullable);
    let is_integer = present.is_none_or(Value::is_i64) && !schema.nullable;
    match (kind, text) {
        (Some(Kind::String), Some(text)) if is_long(schema, text) => Entry::Lines,
        (Some(Kind::String), Some(_)) => Entry::Line,
        (Some(Kind::Decimal), Some(text)) if !text.contains('\n') => Entry::Decimal,
        (Some(Kind::Integer), _) if is_integer => Entry::Integer,
        _ => Entry::Json,
    }
}

/// Whether a text needs a field with several lines. A browser removes line breaks from a field of one line.
fn is_long(schema: &Schema, text: &str) -> bool {
    let may_be = schema.max_length.is_some_and(|most| most > SHORT_MAX);
    may_be || text.contains('\n') || text.chars().nth(LINE_MAX).is_some()
}

impl Input<'_> {
    /// What the field has at first.
    pub(super) fn text(&self) -> String {
        let Some(value) = self.present else { return String::new() };
        match (self.entry, value) {
            (Entry::Line | Entry::Lines | Entry::Decimal, Value::String(text)) => text.clone(),
            (Entry::Json, value) => {
                plain_json(&serde_json::to_string_pretty(value).unwrap_or_default())
            }
            (_, value) => plain_json(&value.to_string()),
        }
    }

    /// The values to choose from.
    pub(super) fn options(&self) -> Vec<Value> {
        let mut all = match (&self.schema.constant, &self.schema.choices) {
            (Some(constant), _) => vec![constant.clone()],
            (None, Some(choices)) => choices.clone(),
            (None, None) => vec![Value::Bool(true), Value::Bool(false)],
        };
        all.extend(self.schema.nullable.then_some(Value::Null));
        all
    }

    /// Whether a choice must have an entry that chooses no value.
    pub(super) fn may_be_unset(&self) -> bool {
        !self.is_required || self.present.is_none_or(|value| !self.options().contains(value))
    }

    /// Whether the waiting action has a private value that the changed version can be without.
    pub(super) fn can_be_dropped(&self) -> bool {
        self.entry == Entry::Private && !self.is_required && self.kept.is_some()
    }

    /// Whether the waiting action has a private value, which an empty field keeps.
    pub(super) fn keeps(&self) -> bool {
        self.kept.is_some()
    }

    /// The parameter as a JSON pointer into the draft.
    pub(super) fn pointer(&self) -> String {
        json::child("/params", self.name)
    }

    /// The value that a typed text stands for; `None` leaves the parameter out. What the contract allows is checked
    /// later, as for every draft.
    pub(super) fn value(
        &self,
        typed: Option<&str>,
        is_dropped: bool,
    ) -> Result<Option<Value>, String> {
        if self.entry == Entry::Private {
            return self.private(typed.unwrap_or_default(), is_dropped);
        }
        let Some(typed) = typed else { return Ok(None) };
        match self.entry {
            Entry::Line | Entry::Lines if self.is_required => Ok(Some(typed.into())),
            Entry::Line | Entry::Lines => Ok((!typed.is_empty()).then(|| typed.into())),
            _ if typed.trim().is_empty() => Ok(None),
            Entry::Integer => Ok(Some(integer(typed.trim()))),
            Entry::Decimal => Ok(Some(typed.trim().into())),
            Entry::Choice | Entry::Json | Entry::Private => match parse(typed) {
                Ok(value) => Ok(Some(value)),
                Err(why) if self.entry == Entry::Json => {
                    Err(format!("the text is not JSON: {why}"))
                }
                Err(_) => Err("the value is not one of those to choose from".to_owned()),
            },
        }
    }

    fn private(&self, typed: &str, is_dropped: bool) -> Result<Option<Value>, String> {
        match (typed, is_dropped) {
            ("", true) => Ok(None),
            ("", false) => Ok(self.kept.as_ref().map(|value| value.reveal().clone())),
            (typed, false) => Ok(Some(typed.into())),
            (_, true) => {
                Err("there is a new value, and the parameter is to be left out; choose one of both"
                    .to_owned())
            }
        }
    }
}

/// The integer, or the text if it is none that JSON readers represent exactly. The contract then refuses the text.
fn integer(typed: &str) -> Value {
    let is_safe = |number: &i64| number.unsigned_abs() <= json::MAX_INTEGER.unsigned_abs();
    typed.parse::<i64>().ok().filter(is_safe).map_or_else(|| Value::from(typed), Value::from)
}

fn parse(typed: &str) -> Result<Value, json::ParseError> {
    json::parse_exact(typed.as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(value: Value) -> Schema {
        let schema: Schema = serde_json::from_value(value).unwrap();
        schema.well_formed().unwrap();
        schema
    }

    /// The draft that the fields stand for when nothing was typed.
    fn unchanged(schema: &Schema, params: &Value) -> Value {
        let fields = all(schema, params, &Openings::default());
        let value = |field: &Input<'_>| {
            Some((field.name.to_owned(), field.value(Some(&field.text()), false).unwrap()?))
        };
        Value::Object(fields.iter().filter_map(value).collect())
    }

    #[test]
    fn fields_that_are_not_changed_stand_for_the_present_values() {
        let schema = schema(json!({"required": ["text", "size"], "properties": {
            "text": {"type": "string"}, "more": {"type": "string"}, "size": {"type": "integer"},
            "price": {"type": "decimal"}, "live": {"type": "boolean"},
            "plan": {"type": "string", "enum": ["a", "b"]}, "one": {"type": "string", "const": "x"},
            "maybe": {"type": "string", "nullable": true},
            "list": {"type": "array", "items": {"type": "string"}},
            "deep": {"properties": {"a": {"type": "integer"}}},
        }}));
        for params in [
            json!({"text": "a", "size": 1}),
            json!({"text": "", "size": -9_007_199_254_740_991_i64, "more": ""}),
            json!({"text": "two\nlines", "size": 0, "more": "\n\nthree\n"}),
            json!({"text": " spaces ", "size": 0, "more": "\r\n\t\u{202e}\u{0}"}),
            json!({"text": "\"quoted\"", "size": 0, "price": "10.5", "live": false, "plan": "b"}),
            json!({"text": "null", "size": 0, "maybe": null, "one": "x", "list": []}),
            json!({"text": "x".repeat(500), "size": 0, "maybe": "null", "list": ["\u{e0041}", "<"]}),
            json!({"text": "a", "size": 0, "maybe": "", "deep": {"a": 7}}),
        ] {
            assert_eq!(unchanged(&schema, &params), params);
        }
    }

    fn entry_of(inner: &Value, present: &Value) -> Entry {
        let schema = schema(json!({"properties": { "a": inner }}));
        let params = json!({ "a": present });
        all(&schema, &params, &Openings::default())[0].entry
    }

    #[test]
    fn each_type_has_its_field() {
        for (inner, present, entry) in [
            (json!({"type": "string"}), json!("a"), Entry::Line),
            (json!({"type": "string"}), json!("a\nb"), Entry::Lines),
            (json!({"type": "string"}), json!("pay \u{202e}001"), Entry::Json),
            (json!({"type": "string"}), json!(""), Entry::Json),
            (json!({"type": "string", "maxLength": 500}), json!("a"), Entry::Lines),
            (json!({"type": "string", "enum": ["a"]}), json!("a"), Entry::Choice),
            (json!({"type": "string", "nullable": true}), json!("a"), Entry::Json),
            (json!({"type": "boolean"}), json!(true), Entry::Choice),
            (json!({"type": "integer"}), json!(1), Entry::Integer),
            (json!({"type": "integer"}), json!("1"), Entry::Json),
            (json!({"type": "decimal"}), json!("1.5"), Entry::Decimal),
            (json!({"type": "array", "items": {"type": "string"}}), json!([]), Entry::Json),
        ] {
            assert_eq!(entry_of(&inner, &present), entry, "{present}");
        }
    }

    #[test]
    fn a_text_that_is_no_value_is_refused_here_or_by_the_contract() {
        let schema = schema(json!({"properties": {
            "size": {"type": "integer"}, "live": {"type": "boolean"},
            "list": {"type": "array", "items": {"type": "string"}},
        }}));
        let params = json!({});
        let fields = all(&schema, &params, &Openings::default());
        let typed = |name: &str, text: &str| {
            fields.iter().find(|field| field.name == name).unwrap().value(Some(text), false)
        };
        assert_eq!(typed("size", " 42 "), Ok(Some(json!(42))));
        for text in ["4.2", "many", "9007199254740992", "9007199254740993000000", "1e3"] {
            assert_eq!(typed("size", text), Ok(Some(json!(text))));
        }
        assert_eq!(typed("size", " "), Ok(None));
        assert!(typed("live", "yes").unwrap_err().contains("not one of those"));
        assert!(typed("list", "[1.5]").unwrap_err().contains("not JSON"));
        assert!(typed("list", "[\"a\", ").unwrap_err().contains("line 1"));
        assert!(typed("list", &"[".repeat(100)).is_err());
        assert!(typed("list", "{\"a\":1,\"a\":2}").is_err());
    }

    #[test]
    fn a_private_value_is_kept_and_in_no_field() {
        let schema = schema(json!({"required": ["note"], "properties": {
            "note": {"type": "string", "private": true}, "more": {"type": "string", "private": true},
        }}));
        let openings = |names: &[&str]| -> Openings {
            let one = |name: &&str| {
                ((*name).to_owned(), json!({"salt": "0".repeat(64), "value": "between us"}))
            };
            serde_json::from_value(Value::Object(names.iter().map(one).collect())).unwrap()
        };
        let params = json!({"note": "private:hmac-sha256:0", "more": "private:hmac-sha256:1"});
        let fields = all(&schema, &params, &openings(&["note", "more"]));
        for field in &fields {
            assert_eq!((field.entry, field.text().as_str()), (Entry::Private, ""));
            assert!(!format!("{field:?}").contains("between us"), "{field:?}");
            assert_eq!(field.value(None, false), Ok(Some(json!("between us"))));
            assert_eq!(field.value(Some(""), false), Ok(Some(json!("between us"))));
            assert_eq!(field.value(Some("other"), false), Ok(Some(json!("other"))));
            assert_eq!(field.value(Some(""), true), Ok(None));
            assert!(field.value(Some("other"), true).is_err());
            assert_eq!(field.can_be_dropped(), field.name == "more");
        }
        // The commitment of an action whose contract has no private parameter any more is not shown either.
        let plain =
            serde_json::from_value(json!({"properties": {"note": {"type": "string"}}})).unwrap();
        assert_eq!(all(&plain, &params, &openings(&["note"]))[0].entry, Entry::Private);
        let absent = json!({});
        let fields = all(&schema, &absent, &Openings::default());
        assert_eq!(fields[0].value(Some(""), false), Ok(None));
    }
}
