//! One binary for everything end to end: the real host, real servers, real sockets.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod acknowledged;
mod activation;
mod backup;
mod bad_disk;
mod clock;
mod codecs;
mod commands;
mod direction;
mod disk;
mod evidence;
mod failpoints;
mod guard;
mod mistakes;
mod older;
mod outcomes;
mod policies;
mod private;
mod ready;
mod recovery;
mod replay;
mod resolve;
mod resource;
mod rotation;
mod scene;
mod second;
mod settle;
mod shared;
mod stable;
mod statuses;
mod stops;
mod story;
mod surface;
mod vectors;
mod waiting;
mod witness;
