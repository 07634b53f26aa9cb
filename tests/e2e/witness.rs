//! Tests of witnesses for a real host's log: which witnesses cosign, which do not, and what a third party can conclude.

mod forks;
mod settings;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use deed_test_support::shared::{ended, locked_out};
use deed_test_support::witness::{Peer, opened, witnessed};
use deed_tests::client::Client;
use deed_tests::host;
use deed_tests::hostile::Hostile;
use deed_tests::wait::until;
use deed_tests::world::{BOB, World};
use serde_json::Value;

/// Runs an ordinary action and returns its view.
fn act(world: &World) -> Value {
    let view = world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    assert_eq!(view["status"], "verified", "{view}");
    view
}

/// Exit code and output of `deed verify` with the host's trust directory.
fn verify(world: &World, view: &Value) -> (i32, String) {
    let id = view["id"].as_str().unwrap();
    let file = world.dir.join(format!("{id}.deed"));
    fs::write(&file, world.bundle(id).unwrap()).unwrap();
    said(&["verify", file.to_str().unwrap(), "--trust", &trust(world)])
}

fn audit(world: &World, log: &str, more: &[&str]) -> (i32, String) {
    said(&[&["log", "audit", log, "--trust", &trust(world)], more].concat())
}

fn said(args: &[&str]) -> (i32, String) {
    let output = host::run(args, "").unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

fn trust(world: &World) -> String {
    world.dir.join("trust").to_str().unwrap().to_owned()
}

fn log_of(dir: &Path) -> String {
    dir.join("state/log/acme").to_str().unwrap().to_owned()
}

/// The public checkpoint of the log.
fn served(world: &World) -> String {
    let answer = Client::new(world.url(), BOB).get("/log/acme/checkpoint").unwrap();
    String::from_utf8(answer.bytes).unwrap()
}

/// The checkpoint of an action's bundle.
fn checkpoint(world: &World, view: &Value) -> String {
    let bundle = world.bundle(view["id"].as_str().unwrap()).unwrap();
    let files = deed_record::bundle::read(&bundle).unwrap();
    let proof = String::from_utf8(files["0.tlog-proof"].clone()).unwrap();
    proof.split_once("\n\n").unwrap().1.to_owned()
}

fn metrics(world: &World) -> String {
    let host = world.host.as_ref().unwrap();
    let answer = Client::new(&host.operations, "").get("/metrics").unwrap();
    String::from_utf8(answer.bytes).unwrap()
}

#[test]
fn an_action_is_cosigned_and_verifies_under_the_policy() {
    let (one, two) = (Peer::start("one"), Peer::start("two"));
    let mut world = witnessed(&[&one, &two], "witness_wait = \"30s\"");
    let view = act(&world);
    ended(&world, &view, "verified", "");
    let (code, told) = verify(&world, &view);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("pass  witnesses          cosigned by one (Unix time "), "{told}");
    let note = checkpoint(&world, &view);
    assert!(note.contains(&one.mark()) && note.contains(&two.mark()), "{note}");
    let vkey = fs::read_to_string(world.dir.join("trust/log.vkey")).unwrap();
    assert!(opened(&note, vkey.trim_end()).is_some(), "others read the note too");
    let both = [one.mark(), two.mark()];
    until("the log shows both", || both.iter().all(|mark| served(&world).contains(mark)));
    let bundle = world.bundle(view["id"].as_str().unwrap()).unwrap();
    let shown = served(&world);
    world.restart().unwrap();
    assert_eq!(served(&world), shown, "what they said is on disk");
    // The host does not store which tree size each witness cosigned last. After a restart, each witness reports that
    // size, and the host continues from there.
    let later = act(&world);
    assert_eq!(verify(&world, &later).0, 0);
    let ours = concat!("deed/", env!("CARGO_PKG_VERSION"));
    let asked = one.hostile.requests();
    assert!(asked.iter().all(|one| one.header("user-agent") == Some(ours)), "{asked:?}");
    assert!(one.mind.said().contains(&409), "{:?}", one.mind.said());
    assert_eq!(
        world.bundle(view["id"].as_str().unwrap()).unwrap(),
        bundle,
        "always the same bytes"
    );
    until("the log shows both", || both.iter().all(|mark| served(&world).contains(mark)));
    let url = format!("{}/log/acme", world.url());
    for (log, more) in [(log_of(&world.dir), vec![]), (url, vec!["--token", BOB])] {
        let (code, told) = audit(&world, &log, &more);
        assert_eq!(code, 0, "{told}");
        assert!(told.contains("cosigned    by one at Unix time "), "{told}");
    }
    assert!(metrics(&world).contains("deed_witness_prompt{tenant=\"acme\",witness=\"two\"} 1\n"));
}

#[test]
fn a_dead_witness_stops_no_action_and_vouches_when_it_is_back() {
    let (one, two) = (Peer::start("one"), Peer::start("two"));
    let world = witnessed(&[&one, &two], "witness_wait = \"30s\"");
    let (mind, address) = (two.mind.clone(), two.hostile.address());
    drop(two);
    let started = Instant::now();
    let view = act(&world);
    for _ in 0..3 {
        act(&world);
    }
    // The host does not wait after a witness refused the connection: four waits of 30 s would exceed the time limit of
    // this test.
    assert!(started.elapsed() < Duration::from_secs(100), "{:?}", started.elapsed());
    let (code, told) = verify(&world, &view);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("skip  witnesses          too few witnesses cosigned"), "{told}");
    assert!(told.contains("two missing") && told.contains("UNVERIFIABLE"), "{told}");
    let (code, told) = audit(&world, &log_of(&world.dir), &[]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("two missing"), "{told}");
    let back = Peer { hostile: Hostile::start_at(address).unwrap(), mind };
    back.turn_good();
    until("it is asked again", || served(&world).contains(&back.mark()));
    let (code, told) = audit(&world, &log_of(&world.dir), &[]);
    assert_eq!(code, 0, "{told}");
    until("it is waited for again", || {
        metrics(&world).contains("deed_witness_prompt{tenant=\"acme\",witness=\"two\"} 1\n")
    });
    let later = act(&world);
    assert_eq!(verify(&world, &later).0, 0);
    // The earlier bundle is unchanged.
    assert_eq!(verify(&world, &view).0, 2);
}

#[test]
fn a_quorum_smaller_than_all_needs_no_more() {
    let (one, two) = (Peer::start("one"), Peer::start("two"));
    let world = witnessed(&[&one, &two], "witness_quorum = 1\nwitness_wait = \"30s\"");
    drop(two);
    let view = act(&world);
    let (code, told) = verify(&world, &view);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("cosigned by one"), "{told}");
}

#[test]
fn many_actions_at_once_are_all_cosigned() {
    let (one, two) = (Peer::start("one"), Peer::start("two"));
    let world = witnessed(&[&one, &two], "witness_wait = \"30s\"");
    let views: Vec<Value> = std::thread::scope(|scope| {
        let acting: Vec<_> = (0..8).map(|_| scope.spawn(|| act(&world))).collect();
        acting.into_iter().map(|acting| acting.join().unwrap()).collect()
    });
    for view in views {
        let (code, told) = verify(&world, &view);
        assert_eq!(code, 0, "{told}");
    }
}
