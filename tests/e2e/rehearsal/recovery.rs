//! Tests of recovery along a plan: each write takes effect once, and reads that were answered are not sent again.

use std::thread;
use std::time::Duration;

use deed_test_support::office::{Case, Fault};
use deed_test_support::shared::ended;
use deed_tests::wait::until;
use deed_tests::world::HELPDESK;
use serde_json::{Value, json};

use super::{agreed, approved, build, building, built, served, tag, verified};

const OBSERVABLE: &str = "effect   = \"observable\"";

fn attempts(receipt: &Value) -> usize {
    receipt["attempts"].as_array().unwrap().len()
}

/// The upstream refuses the second write for a moment. The next attempt gets the recorded answer to the first write, so
/// the id in the later writes stays the same.
#[test]
fn a_plan_is_continued_after_a_503() {
    let idempotent = Case::build_thing().with(OBSERVABLE, "effect   = \"idempotent\"");
    for case in [idempotent, Case::build_thing().keyed()] {
        let (office, world) = served(&case);
        office.next("PUT", "/things", Fault::Refuse(503));
        let view = world.run(&build(&case, "k-1")).unwrap();
        let receipt = ended(&world, &view, "verified", "every expectation holds");
        agreed(&world, &view, &receipt);
        assert_eq!(attempts(&receipt), 2);
        assert_eq!(receipt["attempts"][1]["exchanges"][0]["carried_from"], 1, "{receipt:#}");
        assert_eq!(office.applied(), building(&built(&office)), "each write once");
        let sent = office.upstream.writes();
        assert_eq!(sent.len(), 5, "only the second write is sent again: {sent:?}");
        assert_eq!(office.reads("/kits/k-1/parts"), 1, "the attempts read nothing");
        assert_eq!(office.get("/things")["count"], 1);
    }
}

/// The host is killed while the second write is under way, and continues the plan after its restart.
#[test]
fn a_plan_is_continued_after_a_crash() {
    let case = Case::build_thing().keyed();
    let (office, mut world) = served(&case);
    office.next("PUT", "/things", Fault::Hold);
    let at_once = [("prefer", "wait=0")];
    let proposed = world.client(HELPDESK).propose(&build(&case, "k-1"), &at_once).unwrap();
    let id = proposed.text("/id");
    until("the second write is under way", || office.upstream.writes().len() == 2);
    world.kill().unwrap();
    office.release();
    assert_eq!(office.applied(), ["POST /things"]);
    world.serve().unwrap();
    let view = world.settled(&id).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed(&world, &view, &receipt);
    assert_eq!(attempts(&receipt), 2);
    assert_eq!(office.applied(), building(&built(&office)), "each write once");
    assert_eq!(office.reads("/kits/k-1/parts"), 1, "the plan is in the journal");
    assert_eq!(office.get("/things")["count"], 1);
}

/// The host is killed twice while the second write is under way. The journal also has the result that the second
/// attempt carried over from the first one, so the record of the interrupted attempt follows the plan.
#[test]
fn a_plan_is_continued_after_two_crashes() {
    let case = Case::build_thing().keyed();
    let (office, mut world) = served(&case);
    office.next("PUT", "/things", Fault::Hold);
    let at_once = [("prefer", "wait=0")];
    let proposed = world.client(HELPDESK).propose(&build(&case, "k-1"), &at_once).unwrap();
    let id = proposed.text("/id");
    for sent in [2, 3] {
        until("the second write is under way", || office.upstream.writes().len() == sent);
        world.kill().unwrap();
        office.release();
        assert_eq!(office.applied(), ["POST /things"]);
        if sent == 2 {
            office.next("PUT", "/things", Fault::Hold);
        }
        world.serve().unwrap();
    }
    let view = world.settled(&id).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed(&world, &view, &receipt);
    verified(&world, &view);
    assert_eq!(attempts(&receipt), 3);
    for (attempt, claim) in [(0, "lost"), (1, "lost"), (2, "done")] {
        let attempt = &receipt["attempts"][attempt];
        assert_eq!(attempt["claim"], claim, "{receipt:#}");
        assert_eq!(attempt["exchanges"][0]["path"], "/things", "{receipt:#}");
    }
    assert_eq!(receipt["attempts"][1]["exchanges"][0]["carried_from"], 1, "{receipt:#}");
    assert_eq!(office.applied(), building(&built(&office)), "each write once");
}

