use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use deed_spec::digest::Digest;

use super::*;

const GOOD: &str = "echo '{\"token\": \"a-t0ken-of-a-program\", \"expires_in\": 300}'\n";

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("deed-exec-{}-{n}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a shell script and returns it as a pinned program.
    fn script(&self, body: &str, args: &[String]) -> Program {
        self.write("program", body);
        let path = self.path("program");
        Program::new(&path, Program::measure(&path).unwrap(), args.to_vec()).unwrap()
    }

    fn write(&self, name: &str, body: &str) {
        fs::write(self.0.join(name), format!("#!/bin/sh\n{body}")).unwrap();
        self.mode(name, 0o700);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The id that a script wrote into this file.
    fn pid(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap().trim().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

fn exec(program: Program, patience_ms: u64) -> Exec {
    Exec { patience: Duration::from_millis(patience_ms), ..Exec::new("vault", program) }
}

async fn token(program: Program) -> Result<String, String> {
    let minted = exec(program, 5_000).mint().await;
    minted.map(|minted| minted.value.reveal().to_owned()).map_err(|error| error.to_string())
}

/// Waits until a process is gone, or is dead and only waits for its parent.
async fn is_gone(pid: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').map_or("", |(_, rest)| rest.trim_start());
        if state.is_empty() || state.starts_with('Z') {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_program_prints_a_token_for_a_time() {
    let folder = Folder::new();
    let minted = exec(folder.script(GOOD, &[]), 5_000).mint().await.unwrap();
    assert_eq!(minted.value.reveal(), "a-t0ken-of-a-program");
    assert_eq!(minted.lifetime, Some(Duration::from_mins(5)));
}

#[tokio::test]
async fn a_program_gets_its_arguments_and_no_environment_and_no_input() {
    let folder = Folder::new();
    let body = "env=$(tr '\\0' '+' < /proc/$$/environ)\n\
                echo \"{\\\"token\\\": \\\"t0ken;arg=$1;env=$env;in=$(cat);cwd=$(pwd)\\\"}\"\n";
    let program = folder.script(body, &["$HOME-x".to_owned()]);
    assert_eq!(token(program).await.unwrap(), "t0ken;arg=$HOME-x;env=;in=;cwd=/");
}

#[tokio::test]
async fn a_program_gets_no_descriptor_of_the_host() {
    let folder = Folder::new();
    fs::write(folder.0.join("marker"), "").unwrap();
    let held = fs::File::open(folder.0.join("marker")).unwrap();
    let program = folder.script("exec ls -l /proc/self/fd\n", &[]);
    let said = child::run(&program, &program.open().unwrap()).await.unwrap();
    let said = String::from_utf8(said.to_vec()).unwrap();
    for (name, target) in [("0", "/program"), ("1", "pipe:["), ("2", "/dev/null")] {
        let shown = format!(" {name} -> ");
        let link = said.lines().find_map(|line| line.split_once(shown.as_str()));
        assert!(link.is_some_and(|(_, link)| link.contains(target)), "{said}");
    }
    assert!(!said.contains("marker"), "{said}");
    drop(held);
}

#[tokio::test]
async fn a_program_that_is_not_the_pinned_one_does_not_run() {
    let folder = Folder::new();
    let program = folder.script(GOOD, &[]);
    folder.write("program", "echo '{\"token\": \"a-token-of-an-attacker\"}'\n");
    let refused = token(program.clone()).await.unwrap_err();
    let now = Program::measure(&folder.path("program")).unwrap();
    assert!(refused.contains(&format!("write `digest = \"{now}\"`")), "{refused}");
    assert!(program.check().is_err());
}

#[tokio::test]
async fn a_program_that_is_swapped_after_the_check_is_not_the_one_that_runs() {
    let folder = Folder::new();
    let program = folder.script(GOOD, &[]);
    let opened = program.open().unwrap();
    folder.write("other", "echo '{\"token\": \"a-token-of-an-attacker\"}'\n");
    fs::rename(folder.0.join("other"), folder.0.join("program")).unwrap();
    let said = child::run(&program, &opened).await.unwrap();
    assert!(String::from_utf8(said.to_vec()).unwrap().contains("a-t0ken-of-a-program"));
    assert!(!opened.has_changed());
    // A program that is written in place is noticed by its size and time.
    let program = folder.script(GOOD, &[]);
    let opened = program.open().unwrap();
    folder.write("program", "echo '{\"token\": \"a-token-of-an-attacker\"}'\n");
    assert!(opened.has_changed());
}

#[tokio::test]
async fn a_program_that_does_not_end_is_killed_with_its_children() {
    let folder = Folder::new();
    let pid = folder.path("pid");
    for body in [
        "sleep 60 & echo $! > \"$1\"; wait\n",
        // The child holds the output open after the program has ended.
        "sleep 60 & echo $! > \"$1\"; echo '{\"token\": \"a-t0ken-of-a-program\"}'\n",
    ] {
        let program = folder.script(body, std::slice::from_ref(&pid));
        let error = exec(program, 1_000).mint().await.unwrap_err().to_string();
        assert!(error.contains("did not end within 1 s"), "{error}");
        assert!(is_gone(&folder.pid("pid")).await, "{body}");
    }
    // The child holds nothing, so the token is good, but the child does not stay.
    let body =
        "sleep 60 > /dev/null & echo $! > \"$1\"; echo '{\"token\": \"a-t0ken-of-a-program\"}'\n";
    assert!(token(folder.script(body, std::slice::from_ref(&pid))).await.is_ok());
    assert!(is_gone(&folder.pid("pid")).await);
}

#[tokio::test]
async fn a_run_that_ends_first_kills_the_program() {
    let folder = Folder::new();
    let body = "echo $$ > \"$1\"; exec sleep 60\n";
    let exec = exec(folder.script(body, &[folder.path("pid")]), 60_000);
    let dropped = tokio::time::timeout(Duration::from_secs(2), exec.mint()).await;
    assert!(dropped.is_err());
    assert!(is_gone(&folder.pid("pid")).await);
}

#[tokio::test]
async fn output_that_is_no_token_is_refused_and_not_shown() {
    let folder = Folder::new();
    for (body, why) in [
        ("exec cat /dev/zero\n", "more than 64 KiB"),
        ("echo '{\"token\": \"a-value-that-stays-secret\"}'; exit 3\n", "exit status: 3"),
        ("echo '{\"token\": \"a-value-that-stays-secret\"}' >&2\n", "strict JSON"),
        ("echo '{\"token\": \"a-value-that-stays-secret\", \"x\": 1}'\n", "without other members"),
        ("printf '{\"token\": \"a-value-that-stays-secret\\033[2J\"}'\n", "strict JSON"),
        ("printf '%s' '{\"token\": \"a-value-that-stays-secret\\u001b[2J\"}'\n", "visible ASCII"),
        ("echo '{\"token\": \"a-value-that-stays-secret\"}'\n", "could be ordinary text"),
        ("kill -9 $$\n", "signal: 9"),
    ] {
        let error = token(folder.script(body, &[])).await.unwrap_err();
        assert!(error.starts_with("no token `vault`: program `/"), "{error}");
        assert!(error.contains(why), "{error}");
        assert!(!error.contains("stays-secret") && !error.contains('\u{1b}'), "{error}");
    }
}

#[tokio::test]
async fn files_that_are_no_pinned_program_are_refused() {
    let folder = Folder::new();
    let good = folder.script(GOOD, &[]);
    for (mode, why) in
        [(0o720, "other users can write"), (0o702, "chmod go-w"), (0o4700, "set-user-ID")]
    {
        folder.mode("program", mode);
        let error = good.check().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    folder.mode("program", 0o600);
    let error = token(good).await.unwrap_err();
    assert!(error.contains("cannot be started"), "{error}");
    for (path, why) in [
        ("/dev/null", "not a regular file"),
        ("/nonexistent/program", "cannot be read"),
        ("bin/program", "absolute path"),
        ("/usr/../bin/sh", "absolute path"),
        ("", "absolute path"),
    ] {
        let error = Program::measure(path).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let many = vec!["x".to_owned(); 65];
    assert!(Program::new("/bin/sh", Digest::of(b""), many).is_err());
    assert!(Program::new("/bin/sh", Digest::of(b""), vec!["a\0b".to_owned()]).is_err());
}
