//! The host of a trial, a child process of this command. SIGHUP, SIGINT and SIGTERM end the host, so that the command
//! continues and removes the directory.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::log;
use super::place::Place;
use crate::cli::out::Failure;

/// The host's process, once it was started. Dropping the value kills it. The host has sent no write, and its directory is
/// removed next, so it need not stop in an orderly way.
#[derive(Debug)]
pub(in crate::cli) struct Process(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    child: Mutex<Option<Child>>,
    interrupted: AtomicBool,
}

/// The maximum length of the line in which the host names its address, in bytes.
const LINE_MAX: u64 = 4 << 10;

impl Process {
    /// Installs the signal handlers before there is anything to remove.
    pub(in crate::cli) fn prepare() -> Result<Self, Failure> {
        let shared: Arc<Shared> = Arc::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Failure::failed)?;
        let [mut hangup, mut interrupt, mut terminate] = {
            let _context = runtime.enter();
            let listen = |kind| signal(kind).map_err(Failure::failed);
            [
                listen(SignalKind::hangup())?,
                listen(SignalKind::interrupt())?,
                listen(SignalKind::terminate())?,
            ]
        };
        let kept = Arc::clone(&shared);
        thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = hangup.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            kept.interrupted.store(true, Ordering::SeqCst);
            kept.end();
        });
        Ok(Self(shared))
    }

    pub(in crate::cli) fn is_interrupted(&self) -> bool {
        self.0.interrupted.load(Ordering::SeqCst)
    }

    /// Starts the host and waits until it serves. Returns its address. Fails when the host ends or says nothing in time.
    pub(in crate::cli) fn start(
        &self,
        place: &Place,
        patience: Duration,
    ) -> Result<String, Failure> {
        let mut child = spawn(place)?;
        let lines = child.stdout.take().map(first_line);
        self.0.hold(child);
        let line = lines.and_then(|lines| lines.recv_timeout(patience).ok());
        let url = line.as_deref().and_then(address).map(str::to_owned);
        url.ok_or_else(|| Failure::failed("the host did not start; it wrote:"))
    }

    /// Kills the host, if it runs, so that it can be started again.
    pub(in crate::cli) fn stop(&self) {
        self.0.end();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Shared {
    /// Keeps the process, unless a signal has arrived already.
    fn hold(&self, child: Child) {
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        if self.interrupted.load(Ordering::SeqCst) {
            self.end();
        }
    }

    fn end(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            // The process may have ended by itself, so an error is ignored.
            child.kill().and_then(|()| child.wait()).map(drop).unwrap_or_default();
        }
    }
}

/// The host gets none of the caller's settings for clients and logs. It needs the variables that hold credentials.
fn spawn(place: &Place) -> Result<Child, Failure> {
    let failed = |e: std::io::Error| Failure::Failed(format!("a host for the trial: {e}"));
    let log = place.log();
    let errors = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&log);
    Command::new(std::env::current_exe().map_err(failed)?)
        .arg("serve")
        .arg(place.served())
        .env("DEED_LOG", log::FILTER)
        .env("NO_COLOR", "1")
        .env_remove("DEED_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors.map_err(failed)?)
        .spawn()
        .map_err(failed)
}

/// Receives the first line that the host prints; nothing if the host ends before.
fn first_line(stdout: ChildStdout) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout.take(LINE_MAX)).read_line(&mut line);
        read.is_ok() && !line.is_empty() && send.send(line).is_ok()
    });
    receive
}

/// The address in the line `serving http://A (operations http://B), …`.
fn address(line: &str) -> Option<&str> {
    line.split_whitespace().find(|word| word.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_is_that_of_agents() {
        let line = "serving http://127.0.0.1:1 (operations http://127.0.0.1:2), 0 open action(s) resumed\n";
        assert_eq!(address(line), Some("http://127.0.0.1:1"));
        assert_eq!(address("deed.toml:1: a fault\n"), None);
    }
}
