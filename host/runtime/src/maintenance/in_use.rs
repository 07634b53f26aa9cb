//! Whether a process uses the state of a served directory.

use std::fs;
use std::path::Path;

use deed_store::journal::{self, OpenError};

/// Whether a host serves this directory, or a command such as `deed key rotate` changes its state. The lock of the
/// state shows it also for a process that this one cannot see, such as one in another container.
///
/// # Errors
///
/// Fails when the lock cannot be opened.
pub fn is_in_use(dir: &Path) -> Result<bool, String> {
    let state = dir.join("state");
    // Opening a named pipe would block.
    if !fs::metadata(state.join("LOCK")).is_ok_and(|meta| meta.is_file()) {
        return Ok(false);
    }
    // The lock is given back at once.
    match journal::reserve(&state).map(drop) {
        Ok(()) => Ok(false),
        Err(OpenError::Locked { .. }) => Ok(true),
        Err(error) => Err(error.to_string()),
    }
}
