//! The records of `deed` and the pure functions over them: parse, render, fold, judge, sign, verify.
//!
//! Host, command line, verifier and tests share these definitions. This crate has no I/O, no clock, no randomness and
//! no async code, and compiles for `wasm32-unknown-unknown`.

pub mod action;
pub mod bundle;
pub mod contract;
pub mod exchange;
#[cfg(test)]
mod fixtures;
pub mod lifecycle;
pub mod memo;
pub mod policy;
pub mod statement;
pub mod timeline;
