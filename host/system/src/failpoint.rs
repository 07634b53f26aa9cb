//! Failpoints: places at which a test build terminates itself with SIGKILL when a test requests it. In a production
//! build, a failpoint is an empty inline function that cannot be activated.
//!
//! `DEED_FAILPOINT=NAME:K` terminates the process at the K-th hit of the failpoint `NAME`. `DEED_FAILPOINT_TRACE=FILE`
//! appends the failpoint's name to the file at each hit, so that a run that is not terminated lists all failpoints that
//! it reaches.

#[cfg(all(feature = "failpoints", debug_assertions))]
pub use armed::{hit, hit_at};

/// Does nothing, because this is not a test build.
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
#[inline(always)]
pub fn hit(_name: &str) {}

/// Does nothing and does not evaluate `_what`, because this is not a test build.
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
#[inline(always)]
pub fn hit_at(_name: &str, _what: impl FnOnce() -> String) {}

#[cfg(all(feature = "failpoints", debug_assertions))]
mod armed {
    use std::fs::File;
    use std::io::Write as _;
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Mutex, OnceLock, PoisonError};

    use rustix::process::{Signal, getpid, kill_process};

    /// What the environment variables requested at the first hit of a failpoint.
    struct Asked {
        /// The name of the failpoint at which the process terminates.
        name: String,
        /// Remaining hits until termination, including the last hit; 0 means that the process is not terminated.
        left: AtomicU64,
        trace: Option<Mutex<File>>,
    }

    /// A failpoint, at which the process may terminate.
    pub fn hit(name: &str) {
        let asked = asked();
        if let Some(trace) = &asked.trace {
            let mut trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
            // If the trace cannot be written, the trace file stays empty, which the test detects.
            drop(writeln!(trace, "{name}"));
        }
        if asked.name == name && asked.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // SIGKILL is used because, as in a crash, no destructor runs and nothing is flushed.
            kill_process(getpid(), Signal::KILL).ok();
        }
    }

    /// A failpoint at which different operations happen. The current operation is appended to the failpoint's name. The
    /// operation is computed only if a test requests this failpoint or a trace, because computing it costs as much as
    /// all other work of the journal.
    pub fn hit_at(name: &str, what: impl FnOnce() -> String) {
        // Most tests request no failpoint, and computing the operation means parsing the journal's events again.
        if asked().trace.is_some() || asked().name.starts_with(name) {
            hit(&format!("{name}/{}", what()));
        }
    }

    fn asked() -> &'static Asked {
        static ASKED: OnceLock<Asked> = OnceLock::new();
        ASKED.get_or_init(ask)
    }

    /// The environment variables are read here and not in `config`, because production builds do not contain this
    /// module.
    fn ask() -> Asked {
        let wanted = std::env::var_os("DEED_FAILPOINT").and_then(|text| text.into_string().ok());
        let wanted = wanted.as_deref().and_then(|text| text.rsplit_once(':'));
        let (name, left) = wanted.unwrap_or(("", "0"));
        let trace = std::env::var_os("DEED_FAILPOINT_TRACE").and_then(|path| {
            File::options().create(true).append(true).open(Path::new(&path)).ok().map(Mutex::new)
        });
        let left = AtomicU64::new(left.parse().unwrap_or(0));
        Asked { name: name.to_owned(), left, trace }
    }
}
