//! What a serving process is to its neighbours: no memory image of it, for files or for debuggers.
//!
//! Never fails the start: where the system refuses, that is said.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

use crate::config::Config;

/// Connections of callers at once. One costs some 100 KiB when it fills its buffers, so all of them
/// together stay far below what the sandboxes take.
const CONNECTIONS_MAX: usize = 1_024;

/// Hides the process's memory, where secrets and keys are, and says what the configuration hardly means.
///
/// Children inherit the limit; whoever starts one with other rights looks after the rest.
pub(crate) fn prepare(config: &Config) {
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

/// How many connections callers get: at most half of the files that this process may have open, after
/// asking for all that it may ask for. The other half is for journal, logs and upstreams.
pub(crate) fn connections_max() -> usize {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, files) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / 2).unwrap_or(usize::MAX).min(CONNECTIONS_MAX)
}
