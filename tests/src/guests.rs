//! The hostile adapters of `tests/guests/`, by name. `build.rs` lists the files.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
