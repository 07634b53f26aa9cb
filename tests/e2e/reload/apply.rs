//! Tests of `deed apply`, which shows what differs, makes the running host reload, and reports the result.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::{ChildStderr, Command, Stdio};
use std::time::Duration;

use deed_test_support::shared::{ended, scim};
use deed_tests::host;
use deed_tests::world::{World, edit};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use serde_json::{Value, json};

use super::{FORBIDS, PERMITS, POLICY, read};

/// Exit code, stdout and stderr.
pub(super) fn apply(world: &World, more: &[&str]) -> (i32, String, String) {
    let output = host::run(&[&["apply", world.path()][..], more].concat(), "").unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn report(world: &World) -> (i32, Value) {
    let (code, said, _) = apply(world, &["--yes", "--json"]);
    (code, serde_json::from_str(&said).unwrap())
}

#[test]
fn the_difference_is_applied_and_reported() {
    let world = World::start(scim()).unwrap();
    edit(&world.dir, POLICY, PERMITS, FORBIDS).unwrap();
    let (code, said) = report(&world);
    let change = |part: &str| json!({"part": part, "change": "changed"});
    let changes = json!([change("policies of acme"), change("policies of globex")]);
    assert_eq!((code, said), (0, json!({"result": "applied", "changes": changes, "faults": []})));
    ended(&world, &read(&world), "denied", "");
    let (code, said, errors) = apply(&world, &["--yes"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.starts_with("unchanged: "), "{said}");
    assert!(errors.contains("nothing differs"), "{errors}");
}

#[test]
fn nothing_is_applied_without_a_confirmation_or_with_a_fault() {
    let world = World::start(scim()).unwrap();
    edit(&world.dir, POLICY, PERMITS, FORBIDS).unwrap();
    let (code, _, errors) = apply(&world, &[]);
    assert_eq!(code, 1);
    assert!(
        errors.contains("policies of acme") && errors.contains("use --yes in scripts"),
        "{errors}"
    );
    edit(&world.dir, "deed.toml", "timeout = \"2s\"", "timeout = \"2 years\"").unwrap();
    let (code, _, errors) = apply(&world, &["--yes"]);
    assert_eq!(code, 1);
    assert!(errors.contains("nothing was applied") && errors.contains("deed.toml:"), "{errors}");
    assert_eq!(world.serving().unwrap()["reads"], 1);
    assert_eq!(read(&world)["status"], "verified");
}

#[test]
fn what_the_host_refuses_is_reported_with_exit_code_1() {
    let world = World::start(scim()).unwrap();
    edit(&world.dir, "deed.toml", "environment = \"production\"", "environment = \"staging\"")
        .unwrap();
    let (code, said) = report(&world);
    assert_eq!((code, &said["result"]), (1, &json!("refused")), "{said:#}");
    let fault = said["faults"][0].as_str().unwrap();
    assert!(fault.contains("`environment` changed from `production` to `staging`"), "{fault}");
}

#[test]
fn without_a_host_the_next_start_uses_the_directory() {
    let mut world = World::start(scim()).unwrap();
    assert!(world.stop().unwrap());
    assert!(!world.dir.join("state/serving.json").exists());
    let (code, said) = report(&world);
    assert_eq!((code, &said["result"]), (0, &json!("no_host")), "{said:#}");
}

/// A file that a killed host left names a process id that another process may have now.
#[test]
fn no_other_process_gets_the_signal() {
    let mut world = World::start(scim()).unwrap();
    let left = fs::read_to_string(world.dir.join("state/serving.json")).unwrap();
    world.kill().unwrap();
    let mut other = Command::new("sleep").arg("300").spawn().unwrap();
    let mut says: Value = serde_json::from_str(&left).unwrap();
    says["pid"] = json!(other.id());
    fs::write(world.dir.join("state/serving.json"), says.to_string()).unwrap();
    let (code, said) = report(&world);
    assert_eq!((code, &said["result"]), (0, &json!("no_host")), "{said:#}");
    assert!(other.try_wait().unwrap().is_none(), "the other process was signalled");
    other.kill().unwrap();
    other.wait().unwrap();
}

/// Reads what a command writes to stderr, to the end of this text.
fn read_to(stderr: &mut ChildStderr, end: &str) {
    let (mut said, mut byte) = (Vec::<u8>::new(), [0_u8]);
    while !said.ends_with(end.as_bytes()) {
        let read = stderr.read(&mut byte).unwrap();
        assert_eq!(read, 1, "the command ended: {}", String::from_utf8_lossy(&said));
        said.extend(byte);
    }
}

/// While the command asks, another reload puts the directory in force, and then the directory is changed again.
#[test]
fn the_result_of_a_reload_before_the_confirmation_is_not_reported() {
    let world = World::start(scim()).unwrap();
    edit(&world.dir, POLICY, PERMITS, FORBIDS).unwrap();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let terminal = openpt(flags).unwrap();
    unlockpt(&terminal).unwrap();
    let mut command = Command::new(host::binary().unwrap())
        .args(["apply", world.path(), "--json"])
        .stdin(Stdio::from(ioctl_tiocgptpeer(&terminal, flags).unwrap()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    read_to(command.stderr.as_mut().unwrap(), "[y/N] ");
    assert_eq!(world.reload().unwrap()["result"], "applied");
    edit(&world.dir, "deed.toml", "timeout = \"2s\"", "timeout = \"2 years\"").unwrap();
    File::from(terminal.try_clone().unwrap()).write_all(b"y\n").unwrap();
    let output = command.wait_with_output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &said["result"]), (Some(1), &json!("refused")), "{said:#}");
    assert_eq!(world.serving().unwrap()["reads"], 3);
}

/// The lock of `state/` shows that a host serves the directory, also if the command cannot see its process.
#[test]
fn a_host_that_cannot_be_found_is_not_taken_for_none() {
    let world = World::start(scim()).unwrap();
    edit(&world.dir, POLICY, PERMITS, FORBIDS).unwrap();
    let place = world.dir.join("state/serving.json");
    let says = fs::read_to_string(&place).unwrap();
    let unseen = || {
        let (code, said, errors) = apply(&world, &["--yes"]);
        assert_eq!((code, said.as_str()), (1, ""), "{errors}");
        assert!(errors.contains("send SIGHUP"), "{errors}");
    };
    fs::remove_file(&place).unwrap();
    unseen();
    // In another namespace, the number of the process belongs to another process or to none.
    let mut elsewhere: Value = serde_json::from_str(&says).unwrap();
    elsewhere["pid"] = json!(u32::MAX);
    fs::write(&place, elsewhere.to_string()).unwrap();
    unseen();
    fs::write(&place, says).unwrap();
    assert_eq!(report(&world).1["result"], "applied");
}

#[test]
fn a_pipe_in_the_place_of_what_the_host_says_does_not_block_the_command() {
    let world = World::start(scim()).unwrap();
    let place = world.dir.join("state/serving.json");
    fs::remove_file(&place).unwrap();
    assert!(Command::new("mkfifo").arg(&place).status().unwrap().success());
    let args = ["apply", world.path(), "--yes"];
    let output = host::run_within(&args, Duration::from_mins(1)).unwrap().expect("it blocks");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("`state/serving.json` is not a regular file"), "{errors}");
}
