//! The host process: its resource limits, the second address of `localhost`, the signals that end it or reload its
//! configuration, and the order of its shutdown steps.

pub(crate) mod limits;
pub(crate) mod localhost;
pub(crate) mod reload;
pub(crate) mod serving;
pub(crate) mod signals;
pub(crate) mod stop;
