//! Persistent data of a host: the journal of actions, the log of statements, and the statements themselves.
//!
//! This crate does not know the order of an action's steps, and calls no upstream.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod group_commit;
pub mod journal;
pub mod log;
pub mod statements;
pub mod store;
