//! boto3 in a process of its own that answers many calls, because its start takes most of a second.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::{Key, environment};
use crate::child_guard::ChildGuard;
use crate::services::{Result, workspace};

/// A running `aws_iam.py`. Dropping this value ends it.
#[derive(Debug)]
pub(super) struct Caller {
    child_guard: Option<ChildGuard>,
    process: Child,
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Caller {
    /// Starts a client of the server at this URL with this access key.
    pub(super) fn start(url: &str, key: &Key) -> Result<Self> {
        let mut process = Command::new(environment().join("bin/python"))
            .arg("-I")
            .arg(workspace().join("tests/services/aws_iam.py"))
            .args([url, key.id.as_str(), key.secret.as_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let child_guard = Some(ChildGuard::to(process.id())?);
        let calls = process.stdin.take().ok_or("boto3 has no input")?;
        let answers = BufReader::new(process.stdout.take().ok_or("boto3 has no output")?);
        Ok(Self { child_guard, process, calls, answers })
    }

    /// Sends one line and returns the answer that the next line has.
    pub(super) fn call(&mut self, operation: &str, parameters: &Value) -> Result<Value> {
        writeln!(self.calls, "{}", json!([operation, parameters]))?;
        self.calls.flush()?;
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("boto3 has ended".into());
        }
        let mut said: Value = serde_json::from_str(&line)?;
        match said.get("error").and_then(Value::as_str) {
            Some(error) => Err(format!("`{operation}`: {error}").into()),
            None => Ok(said.get_mut("answer").map(Value::take).unwrap_or_default()),
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.child_guard = None;
        // The process may have ended by itself, so errors are ignored here.
        self.process.kill().and_then(|()| self.process.wait()).ok();
    }
}
