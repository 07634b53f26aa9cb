//! What a host needs of the operating system: clocks, the files of a served directory, and the places at which tests
//! end the process.

pub mod clock;
pub mod failpoint;
pub mod files;
