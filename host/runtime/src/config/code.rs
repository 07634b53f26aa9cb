//! Where commands keep the machine code of adapters, because large adapters take long to compile.

use std::path::PathBuf;

use deed_system::files::{FileError, code};

/// The variable with the directory that a user chose.
pub const COMPILE_CACHE: &str = "DEED_CACHE";

/// Where the commands of this user keep machine code.
#[derive(Debug)]
pub enum CodeCache {
    /// A directory that no other user can write.
    Dir(PathBuf),
    /// Nowhere, for this reason: there is no such directory, and the user named none.
    Nowhere(String),
}

impl CodeCache {
    /// The directory that [`COMPILE_CACHE`] names; otherwise `deed/compiled` in `XDG_CACHE_HOME`, or in `.cache` of the
    /// user's home. The directory is created if it does not exist.
    ///
    /// # Errors
    ///
    /// Fails when the directory that [`COMPILE_CACHE`] names cannot be created or is not private.
    pub fn of_user() -> Result<Self, FileError> {
        if let Some(dir) = variable(COMPILE_CACHE) {
            return code::named(&dir).map(|()| Self::Dir(dir));
        }
        let home = || variable("HOME").map(|home| home.join(".cache"));
        let caches = variable("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()).or_else(home);
        let Some(caches) = caches.filter(|dir| dir.is_absolute()) else {
            return Ok(Self::Nowhere("neither XDG_CACHE_HOME nor HOME is a directory".to_owned()));
        };
        let made = code::in_caches(&caches);
        Ok(made.map_or_else(|error| Self::Nowhere(error.to_string()), Self::Dir))
    }
}

/// The path in an environment variable; `None` if the variable is not set or empty.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}
