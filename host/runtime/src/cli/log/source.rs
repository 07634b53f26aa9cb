//! Reads the files of a log by path, from a directory or over HTTP.
//!
//! A read returns only data inside the directory, and at most the requested size. Redirects are not followed, and a
//! token is sent to another machine only over TLS.

use std::io::ErrorKind;
use std::path::Path;

use deed_spec::tlog::{CHECKPOINT, HEAD};
use deed_system::files::{FileError, Files};
use deed_verify::audit::Fetched;
use ureq::Agent;

use crate::cli::client::{self, Credentials};
use crate::cli::out::Failure;

/// Where a log is read from: a local directory or an HTTP address.
#[derive(Debug)]
pub(super) enum Source {
    Directory(Files),
    Address { agent: Agent, url: String, token: Option<String> },
}

/// The maximum size of the file `HEAD`, which has three short lines.
const HEAD_MAX: u64 = 4 << 10;
/// The maximum size of an error answer from a host.
const REFUSAL_MAX: u64 = 64 << 10;

impl Source {
    pub(super) fn open(log: &str, credentials: &Credentials) -> Result<Self, Failure> {
        if !log.starts_with("http://") && !log.starts_with("https://") {
            let dir = Path::new(log);
            around_logs(dir)?;
            return Files::open(dir).map(Self::Directory).map_err(Failure::failed);
        }
        let token = credentials.token()?;
        if token.is_some() {
            client::check_url(log)?;
        }
        let url = log.trim_end_matches('/').to_owned();
        Ok(Self::Address { agent: client::agent(), url, token })
    }

    /// The host's own record of the tree whose tiles are written (`HEAD`). Only a directory has this file, because it
    /// is not published over HTTP. Fails when the file exists but cannot be read.
    pub(super) fn head(&self) -> Result<Option<String>, Failure> {
        let Self::Directory(files) = self else {
            return Ok(None);
        };
        match files.text(HEAD, HEAD_MAX) {
            Ok(text) => Ok(Some(text)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(Failure::failed(error)),
        }
    }

    /// Fetches one file of at most `max` bytes. Fails with the reason when it is not known whether the file exists.
    pub(super) fn fetch(&self, path: &str, max: u64) -> Result<Fetched, String> {
        match self {
            Self::Directory(files) => match files.bytes(path, max) {
                Ok(bytes) => Ok(Fetched::Bytes(bytes)),
                Err(FileError::Long(..)) => Ok(Fetched::TooLong),
                Err(error) if is_absent(&error) => Ok(Fetched::Absent),
                Err(error) => Err(error.to_string()),
            },
            Self::Address { agent, url, token } => {
                get(agent, &format!("{url}/{path}"), token.as_deref(), max)
                    .and_then(|found| known(found, path))
            }
        }
    }
}

/// Refuses a directory that contains logs but is not a log itself, such as a served directory.
fn around_logs(dir: &Path) -> Result<(), Failure> {
    if dir.join(CHECKPOINT).is_file() {
        return Ok(());
    }
    let places = ["state/log", "log", ""].map(|below| dir.join(below));
    let mut logs: Vec<String> = places.iter().flat_map(|place| logs_in(place)).collect();
    if logs.is_empty() && dir.join("deed.toml").is_file() {
        logs.push(dir.join("state/log/TENANT").display().to_string());
    }
    if logs.is_empty() {
        return Ok(());
    }
    logs.sort();
    let (dir, logs) = (dir.display(), logs.join("` or `"));
    Err(Failure::Usage(format!("`{dir}` is not a log; each tenant has a log: use `{logs}`")))
}

fn logs_in(place: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let logs = entries.map(|entry| entry.path()).filter(|path| path.join(CHECKPOINT).is_file());
    logs.map(|path| path.display().to_string()).collect()
}

fn is_absent(error: &FileError) -> bool {
    matches!(error, FileError::Read(_, e) if e.kind() == ErrorKind::NotFound)
}

/// Reports a missing checkpoint as an error: a host answers 404 both for a log that does not exist and for a log of
/// another tenant.
fn known(found: Fetched, path: &str) -> Result<Fetched, String> {
    if found == Fetched::Absent && path == CHECKPOINT {
        let why = "status 404; check the address of the log, and use a token of its tenant";
        return Err(why.to_owned());
    }
    Ok(found)
}

fn get(agent: &Agent, url: &str, token: Option<&str>, max: u64) -> Result<Fetched, String> {
    let mut request = agent.get(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().map_err(|e| e.to_string())?;
    let status = response.status().as_u16();
    let limit = if status == 200 { max } else { REFUSAL_MAX };
    // The HTTP client also refuses a body whose size is exactly the limit, so one byte is added.
    let body = response.body_mut().with_config().limit(limit.saturating_add(1)).read_to_vec();
    match (status, body) {
        (404 | 410, _) => Ok(Fetched::Absent),
        (200, Ok(bytes)) => Ok(Fetched::Bytes(bytes)),
        (200, Err(ureq::Error::BodyExceedsLimit(_))) => Ok(Fetched::TooLong),
        (200, Err(error)) => Err(error.to_string()),
        (_, body) => {
            let refused = client::refusal(status, &body.unwrap_or_default(), token.is_some());
            Err(refused.to_string())
        }
    }
}
