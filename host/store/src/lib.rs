//! Persistent data of a host: the journal of actions, the log of statements, and the statements themselves.
//!
//! This crate does not determine the order of an action's steps, and does not send requests to upstreams.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod group_commit;
pub mod journal;
pub mod log;
pub mod statements;
pub mod store;
