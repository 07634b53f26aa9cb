//! Trust directories: written by the real command, read as the verifier takes them.

use std::fs;
use std::path::Path;

use deed_verify::Trust;

use crate::host;
use crate::services::Result;

/// Writes whom to trust for a tenant of this served directory. One that is there stays as it is.
pub fn write(dir: &Path, out: &Path, tenant: &str) -> Result<()> {
    if out.exists() {
        return Ok(());
    }
    let (dir, out) = (dir.to_string_lossy(), out.to_string_lossy());
    host::expect(&["trust", &dir, &out, "--tenant", tenant]).map(drop)
}

/// Not every trust directory has every file.
pub fn read(dir: &Path) -> Result<Trust> {
    let read = |name: &str| Some((name.to_owned(), fs::read(dir.join(name)).ok()?));
    let files = Trust::FILES.into_iter().filter_map(read).collect();
    Ok(Trust::parse(&files).map_err(|error| format!("{}: {error:?}", dir.display()))?)
}
