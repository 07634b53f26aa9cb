//! The JSON Schema of a value that strict JSON allows.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::MAX_INTEGER;

/// Stands for any value of strict JSON in the schema of a type. There are no values of this type.
#[derive(Clone, Copy, Debug)]
pub enum StrictValue {}

impl JsonSchema for StrictValue {
    fn schema_name() -> Cow<'static, str> {
        "StrictValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = generator.subschema_for::<Self>();
        json_schema!({
            "description": "Any JSON value whose numbers are integers within ±(2^53 − 1). Other numbers are written as text.",
            "oneOf": [
                {"type": ["string", "boolean", "null"]},
                {"type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER},
                {"type": "array", "items": inner},
                {"type": "object", "additionalProperties": inner}
            ]
        })
    }
}
