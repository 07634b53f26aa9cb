//! The host as a process: what it may use and show, which signals end it, and the order of an orderly stop.

pub(crate) mod limits;
pub(crate) mod signals;
pub(crate) mod stop;
