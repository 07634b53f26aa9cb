//! Reminders before the expiry of a request for approval, and escalation.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use deed_test_support::shared::locked_out;
use deed_tests::proxy::Fault;
use deed_tests::relay::{Relay, address_of};
use deed_tests::wait::until;
use deed_tests::world::{BOB, CAROL, World, edit};
use serde_json::json;

use super::{read, subjects, telling, waiting};

const ASKED: &str = "[deed] Approval requested: idp.restore_access";
const REMINDER: &str = "[deed] Request for approval expires soon: idp.restore_access";
const AGAIN: &str = "[deed] Request for approval waits again: idp.restore_access";
const ESCALATED: &str = "[deed] Request for approval still waits: idp.restore_access";
const EXPIRED: &str = "[deed] Ended as expired: idp.restore_access";

#[test]
fn people_are_reminded_once_before_the_request_expires() {
    let relay = Relay::start(None).unwrap();
    let world = telling(&relay, "remind = \"5s\"\n", |dir| {
        edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"9s\"")
    });
    waiting(&world);
    relay.wait_for(&address_of("alice"), 2);
    assert_eq!(subjects(&relay, "bob"), [ASKED, REMINDER]);
    assert_eq!(subjects(&relay, "carol"), [ASKED, REMINDER]);
    assert_eq!(subjects(&relay, "alice"), [REMINDER, EXPIRED]);
}

#[test]
fn who_put_a_request_off_is_told_at_that_time_and_not_reminded_before() {
    let relay = Relay::start(None).unwrap();
    let world = telling(&relay, "remind = \"8s\"\n", |dir| {
        edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"16s\"")
    });
    let id = waiting(&world);
    let until_ms = world.show(&id).unwrap()["expires_ms"].as_i64().unwrap() - 4_000;
    let body = json!({"reason": "in a meeting", "until_ms": until_ms});
    let answer = world.client(BOB).post(&format!("/v1/actions/{id}/deferral"), &body).unwrap();
    assert_eq!(answer.status, 202, "{}", answer.json());
    relay.wait_for(&address_of("alice"), 2);
    assert_eq!(subjects(&relay, "bob"), [ASKED, AGAIN]);
    assert_eq!(subjects(&relay, "carol"), [ASKED, REMINDER]);
    assert!(relay.letters().iter().all(|letter| !letter.data.contains("in a meeting")));
}

#[test]
fn the_responsible_person_learns_of_a_denial() {
    let relay = Relay::start(None).unwrap();
    let world = telling(&relay, "", |_| Ok(()));
    let id = waiting(&world);
    relay.wait_for(&address_of("carol"), 1);
    let (done, said) = world.answer("deny", &id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    relay.wait_for(&address_of("alice"), 1);
    assert_eq!(subjects(&relay, "alice"), ["[deed] Ended as denied: idp.restore_access"]);
    assert_eq!(subjects(&relay, "carol"), [ASKED]);
}

#[test]
fn a_request_that_waits_is_escalated_to_the_people_of_the_table_only() {
    let relay = Relay::start(None).unwrap();
    let table = "escalate = { after = \"1s\", to = [\"carol\", \"helpdesk\"] }\n";
    let world = telling(&relay, table, |_| Ok(()));
    waiting(&world);
    relay.wait_for(&address_of("carol"), 2);
    assert_eq!(subjects(&relay, "carol"), [ASKED, ESCALATED]);
    assert_eq!(subjects(&relay, "bob"), [ASKED]);
    // Alice has the role `helpdesk`, but it is an action of her own agent.
    assert_eq!(subjects(&relay, "alice"), [""; 0]);
}

#[test]
fn a_restart_repeats_an_escalation_under_the_same_id() {
    let relay = Relay::start(None).unwrap();
    let table = "escalate = { after = \"1s\", to = [\"carol\"] }\n";
    let mut world = telling(&relay, table, |_| Ok(()));
    waiting(&world);
    relay.wait_for(&address_of("carol"), 2);
    assert!(world.stop().unwrap());
    world.serve().unwrap();
    let told = relay.wait_for(&address_of("carol"), 3);
    let id = |n: usize| read(&told[n])["headers"]["Message-ID"].clone();
    assert_eq!(id(1), id(2));
    assert_ne!(id(0), id(1));
}

/// Longer than `after` of the next test.
const ESCALATED_AFTER: Duration = Duration::from_secs(5);

/// Each timer of an action starts another driver of it, also while the action waits for its resource.
#[test]
fn an_approval_is_told_once_although_the_action_waits_for_its_resource() {
    let relay = Relay::start(None).unwrap();
    let table = "escalate = { after = \"4s\", to = [\"carol\"] }\n";
    let before = "[\"!has(pre.user.active) || pre.user.active\"]";
    let world = telling(&relay, table, |dir| {
        edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"60s\"")?;
        edit(dir, "contracts/suspend_user.toml", before, "[]")
    });
    let user = locked_out();
    let ask = |contract| {
        let proposed = world.propose(&World::proposal(contract, &user)).unwrap();
        assert_eq!(proposed.text("/status"), "waiting", "{proposed:?}");
        proposed.text("/id")
    };
    let [first, second] = ["idp.restore_access", "idp.suspend_user"].map(ask);
    world.proxy.set("PATCH", Fault::Hold);
    thread::scope(|scope| {
        scope.spawn(|| world.approve(&first, "bob", BOB).unwrap());
        until("the first action writes", || world.proxy.count("PATCH") > 0);
        scope.spawn(|| world.approve(&second, "bob", BOB).unwrap());
        until("the second action waits", || {
            world.show(&second).unwrap()["held_by"] == first.as_str()
        });
        // The write of the first action takes until after the timers of both actions.
        thread::sleep(ESCALATED_AFTER);
        world.proxy.set("PATCH", Fault::None);
    });
    // Both approvals, and the end of the first action, which makes the approval of the second one stale.
    let told = relay.wait_for(&address_of("alice"), 3);
    let id = |letter| read(letter)["headers"]["Message-ID"].as_str().unwrap().to_owned();
    let ids: BTreeSet<String> = told.iter().map(id).collect();
    assert_eq!(ids.len(), told.len(), "{:?}", subjects(&relay, "alice"));
}
