//! The free space of the file system of a folder. It never writes.

use std::io;
use std::path::Path;

/// What is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeSpace {
    pub bytes: u64,
    /// The number of additional files; `None` if the file system does not count them.
    pub files: Option<u64>,
}

/// The free space of the file system of this folder, without what is reserved for the superuser. Fails when the file
/// system cannot be queried.
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
        // In memory, because writes of other processes to a disk would be counted too.
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
