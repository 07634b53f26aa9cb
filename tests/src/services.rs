//! Real third-party servers, each on a free loopback port. Dropping a server ends it. The harness does not alter the
//! answers of the servers.

mod address;
pub mod chromium;
pub mod docker_registry;
pub mod forward_proxy;
pub mod fractal;
pub mod kinto;
pub mod localstripe;
pub mod mailman;
pub mod moto;
mod process;
pub mod rabbitmq;
pub mod redmine;
pub mod tls_front;
pub mod web_front;

use std::{
    error::Error,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub use self::address::free_address;
use crate::child_guard::ChildGuard;

/// The result type of the harness. Tests unwrap the error, and the demo prints it.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How long to wait for a server to start. Python takes most of a second to start, and longer while the machine also
/// compiles.
const START_PATIENCE: Duration = Duration::from_mins(1);
const CALL_PATIENCE: Duration = Duration::from_secs(20);
/// How often a start is tried, because another process may take the free port before the server binds it.
const START_ATTEMPTS: u32 = 3;

const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// `scim2-server`: a SCIM 2.0 directory (RFC 7643, RFC 7644) in memory, with a token for reading and one for writing.
/// The server accepts both tokens for every request; only the host uses each token for its purpose.
#[derive(Debug)]
pub struct ScimServer {
    /// Ends the server if the test process dies. This guard is dropped before the server is ended in the ordinary way.
    child_guard: Option<ChildGuard>,
    process: Child,
    address: SocketAddr,
    log: PathBuf,
    agent: ureq::Agent,
}

impl ScimServer {
    pub const READ_TOKEN: &str = "scim-read-token-of-the-test-harness";
    pub const WRITE_TOKEN: &str = "scim-write-token-of-the-test-harness";

    /// Starts the server and waits until it answers.
    pub fn start() -> Result<Self> {
        let mut result = Self::try_start();
        for _ in 1..START_ATTEMPTS {
            if result.is_ok() {
                break;
            }
            result = Self::try_start();
        }
        result
    }

    fn try_start() -> Result<Self> {
        let address = free_address()?;
        let log = std::env::temp_dir().join(format!("deed-scim-{}.log", address.port()));
        let program = venv().join("bin/scim2-server");
        let process = spawn(&program, address.port(), &log)?;
        let child_guard = Some(ChildGuard::to(process.id())?);
        let mut server = Self { child_guard, process, address, log, agent: agent() };
        server.wait_until_it_answers()?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let end = Instant::now() + START_PATIENCE;
        while Instant::now() < end {
            if self.process.try_wait()?.is_some() {
                break;
            }
            if self
                .call("GET", "/ServiceProviderConfig", None)
                .is_ok_and(|(status, _)| status == 200)
            {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        Err(format!("scim2-server does not answer at {}: {said}", self.address).into())
    }

    /// `http://127.0.0.1:PORT/v2`, the base URL of the upstream for `deed.toml`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v2", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Creates a user and returns its id, 32 hex digits. The attribute `active` is absent when the argument is `None`.
    pub fn create_user(&self, user_name: &str, active: Option<bool>) -> Result<String> {
        let mut user = json!({ "schemas": [USER_SCHEMA], "userName": user_name });
        if let (Some(active), Some(fields)) = (active, user.as_object_mut()) {
            fields.insert("active".to_owned(), active.into());
        }
        let (status, created) = self.call("POST", "/Users", Some(&user))?;
        let id = created.get("id").and_then(Value::as_str).filter(|_| status == 201);
        Ok(id
            .ok_or_else(|| format!("creating `{user_name}` answered {status}: {created}"))?
            .to_owned())
    }

    /// Returns the user as the directory shows it.
    pub fn get_user(&self, id: &str) -> Result<Value> {
        match self.call("GET", &format!("/Users/{id}"), None)? {
            (200, user) => Ok(user),
            (status, answer) => Err(format!("reading `{id}` answered {status}: {answer}").into()),
        }
    }

    /// The users with this name, which may contain only characters that a query can contain.
    pub fn users_named(&self, name: &str) -> Result<Vec<Value>> {
        let path = format!("/Users?filter=userName%20eq%20%22{name}%22");
        match self.call("GET", &path, None)? {
            (200, list) => {
                Ok(list.get("Resources").and_then(Value::as_array).cloned().unwrap_or_default())
            }
            (status, answer) => Err(format!("`{path}` answered {status}: {answer}").into()),
        }
    }

    /// Applies PATCH operations (RFC 7644 section 3.5.2) without the host, as another client would.
    pub fn patch(&self, id: &str, operations: &Value) -> Result<()> {
        let message = json!({ "schemas": [PATCH_SCHEMA], "Operations": operations });
        match self.call("PATCH", &format!("/Users/{id}"), Some(&message))? {
            (200..=299, _) => Ok(()),
            (status, answer) => Err(format!("changing `{id}` answered {status}: {answer}").into()),
        }
    }

    /// Deletes the user without the host.
    pub fn delete_user(&self, id: &str) -> Result<()> {
        match self.call("DELETE", &format!("/Users/{id}"), None)? {
            (200..=299, _) => Ok(()),
            (status, answer) => Err(format!("deleting `{id}` answered {status}: {answer}").into()),
        }
    }

    /// Creates a group with these members and returns its id.
    pub fn create_group(&self, name: &str, members: &[&str]) -> Result<String> {
        let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
        let group = json!({ "schemas": [GROUP_SCHEMA], "displayName": name, "members": members });
        let (status, created) = self.call("POST", "/Groups", Some(&group))?;
        let id = created.get("id").and_then(Value::as_str).filter(|_| status == 201);
        Ok(id.ok_or_else(|| format!("creating `{name}` answered {status}: {created}"))?.to_owned())
    }

    /// The ids of a group's members, sorted.
    pub fn members(&self, group: &str) -> Result<Vec<String>> {
        let (status, group) = self.call("GET", &format!("/Groups/{group}"), None)?;
        if status != 200 {
            return Err(format!("reading the group answered {status}: {group}").into());
        }
        let members = group.get("members").and_then(Value::as_array).into_iter().flatten();
        let ids = members.filter_map(|one| one.get("value")?.as_str().map(str::to_owned));
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        Ok(ids)
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url()))
            .header("authorization", format!("Bearer {}", Self::WRITE_TOKEN))
            .header("content-type", "application/scim+json")
            .body(body.map(Value::to_string).unwrap_or_default())?;
        let mut response = self.agent.run(request)?;
        let text = response.body_mut().read_to_string()?;
        let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? };
        Ok((response.status().as_u16(), value))
    }
}

