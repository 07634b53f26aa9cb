//! Writes trust directories with the real command, and reads them for the verifier.

use std::fs;
use std::path::Path;

use deed_verify::Trust;

use crate::host;
use crate::services::Result;

/// Writes the trust directory of a tenant of this served directory, unless it exists.
pub fn write(dir: &Path, out: &Path, tenant: &str) -> Result<()> {
    if out.exists() {
        return Ok(());
    }
    let (dir, out) = (dir.to_string_lossy(), out.to_string_lossy());
    host::expect(&["trust", &dir, &out, "--tenant", tenant]).map(drop)
}

/// Reads a trust directory; some of its files are optional.
pub fn read(dir: &Path) -> Result<Trust> {
    let read = |name: &str| Some((name.to_owned(), fs::read(dir.join(name)).ok()?));
    let files = Trust::FILES.into_iter().filter_map(read).collect();
    Ok(Trust::parse(&files).map_err(|error| format!("{}: {error:?}", dir.display()))?)
}
