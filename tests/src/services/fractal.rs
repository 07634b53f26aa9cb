//! `fractal-server`: a server on `FastAPI` that runs workflows over images. It serves the `OpenAPI` document of its own
//! API. Only this document is read, so the server gets no database.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Result, START_PATIENCE, agent, free_address, workspace};
use crate::child_guard::ChildGuard;

/// The server. Dropping this value ends the server.
#[derive(Debug)]
pub struct FractalServer {
    child_guard: Option<ChildGuard>,
    process: Child,
    address: SocketAddr,
    log: PathBuf,
    agent: ureq::Agent,
}

impl FractalServer {
    /// Starts the server. `make counterparts` installs it.
    pub fn start() -> Result<Self> {
        let address = free_address()?;
        let log = std::env::temp_dir().join(format!("deed-fractal-{}.log", address.port()));
        let program = workspace().join("target/fractal/bin/python");
        let process = Command::new(&program)
            .args(["-I", "-m", "uvicorn", "fractal_server.main:app", "--host", "127.0.0.1"])
            .args(["--port", &address.port().to_string()])
            .env("POSTGRES_DB", "none")
            .env("JWT_SECRET_KEY", "key-of-the-test-harness-for-no-token")
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .map_err(|error| {
                format!("`{}` does not start: {error}; run `make counterparts`", program.display())
            })?;
        let child_guard = Some(ChildGuard::to(process.id())?);
        Ok(Self { child_guard, process, address, log, agent: agent() })
    }

    /// The OpenAPI document, as soon as the server answers.
    pub fn document(&mut self) -> Result<String> {
        let end = Instant::now() + START_PATIENCE;
        while Instant::now() < end && self.process.try_wait()?.is_none() {
            if let Ok(document) = self.fetch() {
                return Ok(document);
            }
            thread::sleep(Duration::from_millis(50));
        }
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        Err(format!("fractal-server does not answer at {}: {said}", self.address).into())
    }

    fn fetch(&self) -> Result<String> {
        let mut response =
            self.agent.get(format!("http://{}/openapi.json", self.address)).call()?;
        if response.status() != 200 {
            return Err(format!("the document is answered with {}", response.status()).into());
        }
        Ok(response.body_mut().read_to_string()?)
    }
}

impl Drop for FractalServer {
    fn drop(&mut self) {
        self.child_guard = None;
        // The process may have ended by itself, so errors are ignored here.
        self.process.kill().and_then(|()| self.process.wait()).ok();
        fs::remove_file(&self.log).ok();
    }
}
