//! Tests of `deed defer`: what it prints, what it refuses, and that the request can still be answered.

use deed_record::timeline::{from_utc, utc};
use deed_test_support::shared::{ended, locked_out, scim};
use deed_tests::world::{BOB, CAROL, HELPDESK, World};
use serde_json::json;

use super::{Said, deed, to, waiting};

const REASON: &str = "I wait for the owner";

fn defer(world: &World, token: &str, id: &str, until: &str, more: &[&str]) -> Said {
    let args = ["defer", id, "--until", until, "--reason", REASON];
    to(world, token, &[&args[..], more].concat())
}

#[test]
fn a_request_is_put_off_for_a_span_or_until_a_time_and_can_still_be_answered() {
    let world = World::start(scim()).unwrap();
    let id = waiting(&world, &locked_out());
    let said = defer(&world, BOB, &id, "30m", &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("put off      by bob until "), "{}", said.out);
    assert!(said.out.contains(&format!("Z: {REASON}\n")), "{}", said.out);
    assert!(said.err.contains("put off until ") && said.err.contains("you can still answer it"));
    assert_eq!(said.next(), [format!("deed show {id} --url {}", world.url())], "{said:?}");
    let view = world.show(&id).unwrap();
    assert_eq!(
        (&view["status"], &view["deferrals"][0]["person"]),
        (&json!("waiting"), &json!("bob"))
    );
    let (until_ms, asked_ms) =
        (view["deferrals"][0]["until_ms"].as_i64().unwrap(), view["proposed_ms"].as_i64().unwrap());
    let minutes = (until_ms - asked_ms) / 60_000;
    assert!((30..=32).contains(&minutes), "30 minutes from now: {view:#}");
    // The latest time, as `deed show` prints it.
    let latest = utc(view["expires_ms"].as_i64().unwrap());
    let said = defer(&world, CAROL, &id, &latest, &["--json"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let deferrals = said.json()["deferrals"].clone();
    let last = json!({"person": "carol", "reason": REASON, "until_ms": from_utc(&latest)});
    assert_eq!(deferrals.as_array().unwrap().last(), Some(&last), "{deferrals:#}");
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    ended(&world, &world.settled(&id).unwrap(), "verified", "every expectation holds");
}

#[test]
fn a_time_or_a_reason_that_the_host_refuses_is_told_with_the_command_to_correct() {
    let world = World::start(scim()).unwrap();
    let id = waiting(&world, &locked_out());
    let url = world.url();
    let again = format!("deed defer {id} --until TIME --reason TEXT --url {url}");
    for (until, words) in
        [("2020-01-01T00:00:00Z", "must be in the future"), ("2h", "cannot be put off for longer")]
    {
        let said = defer(&world, BOB, &id, until, &[]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{until}: {said:?}");
        assert!(said.err.contains(words), "{until}: {}", said.err);
        assert_eq!(said.next(), [again.as_str()], "{said:?}");
    }
    let empty = to(&world, BOB, &["defer", &id, "--until", "5m", "--reason", " "]);
    assert!(empty.code == 1 && empty.err.contains("1 to 500 characters"), "{empty:?}");
    assert_eq!(empty.next(), [again.as_str()]);
    let silent = defer(&world, BOB, &id, "2h", &["--json"]);
    assert!(silent.code == 1 && silent.next().is_empty(), "{silent:?}");
    for until in ["soon", "-1h", "4", "2027-03-01", "2027-03-01T09:00:00+01:00"] {
        let until = format!("--until={until}");
        let said = to(&world, BOB, &["defer", &id, &until, "--reason", REASON]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{until}: {said:?}");
        assert!(said.err.contains("as in 2027-03-01T09:00:00Z"), "{until}: {}", said.err);
    }
    let odd = to(&world, BOB, &["defer", "act_1", "--until", "5m", "--reason", REASON]);
    assert_eq!(odd.code, 2, "{odd:?}");
    let nobody = deed(&["defer", &id, "--until", "5m", "--reason", REASON, "--url", url]);
    assert!(nobody.code == 2 && nobody.err.contains("set DEED_TOKEN"), "{nobody:?}");
    assert_eq!(world.show(&id).unwrap().get("deferrals"), None);
}

#[test]
fn who_may_not_answer_puts_nothing_off() {
    let world = World::start(scim()).unwrap();
    let id = waiting(&world, &locked_out());
    let agent = defer(&world, HELPDESK, &id, "5m", &[]);
    assert!(agent.code == 1 && agent.err.contains("use a person's token"), "{agent:?}");
    let draft = json!({"params": {"user_id": locked_out()}, "intent": "another user", "sources": [{"uri": "ticket:4712"}]});
    let path = format!("/v1/actions/{id}/draft");
    let edited = world.client(BOB).post(&path, &draft).unwrap().text("/id");
    for (id, words) in [(&edited, "`bob` edited this action"), (&id, "no approval is requested")] {
        let said = defer(&world, BOB, id, "5m", &[]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        assert!(
            said.err.contains("this cannot be put off") && said.err.contains(words),
            "{said:?}"
        );
        assert_eq!(said.next(), [format!("deed show {id} --url {}", world.url())]);
    }
    let unknown = defer(&world, BOB, "act_00000000000000000000000000", "5m", &[]);
    assert!(unknown.code == 1 && unknown.err.contains("`deed ls` lists"), "{unknown:?}");
    let carols = defer(&world, CAROL, &edited, "5m", &[]);
    assert_eq!(carols.code, 0, "{carols:?}");
}
