//! Types of the API that HTTP, the command line and the OpenAPI document share.

pub mod contracts;
pub mod deferral;
pub mod draft;
pub mod listing;
pub(crate) mod openapi;
pub(crate) mod problem;
pub(crate) mod resource;
pub(crate) mod since;
pub mod tools;
pub mod view;

use std::borrow::Cow;

use deed_record::lifecycle::status::Status;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// The largest request body in bytes; a proposal or an approval is far smaller.
pub(crate) const BODY_MAX: usize = 256 * 1024;
/// The longest idempotency key in bytes.
pub(crate) const KEY_MAX: usize = 128;

/// A type without values, whose schema lists the values of [`Status::word`].
#[derive(Debug)]
pub(crate) enum StatusWord {}

impl JsonSchema for StatusWord {
    fn schema_name() -> Cow<'static, str> {
        "Status".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "enum": Status::WORDS,
            "description": "The outcome once there is a receipt; before that, what the action waits for.",
        })
    }
}
