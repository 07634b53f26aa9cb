//! The files of a tiled log (C2SP tlog-tiles): their names and contents, and the right edge of the tree.
//!
//! This module does no I/O.

pub mod frontier;
pub mod tile;

/// Name of the file with the published tree head (C2SP tlog-tiles).
pub const CHECKPOINT: &str = "checkpoint";

/// Name of the file with which the host detects a rolled-back log; C2SP does not define this file. `HEAD` contains the
/// unsigned checkpoint text of the largest tree whose tiles are all on disk. The host updates `HEAD` shortly after each
/// checkpoint. A log that has fewer entries than the tree in `HEAD` was rolled back.
pub const HEAD: &str = "HEAD";

/// Name of the file with the latest checkpoint that a witness cosigned, which may be older than [`CHECKPOINT`].
pub const COSIGNED: &str = "cosigned";

/// One file of the log: its path below the log's directory, with `/` as separator, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub path: String,
    pub bytes: Vec<u8>,
}

impl Resource {
    pub fn text(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
    }
}
