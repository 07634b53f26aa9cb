//! Log lines for the operator, which the host limits and redacts. Log lines are not evidence, except after a panic:
//! when the adapter traps, a line of level `error` that begins with `panicked at ` becomes part of the claim.

pub use host::Level;

use crate::bindings::deed::adapter::log as host;

/// Writes one line; the host drops lines beyond the run's budget.
pub fn write(level: Level, message: &str) {
    host::write(level, message);
}

/// [`write()`] at [`Level::Info`].
pub fn info(message: &str) {
    write(Level::Info, message);
}
