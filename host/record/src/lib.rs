//! The record types of `deed`, and pure functions that parse, render, fold, judge, sign and verify them.
//!
//! The host, the command line, the verifier and the tests share these definitions. This crate has no I/O, no clock, no
//! randomness and no async code, and compiles for `wasm32-unknown-unknown`.

pub mod action;
pub mod bundle;
pub mod contract;
pub mod exchange;
#[cfg(test)]
mod fixtures;
pub mod lifecycle;
pub mod memo;
pub mod plan;
pub mod policy;
pub mod statement;
pub mod timeline;
