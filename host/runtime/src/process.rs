//! The host as a process: its resource limits, the signals that end it, and the order of an orderly stop.

pub(crate) mod limits;
pub(crate) mod signals;
pub(crate) mod stop;
