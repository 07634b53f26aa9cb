//! What is wrong with a document, and where.

/// Why a document or an operation of it is refused: the place in the document, the fault and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", place(.pointer))]
pub struct OpenApiError {
    /// The JSON pointer to the fault; empty if the fault concerns the whole document or has a line of its own.
    pub pointer: String,
    pub what: String,
}

/// The place of a fault before its text; nothing for the whole document.
fn place(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!("at `{pointer}`: ") }
}

impl OpenApiError {
    pub(super) fn at(pointer: impl Into<String>, what: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), what: what.into() }
    }

    /// A fault of the whole document.
    pub(super) fn whole(what: impl Into<String>) -> Self {
        Self::at("", what)
    }
}
