//! What a serving process is to its neighbours: no memory image of it, for files or for debuggers.
//!
//! Never fails the start: where the system refuses, that is said.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::config::Config;

/// Hides the process's memory, where secrets and keys are, and says what the configuration hardly means.
///
/// Children inherit the limit; whoever starts one with other rights looks after the rest.
pub(super) fn prepare(config: &Config) {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "a crash may leave a memory image with secrets in it");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "processes of the same user can read this one's memory");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}
