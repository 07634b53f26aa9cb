//! `moto`: the API of AWS IAM in memory, which checks the signature and the permissions of every request. The tests
//! call it with boto3, which signs requests independently of the host.

mod caller;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::caller::Caller;
use super::{Result, START_PATIENCE, free_address, workspace};
use crate::child_guard::ChildGuard;

/// The server with the users `admin`, `reader` and `writer`. Dropping this value ends the server.
#[derive(Debug)]
pub struct Moto {
    child_guard: Option<ChildGuard>,
    process: Child,
    address: SocketAddr,
    log: PathBuf,
    /// The client of the administrator, which the first call starts.
    caller: Mutex<Option<Caller>>,
    admin: Key,
    /// May read users, their devices, access keys and policies.
    pub reader: Key,
    /// May make the changes of `contracts/aws-iam/`, and not read.
    pub writer: Key,
    /// A temporary key, which may read.
    pub session: Key,
}

/// An access key.
#[derive(Clone, Default)]
pub struct Key {
    pub id: String,
    pub secret: String,
    /// The session token of a temporary key.
    pub token: Option<String>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The environment that `make counterparts` makes.
fn environment() -> PathBuf {
    workspace().join("target/moto")
}

impl Moto {
    /// Whether the server is installed.
    pub fn installed() -> bool {
        environment().join(".stamp").exists()
    }

    /// Starts the server, waits until it answers, and makes its users.
    pub fn start() -> Result<Self> {
        let address = free_address()?;
        let log = std::env::temp_dir().join(format!("deed-moto-{}.log", address.port()));
        let process = Command::new(environment().join("bin/python"))
            .arg("-I")
            .arg(environment().join("bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .map_err(|error| format!("moto does not start: {error}; run `make counterparts`"))?;
        let child_guard = Some(ChildGuard::to(process.id())?);
        let mut server = Self {
            child_guard,
            process,
            address,
            log,
            caller: Mutex::default(),
            admin: Key::default(),
            reader: Key::default(),
            writer: Key::default(),
            session: Key::default(),
        };
        server.make_users()?;
        Ok(server)
    }

    fn make_users(&mut self) -> Result<()> {
        let end = Instant::now() + START_PATIENCE;
        loop {
            match setup(&self.base_url()) {
                Ok(keys) => {
                    self.admin = key(&keys, "admin")?;
                    self.reader = key(&keys, "reader")?;
                    self.writer = key(&keys, "writer")?;
                    self.session = key(&keys, "session")?;
                    return Ok(());
                }
                Err(error) if Instant::now() > end || self.process.try_wait()?.is_some() => {
                    let said = fs::read_to_string(&self.log).unwrap_or_default();
                    return Err(format!("moto does not answer: {error}: {said}").into());
                }
                Err(_) => thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    /// The base URL of the upstream for `deed.toml`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Calls an operation of boto3's client, such as `get_user`, as the administrator and without the host.
    pub fn call(&self, operation: &str, parameters: &Value) -> Result<Value> {
        let mut caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        let present = match caller.take() {
            Some(present) => present,
            None => Caller::start(&self.base_url(), &self.admin)?,
        };
        caller.insert(present).call(operation, parameters)
    }

    /// Calls an operation with this access key.
    pub fn call_as(&self, key: &Key, operation: &str, parameters: &Value) -> Result<Value> {
        Caller::start(&self.base_url(), key)?.call(operation, parameters)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.child_guard = None;
        // The process may have ended by itself, so errors are ignored here.
        self.process.kill().and_then(|()| self.process.wait()).ok();
        fs::remove_file(&self.log).ok();
    }
}

fn key(keys: &Value, user: &str) -> Result<Key> {
    let text = |name: &str| {
        let text = keys.pointer(&format!("/{user}/{name}")).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    let member = |name: &str| text(name).ok_or_else(|| format!("`{user}` has no `{name}`"));
    Ok(Key { id: member("id")?, secret: member("secret")?, token: text("token") })
}

/// Makes the users of the server at this URL, and returns their access keys.
fn setup(url: &str) -> Result<Value> {
    let output = Command::new(environment().join("bin/python"))
        .arg("-I")
        .arg(workspace().join("tests/services/aws_iam.py"))
        .args([url, "setup"])
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
