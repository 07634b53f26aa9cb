//! The stamp of all files that a configuration was read from, so that a reload notices files that change while it reads
//! them, and files that did not change at all.

use deed_system::files::{Files, Record};

/// Folders that are left out: the host writes `state/` itself, and reads `tokens/` every second.
const LEFT_OUT: [&str; 2] = ["state", "tokens"];

/// What was read of the directory, each file with the stamp of the descriptor from which it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Record);

impl Stamp {
    /// Ends the record of what was read. Returns `None` if a file or folder is not as it was when it was read.
    pub(super) fn of(files: &Files) -> Option<Self> {
        let record = files.end_record()?.without(&LEFT_OUT);
        record.is_current(files).then_some(Self(record))
    }
}
