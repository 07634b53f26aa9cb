//! The real binary over the disk: takes a served directory, gives a host that answers, or says that the
//! power went before it did, or why it did not start.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use deed_tests::disk::Disk;
use deed_tests::host::binary;
use deed_tests::services::Result;
use deed_tests::tether::Tether;
use rustix::process::{Pid, Signal, kill_process};

/// A debug build starts slowly when the machine also compiles, and compiles its adapters after a cut.
const START_PATIENCE: Duration = Duration::from_mins(3);
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// A running host.
pub(crate) struct Served {
    child: Child,
    /// Let go of after the child was ended.
    _tether: Tether,
    pub(crate) url: String,
}

/// How a start ended.
pub(crate) enum Start {
    Up(Served),
    Cut,
    /// What it said on its way out.
    Failed(String),
}

/// Starts the host and waits for its line, or for the cut.
pub(crate) fn start(dir: &Path, disk: &Disk) -> Result<Start> {
    let log = log(dir);
    let mut child = Command::new(binary()?)
        .arg("serve")
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&log)?)
        .spawn()?;
    let tether = Tether::to(child.id())?;
    let stdout = child.stdout.take().ok_or("the host has no stdout")?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        read.is_ok() && !line.is_empty() && send.send(line).is_ok()
    });
    let mut served = Served { child, _tether: tether, url: String::new() };
    let end = Instant::now() + START_PATIENCE;
    while Instant::now() < end {
        match receive.recv_timeout(LOOK_PAUSE) {
            Ok(line) => {
                let mut words = line.split(' ').filter(|word| word.starts_with("http://"));
                words.next().unwrap_or_default().clone_into(&mut served.url);
                return Ok(Start::Up(served));
            }
            // It closes its stdout only when it ends; without power it ends by no fault of its own.
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if disk.wait(Duration::ZERO) {
            served.kill(disk)?;
            return Ok(Start::Cut);
        }
    }
    served.kill(disk)?;
    Ok(Start::Failed(fs::read_to_string(&log)?))
}

impl Served {
    /// The machine is off: SIGKILL first, and only then an end for whoever waits for the disk.
    pub(crate) fn kill(mut self, disk: &Disk) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if self.child.try_wait()?.is_none() {
            kill_process(pid.ok_or("no process has this id")?, Signal::KILL)?;
        }
        disk.off();
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // After `kill` there is nothing left to do.
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

/// Where the host's stderr goes.
pub(crate) fn log(dir: &Path) -> PathBuf {
    dir.join("serve.log")
}
