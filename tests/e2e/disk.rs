//! Tests of a full disk. The host stops accepting new work before the disk is full. If a write to disk fails, the host
//! reports the failure, stays readable for a while, and exits. No acknowledged data is lost.
//!
//! `state/` is on a small file system in memory. If that file system cannot be mounted, the test reports that it was
//! skipped.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::client::{Answer, Client};
use deed_tests::proxy::Fault;
use deed_tests::wait::until;
use deed_tests::world::{BOB, World, edit, with_operator};

use crate::ready::refused;

/// A test environment whose `state/` is on a separate file system.
struct Small {
    world: World,
    state: PathBuf,
}

impl Small {
    /// Mounts a file system of this size and starts a host with this disk reserve. Returns `None` if the file system
    /// cannot be mounted.
    fn start(size: &str, reserve: &str) -> Option<Self> {
        let world = World::lay_out(scim(), "scim").unwrap();
        edit(
            &world.dir,
            "deed.toml",
            "environment = \"production\"\n",
            &format!("environment = \"production\"\ndisk_reserve = \"{reserve}\"\n"),
        )
        .unwrap();
        let state = world.dir.join("state");
        fs::create_dir_all(&state).unwrap();
        let options = format!("size={size},mode=0700,nr_inodes=4096");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "deed-test"])
            .arg(&state)
            .output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            #[expect(clippy::print_stderr, reason = "what was not tested must be seen")]
            {
                eprintln!("SKIPPED: a file system in memory cannot be mounted here");
            }
            return None;
        }
        let mut small = Self { world, state };
        small.world.serve().unwrap();
        Some(small)
    }

    fn operations(&self, path: &str) -> Answer {
        Client::new(&self.world.host.as_ref().unwrap().operations, "").get(path).unwrap()
    }

    fn unready(&self) -> String {
        let answer = self.operations("/readyz");
        assert_eq!(answer.status, 503, "{answer:?}");
        String::from_utf8(answer.bytes).unwrap()
    }

    fn waiting(&self, user: &str) -> String {
        let answer = self.propose("idp.restore_access", user);
        assert_eq!(answer.text("/status"), "waiting", "{answer:?}");
        answer.text("/id")
    }

    fn propose(&self, contract: &str, user: &str) -> Answer {
        self.world.propose(&World::proposal(contract, user)).unwrap()
    }

    fn ballast(&self) -> PathBuf {
        self.state.join("ballast")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        self.world.host = None;
        Command::new("umount").arg("-l").arg(&self.state).status().ok();
    }
}

/// Appends this many bytes to a file, or fewer if the disk becomes full; returns whether all of them fitted.
fn fill(path: &Path, bytes: usize) -> bool {
    let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
    let block = vec![7; 4096];
    (0..bytes / block.len()).all(|_| file.write_all(&block).is_ok())
}

#[test]
fn before_the_disk_is_full_nothing_new_is_taken() {
    let Some(it) = Small::start("96m", "48MiB") else { return };
    let (first, second) = (locked_out(), locked_out());
    let waiting = it.waiting(&first);
    assert!(fill(&it.ballast(), 60 << 20), "there is room for that");
    until("it is not ready", || it.operations("/readyz").status == 503);
    let why = it.unready();
    assert!(why.contains("50331648 are reserved") && why.contains("free some disk space"), "{why}");
    assert_eq!(it.operations("/healthz").status, 200);
    let metrics = String::from_utf8(it.operations("/metrics").bytes).unwrap();
    assert!(metrics.contains("deed_unready{reason=\"disk\"} 1\n"), "{metrics}");
    assert!(metrics.contains("deed_ready 0\n"), "{metrics}");
    refused(&it.propose("idp.read_user", &second), "disk is full");
    // The disk reserve is large enough to finish the actions under way.
    assert!(it.world.approve(&waiting, "bob", BOB).unwrap().0);
    assert_eq!(it.world.settled(&waiting).unwrap()["status"], "verified");
    fs::remove_file(it.ballast()).unwrap();
    until("it is ready again", || it.operations("/readyz").status == 200);
    assert_eq!(it.propose("idp.read_user", &second).text("/status"), "verified");
}

