//! For tests only: the offset of the system clock, read from a file that may change while the process runs.
//!
//! `DEED_TEST_CLOCK` names the file, which contains a whole number of milliseconds. Its writer renames it into place.
//! Production builds do not contain this module: see the feature `failpoints`.

use std::ffi::OsString;
use std::sync::OnceLock;

/// Milliseconds; 0 if there is no file or it has any other content.
pub(super) fn ms() -> i64 {
    static FILE: OnceLock<Option<OsString>> = OnceLock::new();
    let Some(file) = FILE.get_or_init(|| std::env::var_os("DEED_TEST_CLOCK")) else { return 0 };
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}
