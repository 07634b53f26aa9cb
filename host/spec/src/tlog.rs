//! A tiled log as files (C2SP tlog-tiles): the names and bytes of its files, and the right edge of its tree.
//!
//! It does no I/O itself.

pub mod frontier;
pub mod tile;

/// The published tree head, as C2SP tlog-tiles names it.
pub const CHECKPOINT: &str = "checkpoint";

/// The largest tree of a host whose tiles are all on disk: the unsigned text of its checkpoint. The host stores it with
/// the log; it is not part of what C2SP publishes. It follows the newest checkpoint within moments, so a log that is
/// behind it was rolled back.
pub const HEAD: &str = "HEAD";

/// The latest checkpoint that a witness cosigned, which may be older than [`CHECKPOINT`].
pub const COSIGNED: &str = "cosigned";

/// One file: its path below the log's directory, separated by `/`, and its bytes.
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
