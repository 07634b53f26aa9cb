//! Why an access token does not identify a caller.

/// Why an access token does not identify a caller. The texts go to the caller, so they repeat nothing of the token, and
/// have no quotation marks, because a header repeats them between quotation marks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The token proves nothing.
    #[error("{0}")]
    Invalid(&'static str),
    #[error("the access token does not have the scope that is required")]
    Scope {
        /// The scope that is required.
        required: String,
    },
    /// The token is valid, and no entry or more than one entry of an agent fits it.
    #[error("{0}")]
    NoAgent(&'static str),
    /// The issuer does not answer, or too many tokens are being checked.
    #[error("the access token cannot be checked now; retry later")]
    Unavailable,
}
