//! The child process that compiles a component. The child process reads the component from stdin, and writes the
//! machine code or the error to stdout.
//!
//! The process does not open files, make connections or start other processes. Before the process reads the first byte,
//! it sets its own limits.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};
use wasmtime::Engine;

use crate::engine::World;
use crate::{engine, limits};

/// Exit code for a component that does not compile; the reason is on stdout.
pub(super) const REFUSED: u8 = 3;

/// Runs the child process until it exits.
pub fn serve(world: World) -> ExitCode {
    if let Err(error) = confine() {
        return answer(format!("its limits cannot be set: {error}").as_bytes(), false);
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(limits::ADAPTER).unwrap_or(u64::MAX);
    if std::io::stdin().take(most).read_to_end(&mut bytes).is_err() {
        return answer(b"it cannot be read", false);
    }
    if let Err(error) = set(Resource::Cpu, limits::compile_seconds(bytes.len())) {
        return answer(format!("its limits cannot be set: {error}").as_bytes(), false);
    }
    match compile(&bytes, world) {
        Ok(code) => answer(&code, true),
        Err(reason) => answer(reason.as_bytes(), false),
    }
}

/// Compiles a component for the engine that runs adapters. Fails when the component does not compile.
pub(super) fn compile(bytes: &[u8], world: World) -> Result<Vec<u8>, String> {
    let engine = Engine::new(&engine::settings(world)).map_err(|error| engine::text(&error))?;
    engine.precompile_component(bytes).map_err(|error| engine::text(&error))
}

/// Limits the memory of this process and forbids core dumps and file growth. On Linux, also hides the memory from other
/// processes, and ends the process when the host ends.
fn confine() -> std::io::Result<()> {
    set(Resource::As, limits::COMPILE_MEMORY)?;
    set(Resource::Core, 0)?;
    set(Resource::Fsize, 0)?;
    if cfg!(target_os = "linux") {
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    }
    Ok(())
}

/// Sets the soft and the hard limit to the same value, so that this process cannot raise the limit again.
fn set(resource: Resource, most: u64) -> std::io::Result<()> {
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    Ok(rustix::process::setrlimit(resource, limit)?)
}

fn answer(bytes: &[u8], compiled: bool) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) if compiled => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(REFUSED),
        Err(_) => ExitCode::FAILURE,
    }
}
