//! Attacks on reloads of a running host: signals without end, files that are exchanged while the host reads them, and
//! another directory in the place of the one that the host serves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::shared::{scim, user};
use deed_tests::wait::PATIENCE;
use deed_tests::world::{HELPDESK, World};
use serde_json::Value;

use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "reloads-without-end" => reloads_without_end,
        "links-exchanged-while-it-reloads" => links_exchanged,
        "links-put-back-while-it-reloads" => links_put_back,
        "another-directory-in-its-place" => another_directory,
    ]
}

const POLICY: &str = "policies/starter.cedar";
/// The name of this policy among the parts of the configuration.
const PART: &str = "policies of acme";

fn hang_up(world: &World) {
    world.host.as_ref().unwrap().signal("HUP").unwrap();
}

/// A hundred signals, with a file that changes between them, lose no action and end in the last configuration.
fn reloads_without_end() {
    let world = World::start(scim()).unwrap();
    let text = fs::read_to_string(world.dir.join(POLICY)).unwrap();
    let (user, agent) = (user("reloaded", Some(true)), world.client(HELPDESK));
    let mut ids = Vec::new();
    for n in 0..100 {
        fs::write(world.dir.join(POLICY), format!("// {n}\n{text}")).unwrap();
        hang_up(&world);
        if n % 10 == 0 {
            let proposal = World::proposal("idp.read_user", &user);
            ids.push(agent.propose(&proposal, &[("prefer", "wait=0")]).unwrap().text("/id"));
        }
    }
    for id in ids {
        let view = world.settled(&id).unwrap();
        assert_eq!(view["status"], "verified", "{view:#}");
    }
    // The first result may be the one of a signal above: the host refuses a reload if a file changes while it reads.
    world.reload().unwrap();
    let last = world.reload().unwrap();
    assert_ne!(last["result"], "refused", "{last:#}");
    unharmed(&world);
}

/// A link that leads to one policy or another, and changes while the host reads it, never makes a third configuration.
fn links_exchanged() {
    let world = World::start(scim()).unwrap();
    let first = two_policies(&world);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            while !is_over.load(Ordering::SeqCst) && start.elapsed() < PATIENCE {
                for target in ["one.cedar", "other.cedar"] {
                    point(&world.dir, target);
                }
            }
        });
        (0..30).for_each(|_| drop(world.reload().unwrap()));
        is_over.store(true, Ordering::SeqCst);
    });
    point(&world.dir, "one.cedar");
    let last = world.reload().unwrap();
    assert_ne!(last["result"], "refused", "{last:#}");
    assert_eq!(last["parts"][PART], first);
    for (tenant, sets) in activated(&world.dir) {
        assert!(sets.len() <= 2, "{tenant}: {sets:?}");
    }
    unharmed(&world);
}

/// Writes two policies to which a link can lead. Returns the digest of the first one, which is in force.
fn two_policies(world: &World) -> Value {
    let text = fs::read_to_string(world.dir.join(POLICY)).unwrap();
    let other = text.replace("@id(\"helpdesk-reads\")", "@id(\"helpdesk-may-read\")");
    assert_ne!(text, other);
    fs::write(world.dir.join("policies/one.cedar"), &text).unwrap();
    fs::write(world.dir.join("policies/other.cedar"), &other).unwrap();
    let digest = world.serving().unwrap()["parts"][PART].clone();
    assert!(digest.is_string(), "{digest}");
    digest
}

/// A link that leads to the other policy while the host reads it, and back before the host has read everything, does
/// not leave the other policy in force.
fn links_put_back() {
    let world = World::start(scim()).unwrap();
    let (first, dir) = (two_policies(&world), world.dir.as_path());
    for n in 0..40_u64 {
        let toml = fs::read_to_string(dir.join("deed.toml")).unwrap();
        fs::write(dir.join("deed.toml"), format!("{toml}# {n}\n")).unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(3 * n));
                point(dir, "other.cedar");
                thread::sleep(Duration::from_millis(1 + n % 5));
                point(dir, "one.cedar");
            });
            world.reload().unwrap();
        });
        let last = world.reload().unwrap();
        assert_ne!(last["result"], "refused", "round {n}: {last:#}");
        assert_eq!(last["parts"][PART], first, "round {n}: {last:#}");
    }
    unharmed(&world);
}

/// Replaces the policy by a link, in one step.
fn point(dir: &Path, target: &str) {
    let new = dir.join("policies/new");
    symlink(target, &new).unwrap();
    fs::rename(&new, dir.join(POLICY)).unwrap();
}

/// The policy sets that were activated for each tenant.
fn activated(dir: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(dir.join("state/statements")).unwrap() {
        let kept: Value =
            serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let payload = STANDARD.decode(kept["envelope"]["payload"].as_str().unwrap()).unwrap();
        let statement: Value = serde_json::from_slice(&payload).unwrap();
        let text = |name: &str| statement["predicate"][name].as_str().unwrap().to_owned();
        found.entry(text("tenant")).or_default().insert(text("policy_set"));
    }
    found
}

/// The host refuses the configuration of another directory that has the name of its own.
fn another_directory() {
    let world = World::start(scim()).unwrap();
    let beside = |end: &str| format!("{}-{end}", world.path());
    let (copy, moved) = (beside("copy"), beside("moved"));
    let copied = Command::new("cp").args(["-a", world.path(), &copy]).status().unwrap();
    assert!(copied.success());
    fs::rename(world.path(), &moved).unwrap();
    fs::rename(&copy, world.path()).unwrap();
    let says = world.reload().unwrap();
    fs::rename(world.path(), &copy).unwrap();
    fs::rename(&moved, world.path()).unwrap();
    fs::remove_dir_all(&copy).unwrap();
    assert_eq!(says["result"], "refused", "{says:#}");
    let fault = says["faults"][0].as_str().unwrap();
    assert!(fault.contains("another directory has taken the place"), "{fault}");
    let says = world.reload().unwrap();
    assert_eq!(says["result"], "unchanged", "{says:#}");
    unharmed(&world);
}
