//! The REST API of Mailman 3.3, from the Debian package `mailman3`. Only this part of Mailman runs, so no mail is sent
//! or received. The server runs as the user who runs the tests, listens only on loopback, and keeps its database and all
//! other files in a temporary directory.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::process::{Folder, Process};
use super::{Result, START_ATTEMPTS, START_PATIENCE, agent, free_address};

const PROGRAM: &str = "/usr/lib/mailman3/bin/runner";

/// `bin_dir` is that of the package; everything else is in the directory of the test.
const CONFIGURATION: &str = "\
[mailman]
layout: here
site_owner: owner@example.com

[paths.here]
var_dir: @dir@
bin_dir: /usr/lib/mailman3/bin
template_dir: $var_dir/templates
etc_dir: $var_dir/etc

[database]
url: sqlite:///@dir@/mailman.db

[mta]
incoming: mailman.mta.null.NullMTA

[webservice]
hostname: 127.0.0.1
port: @port@
admin_user: deed
admin_pass: @password@
";

/// A server with the list `staff@lists.example.com`. Dropping this value ends the server.
#[derive(Debug)]
pub struct Mailman {
    server: Process,
    address: SocketAddr,
    dir: Folder,
}

impl Mailman {
    /// The password of the user `deed`. The API has only one user, who may do everything.
    pub const PASSWORD: &str = "mailman-password-of-the-harness";
    pub const LIST: &str = "staff.lists.example.com";

    /// Whether the server is installed.
    pub fn installed() -> bool {
        Path::new(PROGRAM).exists()
    }

    /// Starts the server, waits until it answers, and makes its list.
    pub fn start() -> Result<Self> {
        if !Self::installed() {
            return Err("`mailman3` is not installed; run `make systems`".into());
        }
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
        let dir = Folder::new(&format!("deed-mailman-{}", address.port()))?;
        let text = CONFIGURATION
            .replace("@dir@", &dir.0.to_string_lossy())
            .replace("@port@", &address.port().to_string())
            .replace("@password@", Self::PASSWORD);
        let file = dir.0.join("mailman.cfg");
        fs::write(&file, text)?;
        let mut command = Command::new("/usr/bin/python3");
        command
            .arg(PROGRAM)
            .arg("--config")
            .arg(&file)
            .arg("--runner=rest:0:1")
            .current_dir(&dir.0)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &dir.0)
            .env("LANG", "C.UTF-8");
        let server = Process::start(&mut command, &dir.0.join("rest.log"))?;
        let mut mailman = Self { server, address, dir };
        mailman.wait_until_it_answers()?;
        mailman.post("/domains", "mail_host=lists.example.com")?;
        mailman.post("/lists", "fqdn_listname=staff%40lists.example.com")?;
        Ok(mailman)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let end = Instant::now() + START_PATIENCE;
        while Instant::now() < end && self.server.runs() {
            if self.get("/system/versions").is_ok_and(|answer| answer.is_some()) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        let said = fs::read_to_string(self.dir.0.join("rest.log")).unwrap_or_default();
        Err(format!("mailman does not answer at {}: {said}", self.address).into())
    }

    /// The base URL of the upstream for `deed.toml`.
    pub fn base_url(&self) -> String {
        format!("http://{}/3.1", self.address)
    }

    /// What the server has at this path, read without the host; `None` if it does not exist.
    pub fn get(&self, path: &str) -> Result<Option<Value>> {
        match self.call("GET", path, "")? {
            (200, text) => Ok(Some(serde_json::from_str(&text)?)),
            (404, _) => Ok(None),
            (status, text) => Err(format!("reading `{path}` answered {status}: {text}").into()),
        }
    }

    /// The addresses of the members of the list, sorted by the server.
    pub fn members(&self) -> Result<Vec<String>> {
        let roster = self.get(&format!("/lists/{}/roster/member", Self::LIST))?.unwrap_or_default();
        let entries = roster.get("entries").and_then(Value::as_array).into_iter().flatten();
        Ok(entries.filter_map(|one| one.get("email")?.as_str().map(str::to_owned)).collect())
    }

    /// Sends a form without the host.
    fn post(&self, path: &str, form: &str) -> Result<()> {
        match self.call("POST", path, form)? {
            (201, _) => Ok(()),
            (status, text) => Err(format!("writing `{path}` answered {status}: {text}").into()),
        }
    }

    fn call(&self, method: &str, path: &str, form: &str) -> Result<(u16, String)> {
        let credential = STANDARD.encode(format!("deed:{}", Self::PASSWORD));
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url()))
            .header("authorization", format!("Basic {credential}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned())?;
        let mut response = agent().run(request)?;
        let text = response.body_mut().read_to_string()?;
        Ok((response.status().as_u16(), text))
    }
}
