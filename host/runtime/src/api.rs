//! The shapes of the surface: what HTTP, the command line and the OpenAPI document share.

pub mod openapi;
pub(crate) mod problem;
pub mod view;

/// The largest request body in bytes; a proposal or an approval is far smaller.
pub(crate) const BODY_MAX: usize = 256 * 1024;
