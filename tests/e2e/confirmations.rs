//! The responsible person confirms an action of the agent, by itself or beside an approval by another person.

use std::path::Path;

use deed_spec::digest::Digest;
use deed_test_support::authenticator::es256;
use deed_test_support::passkey_page::{Loaded, at_origin, browser, said, signed};
use deed_test_support::shared::{ended, is_active, locked_out, report, scim};
use deed_tests::browser::Browser;
use deed_tests::host;
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, World, edit};
use deed_verify::Verdict;
use serde_json::json;

const ALICE: &str = "deed_token-of-alice-who-is-responsible-for-the-agent";
const STARTER: &str = "policies/starter.cedar";
const LEAD: &str = "@obligation(\"approve:1:support-lead\")";
const CONFIRM: &str = "@obligation(\"confirm\")";

/// Alice, who is responsible for the agent, has a token and this line.
fn alice(dir: &Path, line: &str) -> Result<()> {
    let table = "[tenant.acme.person.alice]\n";
    let token = Digest::of(ALICE.as_bytes());
    edit(dir, "deed.toml", table, &format!("{table}token = \"{token}\"\n{line}"))
}

fn with_key(dir: &Path) -> Result<()> {
    host::expect(&["key", "new", &dir.join("approvers/alice.key").to_string_lossy()])?;
    alice(dir, "keys = [\"approvers/alice.pub\"]\n")
}

/// The policy asks for a confirmation and nothing else.
fn alone(dir: &Path) -> Result<()> {
    with_key(dir)?;
    edit(dir, STARTER, LEAD, CONFIRM)
}

/// The policies ask for a confirmation and for an approval.
fn both(dir: &Path) -> Result<()> {
    with_key(dir)?;
    let policy = format!(
        "@id(\"restore-needs-the-person\")\n{CONFIRM}\n\
         forbid (principal, action == Deed::Action::\"idp.restore_access\", resource);\n\n"
    );
    edit(
        dir,
        STARTER,
        "@id(\"restore-needs-lead\")",
        &format!("{policy}@id(\"restore-needs-lead\")"),
    )
}

fn waiting(world: &World, user: &str) -> String {
    let answer = world.propose(&World::proposal("idp.restore_access", user)).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
    answer.text("/id")
}

