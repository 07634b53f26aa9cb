//! Tests that the present version of `deed` opens a directory of an older version, reports everything that happened
//! there, and continues the open actions.
//!
//! `older/state-1.tar.gz` contains the served directory of a host of the last `deed` version without `state/VERSION`.
//! That host ran one action to each outcome in `ENDED`, left one more action waiting, and was stopped at the time
//! `MADE`. Caches, the lock and the log of the process were removed. The approval request expires after thirty days,
//! the maximum that a configuration allows. So that the request is still valid, the host that opens the directory in
//! this test runs with a clock that shows the day of the recording (`older/clock.c`).

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use deed_test_support::shared::{ended, report, scim};
use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::hostile::{Hostile, says};
use deed_tests::proxy::Proxy;
use deed_tests::services::workspace;
use deed_tests::world::{BOB, World};
use deed_verify::Verdict;
use serde_json::Value;

/// The upstream's address is part of the signed data, so this constant can never change.
const UPSTREAM: &str = "127.0.71.17:7117";
/// The time of the recording in Unix seconds.
const MADE: u64 = 1_795_262_418;
const DIRECTORY: &str = "tests/e2e/older/state-1.tar.gz";
/// How long to wait for the fixed address, which a concurrent test run of another checkout may use.
const PATIENCE: Duration = Duration::from_mins(5);

/// The outcomes of the actions in the older directory. An action's index in this list is the id of its user.
const ENDED: [&str; 5] = ["verified", "failed", "denied", "cancelled", "indeterminate"];
const WAITING: usize = ENDED.len();

fn user(n: usize) -> String {
    format!("{n:032x}")
}

fn upstream() -> Hostile {
    let address: SocketAddr = UPSTREAM.parse().unwrap();
    let start = Instant::now();
    loop {
        match Hostile::start_at(address) {
            Ok(hostile) => return hostile,
            Err(error) => assert!(start.elapsed() < PATIENCE, "{UPSTREAM}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A test environment whose served directory is `dir`. The test environment includes a proxy, which is not used.
fn world(dir: &Path) -> World {
    let proxy = Proxy::start(&scim().base_url()).unwrap();
    World::of(Home::at(dir.to_owned()), proxy)
}

/// Builds the library that shifts the wall clock of a process.
fn clock() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("libclock-{}.so", std::process::id()));
        let source = workspace().join("tests/e2e/older/clock.c");
        let (mut cc, flags) = (Command::new("cc"), ["-shared", "-fPIC", "-o"]);
        let done = cc.args(flags).args([&out, &source]).arg("-ldl").status().unwrap();
        assert!(done.success(), "the clock does not compile");
        out
    })
}

/// Unpacks the older directory. `serve` runs the present binary on it with a clock that starts one hour after `MADE`.
fn unpacked(name: &str) -> World {
    let dir = std::env::temp_dir().join(format!("deed-older-{}-{name}", std::process::id()));
    fs::create_dir(&dir).unwrap();
    let archive = workspace().join(DIRECTORY);
    let done = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&dir).status().unwrap();
    assert!(done.success());
    world(&dir)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how far the fixture is behind the machine's calendar"
)]
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn serve(world: &mut World) {
    let now = now_s();
    let offset = i64::try_from(MADE + 3600).unwrap() - i64::try_from(now).unwrap();
    let (library, offset) = (clock().to_str().unwrap(), offset.to_string());
    let variables = [("LD_PRELOAD", library), ("DEED_TEST_CLOCK_OFFSET", offset.as_str())];
    world.serve_with(&variables).unwrap();
}

/// Every action of the tenant, with the id of its user.
fn actions(world: &World) -> Vec<(String, Value)> {
    let listed = world.client(BOB).get("/v1/actions?limit=100").unwrap().json();
    let all = listed["actions"].as_array().unwrap();
    let by_user = |one: &Value| {
        let resource = one["resource"].as_str().unwrap();
        (resource.rsplit('/').next().unwrap().to_owned(), one.clone())
    };
    all.iter().map(by_user).collect()
}

#[test]
fn an_older_directory_is_opened_told_and_carried_on() {
    let hostile = upstream();
    let mut world = unpacked("opened");
    assert!(!world.dir.join("state/VERSION").exists());
    let found = host::expect(&["journal", "check", world.path()]).unwrap();
    assert!(found.contains("CLEAN"), "{found}");
    assert!(!world.dir.join("state/VERSION").exists(), "who looks changes nothing");
    // At first, every observation fails, so that no open action is settled by an observation.
    hostile.lie("GET", 0, 1000, says(*b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"));
    serve(&mut world);
    let marked = fs::read_to_string(world.dir.join("state/VERSION")).unwrap();
    assert_eq!(marked, "deed state 2\n");
    let actions = actions(&world);
    assert_eq!(actions.len(), ENDED.len() + 1, "{actions:#?}");
    let find = |n: usize| &actions.iter().find(|(name, _)| *name == user(n)).unwrap().1;
    for (n, outcome) in ENDED.into_iter().enumerate() {
        let id = find(n)["id"].as_str().unwrap();
        assert_eq!(world.show(id).unwrap()["outcome"], outcome);
        let report = report(&world, id);
        assert_eq!(report.verdict, Verdict::Verified, "{outcome}: {report:#?}");
    }
    hostile.be_honest();
    let waiting = find(WAITING);
    assert_eq!(waiting["status"], "waiting", "{waiting:#}");
    let id = waiting["id"].as_str().unwrap();
    let (taken, said) = world.approve(id, "bob", BOB).unwrap();
    assert!(taken, "{said}");
    // If the present version read the contract differently, the contract's digest would change and the host would
    // request a new approval, which must not happen.
    let view = world.settled(id).unwrap();
    ended(&world, &view, "verified", "");
    assert_eq!(hostile.user(&user(WAITING))["active"], true);
    assert!(world.host.take().unwrap().stop().unwrap());
}

/// Every file and folder below `dir`, with the bytes of each file.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(tree(&path));
            all.insert(path, vec![]);
        } else {
            all.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    all
}

#[test]
fn a_newer_directory_is_refused_by_every_command_and_not_touched() {
    let world = unpacked("newer");
    fs::write(world.dir.join("state/VERSION"), "deed state 3\n").unwrap();
    let before = tree(&world.dir);
    let target = world.dir.with_extension("copy");
    let (dir, target) = (world.path(), target.to_str().unwrap());
    let commands: [&[&str]; 6] = [
        &["serve", dir],
        &["check", dir],
        &["key", "rotate", dir],
        &["journal", "check", dir],
        &["backup", dir, target],
        &["restore", dir, target],
    ];
    for args in commands {
        let output = host::run(args, "").unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.status.success(), "{args:?}: {said}");
        // `deed restore` refuses a directory that is not a backup before it reads its state.
        let words = if args[0] == "restore" { "not a backup" } else { "has version 3" };
        assert!(said.contains(words), "{args:?}: {said}");
        assert_eq!(tree(&world.dir), before, "{args:?}");
        assert!(!Path::new(target).exists(), "{args:?}");
    }
}
