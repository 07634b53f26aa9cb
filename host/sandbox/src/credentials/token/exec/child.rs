//! Runs a program from its opened file and reads what it prints.
//!
//! The program and the processes that it starts are one process group. The group is killed when the program has ended,
//! when its time is over, and when the host stops. A process that has left the group is not killed.

use std::io::{self, ErrorKind};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::ExecError;
use super::program::{Opened, Program};

/// Maximum bytes that a program may print.
const OUTPUT: u64 = 64 << 10;
/// How often the host looks whether the program has ended.
const LOOK: Duration = Duration::from_millis(5);
/// How often a start is tried again while the file is open for writing, for example in a process that another thread is
/// about to start.
const TRIES: u32 = 20;

/// The opened program is the standard input of the new process, and this path leads to it: so exactly the file that was
/// checked is executed, also by the interpreter of a script. A program that reads its standard input finds the end of
/// the file. The path exists only on Linux.
const STDIN: &str = "/proc/self/fd/0";

/// Runs the program to its end. Dropping the future kills it.
pub(super) async fn run(
    program: &Program,
    opened: &Opened,
) -> Result<Zeroizing<Vec<u8>>, ExecError> {
    let mut group = start(program, opened).await.map_err(ExecError::Start)?;
    // The buffer has room for more than everything, because a growing buffer would leave copies of a token in memory.
    let most = usize::try_from(OUTPUT).unwrap_or_default();
    let mut said = Zeroizing::new(Vec::<u8>::with_capacity(most.saturating_add(1024)));
    if let Some(stdout) = group.0.stdout.take() {
        let mut stdout = stdout.take(OUTPUT.saturating_add(1));
        stdout.read_to_end(&mut said).await.map_err(ExecError::Watch)?;
    }
    if said.len() > most {
        return Err(ExecError::Long);
    }
    group.ended().await.map_err(ExecError::Watch)?;
    // The process that has ended still holds its id, so the group is still this one.
    group.kill();
    let status = group.0.wait().await.map_err(ExecError::Watch)?;
    if status.success() { Ok(said) } else { Err(ExecError::Failed(status)) }
}

async fn start(program: &Program, opened: &Opened) -> io::Result<Group> {
    let mut tries = 0;
    loop {
        match spawn(program, opened) {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(LOOK).await;
            }
            started => return started.map(Group),
        }
    }
}

fn spawn(program: &Program, opened: &Opened) -> io::Result<Child> {
    Command::new(STDIN)
        .arg0(program.path())
        .args(program.args())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(opened.file()?))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// A process that leads a group of its own.
struct Group(Child);

impl Group {
    /// The id of the process, and of its group; `None` after the process was waited for, because another process may
    /// have the id then.
    fn id(&self) -> Option<Pid> {
        self.0.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
    }

    /// Waits until the process has ended, without giving up its id.
    async fn ended(&self) -> io::Result<()> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while let Some(id) = self.id() {
            if waitid(WaitId::Pid(id), options)?.is_some() {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn kill(&self) {
        if let Some(id) = self.id() {
            // An error means that the group has no process any more.
            kill_process_group(id, Signal::KILL).ok();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
