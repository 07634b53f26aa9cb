//! Protects the memory of a serving process from core dumps and debuggers, and sets its limit of open files.
//!
//! If the operating system refuses one of these settings, the refusal is logged and the host starts anyway.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

use crate::config::Config;

/// The maximum number of concurrent connections. A connection with full buffers uses about 100 KiB, so all connections
/// together use far less memory than the sandboxes.
const CONNECTIONS_MAX: usize = 1_024;

/// Protects the memory of the process, which contains secrets and keys, and logs the warnings of the configuration.
///
/// Child processes inherit the core dump limit. Code that starts a child process with other rights must protect the
/// child's memory itself.
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

/// The maximum number of connections from callers. This number is at most half of the files that the process may have
/// open, after the limit of open files was raised to its maximum. The other half of the files is for the journal, logs
/// and upstreams.
pub(crate) fn connections_max() -> usize {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, files) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / 2).unwrap_or(usize::MAX).min(CONNECTIONS_MAX)
}