impl Drop for ScimServer {
    fn drop(&mut self) {
        self.child_guard = None;
        // The process may have ended by itself, so errors are ignored here.
        self.process.kill().and_then(|()| self.process.wait()).ok();
        fs::remove_file(&self.log).ok();
    }
}

/// The Python environment that `make venv` makes: `DEED_VENV`, or `target/venv` of the checkout.
pub fn venv() -> PathBuf {
    std::env::var_os("DEED_VENV").map_or_else(|| workspace().join("target/venv"), PathBuf::from)
}

/// Root of the checkout in which these tests were compiled.
pub fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The server stays in the caller's process group, so that Ctrl-C ends it too. The server's log goes to a file, because
/// a pipe without a reader would block the server.
fn spawn(program: &Path, port: u16, log: &Path) -> Result<Child> {
    let child = Command::new(program)
        .args(["--port", &port.to_string()])
        .args(["--bearer-token", ScimServer::READ_TOKEN])
        .args(["--bearer-token", ScimServer::WRITE_TOKEN])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(log)?)
        .spawn();
    child.map_err(|error| {
        format!("`{}` does not start: {error}; run `make venv`", program.display()).into()
    })
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .proxy(None)
        .timeout_global(Some(CALL_PATIENCE));
    config.build().into()
}
