//! Implementations of published formats: canonical JSON (RFC 8785), SHA-256 digests, Merkle trees (RFC 6962), signed
//! notes and tiled logs (C2SP), assertions of passkeys (WebAuthn).
//!
//! This crate does not know about actions or receipts. The crate uses no I/O, clock, randomness or async code, and
//! compiles for `wasm32-unknown-unknown`.

pub mod digest;
pub mod dsse;
pub mod json;
pub mod merkle;
pub mod note;
pub mod text;
pub mod tlog;
pub mod webauthn;
