//! Why a table in a body is not a part that an adapter can compute.

/// A fault of an open part, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the computed part{} {fault}", described(.name.as_deref(), .pointer))]
pub struct OpenError {
    /// JSON pointer into the template of the body.
    pub pointer: String,
    /// The name of the part, if it has a valid one.
    pub name: Option<String>,
    pub fault: OpenFault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenFault {
    #[error(
        "has no `name`; write `{{ any = {{ type = \"string\" }}, name = \"subject\" }}` if the adapter computes the \
        value, or else a fixed value or a placeholder"
    )]
    Nameless,
    #[error(
        "has the name `{0}`, which is not allowed; use lower-case letters, digits, `_` and `-`, such as \
        `name = \"subject\"`"
    )]
    Name(String),
    #[error(
        "has `{0}` beside `any` and `name`; a computed part has only these two keys, and all constraints are in the \
        schema of `any`"
    )]
    Key(String),
    #[error("has a schema that cannot be used: {0}")]
    Schema(String),
    #[error(
        "is not in the body of a write; `any` is only for [[perform.http]], and in a GET or HEAD only with \
        `writes = true`"
    )]
    Read,
    #[error(
        "is in a form; `any` is only for JSON bodies, so remove `codec.request` or use a parameter"
    )]
    Form,
}

impl OpenFault {
    /// The fault of the part at this pointer into the body.
    pub(in crate::contract::template) fn at(self, pointer: &str, name: Option<&str>) -> OpenError {
        OpenError { pointer: pointer.to_owned(), name: name.map(str::to_owned), fault: self }
    }
}

/// The name and the place of a part for a sentence. `/body` stands for the whole body of the rule.
fn described(name: Option<&str>, pointer: &str) -> String {
    match name {
        Some(name) => format!(" `{name}` at `/body{pointer}`"),
        None => format!(" at `/body{pointer}`"),
    }
}
