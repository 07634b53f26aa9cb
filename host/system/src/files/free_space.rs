//! Queries the free space of the file system that contains a folder. This module never writes.

use std::io;
use std::path::Path;

/// The free space of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeSpace {
    pub bytes: u64,
    /// The number of files that can still be created; `None` if the file system does not count them.
    pub files: Option<u64>,
}

/// Returns the free space of the file system that contains this folder, without the space reserved for the superuser.
///
/// # Errors
///
/// Fails when the file system cannot be queried.
pub fn room(dir: &Path) -> io::Result<FreeSpace> {
    let found = rustix::fs::statvfs(dir)?;
    let bytes = found.f_bavail.saturating_mul(found.f_frsize);
    Ok(FreeSpace { bytes, files: Some(found.f_favail).filter(|_| found.f_files > 0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_room() {
        // The test uses a file system in memory, because on a disk the writes of other processes would be counted too.
        let dir = Path::new("/dev/shm");
        if !dir.is_dir() {
            return;
        }
        let before = room(dir).unwrap();
        let file = dir.join(format!("deed-room-{}", std::process::id()));
        let size = 64 << 20;
        std::fs::write(&file, vec![1; size]).unwrap();
        let after = room(dir).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(before.bytes > after.bytes, "{before:?} {after:?}");
        assert!(room(Path::new("/nowhere/at/all")).is_err());
    }
}
