//! Why a rule cannot be used, or cannot be rendered.

use super::open::OpenError;
use crate::contract::expose::ExposeError;
use crate::exchange::codec::CodecError;

/// Why a rule cannot be used, or cannot be rendered for these values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error(
        "`{0}` is not a request; write `METHOD /path`, with GET, HEAD, POST, PUT, PATCH or DELETE"
    )]
    Shape(String),
    #[error("`{0}` in a query has no `=`; write `name=value`")]
    Pair(String),
    #[error(
        "`{0}` in observe could write; observe allows only GET and HEAD without a body, and a POST with `reads = true`"
    )]
    ObserveWrites(String),
    #[error(
        "`reads` in `{0}` is only for a POST in observe that does not have `writes`; remove `reads`"
    )]
    Reads(String),
    #[error("`{0}` in observe has a placeholder in its query, which needs `format = 2`")]
    ObserveQuery(String),
    #[error("`{0}` is not a write, so it cannot have a `guard`; remove `guard`")]
    GuardedRead(String),
    #[error("`calls` must be from 1 to 64")]
    Calls,
    #[error(
        "`{0}` mixes a placeholder with text, which needs `format = 2`; use the placeholder as a whole segment or value"
    )]
    Mixed(String),
    #[error(
        "`{0}` has a brace that is not part of a placeholder; write `{{{{` or `}}}}` for a literal brace"
    )]
    Brace(String),
    #[error(
        "`{0}` is not a placeholder; write `{{name}}` or `{{name?}}` for a parameter, `{{action.id}}`, `{{pre.STATE.MEMBER}}` for a value of the state before the action, `{{answer.NAME.MEMBER}}` for a value of an answer, or `{{{{` and `}}}}` for literal braces"
    )]
    Unknown(String),
    #[error(
        "`{0}` has text next to an optional placeholder; use the placeholder as the whole value, or require the parameter"
    )]
    OptionalText(String),
    #[error(
        "`{0}` is empty, `.` or `..`, or has forbidden characters; in format 2, percent-encode `;`, `#` and `%`"
    )]
    Literal(String),
    #[error("parameter `{0}` is missing; the request requires it")]
    Absent(String),
    #[error(
        "parameter `{0}` must be a number, boolean or text without control characters, and not empty, `.` or `..`"
    )]
    Unfit(String),
    #[error(
        "header `{0}` cannot be set by a contract: the host sets it, or it changes what the request means"
    )]
    Header(String),
    #[error("header `{0}` is written twice, in different case; keep one")]
    HeaderTwice(String),
    #[error("the value of header `{0}` must be 1 to 256 visible ASCII characters")]
    HeaderValue(String),
    #[error("a rule can have at most 16 headers")]
    ManyHeaders,
    #[error(
        "`permission` must be one line of 1 to 100 characters, without backquotes and control characters, and without spaces at its ends"
    )]
    Permission,
    #[error(
        "`Content-Type` is set, but the rule sends no body; to choose the type of the answer, set `Accept`"
    )]
    KindWithoutBody,
    #[error(
        "`Content-Type` is `{0}`, but the codec of the rule writes another encoding; change the header or the codec"
    )]
    KindOfBody(String),
    #[error("a rule can have `body` or `body_json`, but not both")]
    TwoBodies,
    #[error("`body_json` is not strict JSON: {0}")]
    BodyJson(String),
    #[error("`{0}` cannot be the whole body; make it the value of a member of an object")]
    LateBody(String),
    #[error("`body_json` is `null`; leave it out to send no body")]
    NullBody,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Expose(#[from] ExposeError),
    #[error(
        "`expose` has pointers, but the codec reads the answer as text or ignores it; to hide a text answer, write \
        `expose = []`"
    )]
    ExposesNothing,
    #[error(
        "a form can contain only texts, integers, decimals and booleans, but a parameter is a list or an object"
    )]
    NotFlat,
}
