//! What a test binary with a `main` of its own says.

use std::io::Write as _;

/// A line for whoever runs it.
pub fn say(line: &str) {
    // A closed stdout leaves nobody to tell.
    drop(writeln!(std::io::stdout(), "{line}"));
}
