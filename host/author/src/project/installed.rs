//! Whether the packages of a project are installed as its manifest and its lock file say. A copy of each of these files is
//! kept beside the packages.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::ProjectError;

/// The files that say what to install, each with the copy of what was installed.
#[derive(Debug)]
pub(super) struct Installed(Vec<(PathBuf, PathBuf)>);

impl Installed {
    /// `files` has the name of each file in the project's folder, and the place of its copy.
    pub(super) fn new(dir: &Path, files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(file, copy)| (dir.join(file), dir.join(copy))).collect())
    }

    /// Whether every file is the same as its copy. A file without a copy and a copy without its file are not.
    pub(super) fn is_current(&self) -> bool {
        self.0.iter().all(|(file, copy)| fs::read(file).ok() == fs::read(copy).ok())
    }

    /// Removes the copies, because an installation that fails may leave any state.
    pub(super) fn forget(&self) {
        for (_, copy) in &self.0 {
            fs::remove_file(copy).ok();
        }
    }

    /// Copies the files after they were installed.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be copied. A file that does not exist needs no copy.
    pub(super) fn remember(&self) -> Result<(), ProjectError> {
        for (file, copy) in &self.0 {
            match fs::copy(file, copy) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(ProjectError::file(copy)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_file_is_a_change() {
        let dir = std::env::temp_dir().join(format!("deed-author-packages-{}", std::process::id()));
        fs::create_dir_all(dir.join("made")).unwrap();
        let packages = Installed::new(&dir, &[("a", "made/a"), ("lock", "made/lock")]);
        fs::write(dir.join("a"), "one").unwrap();
        assert!(!packages.is_current());
        packages.remember().unwrap();
        assert!(packages.is_current(), "there is no lock file");
        for (file, text) in [("lock", "one"), ("lock", "two"), ("a", "two")] {
            fs::write(dir.join(file), text).unwrap();
            assert!(!packages.is_current(), "{file} {text}");
            packages.remember().unwrap();
            assert!(packages.is_current(), "{file} {text}");
        }
        fs::remove_file(dir.join("lock")).unwrap();
        assert!(!packages.is_current());
        packages.forget();
        packages.remember().unwrap();
        assert!(packages.is_current());
        fs::remove_dir_all(&dir).unwrap();
    }
}
