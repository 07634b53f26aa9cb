//! For tests only: the offset of the system clock, read from a file that may change while the process runs.
//!
//! `DEED_TEST_CLOCK` names the file, which contains a whole number of milliseconds. Tests replace the file by renaming
//! a new file into place. Production builds do not contain this module, because it requires the feature `failpoints`.

use std::ffi::OsString;
use std::sync::OnceLock;

/// The offset in milliseconds; 0 if the file is missing or does not contain a number.
pub(super) fn ms() -> i64 {
    static FILE: OnceLock<Option<OsString>> = OnceLock::new();
    let Some(file) = FILE.get_or_init(|| std::env::var_os("DEED_TEST_CLOCK")) else { return 0 };
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}
