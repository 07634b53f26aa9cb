//! The OCI registry `docker-registry` 2.8, from the Debian package of this name. It runs as the user who runs the tests,
//! listens only on loopback, and keeps all its files in a temporary directory.

mod images;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Result, START_ATTEMPTS, START_PATIENCE, agent, free_address};
use crate::child_guard::ChildGuard;

const PROGRAM: &str = "/usr/bin/docker-registry";

/// Deletions are permitted, and each user has a password: those of the constants below, hashed by bcrypt.
const GUARDED: &str =
    "  delete:\n    enabled: true\nauth:\n  htpasswd:\n    realm: tests\n    path: ";
const USERS: &str = "\
reader:$2b$05$abcdefghijklmnopqrstuun5hCRjY9GLLMUAkbswIk8y/rVYCxpqq
writer:$2b$05$abcdefghijklmnopqrstuuQAkEXAWTSiJU/UNpsMtgNAixscDPMBS
own:$2b$05$abcdefghijklmnopqrstuuv9isJF3mvsDp9Lk6gkaRTP5MQQN/kaq
";

/// A registry. Dropping this value ends it and removes its files.
#[derive(Debug)]
pub struct DockerRegistry {
    /// Ends the server if the test process dies. This guard is dropped before the server is ended in the ordinary way.
    child_guard: Option<ChildGuard>,
    process: Child,
    address: SocketAddr,
    dir: PathBuf,
}

impl DockerRegistry {
    /// Whether the server is installed.
    pub fn installed() -> bool {
        Path::new(PROGRAM).exists()
    }

    /// Starts a registry without authentication, and waits until it answers.
    pub fn start() -> Result<Self> {
        Self::start_with(false)
    }

    /// Starts a registry with the users of this harness, which permits deletions.
    pub fn guarded() -> Result<Self> {
        Self::start_with(true)
    }

    fn start_with(guarded: bool) -> Result<Self> {
        if !Self::installed() {
            return Err("`docker-registry` is not installed; run `make systems`".into());
        }
        let mut result = Self::try_start(guarded);
        for _ in 1..START_ATTEMPTS {
            if result.is_ok() {
                break;
            }
            result = Self::try_start(guarded);
        }
        result
    }

    fn try_start(guarded: bool) -> Result<Self> {
        let address = free_address()?;
        let dir = std::env::temp_dir().join(format!("deed-docker-registry-{}", address.port()));
        fs::create_dir_all(&dir)?;
        let config = dir.join("config.yml");
        fs::write(&config, configuration(&dir, address, guarded))?;
        fs::write(dir.join("htpasswd"), USERS)?;
        let process = Command::new(PROGRAM)
            .arg("serve")
            .arg(&config)
            .env_clear()
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(dir.join("log"))?)
            .spawn()?;
        let child_guard = Some(ChildGuard::to(process.id())?);
        let mut registry = Self { child_guard, process, address, dir };
        registry.wait_until_it_answers()?;
        Ok(registry)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let (end, agent) = (Instant::now() + START_PATIENCE, agent());
        let url = format!("http://{}/v2/", self.address);
        while Instant::now() < end && self.process.try_wait()?.is_none() {
            if agent
                .get(&url)
                .call()
                .is_ok_and(|answer| [200, 401].contains(&answer.status().as_u16()))
            {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        let said = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        Err(format!("docker-registry does not answer at {}: {said}", self.address).into())
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn configuration(dir: &Path, address: SocketAddr, guarded: bool) -> String {
    let root = dir.join("storage");
    let users = dir.join("htpasswd");
    let guard = if guarded { format!("{GUARDED}{}\n", users.display()) } else { String::new() };
    format!(
        "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}\n{guard}http:\n  addr: {address}\n",
        root.display()
    )
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        self.child_guard = None;
        // The process may have ended by itself, so errors are ignored here.
        self.process.kill().and_then(|()| self.process.wait()).ok();
        fs::remove_dir_all(&self.dir).ok();
    }
}
