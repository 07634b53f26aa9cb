//! Log lines for the operator, which the host bounds and redacts. Only a panic becomes evidence: a line of level
//! `error` that begins with `panicked at `, when the adapter traps.

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
