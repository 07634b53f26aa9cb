//! Snapshots of all texts that people read: help, errors, what commands print, problem documents and metrics.
//!
//! A changed text appears as a difference in `tests/snapshots/`. After reading the difference, accept it with `make
//! snapshots`. Ids, times, digests, ports and directories are replaced by names.

mod actions;
mod faults;
mod help;
mod operator;
mod plans;
mod problems;
mod transcript;
