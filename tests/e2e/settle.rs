//! Tests of actions that ended without a definite answer: a later observation settles the action, is signed, and does
//! not change earlier signed statements.

use std::thread;

use deed_record::lifecycle::outcome::Outcome;
use deed_test_support::shared::{
    approve_then, ended, is_active, locked_out, report, scim, statements,
};
use deed_tests::proxy::Fault;
use deed_tests::wait::until;
use deed_tests::world::{BOB, World, edit};
use deed_verify::Verdict;
use serde_json::Value;

/// Runs an action whose write takes effect and whose later observations all fail, so that the action stays open.
fn open(world: &World, user: &str) -> Value {
    let id = world.propose(&World::proposal("idp.restore_access", user)).unwrap().text("/id");
    world.proxy.set("PATCH", Fault::Delay { ms: 1_000 });
    approve_then(world, &id, Fault::DropBefore);
    let view = world.settled(&id).unwrap();
    ended(world, &view, "indeterminate", "the result could not be observed");
    view
}

/// Returns the view of the action once a later observation has settled it.
fn settled(world: &World, id: &str) -> Value {
    world.until(id, |view| view["status"] != "indeterminate").unwrap()
}

fn kinds(world: &World, view: &Value) -> Vec<String> {
    let kind = |one: Value| one["predicateType"].as_str().unwrap().to_owned();
    statements(world, view).into_iter().map(kind).collect()
}

#[test]
fn a_later_look_settles_what_the_receipt_left_open() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = open(&world, &user);
    let id = view["id"].as_str().unwrap();
    let before = world.bundle(id).unwrap();
    world.proxy.set("GET", Fault::None);
    let view = settled(&world, id);
    assert_eq!(
        (view["status"].as_str(), view["outcome"].as_str()),
        (Some("verified"), Some("verified"))
    );
    assert!(is_active(&user));
    assert_eq!(world.proxy.count("PATCH"), 1, "nothing is sent again");
    assert!(view["reconciliation"]["index"].as_u64() > view["receipt"]["index"].as_u64());
    let told: Vec<&str> = view["ledger"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert!(told.ends_with(&["settled", "reconciled", "logged"]), "{told:?}");
    let found = report(&world, id);
    assert_eq!(found.verdict, Verdict::Verified, "{found:#?}");
    assert_eq!(
        (found.outcome, found.settled),
        (Some(Outcome::Indeterminate), Some(Outcome::Verified))
    );
    // The earlier signed statements are unchanged, and the new statement follows them.
    let kinds = kinds(&world, &view);
    let [rest @ .., receipt, reconciliation] = kinds.as_slice() else { panic!("{kinds:?}") };
    assert_eq!(receipt, "urn:deed:receipt:v1");
    assert_eq!(reconciliation, "urn:deed:reconciliation:v1");
    assert_eq!(rest.last().map(String::as_str), Some("urn:deed:decision:v1"));
    let chain =
        |bundle: &[u8]| deed_record::bundle::read(bundle).unwrap()["chain.intoto.jsonl"].clone();
    let after = world.bundle(id).unwrap();
    assert!(chain(&after).starts_with(&chain(&before)));
    assert_eq!(world.bundle(id).unwrap(), after, "and now it rests");
}

#[test]
fn an_open_outcome_is_looked_at_again_after_a_restart() {
    let (mut world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = open(&world, &user);
    let id = view["id"].as_str().unwrap().to_owned();
    world.host.take().unwrap().kill().unwrap();
    world.proxy.set("GET", Fault::None);
    world.serve().unwrap();
    let view = settled(&world, &id);
    assert_eq!(view["status"], "verified", "{view:#}");
    assert_eq!(report(&world, &id).settled, Some(Outcome::Verified));
    // The settlement is final: after a later start, the host observes open actions repeatedly but never the settled
    // one.
    let other = locked_out();
    open(&world, &other);
    assert!(world.stop().unwrap());
    world.proxy.forget();
    world.serve().unwrap();
    let looks = |user: &str| {
        let requests = world.proxy.requests();
        requests.iter().filter(|request| request.path.ends_with(user)).count()
    };
    until("what is open is looked at again", || looks(&other) > 1);
    assert_eq!(looks(&user), 0);
    assert_eq!(world.show(&id).unwrap()["at_ms"], view["at_ms"]);
}

/// The upstream hides the result, and answers each observation only after the next one is due. An open action still has
/// at most one observation under way.
#[test]
fn looks_at_what_is_open_do_not_pile_up() {
    let longer =
        |dir: &std::path::Path| edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"15s\"");
    let world = World::with(scim(), "scim", longer).unwrap();
    let view = open(&world, &locked_out());
    let id = view["id"].as_str().unwrap();
    let under_way = || world.metric("deed_actions_under_way").unwrap().unwrap();
    world.proxy.set("GET", Fault::Delay { ms: 10_000 });
    // At first, the pauses between observations are shorter than the delay of 10 s. The first observation that is
    // answered settles the action.
    until("a look is answered", || {
        assert!(under_way() <= 1, "{} looks are under way", under_way());
        world.show(id).unwrap()["status"] != "indeterminate"
    });
    assert_eq!(settled(&world, id)["status"], "verified");
}

/// If another action wrote before the open action is settled, an observation would see the effect of the other action,
/// or of both actions.
#[test]
fn another_action_on_the_same_resource_waits_until_a_look_has_settled_it() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = open(&world, &user);
    let id = view["id"].as_str().unwrap().to_owned();
    // An observation has just failed, and the next one is seconds away.
    let looks = world.proxy.count("GET");
    until("it is looked at again and again", || world.proxy.count("GET") >= looks + 3);
    world.proxy.set("PATCH", Fault::None);
    world.proxy.set("GET", Fault::None);
    let second = world.propose(&World::proposal("idp.suspend_user", &user)).unwrap().text("/id");
    world.proxy.set("GET", Fault::DropBefore);
    thread::scope(|scope| {
        let approving = scope.spawn(|| world.approve(&second, "bob", BOB).unwrap());
        until("it waits", || world.show(&second).unwrap()["held_by"] == id.as_str());
        world.proxy.set("GET", Fault::None);
        assert!(approving.join().unwrap().0);
    });
    let first = settled(&world, &id);
    assert_eq!(first["status"], "verified", "{first:#}");
    let second = world.settled(&second).unwrap();
    assert_eq!(second["outcome"], "verified", "{second:#}");
    let event = |view: &Value, name: &str| {
        let lines = view["ledger"].as_array().unwrap().clone();
        lines.iter().find(|line| line["event"] == name).unwrap()["at_ms"].as_i64()
    };
    assert!(event(&second, "attempt_started") >= event(&first, "settled"), "{first:#}\n{second:#}");
    assert!(!is_active(&user));
}
