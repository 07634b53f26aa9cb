//! The child guard (`ChildGuard`) ends a server process when the process that started it has ended in any way. A watcher
//! process reads a pipe that only its parent holds open.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A child guard. The owner drops the child guard before it ends the server in the ordinary way.
#[derive(Debug)]
pub struct ChildGuard(Child);

impl ChildGuard {
    /// The watcher has its own process group, because Ctrl-C must not end it early.
    pub fn to(pid: u32) -> io::Result<Self> {
        let watch = Command::new("sh")
            .args(["-c", "cat >/dev/null; kill -TERM \"$0\" 2>/dev/null", &pid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        watch.map(Self)
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        // The watcher is killed first, because closing its pipe would make it end the server.
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}
