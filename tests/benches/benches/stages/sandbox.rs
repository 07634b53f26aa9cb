//! Repeats the runs of an action in the sandbox on the recorded exchanges, with the same work but without the network.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;

use deed_host::maintenance::replay::replay as again;
use deed_sandbox::{Sandbox, World};
use deed_system::clock::Clock;
use deed_tests::services::{Result, workspace};
use deed_verify::replay::{Case, ReplayVerdict};

use super::material::Material;
use super::stage::Once;

/// The name of the stage that needs [`prepare`].
pub(crate) const STAGE: &str = "replay";

/// Opens a sandbox that keeps its compiled code for later runs. Valgrind simulates a processor that differs from this
/// machine's processor, so it needs separate machine code.
fn open() -> Result<Sandbox> {
    let dir = workspace().join("target/bench");
    fs::create_dir_all(&dir)?;
    Ok(Sandbox::new(&dir.join("code"), Clock::new())?)
}

/// Compiles the adapter in this process and not in the host's compiler process, because Valgrind needs more memory than
/// that process may use.
pub(crate) fn prepare(dir: &Path) -> Result<ExitCode> {
    let material = Material::read(dir)?;
    open()?.prepare(material.wasm()?)?;
    Ok(ExitCode::SUCCESS)
}

/// Repeats every run of the bundle in a fresh instance and compares it with the recorded run.
pub(crate) fn replay(material: &Material) -> Result<Once<'_>> {
    let sandbox = open()?;
    let adapter = sandbox.load(material.wasm()?, World::Strict)?;
    let case = Case::open(&material.bundle)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    Ok(Box::new(move || {
        let report = runtime.block_on(again(&sandbox, &adapter, black_box(&case)));
        if report.verdict == ReplayVerdict::Identical {
            return Ok(());
        }
        Err(format!("{report:#?}").into())
    }))
}
