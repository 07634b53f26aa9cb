//! What tells one version of a file from another without reading the file.

use cap_std::fs::{Metadata, MetadataExt as _};

/// The identity, the size and the times of a file. A file that was replaced has another inode, also if a link on its
/// path was changed to point elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the last change of the content.
    modified: (i64, i64),
    /// Seconds and nanoseconds of the last change of the content or of the owner, mode and links.
    changed: (i64, i64),
}

impl Stamp {
    /// Whether both stamps are of the same file or folder, whatever its content.
    pub fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    pub(super) fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}
