//! How commands load adapters. They keep the machine code for the user's other commands, and say when they compile.

use std::fmt::Display;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deed_sandbox::Sandbox;
use deed_system::clock::Clock;

use super::super::out::{self, Failure};
use crate::config::{COMPILE_CACHE, CodeCache, keys};

/// The end of the help of a command that loads adapters.
pub(in crate::cli) const KEPT: &str = "\
The machine code of a compiled adapter is kept for later commands of the same user: in the directory that the
environment variable DEED_CACHE names, otherwise in deed/compiled of XDG_CACHE_HOME or of .cache in the home directory.";

/// The sandbox in which a command loads adapters. Dropping it ends the sandbox first, and then removes a temporary cache:
/// fields are dropped in this order.
#[derive(Debug)]
pub(in crate::cli) struct Loader {
    sandbox: Sandbox,
    /// Why the code is not kept for other commands; `None` if it is.
    lost: Option<String>,
    _scratch: Option<Scratch>,
}

impl Loader {
    /// Keeps code where the user's commands keep it, or in a temporary directory if there is no such place.
    pub(in crate::cli) fn new() -> Result<Self, Failure> {
        let own = CodeCache::of_user();
        let own = own.map_err(|error| Failure::Failed(format!("{COMPILE_CACHE}: {error}")))?;
        let (dir, lost, scratch) = match own {
            CodeCache::Dir(dir) => (dir, None, None),
            CodeCache::Nowhere(why) => {
                let scratch = Scratch::new()?;
                (scratch.0.clone(), Some(why), Some(scratch))
            }
        };
        let sandbox = Sandbox::new(&dir, Clock::new()).map_err(Failure::failed)?;
        Ok(Self { sandbox, lost, _scratch: scratch })
    }

    /// Keeps code in the cache of a host, and where the user's commands keep it.
    pub(in crate::cli) fn of_host(dir: &Path, own: CodeCache) -> Result<Self, Failure> {
        let (sandbox, lost) = match own {
            CodeCache::Dir(own) => (Sandbox::sharing(dir, &own, Clock::new()), None),
            CodeCache::Nowhere(why) => (Sandbox::new(dir, Clock::new()), Some(why)),
        };
        Ok(Self { sandbox: sandbox.map_err(Failure::failed)?, lost, _scratch: None })
    }

    /// The sandbox, after a note if it is going to take seconds to compile these bytes.
    pub(in crate::cli) fn announced(&self, file: impl Display, bytes: &[u8]) -> &Sandbox {
        if bytes.len() >= LARGE && !self.sandbox.is_compiled(bytes) {
            let mib = bytes.len() >> 20;
            // A rough figure of an optimised build of this program on one core: 5 seconds for 3 MiB.
            let seconds = mib * 5 / 3;
            out::note(&format!("compiling {file}, {mib} MiB; this takes about {seconds} s"));
            if let Some(why) = &self.lost {
                out::note(&format!(
                    "the next command compiles it again: {why}, or name a directory of your own in {COMPILE_CACHE}"
                ));
            }
        }
        &self.sandbox
    }
}

/// Components of at least this size are announced, because they take seconds to compile.
const LARGE: usize = 4 << 20;

/// A compile cache that exists only while the command runs.
#[derive(Debug)]
struct Scratch(PathBuf);

/// How many times the removal of the cache directory is tried, and the pause between two tries. A background thread of
/// the cache may still be writing.
const REMOVALS: u32 = 20;
const REMOVAL_PAUSE: Duration = Duration::from_millis(10);

impl Scratch {
    fn new() -> Result<Self, Failure> {
        let random = keys::random_hex::<16>().map_err(Failure::failed)?;
        let dir = std::env::temp_dir().join(format!("deed-adapter-check-{random}"));
        let made = DirBuilder::new().mode(0o700).create(&dir);
        made.map_err(|e| Failure::Failed(format!("`{}`: {e}", dir.display())))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for _ in 0..REMOVALS {
            match fs::remove_dir_all(&self.0) {
                Ok(()) => return,
                Err(e) if e.kind() == ErrorKind::NotFound => return,
                Err(_) => std::thread::sleep(REMOVAL_PAUSE),
            }
        }
    }
}
