//! Places at which a test build dies: takes a place's name, and ends the process by SIGKILL when a test
//! asked for it. In any other build the call is an empty inline function, and there is nothing to ask.
//!
//! `DEED_FAILPOINT=NAME:K` dies at the K-th hit of a name; `DEED_FAILPOINT_TRACE=FILE` adds a line with the
//! name for each hit, so that a run without a death lists every place where one could be.

#[cfg(all(feature = "failpoints", debug_assertions))]
pub use armed::{hit, hit_at};

/// No test build: nothing happens here, ever.
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
#[inline(always)]
pub fn hit(_name: &str) {}

/// The same; what is done at the place is not even asked for.
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

    /// What the environment asked for when the first place was hit.
    struct Asked {
        /// The name to die at.
        name: String,
        /// How many of its hits are left, the deadly one included; 0 is none.
        left: AtomicU64,
        trace: Option<Mutex<File>>,
    }

    /// A place that the process may die at.
    pub fn hit(name: &str) {
        let asked = asked();
        if let Some(trace) = &asked.trace {
            let mut trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
            // A trace that cannot be written lists nothing, and the test sees that.
            drop(writeln!(trace, "{name}"));
        }
        if asked.name == name && asked.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // No destructor runs and nothing is flushed: what a crash is.
            kill_process(getpid(), Signal::KILL).ok();
        }
    }

    /// A place at which different things are done: the name ends with what it is this time. Finding that out
    /// costs as much as the rest of the journal, so nobody does who was not asked to.
    pub fn hit_at(name: &str, what: impl FnOnce() -> String) {
        // Most tests ask for none, and telling what it is means reading the journal's events again.
        if asked().trace.is_some() || asked().name.starts_with(name) {
            hit(&format!("{name}/{}", what()));
        }
    }

    fn asked() -> &'static Asked {
        static ASKED: OnceLock<Asked> = OnceLock::new();
        ASKED.get_or_init(ask)
    }

    /// Read here and not in `config`: no host that anybody serves has this module.
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
