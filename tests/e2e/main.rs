//! One binary for everything end to end: the real host, real servers, real sockets.

mod direction;
mod evidence;
mod mistakes;
mod outcomes;
mod policies;
mod shared;
mod statuses;
mod story;
mod surface;
