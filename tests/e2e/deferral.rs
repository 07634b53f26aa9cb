//! A person puts a request for approval off: what that person and others see, what the agent sees, and that nothing else
//! changes.

use deed_test_support::shared::{ended, is_active, locked_out, report, scim};
use deed_tests::browser::{Browser, FORM_TOKEN, Page};
use deed_tests::client::Answer;
use deed_tests::wait::until;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit};
use deed_verify::Verdict;
use serde_json::{Value, json};

const REASON: &str = "I wait for <b>the owner</b>";

fn waiting(world: &World, user: &str) -> Value {
    let answer = world.propose(&World::proposal("idp.restore_access", user)).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
    answer.json()
}

fn id(view: &Value) -> &str {
    view["id"].as_str().unwrap()
}

fn put_off(world: &World, token: &str, view: &Value, until_ms: i64) -> Answer {
    let body = json!({"reason": REASON, "until_ms": until_ms});
    world.client(token).post(&format!("/v1/actions/{}/deferral", id(view)), &body).unwrap()
}

/// A time this many milliseconds after the proposal.
fn after(view: &Value, ms: i64) -> i64 {
    view["proposed_ms"].as_i64().unwrap() + ms
}

/// The part of the inbox with this id.
fn section(browser: &mut Browser, name: &str) -> String {
    let page: Page = browser.get("/").unwrap();
    let (_, rest) = page.html.split_once(&format!("<section id=\"{name}\"")).unwrap();
    rest.split("</section>").next().unwrap().to_owned()
}

#[test]
fn a_request_that_is_put_off_waits_for_others_and_is_recorded() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = waiting(&world, &user);
    let until_ms = after(&view, 600_000);
    let answer = put_off(&world, BOB, &view, until_ms);
    assert_eq!(answer.status, 202, "{}", answer.json());
    let deferral = json!({"person": "bob", "reason": REASON, "until_ms": until_ms});
    assert_eq!(answer.json()["deferrals"], json!([deferral]));
    assert_eq!(
        answer.json()["obligations"],
        view["obligations"],
        "a deferral changes no permission"
    );
    let line = answer.json()["ledger"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(line["event"], "deferred");
    assert!(line["text"].as_str().unwrap().contains(REASON), "{line}");
    // The agent learns that somebody put it off, and until when.
    let seen = world.client(HELPDESK).rests(id(&view), 0).unwrap().json();
    assert_eq!(seen["deferrals"], json!([{"until_ms": until_ms}]));
    assert!(seen.to_string().contains("an approver put the request off until"), "{seen:#}");
    assert!(!seen.to_string().contains("I wait for") && !seen.to_string().contains("bob"));
    let mut bob = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    let mut carol = Browser::signed_in(world.url(), "carol", CAROL).unwrap();
    assert!(section(&mut bob, "put-off").contains(id(&view)));
    assert!(!section(&mut bob, "mine").contains(id(&view)));
    assert!(section(&mut carol, "mine").contains(id(&view)));
    // Bob can still answer, and an ended action has no deferrals.
    let (done, said) = world.approve(id(&view), "bob", BOB).unwrap();
    assert!(done, "{said}");
    let view = world.settled(id(&view)).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(view["deferrals"], Value::Null);
    assert!(is_active(&user));
    assert_eq!(report(&world, id(&view)).verdict, Verdict::Verified);
}

#[test]
fn a_person_puts_a_request_off_on_the_page_without_a_script() {
    let (mut world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = waiting(&world, &user);
    let path = format!("/actions/{}", id(&view));
    let mut bob = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    let page = bob.get(&path).unwrap();
    let form = format!("<form method=\"post\" action=\"{path}/deferral\">");
    assert!(page.html.contains(&form), "{page:?}");
    let token = page.form_token().unwrap().to_owned();
    let until_ms = after(&view, 600_000).to_string();
    let fields = |reason: &'static str| {
        [(FORM_TOKEN, token.as_str()), ("reason", reason), ("until", until_ms.as_str())]
    };
    let target = format!("{path}/deferral");
    assert_eq!(bob.post(&target, &fields(" \n ")).unwrap().status, 400);
    let sent = bob.post(&target, &fields(REASON)).unwrap();
    assert_eq!((sent.status, sent.header("location")), (303, Some(path.as_str())), "{sent:?}");
    let page = bob.get(&path).unwrap();
    assert!(page.html.contains("I wait for &lt;b&gt;the owner&lt;/b&gt;"), "{page:?}");
    assert!(world.stop().unwrap());
    world.serve().unwrap();
    assert_eq!(world.show(id(&view)).unwrap()["deferrals"][0]["person"], "bob");
    let mut bob = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    until("it is in the inbox after a restart", || {
        section(&mut bob, "put-off").contains(id(&view))
    });
}

#[test]
fn a_request_waits_again_when_the_time_has_come_and_expires_as_before() {
    let short =
        |dir: &std::path::Path| edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"16s\"");
    let (world, user) = (World::with(scim(), "scim", short).unwrap(), locked_out());
    let view = waiting(&world, &user);
    let mut bob = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    let soon = put_off(&world, BOB, &view, after(&view, 6_000));
    assert_eq!(soon.status, 202, "{}", soon.json());
    until("it waits for bob again", || section(&mut bob, "mine").contains(id(&view)));
    let expires_ms = view["expires_ms"].as_i64().unwrap();
    let late = put_off(&world, BOB, &view, expires_ms + 1);
    assert_eq!(late.status, 400, "{}", late.json());
    assert!(late.text("/detail").contains("cannot be put off for longer"), "{}", late.json());
    let last = put_off(&world, CAROL, &view, expires_ms);
    assert_eq!(last.status, 202, "{}", last.json());
    let view = world.until(id(&view), |view| view["status"] != "waiting").unwrap();
    let view = world.settled(id(&view)).unwrap();
    ended(&world, &view, "expired", "");
    assert!(!is_active(&user));
}

#[test]
fn a_new_request_for_the_same_action_is_not_put_off() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = waiting(&world, &user);
    assert_eq!(put_off(&world, BOB, &view, after(&view, 600_000)).status, 202);
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Renamed meanwhile" }]);
    scim().patch(&user, &rename).unwrap();
    // Carol's approval shows that the state changed, and people are asked again.
    assert!(!world.approve(id(&view), "carol", CAROL).unwrap().0);
    let again = world.show(id(&view)).unwrap();
    assert_eq!((&again["status"], &again["deferrals"]), (&json!("waiting"), &Value::Null));
    let mut bob = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    assert!(section(&mut bob, "mine").contains(id(&view)));
}
