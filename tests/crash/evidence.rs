//! What a dead host leaves, held against everything else with the real commands: bundle, log, journal.

use std::fs;
use std::path::Path;

use deed_tests::host;
use deed_tests::services::Result;

/// Where a served directory has the log of its tenant.
pub(crate) const LOG: &str = "state/log/acme";

/// The bundle must be verified, the log must have grown out of all that was public at a death, and all that
/// the host wrote must agree.
pub(crate) fn complaints(dir: &Path, bundle: &[u8]) -> Result<Vec<String>> {
    let file = dir.join("action.deed");
    fs::write(&file, bundle)?;
    let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let mut audit: Vec<String> =
        vec!["log".into(), "audit".into(), path(LOG), "--trust".into(), path("trust")];
    for since in ["since-1", "since-2"].map(path) {
        if Path::new(&since).exists() {
            audit.extend(["--since".to_owned(), since]);
        }
    }
    let verify = vec!["verify".into(), path("action.deed"), "--trust".into(), path("trust")];
    let check = vec!["journal".into(), "check".into(), path("")];
    let mut complaints = Vec::new();
    for args in [verify, audit, check] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = host::run(&args, "")?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            complaints.push(format!("`deed {}`: {}", args[0], String::from_utf8_lossy(&said)));
        }
    }
    Ok(complaints)
}
