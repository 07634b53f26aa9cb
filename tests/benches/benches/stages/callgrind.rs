//! Runs this program under Valgrind's callgrind and returns the instructions of one stage.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use deed_tests::services::Result;

use super::stage::Stage;

/// The first argument of a process whose instructions are counted, and of a process that prepares the count.
pub(crate) const COUNT: &str = "count";
pub(crate) const PREPARE: &str = "prepare";

/// A process starts with random seeds and addresses. If the count included the start, two runs of the same work would
/// differ by some hundred thousand instructions.
const FORGET: &str = "--zero-before=*stages::counted*";

/// The version of Valgrind, if it is installed.
pub(crate) fn version() -> Option<String> {
    let said = Command::new("valgrind").arg("--version").stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    said.status.success().then(|| text.trim().to_owned())
}

/// Instructions of one repetition: the count of the longer run minus that of the shorter one, divided by
/// the difference in repetitions. The profile of the longer run is kept for `callgrind_annotate`.
pub(crate) fn count(dir: &Path, stage: &Stage, out: &Path) -> Result<u64> {
    let profile = |kind: &str| out.join(format!("{}.{kind}", stage.name));
    // The two runs may be concurrent because instructions are counted and no time is measured.
    let (short, long) = std::thread::scope(|scope| {
        let short = scope.spawn(|| {
            run(dir, stage, stage.times, &profile("short")).map_err(|error| error.to_string())
        });
        let long = run(dir, stage, stage.times * 2, &profile("callgrind"));
        (short.join(), long)
    });
    let (short, long) = (short.map_err(|_panic| "the counting thread died")??, long?);
    fs::remove_file(profile("short"))?;
    let more = long.checked_sub(short).ok_or("twice the work took fewer instructions")?;
    Ok(more / u64::from(stage.times))
}

/// The address at which the heap ends determines how often glibc joins free chunks, which can be up to a third of a
/// stage's cost. With a cache that holds all chunks, glibc never joins them.
const HEAP: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=10000");

/// Compiles separate machine code for Valgrind's simulated processor, which differs from this machine's processor.
pub(crate) fn prepare(dir: &Path) -> Result<()> {
    under(&["--tool=none"], |command| command.args([PREPARE.as_ref(), dir.as_os_str()]))
}

fn run(dir: &Path, stage: &Stage, times: u32, profile: &Path) -> Result<u64> {
    let out = format!("--callgrind-out-file={}", profile.display());
    under(&["--tool=callgrind", FORGET, &out], |command| {
        command.arg(COUNT).arg(dir).args([stage.name, &times.to_string()])
    })?;
    let text = fs::read_to_string(profile)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("callgrind wrote no totals")?.trim().parse()?)
}

/// Runs this program under Valgrind. If the program fails, its output is the error.
fn under(how: &[&str], what: impl FnOnce(&mut Command) -> &mut Command) -> Result<()> {
    let mut command = Command::new("valgrind");
    command.arg("--quiet").args(how).arg(env::current_exe()?);
    // The environment is cleared because its variables would shift all addresses.
    command.env_clear().envs([HEAP]).envs(env::var_os("PATH").map(|path| ("PATH", path)));
    let said = what(&mut command).output()?;
    if said.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    Err(format!("{}: {}", said.status, text.trim()).into())
}
