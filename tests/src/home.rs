//! A served directory for one test: its files and, while it is served, its host. All kinds of tests use this fixture
//! and add the upstream and the requests.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use deed_verify::Trust;
use serde_json::Value;

use crate::client::Client;
use crate::host::{self, Host};
use crate::people::{self, BOB};
use crate::services::Result;
use crate::{trust, wait};

/// The log of the tenant `acme` in a served directory.
pub const LOG: &str = "state/log/acme";

/// A served directory. Dropping the value ends the host and removes the directory, unless `DEED_KEEP` is set.
#[derive(Debug)]
pub struct Home {
    pub dir: PathBuf,
    pub host: Option<Host>,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Home {
    /// Chooses a unique path that contains this name. The path does not exist yet.
    pub fn new(name: &str) -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("deed-{name}-{}-{count}", std::process::id());
        Self::at(std::env::temp_dir().join(name))
    }

    pub fn at(dir: PathBuf) -> Self {
        Self { dir, host: None }
    }

    pub fn path(&self) -> &str {
        self.dir.to_str().unwrap_or_default()
    }

    /// Pins the present contracts and adapters, so that the host accepts them.
    pub fn pin(&self) -> Result<()> {
        host::expect(&["pin", self.path()]).map(drop)
    }

    pub fn serve(&mut self) -> Result<()> {
        self.serve_with(&[])
    }

    /// Starts the host with additional environment variables.
    pub fn serve_with(&mut self, variables: &[(&str, &str)]) -> Result<()> {
        self.host = Some(Host::serve_with(&self.dir, variables)?);
        Ok(())
    }

    /// Sends SIGTERM. Returns whether the host stopped in an orderly way, or true when no host runs.
    pub fn stop(&mut self) -> Result<bool> {
        self.host.take().map_or(Ok(true), Host::stop)
    }

    /// Sends SIGKILL, as in a crash.
    pub fn kill(&mut self) -> Result<()> {
        self.host.take().map_or(Ok(()), Host::kill)
    }

    /// Stops the host and starts it again in the same directory.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.serve()
    }

    /// What the running host says about its configuration and its last reload.
    pub fn serving(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.dir.join("state/serving.json"))?)?)
    }

    /// Sends SIGHUP, and waits until the host has read its directory once more. Returns what the host says then.
    pub fn reload(&self) -> Result<Value> {
        let reads = |says: &Value| says.get("reads").cloned();
        let before = reads(&self.serving()?);
        self.host.as_ref().ok_or("no host runs")?.signal("HUP")?;
        let says = || self.serving().unwrap_or_default();
        // The host writes the file twice: when it begins to read, and when it knows the result.
        let is_over = |now: &Value| reads(now) != before && reads(now) == now.get("begun").cloned();
        Ok(wait::answer("it reloads", says, |now| !now.is_null() && is_over(now)))
    }

    /// Whether the host ends within this time, by itself or by a signal.
    pub fn ends_within(&mut self, patience: Duration) -> Result<bool> {
        self.host.as_mut().map_or(Ok(true), |host| host.ends_within(patience))
    }

    /// The base URL of the host; empty while no host runs.
    pub fn url(&self) -> &str {
        self.host.as_ref().map_or("", |host| host.url.as_str())
    }

    /// The address at which people reach the host, with a name in place of the address.
    pub fn public_url(&self) -> String {
        self.url().replace("127.0.0.1", "localhost")
    }

    pub fn client(&self, token: &str) -> Client {
        Client::new(self.url(), token)
    }

    /// A client of the listener for operators.
    pub fn operations(&self) -> Client {
        Client::new(self.host.as_ref().map_or("", |host| host.operations.as_str()), "")
    }

    /// A metric, summed over its labels; `None` when the metric is not exported.
    pub fn metric(&self, name: &str) -> Result<Option<u64>> {
        self.host.as_ref().map_or(Ok(None), |host| host.metric(name))
    }

    pub fn show(&self, id: &str) -> Result<Value> {
        Ok(self.client(BOB).get(&format!("/v1/actions/{id}"))?.json())
    }

    /// Waits until the action has ended or waits for people.
    pub fn settled(&self, id: &str) -> Result<Value> {
        Ok(self.client(BOB).rests(id, 60)?.json())
    }

    /// The bundle of an ended action, with the parts that people may read.
    pub fn bundle(&self, id: &str) -> Result<Vec<u8>> {
        self.client(BOB).bundle(id)
    }

    /// Approves as this person with the real client. Returns whether the approval was accepted, and everything that was
    /// printed.
    pub fn approve(&self, id: &str, person: &str, token: &str) -> Result<(bool, String)> {
        self.answer("approve", id, person, token)
    }

    pub fn answer(
        &self,
        verb: &str,
        id: &str,
        person: &str,
        token: &str,
    ) -> Result<(bool, String)> {
        people::answer(self.url(), &self.dir, [verb, id, person, token])
    }

    /// Writes the trust directory of the tenant `acme` unless it exists, and returns its path.
    pub fn trust(&self) -> Result<PathBuf> {
        let out = self.dir.join("trust");
        trust::write(&self.dir, &out, "acme")?;
        Ok(out)
    }

    /// The trust directory as the verifier reads it.
    pub fn trusted(&self) -> Result<Trust> {
        trust::read(&self.trust()?)
    }

    /// Saves the present public checkpoint under this name. Returns `None` when no checkpoint was published.
    pub fn keep_checkpoint(&self, name: &str) -> Result<Option<PathBuf>> {
        let kept = self.dir.join(name);
        match fs::copy(self.dir.join(LOG).join("checkpoint"), &kept) {
            Ok(_) => Ok(Some(kept)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Checks the files that a stopped host left: journal, index, receipts and log must agree. Returns what is wrong.
    pub fn check(&self) -> Result<Option<String>> {
        host::complaint(&["journal", "check", self.path()])
    }

    /// Audits the log, which must be complete and consistent with each of these checkpoints. Returns what is wrong. The
    /// trust directory must exist.
    pub fn audit(&self, since: &[PathBuf]) -> Result<Option<String>> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (log, trust) = (text(&self.dir.join(LOG)), text(&self.dir.join("trust")));
        let since: Vec<String> = since.iter().map(|path| text(path)).collect();
        let since = since.iter().flat_map(|path| ["--since", path]);
        let args = ["log", "audit", &log, "--trust", &trust];
        host::complaint(&args.into_iter().chain(since).collect::<Vec<_>>())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.host = None;
        if std::env::var_os("DEED_KEEP").is_none() {
            fs::remove_dir_all(&self.dir).ok();
        }
    }
}
