//! Redmine 5.0, from the Debian packages `redmine`, `redmine-sqlite` and `puma`. The server runs as the user
//! who runs the tests, listens only on loopback, and keeps its database and all other files in a temporary directory.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::process::{Folder, Process};
use super::{Result, START_ATTEMPTS, START_PATIENCE, agent, free_address, workspace};

const PROGRAM: &str = "/usr/bin/puma";
const CODE: &str = "/usr/share/redmine";

/// The server reads the files of an instance in a folder of its own installation. From there, this leads to the root.
const TO_ROOT: &str = "../../../../../..";
/// The Gemfile of the package lists the adapters of the databases that the package itself has configured.
const GEMFILE: &str = r#"eval_gemfile "/usr/share/redmine/Gemfile"
gem "sqlite3" unless dependencies.any? { |one| one.name == "sqlite3" }
gem "puma"
"#;

/// A server with the private project `helpdesk`. Dropping this value ends the server.
#[derive(Debug)]
pub struct Redmine {
    _server: Process,
    address: SocketAddr,
    _dir: Folder,
}

impl Redmine {
    /// May see the issues of the project.
    pub const READER: &str = "readerkeyofthetestharness000001";
    /// May also create and edit issues, and add comments.
    pub const WRITER: &str = "writerkeyofthetestharness000001";
    /// Is no member of the project.
    pub const GUEST: &str = "guestkeyofthetestharness000001";
    /// The administrator of this harness, whose requests do not go through the host.
    const OWN: &str = "ownkeyofthetestharness000001";

    /// Whether the server and its application are installed.
    pub fn installed() -> bool {
        [PROGRAM, CODE].iter().all(|path| Path::new(path).exists())
    }

    /// Prepares a database, starts the server and waits until it answers.
    pub fn start() -> Result<Self> {
        if !Self::installed() {
            return Err("`redmine` is not installed; run `make systems`".into());
        }
        let dir = Folder::new(&format!("deed-redmine-{}", free_address()?.port()))?;
        prepare(&dir.0)?;
        let mut served = serve(&dir.0);
        for _ in 1..START_ATTEMPTS {
            if served.is_ok() {
                break;
            }
            served = serve(&dir.0);
        }
        let (server, address) = served?;
        Ok(Self { _server: server, address, _dir: dir })
    }

    /// The base URL of the upstream for `deed.toml`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Creates an issue without the host, and returns its number.
    pub fn create(&self, subject: &str) -> Result<i64> {
        let issue = json!({"issue": {"subject": subject}});
        let made = self.call("POST", "/projects/helpdesk/issues.json", Some(&issue))?;
        let number = made.pointer("/issue/id").and_then(Value::as_i64);
        Ok(number.ok_or_else(|| format!("creating `{subject}` answered {made}"))?)
    }

    /// An issue with its comments, read without the host.
    pub fn issue(&self, number: i64) -> Result<Value> {
        let mut answer =
            self.call("GET", &format!("/issues/{number}.json?include=journals"), None)?;
        Ok(answer.pointer_mut("/issue").map(Value::take).unwrap_or_default())
    }

    /// The subjects of all issues of the project, the newest first.
    pub fn subjects(&self) -> Result<Vec<String>> {
        let path = "/issues.json?project_id=helpdesk&status_id=*&sort=id:desc";
        let list = self.call("GET", path, None)?;
        let issues = list.get("issues").and_then(Value::as_array).into_iter().flatten();
        Ok(issues.filter_map(|one| one.get("subject")?.as_str().map(str::to_owned)).collect())
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url()))
            .header("x-redmine-api-key", Self::OWN)
            .header("content-type", "application/json")
            .body(body.map(Value::to_string).unwrap_or_default())?;
        let mut response = agent().run(request)?;
        let text = response.body_mut().read_to_string()?;
        if !response.status().is_success() {
            return Err(format!("`{path}` answered {}: {text}", response.status()).into());
        }
        Ok(serde_json::from_str(&text)?)
    }
}

/// Makes the files of an instance, and a database with the users of the tests.
fn prepare(dir: &Path) -> Result<()> {
    for sub in ["config", "log", "tmp", "files"] {
        fs::create_dir(dir.join(sub))?;
    }
    fs::write(dir.join("Gemfile"), GEMFILE)?;
    fs::write(dir.join("config/secret_key.txt"), "0123456789abcdef".repeat(8))?;
    let database = dir.join("redmine.sqlite3");
    let settings = format!(
        "production:\n  adapter: sqlite3\n  database: {}\n  timeout: 10000\n",
        database.display()
    );
    fs::write(dir.join("config/database.yml"), settings)?;
    let output = ruby(dir)
        .arg(format!("{CODE}/bin/rails"))
        .arg("runner")
        .arg(workspace().join("tests/services/redmine.rb"))
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        return Err(format!("redmine.rb: {}", String::from_utf8_lossy(&said)).into());
    }
    Ok(())
}

/// Starts the server on a free port and waits until it answers.
fn serve(dir: &Path) -> Result<(Process, SocketAddr)> {
    let address = free_address()?;
    let log = dir.join("puma.log");
    let mut command = ruby(dir);
    command
        .args([PROGRAM, "--config", "-", "--environment", "production", "--threads", "1:4"])
        .args(["--bind", &format!("tcp://{address}"), "--dir", CODE])
        .arg(format!("{CODE}/config.ru"));
    let mut server = Process::start(&mut command, &log)?;
    let (end, agent) = (Instant::now() + START_PATIENCE, agent());
    while Instant::now() < end && server.runs() {
        let answer = agent.get(format!("http://{address}/issues.json")).call();
        if answer.is_ok_and(|answer| answer.status().as_u16() < 500) {
            return Ok((server, address));
        }
        thread::sleep(Duration::from_millis(100));
    }
    let said = fs::read_to_string(log).unwrap_or_default();
    Err(format!("redmine does not answer at {address}: {said}").into())
}

/// Debian's Ruby, which reads and writes only files of this directory and of the packages.
fn ruby(dir: &Path) -> Command {
    let mut command = Command::new("/usr/bin/ruby");
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", dir)
        .env("LANG", "C.UTF-8")
        .env("BUNDLE_GEMFILE", dir.join("Gemfile"))
        .env("BUNDLE_APP_CONFIG", dir.join("bundle"))
        .env("X_DEBIAN_SITEID", format!("{TO_ROOT}{}", dir.display()))
        .env("RAILS_ENV", "production")
        .env("RAILS_LOG_TO_STDOUT", "1");
    command
}
