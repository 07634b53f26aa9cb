//! Protection of a serving process: no memory image of it, for files or for debuggers.
//!
//! A failure does not prevent the start: where the system refuses, this is logged.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

use crate::config::Config;

/// Concurrent connections of callers. One uses about 100 KiB when it fills its buffers, so all of them together stay
/// far below what the sandboxes use.
const CONNECTIONS_MAX: usize = 1_024;

/// Hides the process's memory, which holds secrets and keys, and logs the warnings of the configuration.
///
/// Children inherit the limit; code that starts one with other rights must take care of the rest.
pub(crate) fn prepare(config: &Config) {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps could not be disabled: a crash may write a memory image that contains \
                                secrets");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "processes of the same user can read the memory of this process");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}

/// How many connections callers get: at most half of the files that this process may have open, after raising that
/// limit to its maximum. The other half is for journal, logs and upstreams.
pub(crate) fn connections_max() -> usize {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, files) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / 2).unwrap_or(usize::MAX).min(CONNECTIONS_MAX)
}
