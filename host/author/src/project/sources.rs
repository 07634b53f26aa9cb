//! The source files of a project with the times of their last changes. Two unequal results mean that the project must
//! be built again.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::ProjectError;

/// Folders that hold what toolchains make.
const SKIPPED: [&str; 3] = ["target", "node_modules", "__pycache__"];
/// Lock files, which the author changes, and which a build also writes.
const LOCKS: [&str; 2] = ["Cargo.lock", "package-lock.json"];
/// Ends of the names of files that are no sources: components, and what commands have printed.
const OTHERS: [&str; 2] = ["wasm", "log"];
/// More files than any project has; a folder with more is not a project, such as a home directory.
const FILES: usize = 10_000;
const DEPTH: usize = 16;

/// The time of the last change and the size of each source file.
pub type Stamps = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// The source files in a folder and below it: not hidden, no component or log, not in a folder of a toolchain, and not in
/// the folder `except`, into which components are installed. Symbolic links to folders are not followed.
///
/// # Errors
///
/// Fails when the folder cannot be read or has too many files. A file that disappears meanwhile is not an error.
pub fn stamps(dir: &Path, except: &Path) -> Result<Stamps, ProjectError> {
    let mut found = Stamps::new();
    let except = except.canonicalize().ok();
    fs::read_dir(dir).map(drop).map_err(ProjectError::file(dir))?;
    let mut folders = vec![(dir.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        // A folder below the project may disappear between two looks.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            if kind.is_dir() && depth < DEPTH && !is_skipped(&name) {
                if except.is_none() || path.canonicalize().ok() != except {
                    folders.push((path, depth + 1));
                }
            } else if !kind.is_dir() && is_source(&name) {
                // The time of a folder behind a symbolic link says nothing about the project.
                let Ok(meta) = fs::metadata(&path) else { continue };
                if meta.is_file() {
                    found.insert(path, (meta.modified().ok(), meta.len()));
                }
            }
        }
        if found.len() > FILES {
            return Err(ProjectError::Many { path: dir.to_owned(), limit: FILES });
        }
    }
    Ok(found)
}

/// What a project was built from: the files before the build, but the lock files as the build left them.
#[must_use]
pub fn built_from(mut before: Stamps, after: Stamps) -> Stamps {
    before.retain(|path, _| !is_lock(path));
    before.extend(after.into_iter().filter(|(path, _)| is_lock(path)));
    before
}

fn is_lock(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| LOCKS.contains(&name))
}

fn is_skipped(name: &str) -> bool {
    name.starts_with('.') || SKIPPED.contains(&name)
}

fn is_source(name: &str) -> bool {
    let end = Path::new(name).extension().and_then(OsStr::to_str);
    !is_skipped(name) && end.is_none_or(|end| !OTHERS.contains(&end))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder with these folders in it.
    fn folder(name: &str, folders: &[&str]) -> PathBuf {
        let name = format!("deed-author-sources-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        for folder in folders {
            fs::create_dir_all(dir.join(folder)).unwrap();
        }
        dir
    }

    const NONE: &str = "there-is-no-such-folder";

    #[test]
    fn only_a_change_of_a_source_is_a_change() {
        let dir = folder("plain", &["src", "target/wasm", ".venv", "node_modules/x"]);
        let stamps = || stamps(&dir, Path::new(NONE));
        fs::write(dir.join("src/lib.rs"), "one").unwrap();
        let first = stamps().unwrap();
        assert_eq!(first.len(), 1, "{first:?}");
        for file in ["target/wasm/a", ".venv/a", "node_modules/x/a.js", "a.wasm", ".a", "watch.log"]
        {
            fs::write(dir.join(file), "made").unwrap();
        }
        assert_eq!(stamps().unwrap(), first);
        fs::write(dir.join("src/lib.rs"), "longer").unwrap();
        assert_ne!(stamps().unwrap(), first);
        fs::remove_dir_all(&dir).unwrap();
        assert!(stamps().is_err());
    }

    #[test]
    fn the_served_directory_in_a_project_is_no_source() {
        let dir = folder("served", &["ops/contracts", "src"]);
        let served = dir.join("src/../ops");
        symlink(std::env::temp_dir(), dir.join("src/linked")).unwrap();
        for file in ["ops/deed.toml", "ops/contracts/a.toml"] {
            fs::write(dir.join(file), "installed").unwrap();
        }
        assert_eq!(stamps(&dir, &served).unwrap(), Stamps::new());
        assert_eq!(stamps(&dir, Path::new(NONE)).unwrap().len(), 2, "it is a source otherwise");
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_lock_file_is_a_source_unless_the_build_has_written_it() {
        let dir = folder("locked", &["src"]);
        let stamps = || stamps(&dir, Path::new(NONE)).unwrap();
        fs::write(dir.join("src/lib.rs"), "one").unwrap();
        let before = stamps();
        fs::write(dir.join("package-lock.json"), "made").unwrap();
        fs::write(dir.join("Cargo.lock"), "made").unwrap();
        assert_ne!(before, stamps());
        let built = built_from(before, stamps());
        assert_eq!(built, stamps());
        fs::write(dir.join("package-lock.json"), "changed").unwrap();
        assert_ne!(built, stamps());
        fs::remove_file(dir.join("package-lock.json")).unwrap();
        assert_ne!(built, stamps());
        fs::write(dir.join("src/lib.rs"), "during a build").unwrap();
        assert_ne!(built_from(built, stamps()), stamps(), "a change during a build is seen");
        fs::remove_dir_all(&dir).unwrap();
    }
}
