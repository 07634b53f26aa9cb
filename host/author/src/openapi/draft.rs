//! What a draft is made of, and the draft.

/// What a draft is made of.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'c> {
    /// The name of the action, such as `desk.close_ticket`. Its first part is the short name of the upstream.
    pub name: &'c str,
    /// The operation, as `operationId` or as `METHOD /path`.
    pub operation: &'c str,
    /// The operation that reads the state; `None` lets the document decide.
    pub look: Option<&'c str>,
    /// The members of the body that are parameters; empty for all that can be.
    pub members: &'c [String],
}

/// The text of a contract that the host's own parser accepts, with questions in comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub text: String,
    pub questions: usize,
    /// The required parameters as `NAME=VALUE`, each with a value of the right type.
    pub samples: Vec<String>,
}
