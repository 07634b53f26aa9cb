//! The operating-system services of a host: clocks, the files of a served directory, and the failpoints at which tests
//! terminate the process.

pub mod clock;
pub mod failpoint;
pub mod files;

/// The `User-Agent` of every request of the host (RFC 9110 section 10.1.5). Some servers refuse requests without a
/// `User-Agent`.
pub const USER_AGENT: &str = concat!("deed/", env!("CARGO_PKG_VERSION"));
