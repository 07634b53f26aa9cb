//! JSON Schema of the types that contracts write as text, for editors and for the description of the HTTP API.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::Duration;
use super::expression::Expression;
use super::schema::Pattern;

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A span of time of at most 720h, such as `500ms`, `30s`, `5m` or `24h`.",
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m|h)$"
        })
    }
}

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A regular expression in the syntax of the Rust crate `regex`.",
            "type": "string"
        })
    }
}

impl JsonSchema for Expression {
    fn schema_name() -> Cow<'static, str> {
        "Expression".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A CEL expression over `params`, `pre` and, in `after`, `post`.",
            "type": "string",
            "maxLength": 1024
        })
    }
}
