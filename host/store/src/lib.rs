//! What a host keeps: the journal of actions, the log of statements, and the statements themselves.
//!
//! Nothing in this crate knows the order of an action's steps, and nothing in it calls an upstream.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod group_commit;
pub mod journal;
pub mod log;
pub mod statements;
pub mod store;
