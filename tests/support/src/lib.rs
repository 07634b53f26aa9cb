//! Helpers for several test binaries, in addition to the test harness: a SCIM server with checks of ended actions,
//! stories of the contracts in `contracts/`, upstreams that answer with a function of the test, an upstream for open
//! contracts, an issuer of access tokens, a witness, a certificate authority, an authenticator of passkeys, the page on
//! which it is used, the page on which it is enrolled, and a check of CPU time.
//!
//! The helpers are a separate crate because the demo uses the harness but needs none of these dependencies.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "a check fails by panicking"
)]

pub mod authenticator;
pub mod authority;
pub mod cpu;
pub mod enrolment;
pub mod issuer;
pub mod office;
pub mod passkey_page;
pub mod scripted;
pub mod shared;
pub mod stories;
pub mod upstream;
pub mod witness;
