//! The directory in which the commands of all tests keep the machine code of adapters, so that each adapter is compiled
//! once and not by every command.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::services::{Result, workspace};

/// The variable that names [`cache()`].
pub const CACHE: &str = "DEED_CACHE";

/// The directory for [`CACHE`].
pub fn cache() -> Result<PathBuf> {
    // The machine code of equal components is the same in every checkout that shares a target directory.
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let dir = target.unwrap_or_else(|| workspace().join("target")).join("compiled");
    private(&dir)?;
    Ok(dir)
}

/// Creates the folder `state/` of a served directory, so that `deed pin` puts the code there and the host does not
/// compile the adapters either.
pub fn expected_in(dir: &Path) -> Result<()> {
    private(&dir.join("state"))
}

fn private(dir: &Path) -> Result<()> {
    Ok(DirBuilder::new().recursive(true).mode(0o700).create(dir)?)
}
