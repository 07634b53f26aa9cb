//! The runs of an action once more in the sandbox, on what was recorded: no network, the same work.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;

use deed_host::maintenance::replay::replay as again;
use deed_sandbox::Sandbox;
use deed_system::clock::Clock;
use deed_tests::services::{Result, workspace};
use deed_verify::replay::{Case, Verdict};

use super::material::Material;
use super::stage::Once;

/// The name of the stage that needs [`prepare`].
pub(crate) const STAGE: &str = "replay";

/// Machine code is for one processor, and Valgrind's is not this machine's: it stays here for later runs.
fn open() -> Result<Sandbox> {
    let dir = workspace().join("target/bench");
    fs::create_dir_all(&dir)?;
    Ok(Sandbox::new(&dir.join("code"), Clock::new())?)
}

/// Compiles the adapter where it is to run, without the child that a host has for it: Valgrind takes more
/// memory than the child may.
pub(crate) fn prepare(dir: &Path) -> Result<ExitCode> {
    let material = Material::read(dir)?;
    open()?.prepare(material.wasm()?)?;
    Ok(ExitCode::SUCCESS)
}

/// Every run of the bundle, in a fresh instance each, compared with what was recorded of it.
pub(crate) fn replay(material: &Material) -> Result<Once<'_>> {
    let sandbox = open()?;
    let adapter = sandbox.load(material.wasm()?)?;
    let case = Case::open(&material.bundle)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    Ok(Box::new(move || {
        let report = runtime.block_on(again(&sandbox, &adapter, black_box(&case)));
        if report.verdict == Verdict::Identical {
            return Ok(());
        }
        Err(format!("{report:#?}").into())
    }))
}
