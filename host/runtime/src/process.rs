//! The host process: its resource limits, the signals that end it, and the order of its shutdown steps.

pub(crate) mod limits;
pub(crate) mod signals;
pub(crate) mod stop;
