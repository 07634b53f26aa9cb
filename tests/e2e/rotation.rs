//! Tests of key rotation: `deed key rotate` replaces the host's keys, and the configuration replaces approvers' keys.
//! A signature that was made while its key was valid stays valid. A signature that was made with the key later is not
//! valid.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deed_test_support::shared::{locked_out, scim};
use deed_tests::host;
use deed_tests::world::{BOB, CAROL, World, edit};
use deed_verify::{Report, Trust, Verdict, verify};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_mins(1);

/// Writes the present trust with `deed trust` to a separate directory.
fn trust(world: &World, name: &str) -> Trust {
    let out = world.dir.join(name);
    deed_tests::trust::write(&world.dir, &out, "acme").unwrap();
    deed_tests::trust::read(&out).unwrap()
}

fn stop(world: &mut World) {
    assert!(world.stop().unwrap());
}

fn rotate(world: &World, key: &str) -> Value {
    let said = host::expect(&["key", "rotate", world.path(), key, "--json"]).unwrap();
    serde_json::from_str(&said).unwrap()
}

fn proposal() -> Value {
    World::proposal("idp.restore_access", &locked_out())
}

/// Runs a verified action; returns its bundle.
fn act(world: &World) -> Vec<u8> {
    let view = world.run(&proposal()).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    world.bundle(view["id"].as_str().unwrap()).unwrap()
}

#[track_caller]
fn verified(bundle: &[u8], trust: &Trust) {
    let report = verify(bundle, Some(trust));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
}

#[track_caller]
fn failed(bundle: &[u8], trust: &Trust, check: &str, why: &str) -> Report {
    let report = verify(bundle, Some(trust));
    assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
    let line = report.checks.iter().find(|line| line.name == check).unwrap();
    assert!(line.detail.contains(why), "{line:?}");
    report
}

/// Copies a file or folder of the test directory to another path in that directory.
fn copy(world: &World, from: &str, to: &str) {
    let (from, to) = (world.dir.join(from), world.dir.join(to));
    assert!(Command::new("cp").arg("-a").args([&from, &to]).status().unwrap().success());
}

/// The number of log entries of each kind.
fn entries(world: &World, keys: &str) -> Value {
    let (log, keys) = (world.dir.join("state/log/acme"), world.dir.join(keys));
    let (log, keys) = (log.to_str().unwrap(), keys.to_str().unwrap());
    let said = host::expect(&["log", "audit", log, "--trust", keys, "--json"]).unwrap();
    serde_json::from_str::<Value>(&said).unwrap()["entries"].clone()
}

#[test]
fn a_receipt_key_is_rotated_under_an_action_that_waits() {
    let mut world = World::start(scim()).unwrap();
    let before = act(&world);
    let old = trust(&world, "old");
    let waiting = world.propose(&proposal()).unwrap();
    assert_eq!(waiting.text("/status"), "waiting");
    let running = host::run(&["key", "rotate", world.path()], "").unwrap();
    assert!(!running.status.success(), "a running host has the locks");
    stop(&mut world);
    let told = rotate(&world, "receipt");
    assert_eq!(told["logs"].as_array().unwrap().len(), 2, "{told:#}");
    world.serve().unwrap();
    let id = waiting.text("/id");
    assert!(world.approve(&id, "bob", BOB).unwrap().0);
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    let after = world.bundle(&id).unwrap();
    let new = trust(&world, "new");
    assert_eq!(new.receipt_keys.len(), 2);
    verified(&before, &old);
    verified(&before, &new);
    verified(&after, &new);
    failed(&after, &old, "receipt signature", "not a trusted key");
    // The old key is valid up to the index at which it was retired, and the new one from the next index on.
    let windows: Vec<_> = new.receipt_keys.iter().map(|k| (k.from_index, k.until_index)).collect();
    let until = told["logs"][0]["until_index"].as_u64().unwrap();
    assert_eq!(windows, [(Some(0), Some(until)), (Some(until + 1), None)]);
    let mut swapped = new.clone();
    for (one, other) in swapped.receipt_keys.iter_mut().zip(new.receipt_keys.iter().rev()) {
        one.key = other.key;
    }
    failed(&before, &swapped, "receipt signature", &format!("from index {}", until + 1));
    failed(&after, &swapped, "receipt signature", &format!("until index {until}"));
    let kinds = entries(&world, "new");
    assert_eq!((&kinds["key-added"], &kinds["key-retired"]), (&1.into(), &1.into()), "{kinds}");
}

