//! Creates and checks the directory in which a user's commands keep the machine code of adapters.
//!
//! Commands load this code and run it, so no other user but root may be able to write it. A directory that the user did
//! not name must also be at a place where no other user could put another directory.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::state::{check_inside, check_own};
use super::{FileError, OTHERS_WRITE, is_ours};

/// The bit of a directory in which users may remove only their own files, such as `/tmp`.
const STICKY: u32 = 0o1000;

/// Creates `deed/compiled` in a user's directory for caches, or checks the existing one, and returns its path. The
/// directory for caches is created if only its last part is missing.
///
/// # Errors
///
/// Fails when a folder cannot be created or is a link, or when another user could write to it or replace it.
pub fn in_caches(caches: &Path) -> Result<PathBuf, FileError> {
    create(caches)?;
    let read = |e| FileError::Read(caches.display().to_string(), e);
    // Links on the way are resolved once, and every directory of the resolved path is checked.
    let caches = caches.canonicalize().map_err(read)?;
    caches.ancestors().try_for_each(check_way)?;
    let (deed, compiled) = (caches.join("deed"), caches.join("deed/compiled"));
    create(&deed)?;
    // With an empty root, errors have the whole path.
    check_own(Path::new(""), &deed.to_string_lossy())?;
    named(&compiled)?;
    Ok(compiled)
}

/// Creates a directory that the user named, or checks the existing one. Its parent must exist.
///
/// # Errors
///
/// Fails when the folder cannot be created or is a link, or when another user can enter it or could have written a file
/// in it.
pub fn named(folder: &Path) -> Result<(), FileError> {
    create(folder)?;
    let name = folder.to_string_lossy();
    check_own(Path::new(""), &name)?;
    check_inside(Path::new(""), &name, true)
}

fn create(folder: &Path) -> Result<(), FileError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            Err(FileError::Make(folder.display().to_string(), e))
        }
        _ => Ok(()),
    }
}

/// Fails when another user could rename what is in this directory.
fn check_way(folder: &Path) -> Result<(), FileError> {
    let name = || folder.display().to_string();
    let meta = fs::symlink_metadata(folder).map_err(|e| FileError::Read(name(), e))?;
    let mode = meta.mode() & 0o7777;
    if !is_ours(meta.uid()) {
        return Err(FileError::Foreign(name(), meta.uid()));
    }
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        return Err(FileError::Replaced(name(), mode));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// A directory for caches in a directory of its own.
    struct Home(PathBuf);

    impl Home {
        fn new(name: &str) -> Self {
            let name = format!("deed-code-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::remove_dir_all(&path).ok();
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
            Self(path.canonicalize().unwrap())
        }

        fn caches(&self) -> PathBuf {
            self.0.join("caches")
        }

        fn mode(&self, name: &str, mode: u32) {
            fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn the_directory_is_made_private_and_found_again() {
        let home = Home::new("made");
        let made = in_caches(&home.caches()).unwrap();
        assert_eq!(made, home.0.join("caches/deed/compiled"));
        for folder in ["caches", "caches/deed", "caches/deed/compiled"] {
            let mode = fs::metadata(home.0.join(folder)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o700, "{folder}");
        }
        assert_eq!(in_caches(&home.caches()).unwrap(), made);
        assert!(matches!(in_caches(&home.0.join("none/caches")), Err(FileError::Make(..))));
    }

    #[test]
    fn a_directory_that_others_could_replace_is_refused() {
        let home = Home::new("way");
        in_caches(&home.caches()).unwrap();
        for folder in [".", "caches"] {
            for open in [0o770, 0o707, 0o777] {
                home.mode(folder, open);
                let refused = in_caches(&home.caches());
                assert!(matches!(refused, Err(FileError::Replaced(..))), "{folder} {open:o}");
            }
            home.mode(folder, 0o1777);
            in_caches(&home.caches()).unwrap();
            home.mode(folder, 0o755);
            in_caches(&home.caches()).unwrap();
        }
    }

    #[test]
    fn a_directory_or_a_file_that_others_reach_is_refused() {
        let home = Home::new("reached");
        let made = in_caches(&home.caches()).unwrap();
        for folder in ["caches/deed", "caches/deed/compiled"] {
            home.mode(folder, 0o755);
            assert!(matches!(in_caches(&home.caches()), Err(FileError::Entered(..))), "{folder}");
            home.mode(folder, 0o700);
        }
        fs::write(made.join("planted"), "").unwrap();
        home.mode("caches/deed/compiled/planted", 0o666);
        assert!(matches!(in_caches(&home.caches()), Err(FileError::Planted(..))));
        fs::remove_file(made.join("planted")).unwrap();
        symlink("/etc/passwd", made.join("link")).unwrap();
        assert!(matches!(in_caches(&home.caches()), Err(FileError::Link(_))));
        fs::remove_dir_all(&made).unwrap();
        symlink(&home.0, &made).unwrap();
        assert!(matches!(in_caches(&home.caches()), Err(FileError::Link(_))));
    }
}
