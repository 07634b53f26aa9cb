//! Checks that no secret leaks: when the fixture of a test is dropped, all output of its host is searched for the
//! secrets of the fixture. The cases in this file check that the search finds planted secrets, and finds no secret
//! after a long sequence of actions.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use deed_test_support::shared::{ended, locked_out, scim};
use deed_tests::canary::{self, Canary};
use deed_tests::host;
use deed_tests::proxy::Fault;
use deed_tests::services::ScimServer;
use deed_tests::world::{BOB, CAROL, HELPDESK, World};

use super::bench::{Bench, tool};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "canary-is-found-in-every-form" => canary_is_found_in_every_form,
        "canary-in-a-long-story" => canary_in_a_long_story,
        "canary-in-a-log-of-everything" => canary_in_a_log_of_everything,
        "no-memory-image-of-the-host" => no_memory_image_of_the_host,
        "no-neighbour-reads-the-hosts-memory" => no_neighbour_reads_the_hosts_memory,
    ]
}

/// Plants every secret of a real fixture, in every encoding, in places where the host writes.
fn canary_is_found_in_every_form() {
    let world = World::lay_out(scim(), "scim").unwrap();
    assert_eq!(world.leaks(), [], "a fresh world");
    fs::create_dir_all(world.dir.join("state")).unwrap();
    let plants = [
        ("a token", HELPDESK.as_bytes().to_vec()),
        ("a person's token", CAROL.as_bytes().to_vec()),
        ("a credential", ScimServer::WRITE_TOKEN.as_bytes().to_vec()),
        ("a seed", seed(&world.dir.join("keys/log.key"))),
        ("an approver's seed", seed(&world.dir.join("approvers/bob.key"))),
    ];
    for (name, value) in plants {
        for (form, bytes) in canary::forms(&value) {
            let path = world.dir.join("state/planted");
            fs::write(&path, [b"{\"x\":\"", &bytes[..], b"\"}"].concat()).unwrap();
            let hits = world.leaks();
            let found = hits.iter().any(|hit| hit.form == form && hit.file.ends_with("planted"));
            assert!(found, "{name} as {form}: {hits:?}");
            fs::remove_file(path).unwrap();
        }
    }
    let pem = fs::read(world.dir.join("keys/receipt.key")).unwrap();
    fs::write(world.dir.join("state/copy.pem"), pem).unwrap();
    assert!(!world.leaks().is_empty(), "a key file elsewhere");
    fs::remove_file(world.dir.join("state/copy.pem")).unwrap();
    fs::write(world.dir.join(format!("state/{BOB}")), "").unwrap();
    assert!(!world.leaks().is_empty(), "a token as a file's name");
    fs::remove_dir_all(world.dir.join("state")).unwrap();
    let mut other = World::lay_out(scim(), "scim").unwrap();
    other.canaries.push(Canary::new("one more", b"a-value-of-this-test"));
    fs::write(other.dir.join("serve.log"), "a-value-of-this-test").unwrap();
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(other)));
    assert!(dropped.is_err(), "the end of a world searches it");
}

/// The seed of a private key, decoded with other code than the search uses, because a shared mistake would hide a leak.
fn seed(path: &Path) -> Vec<u8> {
    use ed25519_dalek::pkcs8::DecodePrivateKey as _;
    let pem = fs::read_to_string(path).unwrap();
    ed25519_dalek::SigningKey::from_pkcs8_pem(&pem).unwrap().to_bytes().to_vec()
}

