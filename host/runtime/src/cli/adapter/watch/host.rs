//! The host that `deed adapter watch --run` starts and restarts.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::super::super::out::{self, Failure};

/// A child process `deed serve DIR`, or none before the first start. Dropping the value stops the process.
#[derive(Debug)]
pub(super) struct DevelopmentHost {
    served: PathBuf,
    child: Option<Child>,
}

impl DevelopmentHost {
    pub(super) fn new(served: &Path) -> Self {
        Self { served: served.to_owned(), child: None }
    }

    /// Stops the process, if it runs, and starts it again. Fails when it cannot be started.
    pub(super) fn restart(&mut self) -> Result<(), Failure> {
        self.stop();
        let failed = |error: std::io::Error| Failure::Failed(format!("`deed serve`: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--").arg(&self.served).stdin(Stdio::null());
        self.child = Some(command.spawn().map_err(failed)?);
        Ok(())
    }

    /// Asks the process to end, and waits until the actions that run have ended.
    fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // A process that has ended by itself must not be signalled, because another one may have its number.
        if matches!(child.try_wait(), Ok(None)) {
            kill_process(Pid::from_child(&child), Signal::TERM).ok();
        }
        if let Err(error) = child.wait() {
            out::note(&format!("`deed serve` did not end: {error}"));
        }
    }
}

impl Drop for DevelopmentHost {
    fn drop(&mut self) {
        self.stop();
    }
}
