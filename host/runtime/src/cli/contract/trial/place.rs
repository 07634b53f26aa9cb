//! The temporary directory of a trial. Only its owner can enter it, and dropping the value removes it.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::out::{self, Failure};
use crate::config::keys;

#[derive(Debug)]
pub(in crate::cli) struct Place(PathBuf);

/// How many times the removal is tried, and the pause between two tries. A process that was just killed may still have
/// files open.
const REMOVALS: u32 = 20;
const REMOVAL_PAUSE: Duration = Duration::from_millis(10);

impl Place {
    /// Makes a directory whose name begins with `kind`.
    pub(in crate::cli) fn new(kind: &str) -> Result<Self, Failure> {
        let random = keys::random_hex::<16>().map_err(Failure::failed)?;
        let dir = std::env::temp_dir().join(format!("{kind}-{random}"));
        let made = DirBuilder::new().mode(0o700).create(&dir);
        made.map_err(|e| Failure::Failed(format!("`{}`: {e}", dir.display())))?;
        Ok(Self(dir))
    }

    /// The directory that the host serves.
    pub(in crate::cli) fn served(&self) -> PathBuf {
        self.0.join("served")
    }

    /// The file that gets the host's stderr.
    pub(in crate::cli) fn log(&self) -> PathBuf {
        self.0.join("serve.log")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for _ in 0..REMOVALS {
            match fs::remove_dir_all(&self.0) {
                Ok(()) => return,
                Err(e) if e.kind() == ErrorKind::NotFound => return,
                Err(_) => std::thread::sleep(REMOVAL_PAUSE),
            }
        }
        out::note(&format!("`{}` could not be removed; remove it", self.0.display()));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_directory_is_private_and_goes_with_its_value() {
        let place = Place::new("deed-contract-try").unwrap();
        let dir = place.0.clone();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        fs::create_dir(place.served()).unwrap();
        fs::write(place.log(), "x").unwrap();
        drop(place);
        assert!(!dir.exists());
    }
}
