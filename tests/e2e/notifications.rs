//! Tests of messages for people: who gets which e-mail and when, what is in it, and how the host treats relays and chats
//! that do not work.

mod chat;
mod relays;
mod third_party;
mod times;

use std::path::Path;
use std::process::Command;

use deed_test_support::shared::{ended, locked_out, scim};
use deed_tests::relay::{Letter, Relay, address_of, for_people, smtp};
use deed_tests::services::{Result, venv};
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::{Value, json};

/// The further field of a relay without TLS.
const CLEAR: &str = ", tls = \"none\"";

/// Starts a host whose people get e-mail through this relay. `more` has further lines of the table.
fn telling(relay: &Relay, more: &str, change: impl FnOnce(&Path) -> Result<()>) -> World {
    let table = smtp(relay.port(), CLEAR) + more;
    let made = World::with(scim(), "scim", |dir| {
        for_people(dir, &table)?;
        change(dir)
    });
    made.unwrap()
}

/// Proposes an action that waits for approval, and returns its id.
fn waiting(world: &World) -> String {
    let proposed = world.propose(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{proposed:?}");
    proposed.text("/id")
}

/// The message as the e-mail package of Python reads it: the headers by name, and the body.
fn read(letter: &Letter) -> Value {
    let script = "import email, email.policy, json, sys\n\
                  read = email.message_from_bytes(sys.argv[1].encode(), policy=email.policy.default)\n\
                  fields = {name: str(value) for name, value in read.items()}\n\
                  assert not read.defects and not read.is_multipart(), read.defects\n\
                  print(json.dumps({'headers': fields, 'body': read.get_content()}))";
    let output =
        Command::new(venv().join("bin/python")).args(["-c", script, &letter.data]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The subjects of the messages to this person.
fn subjects(relay: &Relay, person: &str) -> Vec<String> {
    let letters = relay.to(&address_of(person));
    letters.iter().map(|one| read(one)["headers"]["Subject"].as_str().unwrap().to_owned()).collect()
}

/// A message has no parameter, no intent and no source.
fn is_silent(letter: &Letter) {
    for word in ["locked out", "ticket:4711", "user@example.com", "support-lead"] {
        assert!(!letter.data.contains(word), "`{word}` is in {letter:?}");
    }
}

#[test]
fn approvers_are_asked_by_e_mail_and_the_responsible_person_is_not() {
    let relay = Relay::start(None).unwrap();
    let world = telling(&relay, "", |_| Ok(()));
    let id = waiting(&world);
    let [bob, carol] = ["bob", "carol"].map(|one| relay.wait_for(&address_of(one), 1).remove(0));
    assert_eq!(relay.letters().len(), 2, "{:#?}", relay.letters());
    for letter in [&bob, &carol] {
        assert_eq!(letter.from, "deed@host.example.com");
        is_silent(letter);
        let read = read(letter);
        let header = |name: &str| read["headers"][name].as_str().unwrap_or_default();
        assert_eq!(header("Subject"), "[deed] Approval requested: idp.restore_access");
        assert_eq!(header("To").trim_matches(['<', '>']), letter.to);
        assert_eq!(header("Auto-Submitted"), "auto-generated");
        assert!(header("Message-ID").starts_with(&format!("<{id}_asked_1.")), "{read}");
        let body = read["body"].as_str().unwrap();
        for line in [
            "agent: helpdesk",
            "person: alice",
            &format!("page: http://localhost:18480/actions/{id}"),
        ] {
            assert!(body.lines().any(|one| one == line), "`{line}` is missing: {body}");
        }
        assert!(body.contains("resource: idp/users/") && body.contains("expires: 2"), "{body}");
    }
    let metric = || world.metric("deed_notifications_total{channel=\"mail\",result=\"delivered\"}");
    until("both count as delivered", || metric().unwrap() == Some(2));
    let log = world.host.as_ref().unwrap().log();
    assert!(!log.contains("people.example.com"), "{log}");
}

#[test]
fn the_responsible_person_learns_the_decision_and_the_end() {
    let relay = Relay::start(None).unwrap();
    let world = telling(&relay, "", |_| Ok(()));
    let id = waiting(&world);
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let view = world.settled(&id).unwrap();
    relay.wait_for(&address_of("alice"), 2);
    let expected =
        ["[deed] Approved: idp.restore_access", "[deed] Ended as verified: idp.restore_access"];
    assert_eq!(subjects(&relay, "alice"), expected);
    relay.letters().iter().for_each(is_silent);
    ended(&world, &view, "verified", "");
    let bundle = world.bundle(&id).unwrap();
    let needle = b"people.example.com";
    assert!(!bundle.windows(needle.len()).any(|part| part == needle), "an address is in a record");
}

#[test]
fn nobody_is_told_of_an_action_about_which_nobody_was_asked() {
    let relay = Relay::start(None).unwrap();
    let mut world = telling(&relay, "", |_| Ok(()));
    let proposed = world.propose(&World::proposal("idp.read_user", &locked_out())).unwrap();
    assert_eq!(proposed.text("/status"), "verified", "{proposed:?}");
    // A stop delivers what is queued, so nothing can follow.
    assert!(world.stop().unwrap());
    assert_eq!(relay.letters(), []);
}

#[test]
fn an_agent_that_proposes_and_cancels_in_turn_does_not_flood_people() {
    let relay = Relay::start(None).unwrap();
    let world = telling(&relay, "", |_| Ok(()));
    let user = locked_out();
    let dropped = || {
        let metric = "deed_notifications_total{channel=\"mail\",result=\"dropped\"}";
        world.metric(metric).unwrap().unwrap_or_default()
    };
    // People are told of the request and of the end.
    for _ in 0..60 {
        let proposed = world.propose(&World::proposal("idp.restore_access", &user)).unwrap();
        assert_eq!(proposed.text("/status"), "waiting", "{proposed:?}");
        let path = format!("/v1/actions/{}/cancel", proposed.text("/id"));
        let cancelled = world.client(HELPDESK).post(&path, &json!({})).unwrap();
        assert!((200..300).contains(&cancelled.status), "{cancelled:?}");
        if dropped() > 0 {
            break;
        }
    }
    until("messages are dropped", || dropped() > 0);
    let log = world.host.as_ref().unwrap().log();
    assert_eq!(log.matches("notified too often").count(), 1, "{log}");
    assert!(relay.to(&address_of("bob")).len() <= 50 && relay.to(&address_of("alice")).len() <= 50);
}
