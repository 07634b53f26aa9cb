//! Tests of backups of a busy host: each backup is complete, and a host can serve a directory restored from it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use deed_test_support::shared::scim;
use deed_tests::client::Client;
use deed_tests::home::Home;
use deed_tests::proxy::Proxy;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World};
use deed_verify::{Verdict, verify};

use super::{Scratch, act, audit, backup, clean, leave_some, proposal, restore, user, world};

const CALLERS: usize = 4;
const BACKUPS: usize = 6;
const PATIENCE: Duration = Duration::from_mins(3);

/// Proposes actions until `done` is set: reads for both tenants, and changes that wait for approval.
fn propose(world: &World, caller: usize, done: &AtomicBool, ended: &Mutex<usize>) {
    let wait = [("prefer", "wait=60")];
    while !done.load(Ordering::Relaxed) {
        let (token, proposal) = match caller % 3 {
            0 => (STRANGER, World::proposal("idp.read_user", &user())),
            1 => (HELPDESK, World::proposal("idp.read_user", &user())),
            _ => (HELPDESK, proposal()),
        };
        let client = Client::new(world.url(), token);
        // The host may refuse a proposal because too many actions are under way.
        let answer = client.propose(&proposal, &wait).unwrap();
        if answer.text("/status") == "verified" {
            *ended.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
        if answer.text("/status") == "waiting" {
            let path = format!("/v1/actions/{}/cancel", answer.text("/id"));
            client.send("POST", &path, &[], vec![]).unwrap();
        }
    }
}

#[test]
fn backups_of_a_busy_host_are_whole_and_can_be_served() {
    let (mut world, _hostile) = world();
    let scratch = Scratch::new();
    let verified = act(&world);
    let waiting = leave_some(&world);
    let (done, ended) = (AtomicBool::new(false), Mutex::new(0));
    let count = || *ended.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (world, done, ended) = (&world, &done, &ended);
            scope.spawn(move || propose(world, caller, done, ended));
        }
        for n in 0..BACKUPS {
            // Actions end between two backups and also during a backup.
            let (before, start) = (count(), Instant::now());
            while count() < before + 3 && start.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(10));
            }
            assert!(count() >= before + 3, "nothing happens");
            let keys = if n + 1 == BACKUPS { &["--with-keys"][..] } else { &[] };
            let (code, said) = backup(&world.dir, &scratch.join(&n.to_string()), keys);
            done.store(code != 0, Ordering::Relaxed);
            assert_eq!(code, 0, "{said}");
        }
        done.store(true, Ordering::Relaxed);
    });
    // The last backup is made without a running host, from the files that a crash left.
    world.host.take().unwrap().kill().unwrap();
    let crashed = scratch.join("crashed");
    let (code, said) = backup(&world.dir, &crashed, &[]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(clean(&crashed)["records"], clean(&world.dir)["records"]);
    let mut actions = 0;
    for n in 0..BACKUPS {
        let copy = scratch.join(&n.to_string());
        let found = clean(&copy);
        assert!(found["actions"].as_u64().unwrap() > actions, "{found:#}");
        actions = found["actions"].as_u64().unwrap();
        for tenant in ["acme", "globex"] {
            let (code, said) = audit(&world, &copy, tenant, &[]);
            assert_eq!(code, 0, "{said}");
        }
    }
    let dir = scratch.0.with_extension("served");
    let (code, said) = restore(&scratch.join(&(BACKUPS - 1).to_string()), &dir, &[]);
    assert_eq!(code, 0, "{said}");
    // A backup never contains the approvers' private keys, which belong to the approvers.
    std::fs::copy(world.dir.join("approvers/bob.key"), dir.join("approvers/bob.key")).unwrap();
    let mut second = World::of(Home::at(dir), Proxy::start(&scim().base_url()).unwrap());
    second.serve().unwrap();
    let trust = second.trusted().unwrap();
    let report = verify(&second.bundle(&verified).unwrap(), Some(&trust));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    let (taken, said) = second.approve(&waiting, "bob", BOB).unwrap();
    assert!(taken, "{said}");
    assert_eq!(second.settled(&waiting).unwrap()["status"], "verified");
    act(&second);
    super::stop(&mut second);
    clean(&second.dir);
}
