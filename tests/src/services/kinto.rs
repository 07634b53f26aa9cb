//! `kinto`: a store of JSON records with entity tags, in memory. The server has two users: one may write and the other
//! may only read.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Result, START_PATIENCE, agent, free_address, venv};
use crate::child_guard::ChildGuard;

/// The server with one collection, `/buckets/deed/collections/notes`. Dropping this value ends the server.
#[derive(Debug)]
pub struct Kinto {
    child_guard: Option<ChildGuard>,
    process: Child,
    address: SocketAddr,
    files: [PathBuf; 2],
    agent: ureq::Agent,
}

const INI: &str = include_str!("../../services/kinto.ini");
/// The records of the collection.
const RECORDS: &str = "/buckets/deed/collections/notes/records";

impl Kinto {
    pub const WRITER: &str = "deed";
    pub const READER: &str = "reader";
    pub const READ_PASSWORD: &str = "kinto-read-password-of-the-harness";
    pub const WRITE_PASSWORD: &str = "kinto-write-password-of-the-harness";

    /// Starts the server, waits until it answers, and creates the collection.
    pub fn start() -> Result<Self> {
        let address = free_address()?;
        let temporary =
            |end: &str| std::env::temp_dir().join(format!("deed-kinto-{}.{end}", address.port()));
        let [ini, log] = [temporary("ini"), temporary("log")];
        fs::write(&ini, INI.replace("@port@", &address.port().to_string()))?;
        let program = venv().join("bin/kinto");
        let process = Command::new(&program)
            .args(["start", "--ini"])
            .arg(&ini)
            .args(["--port", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .map_err(|error| {
                format!("`{}` does not start: {error}; run `make venv`", program.display())
            })?;
        let child_guard = Some(ChildGuard::to(process.id())?);
        let mut server = Self { child_guard, process, address, files: [ini, log], agent: agent() };
        server.wait_until_it_answers()?;
        server.create_collection()?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let end = Instant::now() + START_PATIENCE;
        while Instant::now() < end && self.process.try_wait()?.is_none() {
            if self.call("GET", "/__heartbeat__", None).is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        let said = fs::read_to_string(&self.files[1]).unwrap_or_default();
        Err(format!("kinto does not answer at {}: {said}", self.address).into())
    }

    fn create_collection(&self) -> Result<()> {
        let readable = json!({ "permissions": { "read": ["system.Authenticated"] } });
        for (path, body) in
            [("/buckets/deed", readable), ("/buckets/deed/collections/notes", json!({}))]
        {
            let (status, answer) = self.call("PUT", path, Some(&body))?;
            if status != 201 {
                return Err(format!("creating `{path}` answered {status}: {answer}").into());
            }
        }
        Ok(())
    }

    /// The base URL of the upstream for `deed.toml`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The record, read without the host; `None` if it does not exist.
    pub fn record(&self, id: &str) -> Result<Option<Value>> {
        match self.call("GET", &format!("{RECORDS}/{id}"), None)? {
            (200, answer) => Ok(answer.get("data").cloned()),
            (404, _) => Ok(None),
            (status, answer) => Err(format!("reading `{id}` answered {status}: {answer}").into()),
        }
    }

    /// Writes a record without the host.
    pub fn put(&self, id: &str, data: &Value) -> Result<()> {
        match self.call("PUT", &format!("{RECORDS}/{id}"), Some(&json!({ "data": data })))? {
            (200 | 201, _) => Ok(()),
            (status, answer) => Err(format!("writing `{id}` answered {status}: {answer}").into()),
        }
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let user = format!("{}:{}", Self::WRITER, Self::WRITE_PASSWORD);
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url()))
            .header("authorization", format!("Basic {}", STANDARD.encode(user)))
            .header("content-type", "application/json")
            .body(body.map(Value::to_string).unwrap_or_default())?;
        let mut response = self.agent.run(request)?;
        let text = response.body_mut().read_to_string()?;
        let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? };
        Ok((response.status().as_u16(), value))
    }
}

impl Drop for Kinto {
    fn drop(&mut self) {
        self.child_guard = None;
        // The process may have ended by itself, so errors are ignored here.
        self.process.kill().and_then(|()| self.process.wait()).ok();
        for file in &self.files {
            fs::remove_file(file).ok();
        }
    }
}