#[test]
fn a_log_key_is_rotated_and_the_log_only_grew() {
    let mut world = World::start(scim()).unwrap();
    let before = act(&world);
    let old = trust(&world, "old");
    copy(&world, "state/log/acme/checkpoint", "kept");
    stop(&mut world);
    rotate(&world, "log");
    // The log key is rotated twice without any other entry in between, so the last entry of the log records the
    // retirement of the second key.
    rotate(&world, "log");
    world.serve().unwrap();
    let after = act(&world);
    let new = trust(&world, "new");
    assert_eq!(new.log.len(), 3);
    verified(&before, &old);
    verified(&before, &new);
    verified(&after, &new);
    failed(&after, &old, "checkpoint", "");
    let (log, keys, kept) =
        (world.dir.join("state/log/acme"), world.dir.join("new"), world.dir.join("kept"));
    let [log, keys, kept] = [&log, &keys, &kept].map(|path| path.to_str().unwrap());
    host::expect(&["log", "audit", log, "--trust", keys, "--since", kept]).unwrap();
    // The host does not accept a checkpoint signed with a key that was retired by these rotations.
    stop(&mut world);
    copy(&world, "kept", "state/log/acme/checkpoint");
    let refused = world.serve().unwrap_err().to_string();
    assert!(refused.contains("retired") || refused.contains("fork it"), "{refused}");
}

/// Makes the directory that a killed rotation leaves, from the directories before and after a rotation.
fn killed(world: &World, key: &str, logs: &[&str]) {
    copy(world, "keys", "keys.before");
    copy(world, "state/log", "log.before");
    rotate(world, key);
    let dir = &world.dir;
    fs::rename(dir.join(format!("keys/{key}.key")), dir.join(format!("next-{key}.key"))).unwrap();
    fs::remove_dir_all(dir.join("keys")).unwrap();
    fs::rename(dir.join("keys.before"), dir.join("keys")).unwrap();
    fs::rename(dir.join(format!("next-{key}.key")), dir.join(format!("keys/next-{key}.key")))
        .unwrap();
    for log in logs {
        fs::remove_dir_all(dir.join("state/log").join(log)).unwrap();
        fs::rename(dir.join("log.before").join(log), dir.join("state/log").join(log)).unwrap();
    }
    fs::remove_dir_all(dir.join("log.before")).unwrap();
}

#[test]
fn a_rotation_that_was_killed_is_finished_by_the_next_one() {
    let mut world = World::start(scim()).unwrap();
    let before = act(&world);
    stop(&mut world);
    // The rotation is killed at one of three points: before any log records the rotation, when only one of two logs
    // records it, or when both logs record it but the new key has not replaced the old one.
    let cuts: [&[&str]; 3] = [&["acme", "globex"], &["globex"], &[]];
    for (n, (key, other)) in [("receipt", "log"), ("log", "receipt")].into_iter().enumerate() {
        for (m, logs) in cuts.into_iter().enumerate() {
            killed(&world, key, logs);
            let refused = world.serve().unwrap_err().to_string();
            assert!(refused.contains(&format!("rotation of the {key} key")), "{refused}");
            let output = host::run(&["key", "rotate", world.path(), other], "").unwrap();
            assert!(!output.status.success(), "one rotation at a time");
            rotate(&world, key);
            world.serve().unwrap();
            let after = act(&world);
            let new = trust(&world, &format!("new-{n}-{m}"));
            verified(&before, &new);
            verified(&after, &new);
            let done = 3 * n + m + 1;
            let kinds = entries(&world, &format!("new-{n}-{m}"));
            assert_eq!(kinds["key-added"], done, "{kinds}");
            assert_eq!(kinds["key-retired"], done, "{kinds}");
            stop(&mut world);
        }
    }
}

#[test]
fn a_rotation_that_is_killed_at_any_moment_ends_well_when_it_is_run_again() {
    let mut world = World::start(scim()).unwrap();
    let before = act(&world);
    stop(&mut world);
    for round in 0..16 {
        let key = ["receipt", "log"][round % 2];
        let mut command = Command::new(host::binary().unwrap());
        let command = command.args(["key", "rotate", world.path(), key]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(10 * round as u64));
        // The rotation may have finished before the kill; the test covers that case, too.
        child.kill().and_then(|()| child.wait()).unwrap();
        rotate(&world, key);
    }
    world.serve().unwrap();
    let after = act(&world);
    let new = trust(&world, "new");
    verified(&before, &new);
    verified(&after, &new);
    let kinds = entries(&world, "new");
    assert_eq!(kinds["key-added"], kinds["key-retired"], "{kinds}");
    assert!(kinds["key-added"].as_u64().unwrap() >= 16, "{kinds}");
}

#[test]
fn an_older_copy_of_the_keys_signs_nothing() {
    let mut world = World::start(scim()).unwrap();
    act(&world);
    stop(&mut world);
    for key in ["receipt", "log"] {
        copy(&world, "keys", "keys.before");
        rotate(&world, key);
        copy(&world, &format!("keys/{key}.key"), "keys/present.key");
        copy(&world, &format!("keys.before/{key}.key"), &format!("keys/{key}.key"));
        let refused = world.serve().unwrap_err().to_string();
        assert!(refused.contains(&format!("keys/{key}.key is not the key")), "{refused}");
        let output = host::run(&["key", "rotate", world.path(), key], "").unwrap();
        assert!(!output.status.success(), "and retires nothing");
        assert!(!world.dir.join(format!("keys/next-{key}.key")).exists());
        copy(&world, "keys/present.key", &format!("keys/{key}.key"));
        fs::remove_file(world.dir.join("keys/present.key")).unwrap();
        world.serve().unwrap();
        stop(&mut world);
        fs::remove_dir_all(world.dir.join("keys.before")).unwrap();
    }
}