/// Runs actions with every kind of outcome, with faults, restarts and a crash in between.
fn story(world: &mut World) {
    let restore = |user: &str| World::proposal("idp.restore_access", user);
    let view = world.run(&restore(&locked_out())).unwrap();
    ended(world, &view, "verified", "");
    let view = world.run(&World::proposal("idp.read_user", &locked_out())).unwrap();
    ended(world, &view, "verified", "");
    world.proxy.set("PATCH", Fault::Refuse { status: 403 });
    let view = world.run(&restore(&locked_out())).unwrap();
    assert_eq!(view["status"], "failed", "{view}");
    world.proxy.set("PATCH", Fault::DropAfter);
    let view = world.run(&restore(&locked_out())).unwrap();
    assert_eq!(view["status"], "verified", "{view}");
    world.proxy.set("PATCH", Fault::None);
    world.proxy.set("GET", Fault::DropBefore);
    let unseen = world.propose(&World::proposal("idp.read_user", &locked_out())).unwrap().json();
    assert_ne!(unseen["status"], "verified", "{unseen}");
    world.proxy.set("GET", Fault::None);
    let waiting = || world.propose(&restore(&locked_out())).unwrap().text("/id");
    let (denied, cancelled, left) = (waiting(), waiting(), waiting());
    assert!(world.answer("deny", &denied, "bob", BOB).unwrap().0);
    let path = format!("/v1/actions/{cancelled}/cancel");
    assert_eq!(world.client(HELPDESK).post(&path, &serde_json::json!({})).unwrap().status, 200);
    // Requests with wrong tokens, which must not end up in messages.
    for token in ["", "wrong", &format!("{HELPDESK}x"), &HELPDESK.to_uppercase()] {
        assert_eq!(world.client(token).get("/v1/actions").unwrap().status, 401);
    }
    assert_eq!(world.settled(&denied).unwrap()["status"], "denied");
    assert_eq!(world.settled(&cancelled).unwrap()["status"], "cancelled");
    world.restart().unwrap();
    world.host.take().unwrap().kill().unwrap();
    world.serve().unwrap();
    assert!(world.approve(&left, "carol", CAROL).unwrap().0);
    assert_eq!(world.settled(&left).unwrap()["status"], "verified");
    world.trust().ok();
    fs::write(world.dir.join("kept.deed"), world.bundle(&left).unwrap()).unwrap();
    unharmed(world);
    assert_eq!(world.leaks(), []);
}

fn canary_in_a_long_story() {
    story(&mut World::start(scim()).unwrap());
}

/// An operator sets `DEED_LOG=trace` to find the cause of a problem.
fn canary_in_a_log_of_everything() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    world.serve_with(&[("DEED_LOG", "trace")]).unwrap();
    let view = world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    ended(&world, &view, "verified", "");
    assert_eq!(world.client("a-wrong-token-of-somebody").get("/v1/actions").unwrap().status, 401);
    assert!(world.host.as_ref().unwrap().log().contains("WARN"), "there is no log");
    world.canaries.push(Canary::new("a wrong token", b"a-wrong-token-of-somebody"));
    assert_eq!(world.leaks(), []);
}

/// A crash must not write the memory of the credential vault to a file.
fn no_memory_image_of_the_host() {
    let mut world = World::start(scim()).unwrap();
    let pid = world.host.as_ref().unwrap().pid();
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let numbers: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(numbers, ["0", "0"], "{core}");
    assert!(tool("kill", &["-ABRT", &pid.to_string()]));
    world.host.take().unwrap().kill().unwrap();
    let here = std::env::current_dir().unwrap();
    assert!(canary::cores(&world.dir).is_empty());
    assert!(fs::read_dir(here).unwrap().flatten().all(|e| e.file_name() != "core"));
    world.serve().unwrap();
    unharmed(&world);
}

/// A process may trace the host if both run as the same user, and could then read the host's credential vault. The
/// kernel forbids this if the host is marked as not dumpable. The files in /proc of a process that is not dumpable
/// belong to root. Root may trace any process, so the test must serve the host as another user.
fn no_neighbour_reads_the_hosts_memory() {
    let bench = Bench::new();
    let me = fs::metadata("/proc/self").unwrap().uid();
    let (binary, user) = (bench.outside.join("deed"), if me == 0 { 65534 } else { me });
    fs::copy(host::binary().unwrap(), &binary).unwrap();
    if me == 0 {
        for path in [bench.dir(), &bench.outside] {
            assert!(tool("chown", &["-R", "65534", path.to_str().unwrap()]));
        }
    }
    let mut command = Command::new(&binary);
    let command = command.arg("serve").arg(bench.dir()).uid(user).stdin(Stdio::null());
    let mut served = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    let read = BufReader::new(served.stdout.take().unwrap()).read_line(&mut line);
    let owner = fs::metadata(format!("/proc/{}/environ", served.id())).map(|meta| meta.uid());
    served.kill().and_then(|()| served.wait()).unwrap();
    assert!(read.is_ok() && line.starts_with("serving "), "it does not serve: {line}");
    assert_eq!(owner.unwrap(), 0, "processes of user {user} can read it");
}
