//! One binary for everything end to end: the real host, real servers, real sockets.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod direction;
mod evidence;
mod mistakes;
mod outcomes;
mod policies;
mod shared;
mod statuses;
mod story;
mod surface;
