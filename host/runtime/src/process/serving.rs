//! The file in which a running host says which configuration is in force and how its last reload ended. `deed apply`
//! reads it.
//!
//! The file is not a record: a host that starts replaces it, and nothing depends on it but the output of a command. It
//! contains names, digests and faults, and no value of a secret.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use deed_spec::digest::Digest;
use deed_system::files::Files;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::config::Parts;
use crate::engine::Reloaded;

/// The file below the served directory.
const FILE: &str = "state/serving.json";
/// A directory has fewer than a hundred thousand parts, with about 100 bytes each.
const FILE_MAX: u64 = 16 << 20;
/// The result of reading the directory at the start.
const STARTED: &str = "started";

/// What a running host says about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Serving {
    pub(crate) pid: u32,
    /// When the process began, in clock ticks since the machine started. Together with the id it names one process.
    began: u64,
    /// How often the host has begun to read the directory, including its start. The file has the number before the host
    /// reads anything, so a reading with a greater number than a command found here begins after the command looked.
    pub(crate) begun: u64,
    /// How often the host has read the directory, including its start. The result is that of the last reading.
    pub(crate) reads: u64,
    /// `started`, `applied`, `unchanged` or `refused`.
    pub(crate) result: String,
    pub(crate) faults: Vec<String>,
    /// The digest of the parts of the configuration to which the result belongs; absent if it could not be read.
    pub(crate) asked: Option<Digest>,
    /// The configuration in force.
    pub(crate) parts: Parts,
}

impl Serving {
    /// What a host says that has just started.
    pub(crate) fn started(parts: Parts) -> Self {
        let pid = std::process::id();
        Self {
            pid,
            began: began(pid).unwrap_or(0),
            begun: 1,
            reads: 1,
            result: STARTED.to_owned(),
            faults: Vec::new(),
            asked: Some(parts.digest()),
            parts,
        }
    }

    /// What the host says before it reads the directory again.
    pub(super) fn beginning(self) -> Self {
        Self { begun: self.reads.saturating_add(1), ..self }
    }

    /// What the host says after a reload.
    pub(super) fn after(self, reloaded: &Reloaded, parts: Parts) -> Self {
        let (faults, asked) = match reloaded {
            Reloaded::Applied { .. } | Reloaded::Unchanged => (Vec::new(), Some(parts.digest())),
            Reloaded::Refused(refusal) => {
                (refusal.faults.iter().map(ToString::to_string).collect(), refusal.asked)
            }
        };
        let (reads, result) = (self.begun, reloaded.word().to_owned());
        Self { reads, result, faults, asked, parts, ..self }
    }

    /// Writes the file, in one step for readers. Fails when it cannot be written.
    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        let (place, temporary) = (dir.join(FILE), dir.join(format!("{FILE}.tmp")));
        remove(&temporary)?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(&temporary, &place)
    }

    /// What the host that serves this directory says; `None` if there is no such host. Fails when the file cannot be
    /// read, or is not a regular file.
    pub(crate) fn find(dir: &Path) -> Result<Option<Self>, String> {
        let read = Files::open(dir).and_then(|files| files.bytes_and_owner(FILE, FILE_MAX));
        let (bytes, user) = match read {
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => return Ok(None),
            read => read.map_err(|error| error.to_string())?,
        };
        let found: Self = serde_json::from_slice(&bytes).map_err(|e| {
            format!("`{FILE}`: {e}; use the `deed` of the release that serves the directory")
        })?;
        // A file of a host that was killed stays. Its process id may belong to another process now.
        Ok(Some(found).filter(|one| one.is_running(user)))
    }

    /// Sends SIGHUP to the host. Returns false if the host has ended.
    pub(crate) fn hang_up(&self, dir: &Path) -> Result<bool, String> {
        let failed = |e: io::Error| format!("SIGHUP cannot be sent to process {}: {e}", self.pid);
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else {
            return Ok(false);
        };
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => return Ok(false),
            opened => opened.map_err(|e| failed(e.into()))?,
        };
        // The process is compared after it was opened, so that the signal cannot reach another process with this id.
        let user = fs::metadata(dir.join(FILE)).map_err(failed)?.uid();
        if !self.is_running(user) {
            return Ok(false);
        }
        match pidfd_send_signal(&process, Signal::HUP) {
            Err(rustix::io::Errno::SRCH) => Ok(false),
            sent => sent.map(|()| true).map_err(|e| failed(e.into())),
        }
    }

    /// Whether the process still runs, as the user that owns the file.
    fn is_running(&self, user: u32) -> bool {
        began(self.pid) == Some(self.began) && owner(self.pid) == Some(user)
    }
}

/// Removes the file when the host stops in an orderly way.
pub(crate) fn end(dir: &Path) {
    if let Err(error) = remove(&dir.join(FILE)) {
        tracing::debug!(%error, "state/serving.json was not removed");
    }
}

fn remove(place: &Path) -> io::Result<()> {
    match fs::remove_file(place) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// When a process began, in clock ticks since the machine started (`proc_pid_stat(5)`, field 22).
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    began_in(&stat)
}

/// The name of the program, in parentheses, may contain spaces and parentheses itself.
fn began_in(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// The user that a process runs as (`proc_pid_status(5)`).
fn owner(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_process_is_read_after_its_name() {
        let fields: Vec<String> = (3..=24).map(|n| n.to_string()).collect();
        let stat = format!("4711 (a ) b) {}", fields.join(" "));
        assert_eq!(began_in(&stat), Some(22));
        assert_eq!(began_in("4711 (deed) S 1"), None);
    }

    #[test]
    fn this_process_is_running_and_another_with_its_id_is_not() {
        let own = Serving::started(Parts::default());
        let user = owner(own.pid).unwrap();
        assert!(own.is_running(user));
        assert!(!own.is_running(user + 1));
        let other = Serving { began: own.began + 1, ..own };
        assert!(!other.is_running(user));
    }
}
