//! For tests only: how far the system's clock is off, read from a file that may change while we run.
//!
//! `DEED_TEST_CLOCK` names the file, with a whole number of milliseconds in it. Whoever writes it renames
//! it into place. Not part of a build that anybody serves with: see the feature `failpoints`.

use std::ffi::OsString;
use std::sync::OnceLock;

/// Milliseconds; 0 without a file or with anything else in it.
pub(super) fn ms() -> i64 {
    static FILE: OnceLock<Option<OsString>> = OnceLock::new();
    let Some(file) = FILE.get_or_init(|| std::env::var_os("DEED_TEST_CLOCK")) else { return 0 };
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}
