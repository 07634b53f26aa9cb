//! A host during its start: the process before it accepts requests, and the result of the start.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::{Host, LOG, VERIFIER, binary, verifier};
use crate::child_guard::ChildGuard;
use crate::services::Result;

/// A host that has not yet reported the addresses at which it serves.
#[derive(Debug)]
pub struct Starting {
    pub host: Host,
    lines: Receiver<String>,
}

/// The result of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Nothing,
    /// The host accepts requests.
    Serves,
    /// The host ended without ever serving.
    Ends,
}

impl Host {
    /// Starts the host without waiting.
    pub fn begin(dir: &Path, variables: &[(&str, &str)]) -> Result<Starting> {
        let log = dir.join(LOG);
        let errors = File::options().create(true).append(true).open(&log)?;
        let begun = usize::try_from(errors.metadata()?.len())?;
        let mut child = Command::new(binary()?)
            .arg("serve")
            .arg(dir)
            .env(VERIFIER, verifier())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()?;
        let lines = first_line(&mut child);
        let child_guard = Some(ChildGuard::to(child.id())?);
        let (url, operations) = (String::new(), String::new());
        Ok(Starting { host: Self { child_guard, child, url, operations, log, begun }, lines })
    }

    /// Takes the two addresses from the line `serving http://A (operations http://B), …`.
    fn takes(&mut self, line: &str) -> Option<()> {
        let mut words = line.split([' ', '(', ')', ',']).filter(|word| word.starts_with("http://"));
        (self.url, self.operations) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(())
    }
}

impl Starting {
    /// Waits this long for the line that reports the addresses at which the host serves.
    pub fn wait(&mut self, patience: Duration) -> Said {
        match self.lines.recv_timeout(patience) {
            Ok(line) if self.host.takes(&line).is_some() => Said::Serves,
            // The host closes its stdout only when it ends.
            Ok(_) | Err(RecvTimeoutError::Disconnected) => Said::Ends,
            Err(RecvTimeoutError::Timeout) => Said::Nothing,
        }
    }
}

/// Receives the first line that the process prints, or nothing when the process ends before.
fn first_line(child: &mut Child) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            read.is_ok() && !line.is_empty() && send.send(line).is_ok()
        });
    }
    receive
}
