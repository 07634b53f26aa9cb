//! Tests of `deed log audit` on logs of a real host, intact and tampered, read from a directory and over HTTP.

mod hostile;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use deed_spec::note::{self, Checkpoint, LogKey, VerifierKey};
use deed_test_support::shared::{locked_out, scim};
use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::proxy::Proxy;
use deed_tests::world::{BOB, STRANGER, World};
use ed25519_dalek::SigningKey;

use super::proof;

const LOG: &str = "state/log/acme";

/// The number of log entries after one approved action and after two: one activation, and three entries for each
/// action.
const AFTER_ONE: u64 = 4;
const AFTER_TWO: u64 = 7;
const TILE: &str = "tile/0/000.p/7";
const ENTRIES: &str = "tile/entries/000.p/7";

/// Exit code and all output.
fn audit(log: &str, more: &[&str]) -> (i32, String) {
    let output = host::run(&[&["log", "audit", log], more].concat(), "").unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

/// Asserts that the audit fails and names this file.
#[track_caller]
fn faulty(log: &Path, more: &[&str], file: &str, reason: &str) {
    let (code, said) = audit(log.to_str().unwrap(), more);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&format!("{file}: ")) && said.contains(reason), "{said}");
}

/// Waits until the host has written its whole log to tiles.
fn settled(world: &World) {
    let start = Instant::now();
    while fs::metadata(world.dir.join(LOG).join("TAIL")).unwrap().len() > 0 {
        assert!(start.elapsed() < Duration::from_mins(1), "the log does not settle");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Copies a log's directory, or a file in it, to another path in the test directory.
fn copy(world: &World, from: &str, to: &str) -> PathBuf {
    settled(world);
    let (from, to) = (world.dir.join(from), world.dir.join(to));
    let done = Command::new("cp").arg("-a").args([&from, &to]).status().unwrap();
    assert!(done.success());
    to
}

fn act(world: &World) {
    let view = world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    assert_eq!(view["status"], "verified", "{view}");
    // The host writes the files of the log within moments. A request for the checkpoint makes the host write the files
    // at once.
    assert_eq!(world.client(BOB).get("/log/acme/checkpoint").unwrap().status, 200);
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Changes one byte. A digit of a digest becomes a different digit.
fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_log_is_audited_from_its_directory_and_over_http() {
    let proof = proof("audit@example.com");
    let world = &proof.world;
    let (log, trust) = (world.dir.join(LOG), world.dir.join("trust"));
    let url = format!("{}/log/acme/", world.url());
    let (from_disk, over_http) =
        (["--trust", text(&trust)], ["--trust", text(&trust), "--token", BOB]);
    let both: [(&str, &[&str]); 2] = [(text(&log), &from_disk), (&url, &over_http)];
    for (source, keys) in both {
        let (code, said) = audit(source, keys);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("1 approval, 1 decision, 1 receipt"), "{said}");
        assert!(said.trim_end().ends_with("VERIFIED deed.example/logs/acme"), "{said}");
    }
    let kept = copy(world, &format!("{LOG}/checkpoint"), "kept");
    act(world);
    for (source, keys) in both {
        let (code, said) = audit(source, &[keys, &["--since", text(&kept), "--json"]].concat());
        assert_eq!(code, 0, "{said}");
        let found: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!((&found["verdict"], &found["size"]), (&"verified".into(), &AFTER_TWO.into()));
        assert_eq!(found["consistent"][0]["size"], AFTER_ONE, "{said}");
    }
    let vkey = trust.join("log.vkey");
    assert_eq!(audit(text(&log), &["--vkey", text(&vkey)]).0, 0);
}

#[test]
fn what_cannot_be_checked_is_neither_good_nor_bad() {
    let proof = proof("unreachable@example.com");
    let world = &proof.world;
    let (log, trust) = (world.dir.join(LOG), world.dir.join("trust"));
    let url = format!("{}/log/acme", world.url());
    let keys = ["--trust", text(&trust)];
    let nobody = text(&world.dir);
    let (state, logs) = (world.dir.join("state"), world.dir.join("state/log"));
    for (source, more, reason) in [
        (text(&log), vec![], "no log key is trusted"),
        (text(&log), vec!["--trust", nobody], "no log key is trusted"),
        (text(&log), vec!["--vkey", "nowhere"], "nowhere"),
        (text(&trust), keys.to_vec(), "there is no checkpoint"),
        // The first of these directories is the served directory; the others contain logs.
        (nobody, keys.to_vec(), text(&log)),
        (text(&state), keys.to_vec(), text(&log)),
        (text(&logs), keys.to_vec(), text(&log)),
        ("nowhere", keys.to_vec(), "nowhere"),
        ("http://127.0.0.1:1/log/acme", keys.to_vec(), "checkpoint"),
        (&url, keys.to_vec(), "token"),
        (&url, [&keys[..], &["--token", STRANGER]].concat(), "404"),
        ("http://192.0.2.1/log", [&keys[..], &["--token", BOB]].concat(), "in clear text"),
    ] {
        let (code, said) = audit(source, &more);
        assert_eq!(code, 2, "{source} {more:?}: {said}");
        assert!(said.contains(reason) && !said.contains("VERIFIED d"), "{said}");
    }
}

#[test]
fn a_log_that_was_tampered_with_is_found_out() {
    let proof = proof("tampered@example.com");
    let world = &proof.world;
    let trust = world.dir.join("trust");
    let keys = ["--trust", text(&trust)];
    let early = copy(world, LOG, "early");
    act(world);
    let kept = copy(world, &format!("{LOG}/checkpoint"), "kept");
    let since = [&keys[..], &["--since", text(&kept)]].concat();
    let damaged = |name: &str, file: &str, damage: fn(&Path)| {
        let log = copy(world, LOG, name);
        damage(&log.join(file));
        log
    };
    for (name, file) in [("tile", TILE), ("bundle", ENTRIES)] {
        let flipped = damaged(name, file, |path| flip(path, 40));
        faulty(&flipped, &keys, TILE, "hash");
        let gone = damaged(&format!("{name}-gone"), file, |path| fs::remove_file(path).unwrap());
        faulty(&gone, &keys, file, "missing");
    }
    let head = damaged("no-checkpoint", "checkpoint", |path| fs::remove_file(path).unwrap());
    faulty(&head, &keys, "checkpoint", "is missing");
    let signature = damaged("signature", "checkpoint", |path| {
        let note = fs::read_to_string(path).unwrap();
        fs::write(path, note.replacen(&format!("\n{AFTER_TWO}\n"), "\n1\n", 1)).unwrap();
    });
    faulty(
        &signature,
        &keys,
        "checkpoint",
        "the signature of `deed.example/logs/acme` is not valid",
    );
    let cut = copy(world, LOG, "cut");
    let bundle = "tile/entries/000.p";
    let (short, long) = (AFTER_ONE.to_string(), AFTER_TWO.to_string());
    fs::copy(early.join(bundle).join(short), cut.join(bundle).join(long)).unwrap();
    let why = format!("has {AFTER_ONE} entries, not {AFTER_TWO}");
    faulty(&cut, &keys, ENTRIES, &why);
    // A log that is rolled back as a whole is consistent. Only a newer checkpoint that was kept elsewhere reveals the
    // rollback.
    faulty(&early, &since, "checkpoint", "the log was rolled back");
    assert_eq!(audit(text(&early), &keys).0, 0);
    fs::copy(world.dir.join(LOG).join("HEAD"), early.join("HEAD")).unwrap();
    let why = format!("`HEAD` has {AFTER_TWO} entries, but the log now has {AFTER_ONE}");
    faulty(&early, &keys, "checkpoint", &why);
}

#[test]
fn another_key_and_another_origin_are_found_out() {
    let proof = proof("other-keys@example.com");
    let world = &proof.world;
    let (log, globex) = (world.dir.join(LOG), world.dir.join("globex"));
    let trust = world.dir.join("trust");
    host::expect(&["trust", world.path(), text(&globex), "--tenant", "globex"]).unwrap();
    faulty(&log, &["--trust", text(&globex)], "checkpoint", "not to `deed.example/logs/globex`");
    let stranger = SigningKey::from_bytes(&[9; 32]);
    let key = VerifierKey::new("deed.example/logs/acme", stranger.verifying_key()).unwrap();
    let vkey = world.dir.join("stranger.vkey");
    fs::write(&vkey, key.to_string()).unwrap();
    faulty(&log, &["--vkey", text(&vkey)], "checkpoint", "no signature of");
    // The kept checkpoint is signed by an unknown key, or belongs to another log.
    for (name, why) in [
        ("deed.example/logs/acme", "no signature of"),
        ("deed.example/logs/globex", "not to `deed.example/logs/acme`"),
    ] {
        let tree = Checkpoint { origin: name.to_owned(), size: 1, root: [7; 32] };
        let signer = LogKey::new(name, SigningKey::from_bytes(&[9; 32])).unwrap();
        let kept = world.dir.join("kept");
        fs::write(&kept, note::sign(&tree, &signer).unwrap()).unwrap();
        faulty(&log, &["--trust", text(&trust), "--since", text(&kept)], text(&kept), why);
    }
}

#[test]
fn two_hosts_with_the_same_keys_fork_the_log() {
    let mut proof = proof("forked@example.com");
    assert!(proof.world.host.take().unwrap().stop().unwrap());
    let twin = Home::new("twin");
    let done = Command::new("cp").arg("-a").args([&proof.world.dir, &twin.dir]).status().unwrap();
    assert!(done.success());
    // The second host reaches the user directory through the first host's proxy. The second host's own proxy is unused;
    // it exists only because the type `World` requires one.
    let idle = Proxy::start(&scim().base_url()).unwrap();
    let mut twin = World::of(twin, idle);
    for world in [&mut proof.world, &mut twin] {
        world.serve().unwrap();
        act(world);
    }
    let kept = proof.world.dir.join(LOG).join("checkpoint");
    let trust = proof.world.dir.join("trust");
    let since = ["--trust", text(&trust), "--since", text(&kept)];
    let forked = twin.dir.join(LOG);
    faulty(&forked, &since, "checkpoint", "the log was forked");
    act(&twin);
    faulty(&forked, &since, "checkpoint", "the log was forked");
    let url = format!("{}/log/acme", twin.url());
    let (code, said) = audit(&url, &[&since[..], &["--token", BOB]].concat());
    assert_eq!(code, 1, "{said}");
    let alone = &since[..2];
    assert_eq!(audit(text(&forked), alone).0, 0, "alone, each of the two looks honest");
}
