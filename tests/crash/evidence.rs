//! Checks the bundle, the log and the journal that a killed host left, with the real commands.

use std::fs;
use std::path::PathBuf;

use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::services::Result;

/// Returns everything that is wrong, one text for each fault. The bundle must be verified, the log must be consistent
/// with every checkpoint that was public at a kill, and all files of the host must agree.
pub(crate) fn complaints(home: &Home, bundle: &[u8], since: &[PathBuf]) -> Result<Vec<String>> {
    let (file, trust) = (home.dir.join("action.deed"), home.dir.join("trust"));
    fs::write(&file, bundle)?;
    let (file, trust) = (file.to_string_lossy(), trust.to_string_lossy());
    let verified = host::complaint(&["verify", &file, "--trust", &trust])?;
    Ok([verified, home.audit(since)?, home.check()?].into_iter().flatten().collect())
}
