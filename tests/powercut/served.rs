//! Starts the real binary on the disk: the result is a host that answers, a power cut during the start, or the reason
//! why it did not start.

use std::path::Path;
use std::time::{Duration, Instant};

use deed_tests::disk::Disk;
use deed_tests::host::{Host, Said};
use deed_tests::services::Result;

/// A debug build starts slowly on a machine that is also compiling, and after a cut it compiles its adapters again.
const START_PATIENCE: Duration = Duration::from_mins(3);
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// The result of a start.
pub(crate) enum Start {
    Up(Host),
    Cut,
    /// The output of the host before it exited.
    Failed(String),
}

/// Starts the host and waits for its ready line or for the cut.
pub(crate) fn start(dir: &Path, disk: &Disk) -> Result<Start> {
    let mut starting = Host::begin(dir, &[])?;
    let end = Instant::now() + START_PATIENCE;
    while Instant::now() < end {
        match starting.wait(LOOK_PAUSE) {
            Said::Serves => return Ok(Start::Up(starting.host)),
            // Without power, the host may exit because of the cut.
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

/// Switches the machine off: first SIGKILL, then an error for requests that wait for the disk.
pub(crate) fn kill(host: Host, disk: &Disk) -> Result<()> {
    host.kill_then(|| disk.off())
}