/// The host accepts a resolution on a full disk. Once there is room, the host proposes the retry that the resolution
/// requested, even if the host was restarted after it accepted the resolution.
#[test]
fn a_word_that_waits_for_room_is_concluded_when_there_is_some() {
    let Some(mut it) = Small::start("96m", "48MiB") else { return };
    assert!(it.world.host.take().unwrap().stop().unwrap());
    let permit = "@id(\"all\")\npermit (principal, action, resource);\n";
    fs::write(it.world.dir.join("policies/starter.cedar"), permit).unwrap();
    edit(&it.world.dir, "contracts/restore_access.toml", "\"observable\"", "\"opaque\"").unwrap();
    with_operator(&it.world.dir).unwrap();
    deed_tests::host::expect(&["pin", it.world.path()]).unwrap();
    it.world.serve().unwrap();
    it.world.proxy.set("PATCH", Fault::DropBefore);
    let answer = it.propose("idp.restore_access", &locked_out());
    let id = answer.text("/id");
    it.world.proxy.set("PATCH", Fault::None);
    until("nobody is called", || it.world.show(&id).unwrap()["escalated"].is_string());
    assert!(fill(&it.ballast(), 60 << 20), "there is room for that");
    until("it is not ready", || it.operations("/readyz").status == 503);
    let (done, said) = it.world.resolve(&id, "retry", "seen").unwrap();
    assert!(done, "{said}");
    assert!(it.world.host.take().unwrap().stop().unwrap());
    let looks = it.world.proxy.count("GET");
    it.world.serve().unwrap();
    // The restarted host observes the state a second time only after it has failed to conclude the action with the
    // first observation.
    until("it does not look again", || it.world.proxy.count("GET") > looks + 1);
    assert_eq!(it.world.show(&id).unwrap()["status"], "indeterminate");
    fs::remove_file(it.ballast()).unwrap();
    until("it is not concluded", || it.world.show(&id).unwrap()["status"] == "failed");
    let view = it.world.show(&id).unwrap();
    assert!(view["reason"].as_str().unwrap().contains("; proposed again as act_"), "{view:#}");
}

#[test]
fn a_disk_that_takes_no_more_files_is_as_full() {
    let Some(it) = Small::start("96m", "1MiB") else { return };
    let user = locked_out();
    for n in 0..3_900 {
        fs::write(it.state.join(format!("file-{n}")), "").unwrap();
    }
    until("it is not ready", || it.operations("/readyz").status == 503);
    assert!(it.unready().contains("more files"), "{}", it.unready());
    refused(&it.propose("idp.read_user", &user), "disk is full");
    for n in 0..3_900 {
        fs::remove_file(it.state.join(format!("file-{n}"))).unwrap();
    }
    until("it is ready again", || it.operations("/readyz").status == 200);
}

#[test]
fn a_store_that_cannot_write_says_so_can_be_read_and_ends() {
    let Some(mut it) = Small::start("32m", "0KiB") else { return };
    let (user, other) = (locked_out(), locked_out());
    let done = it.world.run(&World::proposal("idp.restore_access", &user)).unwrap();
    let done = done["id"].as_str().unwrap().to_owned();
    let waiting = it.waiting(&other);
    let bundle = it.world.bundle(&done).unwrap();
    assert!(!fill(&it.ballast(), 64 << 20), "it is full now");
    // The last page of the journal may have room for a few more records.
    let mut taken = vec![];
    until("an append finds no room", || {
        let answer = it.propose("idp.read_user", &user);
        if answer.status == 503 {
            return true;
        }
        taken.push(answer.text("/id"));
        false
    });
    until("it says so", || it.operations("/healthz").status == 503);
    let why = it.unready();
    assert!(why.contains("cannot be written") && why.contains("a restart recovers"), "{why}");
    refused(&it.propose("idp.read_user", &user), "can no longer write");
    let (approved, said) = it.world.approve(&waiting, "bob", BOB).unwrap();
    assert!(!approved, "{said}");
    // The host can still read the existing data.
    assert_eq!(it.world.show(&done).unwrap()["status"], "verified");
    assert_eq!(it.world.bundle(&done).unwrap(), bundle);
    let host = it.world.host.take().unwrap();
    assert_eq!(host.end(Duration::from_mins(2)).unwrap(), Some(1));
    let log = fs::read_to_string(it.world.dir.join("serve.log")).unwrap();
    assert!(log.contains("the host cannot continue") && log.contains("No space left"), "{log}");
    fs::remove_file(it.ballast()).unwrap();
    it.world.serve().unwrap();
    assert_eq!(it.operations("/readyz").status, 200);
    assert_eq!(it.world.bundle(&done).unwrap(), bundle);
    for id in taken {
        assert_eq!(it.world.settled(&id).unwrap()["status"], "verified");
    }
    assert!(it.world.approve(&waiting, "bob", BOB).unwrap().0);
    assert_eq!(it.world.settled(&waiting).unwrap()["status"], "verified");
    assert_eq!(it.world.proxy.count("PATCH"), 2, "one for each action");
}
