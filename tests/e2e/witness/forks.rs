//! Tests a host that is restored to an older state and continues: only a witness can detect the fork.

use std::fs;
use std::process::Command;

use deed_test_support::witness::{Peer, witnessed};

use super::{act, audit, checkpoint, log_of, metrics, verify};

#[test]
fn a_witness_refuses_a_log_that_was_forked() {
    let one = Peer::start("one");
    let mut world = witnessed(&[&one], "witness_wait = \"30s\"");
    act(&world);
    let (state, copy) = (world.dir.join("state"), world.dir.join("copy"));
    let copied = |from: &std::path::Path, to: &std::path::Path| {
        let done = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
        assert!(done.success());
    };
    assert!(world.host.take().unwrap().stop().unwrap());
    copied(&state, &copy);
    world.serve().unwrap();
    let before = act(&world);
    assert_eq!(verify(&world, &before).0, 0);
    assert!(checkpoint(&world, &before).contains(&one.mark()));
    let kept = world.dir.join("kept");
    fs::copy(state.join("log/acme/cosigned"), &kept).unwrap();
    // All files are restored, including HEAD, so the host's own history is consistent.
    assert!(world.host.take().unwrap().stop().unwrap());
    fs::remove_dir_all(&state).unwrap();
    copied(&copy, &state);
    world.serve().unwrap();
    for answers in [409, 422] {
        let after = act(&world);
        let (code, told) = verify(&world, &after);
        assert_eq!(code, 2, "{told}");
        assert!(told.contains("one missing, cosigned by no witness"), "{told}");
        assert!(!checkpoint(&world, &after).contains(&one.mark()));
        assert!(
            metrics(&world).contains("deed_witness_alarm{tenant=\"acme\",witness=\"one\"} 1\n")
        );
        // The host waits after a refusal before it sends the next tree to the witness.
        super::until("it was shown", || one.mind.said().last() == Some(&answers));
    }
    assert!(world.host.as_ref().unwrap().log().contains("a witness contradicts this log"));
    let (code, told) = audit(&world, &log_of(&world.dir), &[]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("one missing"), "{told}");
    let (code, told) = audit(&world, &log_of(&world.dir), &["--since", kept.to_str().unwrap()]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("the log was forked"), "{told}");
}

#[test]
fn a_witness_that_has_seen_more_is_an_alarm_and_stops_nothing() {
    let one = Peer::start("one");
    let mut world = witnessed(&[&one], "witness_wait = \"30s\"");
    let (state, copy) = (world.dir.join("state"), world.dir.join("copy"));
    act(&world);
    assert!(world.host.take().unwrap().stop().unwrap());
    let put = |from: &std::path::Path, to: &std::path::Path| {
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    put(&state, &copy);
    world.serve().unwrap();
    act(&world);
    act(&world);
    assert!(world.host.take().unwrap().stop().unwrap());
    fs::remove_dir_all(&state).unwrap();
    put(&copy, &state);
    world.serve().unwrap();
    let view = act(&world);
    assert_eq!(verify(&world, &view).0, 2);
    let log = world.host.as_ref().unwrap().log();
    assert!(log.contains("the witness has seen 10 entries of this log, which has "), "{log}");
    assert!(metrics(&world).contains("deed_witness_alarm{tenant=\"acme\",witness=\"one\"} 1\n"));
}
