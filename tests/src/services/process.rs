//! Processes of servers, which are ended in an orderly way, and directories for the files of a server.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Result, START_ATTEMPTS, START_PATIENCE};
use crate::child_guard::ChildGuard;

const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// A process that is ended by its id: in an orderly way, and by force if that takes too long.
#[derive(Debug)]
pub(super) struct Process {
    child_guard: Option<ChildGuard>,
    child: Child,
}

impl Process {
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::create(log)?;
        let child =
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn().map_err(
                |error| format!("`{}` does not start: {error}", command.get_program().display()),
            )?;
        let child_guard = Some(ChildGuard::to(child.id())?);
        Ok(Self { child_guard, child })
    }

    pub(super) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal, such as `HUP`.
    pub(super) fn signal(&self, name: &str) -> Result<()> {
        let (option, id) = (format!("-{name}"), self.child.id().to_string());
        let sent = Command::new("kill").args([option, id]).status()?;
        if sent.success() { Ok(()) } else { Err(format!("SIG{name} was not sent: {sent}").into()) }
    }

    /// Waits until `ready` holds, as long as the process runs. On failure, the error has the content of `log`.
    pub(super) fn wait_until(&mut self, mut ready: impl FnMut() -> bool, log: &Path) -> Result<()> {
        let end = Instant::now() + START_PATIENCE;
        while Instant::now() < end && self.runs() {
            if ready() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        let said = fs::read_to_string(log).unwrap_or_default();
        Err(format!("a server is not ready: {said}").into())
    }
}

/// Starts a server again if that fails, because another process may take the free port before the server binds it.
pub(super) fn attempts<T>(start: impl Fn() -> Result<T>) -> Result<T> {
    let mut result = start();
    for _ in 1..START_ATTEMPTS {
        if result.is_ok() {
            break;
        }
        result = start();
    }
    result
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child_guard = None;
        if !self.runs() {
            return;
        }
        Command::new("kill").arg(self.child.id().to_string()).status().ok();
        let end = Instant::now() + STOP_PATIENCE;
        while Instant::now() < end && self.runs() {
            thread::sleep(Duration::from_millis(20));
        }
        // Nothing is left to do if the process has ended, so errors are ignored here.
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

/// A directory that only its owner may read. Dropping this value removes the directory.
#[derive(Debug)]
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Result<Self> {
        let dir = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(Self(dir))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
