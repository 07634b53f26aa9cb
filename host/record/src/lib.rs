//! The records of `deed` and the pure functions over them: parse, render, fold, judge, sign, verify.
//!
//! Host, command line, verifier and tests agree on these. There is no I/O, no clock, no randomness
//! and no async in this crate, and it compiles for `wasm32-unknown-unknown`.

pub mod action;
pub mod activation;
pub mod approval;
pub mod bundle;
pub mod clearance;
pub mod codec;
pub mod contract;
pub mod digest;
pub mod envelope;
pub mod event;
pub mod exchange;
pub mod expose;
pub mod expression;
pub mod id;
pub mod json;
pub mod kept;
pub mod ledger;
pub mod merkle;
pub mod note;
pub mod observation;
pub mod outcome;
pub mod policy;
pub mod private;
pub mod receipt;
pub mod reconciliation;
pub mod recovery;
pub mod replay;
pub mod resolution;
pub mod rotation;
pub mod schema;
pub mod status;
pub mod story;
pub mod template;
pub mod tlog;
pub mod verify;
