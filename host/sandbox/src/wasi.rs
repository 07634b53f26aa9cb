//! The WASI interfaces of a run whose grant has `wasi = true`, for components that language toolchains build.
//!
//! The interfaces give a guest nothing that the strict world does not: no socket, no file, no environment variable. HTTP
//! requests of `wasi:http` take the same way as those of `deed:adapter/http`. Clock and randomness depend only on the
//! id of the action, and no task runs beside the guest, so that a rehearsal, its attempts and a replay agree.

mod linked;
pub(crate) mod state;

pub(super) use self::linked::link;
