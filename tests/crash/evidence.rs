//! What a dead host leaves, held against everything else with the real commands: bundle, log, journal.

use std::fs;
use std::path::PathBuf;

use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::services::Result;

/// The bundle must be verified, the log must have grown out of all that was public at a death, and all that
/// the host wrote must agree.
pub(crate) fn complaints(home: &Home, bundle: &[u8], since: &[PathBuf]) -> Result<Vec<String>> {
    let (file, trust) = (home.dir.join("action.deed"), home.dir.join("trust"));
    fs::write(&file, bundle)?;
    let (file, trust) = (file.to_string_lossy(), trust.to_string_lossy());
    let verified = host::complaint(&["verify", &file, "--trust", &trust])?;
    Ok([verified, home.audit(since)?, home.check()?].into_iter().flatten().collect())
}
