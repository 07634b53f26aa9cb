//! Runs the real `deed` binary: a command to its end, or a host until it is stopped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::child_guard::ChildGuard;
use crate::client::Client;
use crate::compiled::{CACHE, cache};
use crate::services::{Result, workspace};
pub use starting::{Said, Starting};

mod starting;

/// The time limit for a start. A debug build starts slowly while the machine also compiles.
const START_PATIENCE: Duration = Duration::from_secs(90);
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// The file that receives the stderr of a host, in its directory.
pub const LOG: &str = "serve.log";

/// The path of the binary: `DEED_BIN`, or `deed` next to the directory of the test's own executable.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("DEED_BIN") {
        return Ok(path.into());
    }
    let here = std::env::current_exe()?;
    let candidates = here.ancestors().skip(1).take(2).map(|dir| dir.join("deed"));
    let found = candidates.into_iter().find(|path| path.is_file());
    Ok(found.ok_or("the `deed` binary is not built; run `cargo build -p deed-host`")?)
}

/// The verifier of the page that checks bundles, compressed; `make adapters` builds it. A debug build of the host reads
/// it when it runs.
pub fn verifier() -> PathBuf {
    workspace().join("target/adapters/deed-verify.wasm.gz")
}

/// The variable that names [`verifier()`].
pub const VERIFIER: &str = "DEED_VERIFIER_MODULE";

/// Runs a command of the binary to its end. `input` is written to the stdin of the command.
pub fn run(args: &[&str], input: &str) -> Result<Output> {
    run_with(args, &[], input)
}

/// Like [`run`], with additional environment variables. The variable [`CACHE`] is set to [`cache()`] unless it is one
/// of them.
pub fn run_with(args: &[&str], variables: &[(&str, &str)], input: &str) -> Result<Output> {
    use std::io::Write;
    let mut child = Command::new(binary()?)
        .args(args)
        .env(CACHE, cache()?)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that fails at once does not read its stdin.
        match stdin.write_all(input.as_bytes()) {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => return Err(e.into()),
            _ => {}
        }
    }
    Ok(child.wait_with_output()?)
}

/// Runs a command that may not end by itself. After this time the command is killed, and there is no output.
pub fn run_within(args: &[&str], patience: Duration) -> Result<Option<Output>> {
    let child = Command::new(binary()?)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let pid = child.id();
    let (send, receive) = mpsc::channel();
    // This thread reads the output while it waits for the child, because a child that fills its pipe would block.
    let waiting = thread::spawn(move || send.send(child.wait_with_output()).is_ok());
    let Ok(output) = receive.recv_timeout(patience) else {
        kill(pid)?;
        waiting.join().ok();
        return Ok(None);
    };
    Ok(Some(output?))
}

/// The output of a check command that finds something wrong; `None` when it finds nothing wrong.
pub fn complaint(args: &[&str]) -> Result<Option<String>> {
    let output = run(args, "")?;
    if output.status.success() {
        return Ok(None);
    }
    let said = [output.stdout, output.stderr].concat();
    let command = args.first().copied().unwrap_or_default();
    Ok(Some(format!("`deed {command}`: {}", String::from_utf8_lossy(&said))))
}

/// Sends SIGKILL to a process that another thread waits for.
pub fn kill(pid: u32) -> Result<()> {
    Command::new("kill").args(["-KILL", &pid.to_string()]).status()?;
    Ok(())
}

/// Runs a command that must succeed, and returns what it printed.
pub fn expect(args: &[&str]) -> Result<String> {
    let output = run(args, "")?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("`deed {}` failed: {}", args.join(" "), String::from_utf8_lossy(&output.stderr))
        .into())
}

/// A running `deed serve`. Dropping the value ends the process.
#[derive(Debug)]
pub struct Host {
    /// Ends the child if the test process dies. This guard is dropped before the child is ended in the ordinary way.
    child_guard: Option<ChildGuard>,
    child: Child,
    pub url: String,
    pub operations: String,
    log: PathBuf,
    /// The offset in the log at which this process began.
    begun: usize,
}

impl Host {
    /// Starts `deed serve DIR` and waits for the line that the host prints once it serves.
    pub fn serve(dir: &Path) -> Result<Self> {
        Self::serve_with(dir, &[])
    }

    /// Like [`Host::serve`], with additional environment variables.
    pub fn serve_with(dir: &Path, variables: &[(&str, &str)]) -> Result<Self> {
        let mut starting = Self::begin(dir, variables)?;
        match starting.wait(START_PATIENCE) {
            Said::Serves => Ok(starting.host),
            Said::Nothing | Said::Ends => Err(starting.host.said().into()),
        }
    }

    /// Sends SIGTERM for an orderly stop. Returns whether the host exited with success.
    pub fn stop(self) -> Result<bool> {
        self.signal("TERM")?;
        Ok(self.end(STOP_PATIENCE)? == Some(0))
    }

    /// Sends a signal without waiting.
    pub fn signal(&self, name: &str) -> Result<()> {
        Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status()?;
        Ok(())
    }

    /// The exit code of a host that ends by itself within this time.
    pub fn end(mut self, patience: Duration) -> Result<Option<i32>> {
        self.child_guard = None;
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(None)
    }

    /// Sends SIGKILL, as in a crash.
    pub fn kill(self) -> Result<()> {
        self.kill_then(|| ())
    }

    /// Like [`Host::kill`], but calls `then` between sending SIGKILL and waiting for the process, to release what the
    /// process may block on.
    pub fn kill_then(mut self, then: impl FnOnce()) -> Result<()> {
        self.child.kill()?;
        then();
        self.child.wait()?;
        Ok(())
    }

    /// Whether the process ends within this time, by itself or by a signal.
    pub fn ends_within(&mut self, patience: Duration) -> Result<bool> {
        let end = Instant::now() + patience;
        while self.child.try_wait()?.is_none() {
            if Instant::now() >= end {
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(true)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that hosts of this directory have written to stderr.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The part of the log that this host wrote.
    pub fn said(&self) -> String {
        self.log().get(self.begun..).unwrap_or_default().to_owned()
    }

    /// The value of a metric, summed over its labels; `None` when the metric is not exported.
    pub fn metric(&self, name: &str) -> Result<Option<u64>> {
        let text = String::from_utf8(Client::new(&self.operations, "").get("/metrics")?.bytes)?;
        let value = |line: &str| {
            let (label, value) = line.rsplit_once(' ')?;
            let is_it = label == name || label.strip_prefix(name)?.starts_with('{');
            is_it.then(|| value.parse::<u64>().ok())?
        };
        let values: Vec<u64> = text.lines().filter_map(value).collect();
        Ok((!values.is_empty()).then(|| values.iter().sum()))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.child_guard = None;
        // The process may have ended by itself, so errors are ignored here.
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}
