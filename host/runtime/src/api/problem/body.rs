//! The body of a problem document (RFC 9457).

use schemars::JsonSchema;
use serde::Serialize;

/// RFC 9457.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Body {
    #[serde(rename = "type")]
    #[schemars(extend("const" = "about:blank"))]
    pub(crate) kind: &'static str,
    pub(crate) title: &'static str,
    #[schemars(range(min = 400, max = 599))]
    pub(crate) status: u16,
    /// What is wrong, and the remedy.
    pub(crate) detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<Place>,
    /// The limit that was reached, such as `agent_under_way`, if a limit is the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<&'static str>,
}

/// One place in the body that is not valid.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Place {
    /// RFC 6901.
    pub(crate) pointer: String,
    pub(crate) reason: String,
}