/// The first write gets no answer and takes effect late, but within `settle`. The second write needs its answer. The
/// condition holds all the time, so only the plan shows that something is missing. The host does not send the first
/// write again before it can know whether that write took effect.
#[test]
fn a_first_write_that_takes_effect_late_is_not_sent_twice() {
    let case = Case::label_copy();
    let (office, world) = served(&case);
    office.next("POST", "/copies", Fault::Late);
    let proposal = case.proposal(json!({"document": "d-1"}));
    let proposed = world.client(HELPDESK).propose(&proposal, &[("prefer", "wait=0")]).unwrap();
    until("the first write is under way", || office.upstream.writes().len() == 1);
    // The exchange ends after two seconds, and `settle` is over after five.
    thread::sleep(Duration::from_millis(3_500));
    office.release();
    let view = world.settled(&proposed.text("/id")).unwrap();
    let missing = "write 2 of the plan, `POST /labels`, was not sent";
    let receipt = ended(&world, &view, "mismatch", missing);
    assert_eq!(attempts(&receipt), 1, "{receipt:#}");
    assert_eq!(office.applied(), ["POST /copies"]);
    assert_eq!(office.upstream.writes().len(), 1);
}

/// The guard rejects the write, bob approves the new plan, and then the state cannot be read. The action fails, and its
/// bundle proves that nothing was carried out.
#[test]
fn an_action_that_fails_after_a_rejected_write_is_verified() {
    let unread = [Fault::Refuse(503)];
    let unrehearsed = [Fault::Pass, Fault::Refuse(503)];
    for (faults, reason) in [
        (&unread[..], "the state before the action could not be observed; nothing more was sent"),
        (&unrehearsed, "the action could not be rehearsed; nothing more was sent"),
    ] {
        let case = Case::tag_document().asking();
        let (office, world) = served(&case);
        office.next("PUT", "/documents", Fault::EditFirst);
        let view = world.run(&tag(&case)).unwrap();
        assert_eq!(view["status"], "waiting", "{view:#}");
        for fault in faults {
            office.next("GET", "/documents", *fault);
        }
        let (_, view) = approved(&world, view["id"].as_str().unwrap());
        let receipt = ended(&world, &view, "failed", reason);
        verified(&world, &view);
        assert_eq!(attempts(&receipt), 1, "{receipt:#}");
        assert_eq!(office.applied(), Vec::<String>::new());
    }
}

/// The upstream created the thing, but its id is lost. Under the same key, the upstream answers again.
#[test]
fn a_lost_id_is_got_again_under_the_same_key() {
    let case = Case::build_thing().keyed();
    let (office, world) = served(&case);
    office.next("POST", "/things", Fault::LoseAnswer);
    let view = world.run(&build(&case, "k-1")).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(attempts(&receipt), 2);
    assert_eq!(office.applied(), building(&built(&office)), "each write once");
    let sent = office.upstream.writes();
    let keys: Vec<_> = sent.iter().map(|one| one.header("idempotency-key").unwrap()).collect();
    assert_eq!((keys.len(), keys[0]), (5, keys[1]), "the create is repeated under its key");
    assert_eq!(office.get("/things")["count"], 1);
}

/// Without a key, the host cannot learn the id, and sends neither the create nor a later write.
#[test]
fn without_the_id_nothing_more_is_sent() {
    let case = Case::build_thing();
    let (office, world) = served(&case);
    office.next("POST", "/things", Fault::LoseAnswer);
    let view = world.run(&build(&case, "k-1")).unwrap();
    let receipt = ended(&world, &view, "indeterminate", "no definite answer");
    assert_eq!(attempts(&receipt), 1);
    assert_eq!(office.applied(), ["POST /things"]);
    assert_eq!(office.upstream.writes().len(), 1);
    let unsent: Vec<_> =
        receipt["unsent"].as_array().unwrap().iter().map(|one| &one["write"]).collect();
    assert_eq!(unsent, [2, 3, 4], "{receipt:#}");
}

/// The last write is refused. What was sent stays, and the receipt lists nothing as unsent that was sent.
#[test]
fn a_refused_write_ends_the_plan() {
    let case = Case::build_thing();
    let (office, world) = served(&case);
    office.next("POST", "/shelf", Fault::Refuse(403));
    let view = world.run(&build(&case, "k-1")).unwrap();
    let receipt = ended(&world, &view, "mismatch", "");
    assert_eq!(office.applied(), building(&built(&office))[..2]);
    let unsent: Vec<_> =
        receipt["unsent"].as_array().unwrap().iter().map(|one| &one["write"]).collect();
    assert_eq!(unsent, [4], "{receipt:#}");
    assert_eq!(receipt["unsent"][0]["optional"], true, "{receipt:#}");
}