/// Signs with the real client. The array has the verb, the action's id, the person, the person's token and the role.
fn say(world: &World, [verb, id, person, token, role]: [&str; 5]) -> (bool, String) {
    let key = world.dir.join(format!("approvers/{person}.key")).to_string_lossy().into_owned();
    let to = ["--url", world.url(), "--token", token, "--key", &key, "--yes"];
    let who = ["--person", person, "--role", role];
    let output = host::run(&[&[verb, id], &to[..], &who[..]].concat(), "").unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn confirm(world: &World, id: &str) -> (bool, String) {
    say(world, ["approve", id, "alice", ALICE, "confirm"])
}

#[test]
fn the_responsible_person_confirms_the_action_and_nobody_else_can() {
    let (world, user) = (World::with(scim(), "scim", alone).unwrap(), locked_out());
    let id = waiting(&world, &user);
    let view = world.show(&id).unwrap();
    assert_eq!(view["obligations"], json!(["confirm"]));
    let asked_ms = view["at_ms"].as_i64().unwrap();
    let left_ms = view["expires_ms"].as_i64().unwrap() - asked_ms;
    assert!((1..=310_000).contains(&left_ms), "it can be confirmed for {left_ms} ms");
    for (role, why) in [
        ("confirm", "only `alice`, who is responsible for the agent"),
        ("support-lead", "no approval by the role `support-lead` is requested"),
    ] {
        let (done, said) = say(&world, ["approve", &id, "bob", BOB, role]);
        assert!(!done && said.contains(why), "{said}");
    }
    let mut bob = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    let page = bob.get(&format!("/actions/{id}")).unwrap();
    assert!(page.text().contains("Your answer would not count: only `alice`"), "{page:?}");
    assert!(!bob.get("/?group=mine").unwrap().html.contains(&id));
    let mut own = Browser::signed_in(world.url(), "alice", ALICE).unwrap();
    assert!(own.get("/?group=mine").unwrap().html.contains(&id), "it is in the inbox of alice");
    assert!(!is_active(&user));
    let (done, said) = confirm(&world, &id);
    assert!(done && said.contains("you sign: CONFIRM, as alice, who is responsible"), "{said}");
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert!(is_active(&user));
    let answer = &view["approvals"][0];
    assert_eq!([&answer["person"], &answer["role"]], ["alice", "confirm"]);
    let ledger = view["ledger"].to_string();
    assert!(ledger.contains("alice confirmed it, with a signature"), "{ledger}");
    assert_eq!(report(&world, &id).verdict, Verdict::Verified, "{:#?}", report(&world, &id));
}

#[test]
fn the_responsible_person_confirms_on_the_page_with_a_passkey() {
    let key = es256(87);
    let change = |dir: &Path| {
        at_origin(dir)?;
        alone(dir)?;
        key.enrol(dir, "alice")
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let id = waiting(&world, &user);
    let page = Loaded::of(&browser(&world, "alice", ALICE), &id);
    assert!(page.page.html.contains(">Confirm</button>"), "{:?}", page.page);
    assert_eq!(page.statement("approve", "").status, 400, "she has no other role");
    let wanted =
        json!({"decision": "approve", "role": "confirm", "reason": "", "shown": page.shown});
    let statement = page.send("statement", wanted);
    assert_eq!(statement.status, 200, "{statement:?}");
    let answer = page.send("answer", signed(&key, &said(&statement), |_| ()));
    assert_eq!(answer.status, 200, "{answer:?}");
    let place = format!("/actions/{id}");
    let recorded = "Your confirmation was recorded.";
    assert_eq!(said(&answer), json!({"recorded": recorded, "place": place}));
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(view["approvals"][0]["passkey"], key.id(), "{view:#}");
    assert!(is_active(&user));
}

#[test]
fn an_approval_and_a_confirmation_are_both_needed_in_any_order() {
    let world = World::with(scim(), "scim", both).unwrap();
    let (confirmed, approved) = (json!(["confirm"]), json!(["approve:1:support-lead"]));
    for is_first in [true, false] {
        let user = locked_out();
        let id = waiting(&world, &user);
        assert_eq!(
            world.show(&id).unwrap()["obligations"],
            json!(["confirm", "approve:1:support-lead"])
        );
        let (done, said) = say(&world, ["approve", &id, "alice", ALICE, "support-lead"]);
        assert!(!done && said.contains("cannot approve the action"), "{said}");
        let approve = || world.approve(&id, "bob", BOB).unwrap();
        let (first, second) =
            if is_first { (confirm(&world, &id), &approved) } else { (approve(), &confirmed) };
        assert!(first.0, "{}", first.1);
        assert_eq!(world.show(&id).unwrap()["obligations"], *second);
        assert!(!is_active(&user));
        let last = if is_first { approve() } else { confirm(&world, &id) };
        assert!(last.0, "{}", last.1);
        ended(&world, &world.settled(&id).unwrap(), "verified", "every expectation holds");
        assert!(is_active(&user));
    }
}

#[test]
fn the_responsible_person_can_decline() {
    let world = World::with(scim(), "scim", both).unwrap();
    let id = waiting(&world, &locked_out());
    let (done, said) = say(&world, ["deny", &id, "alice", ALICE, "confirm"]);
    assert!(done, "{said}");
    let view = world.settled(&id).unwrap();
    ended(
        &world,
        &view,
        "denied",
        "alice, who is responsible for the agent, declined to confirm it",
    );
    assert_eq!(world.proxy.count("PATCH"), 0);
}

#[test]
fn an_action_that_is_not_confirmed_in_time_expires() {
    let short = |dir: &Path| {
        alone(dir)?;
        edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"5s\"")
    };
    let world = World::with(scim(), "scim", short).unwrap();
    let id = waiting(&world, &locked_out());
    world.until(&id, |view| view["status"] == "expired").unwrap();
    ended(&world, &world.settled(&id).unwrap(), "expired", "it was not confirmed in time");
    let (done, said) = confirm(&world, &id);
    assert!(!done, "{said}");
    assert_eq!(world.proxy.count("PATCH"), 0);
}

#[test]
fn an_edited_action_is_confirmed_by_the_responsible_person() {
    let world = World::with(scim(), "scim", both).unwrap();
    let (old, user) = (waiting(&world, &locked_out()), locked_out());
    let body = json!({"params": {"user_id": user}, "intent": "another user", "sources": [{"uri": "ticket:4712"}]});
    let path = format!("/v1/actions/{old}/draft");
    let own = world.client(ALICE).post(&path, &body).unwrap();
    assert_eq!(own.status, 409, "who confirms an action does not edit it: {}", own.json());
    let new = world.client(BOB).post(&path, &body).unwrap().text("/id");
    let (done, said) = say(&world, ["approve", &new, "bob", BOB, "confirm"]);
    assert!(!done && said.contains("only `alice`"), "{said}");
    let (done, said) = world.approve(&new, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    let (done, said) = confirm(&world, &new);
    assert!(done, "{said}");
    ended(&world, &world.settled(&new).unwrap(), "verified", "every expectation holds");
    assert!(is_active(&user));
}

#[test]
fn without_a_key_of_the_responsible_person_the_action_is_denied() {
    let world = World::with(scim(), "scim", |dir| edit(dir, STARTER, LEAD, CONFIRM)).unwrap();
    let output = host::run(&["check", world.path()], "").unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("a policy has the obligation `confirm`, and `alice`"), "{said}");
    let answer = world.propose(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    let view = world.settled(&answer.text("/id")).unwrap();
    ended(&world, &view, "denied", "policy requires that `alice` confirms the action");
}

#[test]
fn no_role_has_the_name_of_the_confirmation() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let table = "[tenant.acme.person.carol]\nroles = [";
    edit(&world.dir, "deed.toml", table, &format!("{table}\"confirm\", ")).unwrap();
    let refused = || {
        let output = host::run(&["check", world.path()], "").unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let said = refused();
    assert!(said.contains("no role can have the name `confirm`"), "{said}");
    edit(&world.dir, "deed.toml", &format!("{table}\"confirm\", "), table).unwrap();
    edit(&world.dir, STARTER, "approve:1:support-lead", "approve:1:confirm").unwrap();
    let said = refused();
    assert!(said.contains("the obligation `approve:1:confirm` is not known"), "{said}");
}
