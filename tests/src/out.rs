//! Output of a test binary that has a `main` of its own.

use std::io::Write as _;

/// Prints a line.
pub fn say(line: &str) {
    // A write error is ignored: if stdout is closed, there is no reader.
    drop(writeln!(std::io::stdout(), "{line}"));
}
