//! The real binary over the disk: takes a served directory, gives a host that answers, or says that the
//! power went before it did, or why it did not start.

use std::path::Path;
use std::time::{Duration, Instant};

use deed_tests::disk::Disk;
use deed_tests::host::{Host, Said};
use deed_tests::services::Result;

/// A debug build starts slowly when the machine also compiles, and compiles its adapters after a cut.
const START_PATIENCE: Duration = Duration::from_mins(3);
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// How a start ended.
pub(crate) enum Start {
    Up(Host),
    Cut,
    /// What it said on its way out.
    Failed(String),
}

/// Starts the host and waits for its line, or for the cut.
pub(crate) fn start(dir: &Path, disk: &Disk) -> Result<Start> {
    let mut starting = Host::begin(dir, &[])?;
    let end = Instant::now() + START_PATIENCE;
    while Instant::now() < end {
        match starting.wait(LOOK_PAUSE) {
            Said::Serves => return Ok(Start::Up(starting.host)),
            // Without power it ends by no fault of its own.
            Said::Ends => break,
            Said::Nothing => {}
        }
        if disk.wait(Duration::ZERO) {
            kill(starting.host, disk)?;
            return Ok(Start::Cut);
        }
    }
    let said = starting.host.said();
    kill(starting.host, disk)?;
    Ok(Start::Failed(said))
}

/// The machine is off: SIGKILL first, and only then an end for whoever waits for the disk.
pub(crate) fn kill(host: Host, disk: &Disk) -> Result<()> {
    host.kill_then(|| disk.off())
}
