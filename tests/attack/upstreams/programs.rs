//! Programs that print tokens for an upstream: good ones, and those that hang, flood, fork, inject headers or are
//! swapped while the host serves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use deed_spec::digest::Digest;
use deed_test_support::shared::ended;
use deed_tests::hostile::Hostile;
use deed_tests::services::Result;
use deed_tests::world::edit;
use serde_json::Value;

use super::stage::{READ, RESTORE, Stage, fates, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "program-that-prints-a-token" => prints,
        "program-that-misbehaves" => misbehaves,
        "program-that-is-swapped" => is_swapped,
    ]
}

const TOKEN: &str = "xc/8+t0ken~of&a=program";
/// Longer than a token is used that lives for one second.
const EXPIRED: Duration = Duration::from_millis(700);

/// Prints the token of a file, or does what another file says. The token itself is not in the program, because the test
/// searches all files outside of `secrets/` for it.
const PROGRAM: &str = r#"#!/bin/sh
token=$(cat "$1/token")
case $(cat "$1/mode") in
good) printf '{"token": "%s", "expires_in": 1}' "$token" ;;
hangs) echo $$ > "$1/pid"; exec sleep 60 ;;
forks) sleep 60 & echo $! > "$1/pid"; printf '{"token": "%s"}' "$token" ;;
floods) exec cat /dev/zero ;;
injects) printf '{"token": "%s\\r\\nX-Admin: true"}' "$token" ;;
escapes) printf '{"token": "%s\033[2J"}' "$token" ;;
adds) printf '{"token": "%s", "more": "%s"}' "$token" "$token" ;;
words) printf '{"token": "The-Quarterly-Report"}' ;;
fails) printf '{"token": "%s"}' "$token"; exit 3 ;;
complains) echo "$token" >&2 ;;
expired) printf '{"kind": "ExecCredential", "status": {"token": "%s", "expirationTimestamp": "2020-01-01T00:00:00Z"}}' "$token" ;;
kubernetes) printf '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}' "$token" ;;
esac
"#;

fn set(dir: &Path, mode: &str) {
    fs::write(dir.join("secrets/vault/mode"), mode).unwrap();
}

/// Writes a program beside its place and moves it there, because a program that runs cannot be written.
fn install(dir: &Path, text: &str) -> Result<()> {
    let (next, place) = (dir.join("bin/next"), dir.join("bin/token"));
    fs::write(&next, text)?;
    fs::set_permissions(&next, fs::Permissions::from_mode(0o700))?;
    Ok(fs::rename(next, place)?)
}

/// An upstream whose credentials are printed by the program.
fn served() -> Stage {
    Stage::with(Hostile::start().unwrap(), |dir| {
        fs::create_dir(dir.join("bin"))?;
        fs::create_dir(dir.join("secrets/vault"))?;
        fs::write(dir.join("secrets/vault/token"), TOKEN)?;
        set(dir, "good");
        install(dir, PROGRAM)?;
        let (program, vault) = (dir.join("bin/token"), dir.join("secrets/vault"));
        let digest = Digest::of(PROGRAM.as_bytes());
        let table = |name: &str| {
            format!(
                "[tenant.acme.token.{name}]\nkind = \"exec\"\nprogram = \"{}\"\ndigest = \"{digest}\"\n\
                 args = [\"{}\", \"{name}\"]\n\n",
                program.display(),
                vault.display()
            )
        };
        for name in ["read", "write"] {
            let stored = format!("{name} = {{ secret = \"idp_{name}\", slot = \"bearer\" }}");
            edit(dir, "deed.toml", &stored, &format!("{name} = {{ token = \"{name}\" }}"))?;
            let secret = format!("[tenant.acme.secret.idp_{name}]");
            edit(dir, "deed.toml", &secret, &format!("{}{secret}", table(name)))?;
        }
        Ok(())
    })
}

fn prints() {
    let stage = served();
    for mode in ["good", "kubernetes"] {
        set(&stage.world.dir, mode);
        thread::sleep(EXPIRED);
        stage.hostile.forget();
        let view = stage.propose(READ, &fresh());
        ended(&stage.world, &view, "verified", "");
        let user = fresh();
        let view = stage.propose(RESTORE, &user);
        ended(&stage.world, &view, "verified", "every expectation holds");
        assert_eq!(stage.hostile.user(&user)["active"], true);
        for request in stage.hostile.requests() {
            let sent = request.header("authorization");
            assert_eq!(sent, Some(format!("Bearer {TOKEN}").as_str()), "{mode}");
        }
    }
    assert_eq!(stage.world.leaks(), []);
    unharmed(&stage.world);
}

fn not_sent(stage: &Stage, name: &str, why: &str) -> Value {
    let view = stage.propose(READ, &fresh());
    assert_eq!(view["status"], "failed", "{name}: {view:#}");
    ended(&stage.world, &view, "failed", why);
    assert_eq!(fates(&view, "observe"), ["not_sent"], "{name}");
    view
}

fn misbehaves() {
    let stage = served();
    let late = "no token `read` within";
    for (mode, why) in [
        ("hangs", late),
        ("forks", late),
        ("floods", "printed more than 64 KiB"),
        ("injects", "visible ASCII"),
        ("escapes", "strict JSON"),
        ("adds", "without other members"),
        ("words", "could be ordinary text"),
        ("fails", "exit status: 3"),
        ("complains", "strict JSON"),
        ("expired", "has expired already"),
    ] {
        set(&stage.world.dir, mode);
        stage.renew();
        not_sent(&stage, mode, why);
        if why == late {
            let pid = fs::read_to_string(stage.world.dir.join("secrets/vault/pid")).unwrap();
            assert!(is_gone(pid.trim()), "{mode}: the process is still there");
        }
    }
    assert!(stage.hostile.requests().is_empty(), "a request left without a token");
    assert_eq!(stage.world.leaks(), []);
    set(&stage.world.dir, "good");
    stage.renew();
    unharmed(&stage.world);
}

fn is_swapped() {
    let stage = served();
    let view = stage.propose(READ, &fresh());
    ended(&stage.world, &view, "verified", "");
    install(&stage.world.dir, &PROGRAM.replace("good)", "good|other)")).unwrap();
    thread::sleep(EXPIRED);
    not_sent(&stage, "another program", "has the digest sha256:");
    let program = stage.world.dir.join("bin/token");
    restore(&stage);
    fs::remove_file(&program).unwrap();
    not_sent(&stage, "no program", "cannot be read");
    restore(&stage);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o722)).unwrap();
    not_sent(&stage, "a program that others write", "other users can write");
    restore(&stage);
    unharmed(&stage.world);
}

/// Puts the program back, and ends the pause after the last failure.
fn restore(stage: &Stage) {
    install(&stage.world.dir, PROGRAM).unwrap();
    stage.renew();
}

/// Waits until a process is gone, or is dead and only waits for its parent.
fn is_gone(pid: &str) -> bool {
    // A program may outlive the run that needs its token, but not its own time of 10 seconds.
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').map_or("", |(_, rest)| rest.trim_start());
        if state.is_empty() || state.starts_with('Z') {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}