/// Removes the keys of a person from the configuration.
fn dismiss(dir: &Path, person: &str) {
    edit(dir, "deed.toml", &format!("keys = [\"approvers/{person}.pub\"]"), "keys = []").unwrap();
}

#[test]
fn an_approver_who_leaves_counts_for_what_was_approved_before() {
    let mut world = World::start(scim()).unwrap();
    let before = act(&world);
    stop(&mut world);
    dismiss(&world.dir, "bob");
    world.serve().unwrap();
    let waiting = world.propose(&proposal()).unwrap().text("/id");
    assert!(!world.approve(&waiting, "bob", BOB).unwrap().0);
    assert!(world.approve(&waiting, "carol", CAROL).unwrap().0);
    assert_eq!(world.settled(&waiting).unwrap()["status"], "verified");
    let new = trust(&world, "new");
    verified(&before, &new);
    verified(&world.bundle(&waiting).unwrap(), &new);
    let of = |trust: &Trust, person: &str| {
        let mut all = trust.approvers.clone().unwrap().into_iter();
        all.find(|one| one.person == person).unwrap()
    };
    assert_eq!(of(&new, "carol").until_index, None);
    let until = of(&new, "bob").until_index.unwrap();
    // If bob's key was retired before he approved, the same bundle no longer proves the approval.
    let mut earlier = new.clone();
    for one in earlier.approvers.iter_mut().flatten().filter(|one| one.person == "bob") {
        one.until_index = Some(0);
    }
    failed(&before, &earlier, "approvals", "was not enrolled");
    // Bob is enrolled again, so his key has two periods of validity with a gap between them.
    stop(&mut world);
    edit(&world.dir, "deed.toml", "keys = []", "keys = [\"approvers/bob.pub\"]").unwrap();
    world.serve().unwrap();
    let again = act(&world);
    let back = trust(&world, "back");
    verified(&again, &back);
    verified(&before, &back);
    let bobs = back.approvers.unwrap();
    let bobs: Vec<_> = bobs.iter().filter(|one| one.person == "bob").collect();
    assert_eq!(bobs.len(), 2, "{bobs:?}");
    assert!(bobs[0].until_index == Some(until) && bobs[1].from_index.unwrap() > until, "{bobs:?}");
}

#[test]
fn an_approval_is_in_the_log_before_its_action_ends() {
    let two = |dir: &Path| edit(dir, "policies/starter.cedar", "approve:1:", "approve:2:");
    let mut world = World::with(scim(), "scim", two).unwrap();
    let id = world.propose(&proposal()).unwrap().text("/id");
    assert!(world.approve(&id, "bob", BOB).unwrap().0);
    trust(&world, "old");
    let end = Instant::now() + PATIENCE;
    while entries(&world, "old")["approval"] != 1 {
        assert!(Instant::now() < end, "the approval did not come into the log");
        std::thread::sleep(Duration::from_millis(50));
    }
    stop(&mut world);
    dismiss(&world.dir, "bob");
    world.serve().unwrap();
    // Bob's approval no longer counts, although his key was enrolled when he signed it.
    world.approve(&id, "carol", CAROL).unwrap();
    let stale = world.settled(&id).unwrap();
    assert_eq!(stale["status"], "waiting", "{stale:#}");
    let cancelled = world.client(BOB).post(&format!("/v1/actions/{id}/cancel"), &Value::Null);
    assert!(cancelled.unwrap().status < 300);
    assert_eq!(world.settled(&id).unwrap()["status"], "cancelled");
    verified(&world.bundle(&id).unwrap(), &trust(&world, "new"));
}

/// The host keeps the public half of a retired key and deletes the private half.
#[test]
fn of_a_retired_key_only_the_public_half_is_kept() {
    let mut world = World::start(scim()).unwrap();
    stop(&mut world);
    let private = fs::read(world.dir.join("keys/receipt.key")).unwrap();
    let public = fs::read(world.dir.join("keys/receipt.pub")).unwrap();
    let told = rotate(&world, "receipt");
    let id = told["retired"].as_str().unwrap();
    let kept = world.dir.join(format!("keys/retired/receipt-{id}.pub"));
    assert_eq!(fs::read(kept).unwrap(), public);
    assert_ne!(fs::read(world.dir.join("keys/receipt.pub")).unwrap(), public);
    let files = |dir: PathBuf| fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let left = files(world.dir.join("keys")).chain(files(world.dir.join("keys/retired")));
    for file in left.filter(|path| path.is_file()) {
        assert_ne!(fs::read(&file).unwrap(), private, "{}", file.display());
    }
}
