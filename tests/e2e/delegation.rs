//! A person answers in the role of another person until the time at which the delegation ends.

use std::path::Path;

use deed_record::timeline::utc;
use deed_spec::digest::Digest;
use deed_test_support::shared::{ended, is_active, locked_out, report, scim};
use deed_tests::browser::Browser;
use deed_tests::host;
use deed_tests::services::Result;
use deed_tests::wait::until;
use deed_tests::world::{BOB, CAROL, World, edit};
use deed_verify::Verdict;

use crate::activation::activations;

const FAR: &str = "2099-01-01";
const DAVE: &str = "deed_token-of-dave-who-is-a-second-lead";

/// Carol has no role of an approver, and may use that of bob until this time.
fn for_bob(dir: &Path, until: &str) -> Result<()> {
    let table = "[tenant.acme.person.carol]\n";
    let more = format!(
        "roles = [\"auditor\"]\ndelegations = [{{ role = \"support-lead\", from = \"bob\", until = \"{until}\", \
         reason = \"bob is <away>\" }}]"
    );
    edit(dir, "deed.toml", &format!("{table}roles = [\"support-lead\"]"), &format!("{table}{more}"))
}

/// A third person who has the role.
fn with_dave(dir: &Path) -> Result<()> {
    host::expect(&["key", "new", &dir.join("approvers/dave.key").to_string_lossy()])?;
    let table = format!(
        "[tenant.acme.person.dave]\nroles = [\"support-lead\"]\nkeys = [\"approvers/dave.pub\"]\ntoken = \"{}\"\n\n",
        Digest::of(DAVE.as_bytes())
    );
    let next = "[tenant.acme.person.carol]\n";
    edit(dir, "deed.toml", next, &format!("{table}{next}"))
}

fn two_approvals(dir: &Path) -> Result<()> {
    edit(dir, "policies/starter.cedar", "approve:1:support-lead", "approve:2:support-lead")
}

fn waiting(world: &World, user: &str) -> String {
    let answer = world.propose(&World::proposal("idp.restore_access", user)).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
    answer.text("/id")
}

#[test]
fn a_person_answers_for_another_and_the_evidence_verifies() {
    let (world, user) =
        (World::with(scim(), "scim", |dir| for_bob(dir, FAR)).unwrap(), locked_out());
    let id = waiting(&world, &user);
    let mut carol = Browser::signed_in(world.url(), "carol", CAROL).unwrap();
    let page = carol.get(&format!("/actions/{id}")).unwrap();
    let text = page.text();
    for part in ["You can answer as", "for bob until", "2099-01-01", "bob is <away>"] {
        assert!(text.contains(part), "{part}: {page:?}");
    }
    assert!(carol.get("/?group=mine").unwrap().html.contains(&id), "it is in the inbox of carol");
    let (done, said) = world.approve(&id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert!(is_active(&user));
    let approval = &view["approvals"][0];
    assert_eq!([&approval["person"], &approval["role"]], ["carol", "support-lead"]);
    assert_eq!(approval["delegated_by"], "bob");
    let ledger = view["ledger"].to_string();
    assert!(
        ledger.contains("carol approved it as support-lead for bob, with a signature"),
        "{ledger}"
    );
    assert_eq!(report(&world, &id).verdict, Verdict::Verified, "{:#?}", report(&world, &id));
}

#[test]
fn a_delegator_and_a_delegate_count_once() {
    let change = |dir: &Path| {
        with_dave(dir)?;
        two_approvals(dir)?;
        for_bob(dir, FAR)
    };
    let world = World::with(scim(), "scim", change).unwrap();
    for (first, second) in [(("bob", BOB), ("carol", CAROL)), (("carol", CAROL), ("bob", BOB))] {
        let id = waiting(&world, &locked_out());
        world.approve(&id, first.0, first.1).unwrap();
        assert_eq!(world.show(&id).unwrap()["approvals"][0]["person"], first.0);
        let (done, said) = world.approve(&id, second.0, second.1).unwrap();
        assert!(!done && said.contains("nobody counts twice"), "{said}");
        let (done, said) = world.approve(&id, "dave", DAVE).unwrap();
        assert!(done, "{said}");
        ended(&world, &world.settled(&id).unwrap(), "verified", "every expectation holds");
        assert_eq!(report(&world, &id).verdict, Verdict::Verified);
    }
}

#[test]
fn a_delegation_that_ends_before_the_gate_makes_the_approval_void() {
    let change = |dir: &Path| {
        with_dave(dir)?;
        two_approvals(dir)?;
        for_bob(dir, FAR)
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let id = waiting(&world, &user);
    let end_ms = world.show(&id).unwrap()["proposed_ms"].as_i64().unwrap() + 30_000;
    edit(&world.dir, "deed.toml", FAR, &utc(end_ms)).unwrap();
    assert_eq!(world.reload().unwrap()["result"], "applied");
    world.approve(&id, "carol", CAROL).unwrap();
    assert_eq!(world.show(&id).unwrap()["approvals"][0]["delegated_by"], "bob");
    // While carol can answer for bob, her inbox has this action.
    let other = waiting(&world, &locked_out());
    let mut carol = Browser::signed_in(world.url(), "carol", CAROL).unwrap();
    let mut mine = || carol.get("/?group=mine").unwrap().html;
    assert!(mine().contains(&other));
    until("the delegation is over", || !mine().contains(&other));
    world.approve(&id, "dave", DAVE).unwrap();
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "waiting", "{view:#}");
    let stale = view["stale"].to_string();
    assert!(stale.contains("was delegated to `carol` until"), "{stale}");
    assert!(!is_active(&user));
    let (done, said) = world.approve(&id, "carol", CAROL).unwrap();
    assert!(!done && said.contains("does not have it now"), "{said}");
}

#[test]
fn a_delegation_is_a_change_of_the_configuration_in_the_log() {
    let mut world = World::start(scim()).unwrap();
    assert_eq!(activations(&world), 1);
    for_bob(&world.dir, FAR).unwrap();
    assert_eq!(world.reload().unwrap()["result"], "applied");
    assert_eq!(activations(&world), 2);
    // A delegation that is over gives no role. The start after its end activates that.
    edit(&world.dir, "deed.toml", FAR, "2020-01-01").unwrap();
    world.restart().unwrap();
    assert_eq!(activations(&world), 3);
    let said = host::run(&["check", world.path()], "").unwrap();
    let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(
        said.contains("the delegation of the role `support-lead` by `bob` expired at 2020-01-01"),
        "{said}"
    );
}
