//! Places at which a test build terminates itself with SIGKILL when a test requests it. In any other build the call is
//! an empty inline function, and nothing can be requested.
//!
//! `DEED_FAILPOINT=NAME:K` terminates at the K-th hit of a name. `DEED_FAILPOINT_TRACE=FILE` appends a line with the
//! name for each hit, so that a run without a termination lists all possible places.

#[cfg(all(feature = "failpoints", debug_assertions))]
pub use armed::{hit, hit_at};

/// Not a test build: this does nothing.
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
#[inline(always)]
pub fn hit(_name: &str) {}

/// Like [`hit`]; `_what` is not evaluated.
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

    /// What the environment requested when the first place was hit.
    struct Asked {
        /// The name to terminate at.
        name: String,
        /// Remaining hits until termination, including that hit; 0 means never.
        left: AtomicU64,
        trace: Option<Mutex<File>>,
    }

    /// A place at which the process may terminate.
    pub fn hit(name: &str) {
        let asked = asked();
        if let Some(trace) = &asked.trace {
            let mut trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
            // If the trace cannot be written, it lists nothing, and the test detects that.
            drop(writeln!(trace, "{name}"));
        }
        if asked.name == name && asked.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // No destructor runs and nothing is flushed, as in a crash.
            kill_process(getpid(), Signal::KILL).ok();
        }
    }

    /// A place at which different operations happen: the current operation is appended to the name. Computing it costs
    /// as much as the rest of the journal, so it is done only if requested.
    pub fn hit_at(name: &str, what: impl FnOnce() -> String) {
        // Most tests request nothing, and computing the operation means parsing the journal's events again.
        if asked().trace.is_some() || asked().name.starts_with(name) {
            hit(&format!("{name}/{}", what()));
        }
    }

    fn asked() -> &'static Asked {
        static ASKED: OnceLock<Asked> = OnceLock::new();
        ASKED.get_or_init(ask)
    }

    /// Read here and not in `config`: production builds do not contain this module.
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
