//! Helpers for several test binaries in addition to the harness: one SCIM server with users and evidence of their
//! actions, a witness, a certificate authority, and a processor time check.
//!
//! It is a separate crate because the demo uses the harness and needs none of these dependencies.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a check fails by panicking"
)]

pub mod authority;
pub mod cpu;
pub mod shared;
pub mod witness;
