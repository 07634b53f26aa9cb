//! Walks the path to a file of a served directory, and lists every folder in which a name is looked up.
//!
//! A user with write access to any folder on the path can determine which file is read, even if the file itself is
//! private.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use cap_std::fs::Dir;

use super::FileError;

/// Maximum number of links on one path, as on Linux. More links indicate a loop.
const LINKS_MAX: usize = 40;

/// Returns the folders on the path, starting with the served directory, which is `.`.
pub(super) fn folders(dir: &Dir, path: &str) -> Result<Vec<String>, FileError> {
    let failed = |e| FileError::of(path, e);
    let (mut here, mut seen, mut links) = (PathBuf::new(), Vec::new(), 0);
    let mut ahead = steps(Path::new(path));
    while let Some(step) = ahead.pop() {
        if step == ".." {
            if !here.pop() {
                return Err(FileError::Escapes(path.to_owned()));
            }
            continue;
        }
        seen.push(name(&here));
        let next = here.join(step);
        if !dir.symlink_metadata(&next).map_err(failed)?.is_symlink() {
            here = next;
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            return Err(FileError::Irregular(path.to_owned()));
        }
        // No absolute target is possible here, because `read_link` refuses a link with an absolute target.
        ahead.extend(steps(&dir.read_link(&next).map_err(failed)?));
    }
    Ok(seen)
}

/// The components of a path in reverse order.
fn steps(path: &Path) -> Vec<OsString> {
    let step = |component: Component<'_>| match component {
        Component::Normal(_) | Component::ParentDir => Some(component.as_os_str().to_owned()),
        _ => None,
    };
    path.components().rev().filter_map(step).collect()
}

fn name(folder: &Path) -> String {
    let name = folder.to_string_lossy();
    if name.is_empty() { ".".to_owned() } else { name.into_owned() }
}
