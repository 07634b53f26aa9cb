//! Answers by passkey on the page of an action: what the page offers, what its script sends, and what the host records.

use std::fs;
use std::path::Path;
use std::thread;

use deed_record::statement::approval::ApprovalRequest;
use deed_spec::digest::Digest;
use deed_test_support::authenticator::{Key, RP_ID, ed25519, es256, fetched};
use deed_test_support::passkey_page::{Loaded, at_origin, browser, said, signed};
use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::browser::Browser;
use deed_tests::services::Result;
use deed_tests::wait::until;
use deed_tests::world::{BOB, CAROL, World, edit};
use serde_json::json;

const RESTORE: &str = "idp.restore_access";

/// A host whose approver `bob` has this passkey, with a further change.
fn world_with(key: &Key, change: impl FnOnce(&Path) -> Result<()>) -> World {
    World::with(scim(), "scim", |dir| {
        at_origin(dir)?;
        key.enrol(dir, "bob")?;
        change(dir)
    })
    .unwrap()
}

fn world(key: &Key) -> World {
    world_with(key, |_| Ok(()))
}

fn two_approvals(dir: &Path) -> Result<()> {
    edit(dir, "policies/starter.cedar", "approve:1:support-lead", "approve:2:support-lead")
}

/// Proposes to restore this user, which needs an approval.
fn asked(world: &World, user: &str) -> String {
    let answer = world.propose(&World::proposal(RESTORE, user)).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
    answer.text("/id")
}

fn waiting(world: &World) -> String {
    asked(world, &locked_out())
}

/// The page of an action, loaded by bob.
fn loaded(world: &World, id: &str) -> Loaded {
    Loaded::of(&browser(world, "bob", BOB), id)
}

#[test]
fn a_person_approves_on_the_page_and_the_action_runs() {
    let key = es256(81);
    let (world, user) = (world(&key), locked_out());
    let id = asked(&world, &user);
    let page = loaded(&world, &id);
    let request: ApprovalRequest = fetched(&world.client(BOB), &id);
    let text = request.shown.unwrap();
    assert!(page.page.text().contains(&text), "{:?}\n\n{text}", page.page);
    assert_eq!(page.shown, Digest::of(text.as_bytes()).to_string());
    for wanted in ["id=\"approve\"", "id=\"deny\"", "id=\"reason\"", "data-status=\"waiting\""] {
        assert!(page.page.html.contains(wanted), "{wanted}: {:?}", page.page);
    }
    let state = said(&page.state());
    assert_eq!(state, json!({"status": "waiting", "shown": page.shown}));
    let to_sign = page.to_sign("approve", "");
    assert_eq!((&to_sign["rp_id"], &to_sign["timeout"]), (&json!(RP_ID), &json!(300_000)));
    assert_eq!(to_sign["credentials"], json!([key.file()["credential_id"]]));
    let answer = page.send("answer", signed(&key, &to_sign, |one| one.high_s = true));
    assert_eq!(answer.status, 200, "{answer:?}");
    let place = format!("/actions/{id}");
    let recorded = "Your approval in the role support-lead was recorded.";
    assert_eq!(said(&answer), json!({"recorded": recorded, "place": place}));
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(view["approvals"][0]["passkey"], key.id(), "{view:#}");
    assert!(is_active(&user));
    assert_eq!(said(&page.state()), json!({"status": "verified"}));
}

#[test]
fn a_denial_has_a_reason_that_is_signed() {
    let key = ed25519(82);
    let (world, user) = (world(&key), locked_out());
    let id = asked(&world, &user);
    let page = loaded(&world, &id);
    for empty in ["", "  \n "] {
        let refused = page.statement("deny", empty);
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(said(&refused)["detail"].to_string().contains("a denial needs a `reason`"));
    }
    assert_eq!(page.statement("deny", &"ä".repeat(2_001)).status, 400);
    let answer = page.answer(&key, "deny", "  no ticket <b>with</b> that number\n");
    assert_eq!(answer.status, 200, "{answer:?}");
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "denied", "");
    assert_eq!(view["approvals"][0]["reason"], "no ticket <b>with</b> that number", "{view:#}");
    assert!(!is_active(&user));
    let refused = page.statement("approve", "");
    assert_eq!(refused.status, 409, "an ended action waits for no answer: {refused:?}");
}

#[test]
fn a_page_that_is_out_of_date_signs_nothing() {
    let key = es256(83);
    let (world, user) = (world(&key), locked_out());
    let id = asked(&world, &user);
    let page = loaded(&world, &id);
    let early = page.to_sign("approve", "");
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Renamed meanwhile" }]);
    scim().patch(&user, &rename).unwrap();
    // Carol's approval shows that the state changed, and people are asked again.
    assert!(!world.approve(&id, "carol", CAROL).unwrap().0);
    let state = said(&page.state());
    assert!(state["status"] == "waiting" && state["shown"] != page.shown, "{state}");
    let refused = page.statement("approve", "");
    let detail = said(&refused)["detail"].to_string();
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(detail.contains("has changed since this page was loaded"), "{detail}");
    let refused = page.send("answer", signed(&key, &early, |_| ()));
    assert_eq!(refused.status, 409, "{refused:?}");
    let again = loaded(&world, &id);
    assert!(again.page.text().contains("the state changed after it was shown"), "{:?}", again.page);
    assert_eq!(again.answer(&key, "approve", "").status, 200);
    ended(&world, &world.settled(&id).unwrap(), "verified", "every expectation holds");
}

#[test]
fn two_people_who_read_at_once_both_count() {
    let (bobs, carols) = (es256(84), ed25519(85));
    let world = world_with(&bobs, |dir| {
        carols.enrol(dir, "carol")?;
        two_approvals(dir)
    });
    let id = waiting(&world);
    let pages = [loaded(&world, &id), Loaded::of(&browser(&world, "carol", CAROL), &id)];
    let signed = [
        signed(&bobs, &pages[0].to_sign("approve", ""), |_| ()),
        signed(&carols, &pages[1].to_sign("approve", "seen"), |_| ()),
    ];
    let statuses = thread::scope(|scope| {
        let sent = [(&pages[0], &signed[0]), (&pages[1], &signed[1])];
        let send = |(page, body): (&Loaded, &serde_json::Value)| {
            let (page, body) = (page.clone(), body.clone());
            scope.spawn(move || page.send("answer", body).status)
        };
        sent.map(send).map(|one| one.join().unwrap())
    });
    // Of two answers in the same moment, one may have to be sent again.
    for (at, status) in statuses.into_iter().enumerate() {
        assert!([200, 409].contains(&status), "{statuses:?}");
        if status == 409 {
            until("the answer is recorded", || {
                pages[at].send("answer", signed[at].clone()).status == 200
            });
        }
    }
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(view["approvals"].as_array().unwrap().len(), 2, "{view:#}");
}

#[test]
fn whoever_approved_can_still_deny_and_not_approve_twice() {
    let key = es256(86);
    let world = world_with(&key, two_approvals);
    let id = waiting(&world);
    let first = loaded(&world, &id);
    assert_eq!(first.answer(&key, "approve", "").status, 200);
    let second = loaded(&world, &id);
    assert!(second.page.text().contains("You can still deny it."), "{:?}", second.page);
    assert!(!second.page.html.contains("id=\"approve\""), "{:?}", second.page);
    let refused = second.statement("approve", "");
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(said(&refused)["detail"].to_string().contains("already approved"), "{refused:?}");
    assert_eq!(second.answer(&key, "deny", "I was wrong").status, 200);
    ended(&world, &world.settled(&id).unwrap(), "denied", "");
}

#[test]
fn the_page_says_why_a_person_cannot_answer_and_who_can() {
    let key = es256(87);
    let world = world_with(&key, |dir| {
        let person = |name: &str| format!("[tenant.acme.agent.helpdesk]\nperson = \"{name}\"");
        edit(dir, "deed.toml", &person("alice"), &person("bob"))
    });
    let id = waiting(&world);
    let page = loaded(&world, &id);
    let text = page.page.text();
    for wanted in
        ["Your answer would not count", "is responsible for the agent", "1 by support-lead"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!page.page.html.contains("id=\"approve\""), "{:?}", page.page);
    let refused = page.statement("approve", "");
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(said(&refused)["detail"].to_string().contains("is responsible for the agent"));
    // Carol has only a key file.
    let page = Loaded::of(&browser(&world, "carol", CAROL), &id);
    assert!(page.page.html.contains("href=\"/passkeys\""), "{:?}", page.page);
    assert!(page.page.text().contains("deed approve act_"), "{:?}", page.page);
    assert_eq!(page.statement("approve", "").status, 409);
}

/// A host whose clock the test sets.
fn with_clock(key: &Key) -> (World, impl Fn(&World, i64)) {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    at_origin(&world.dir).unwrap();
    key.enrol(&world.dir, "bob").unwrap();
    let file = world.dir.join("clock");
    world.serve_with(&[("DEED_TEST_CLOCK", file.to_str().unwrap())]).unwrap();
    let minutes = move |world: &World, minutes: i64| {
        let adopted = || world.host.as_ref().unwrap().log().matches("adopted").count();
        let (draft, before) = (file.with_extension("draft"), adopted());
        fs::write(&draft, (minutes * 60_000).to_string()).unwrap();
        fs::rename(draft, &file).unwrap();
        until("the host adopts the time", || adopted() > before);
    };
    (world, minutes)
}

#[test]
fn what_the_script_asks_does_not_prolong_the_session() {
    let key = es256(88);
    let (world, minutes) = with_clock(&key);
    let id = waiting(&world);
    let page = loaded(&world, &id);
    minutes(&world, 29);
    assert_eq!(page.state().status, 200);
    minutes(&world, 31);
    for over in [page.state(), page.statement("approve", "")] {
        assert_eq!(over.status, 401, "{over:?}");
        assert!(said(&over)["detail"].to_string().contains("your session is over"), "{over:?}");
    }
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
}

#[test]
fn an_action_that_expired_takes_no_answer() {
    let key = es256(89);
    let (world, minutes) = with_clock(&key);
    let id = waiting(&world);
    let early = loaded(&world, &id).to_sign("approve", "");
    minutes(&world, 25 * 60);
    world.until(&id, |view| view["status"] == "expired").unwrap();
    let page = loaded(&world, &id);
    assert_eq!(said(&page.state()), json!({"status": "expired"}));
    assert!(!page.page.html.contains("id=\"answering\""), "{:?}", page.page);
    let late = page.send("answer", signed(&key, &early, |_| ()));
    assert_eq!(late.status, 409, "{late:?}");
}

#[test]
fn signing_out_everywhere_ends_what_a_page_can_do() {
    let key = es256(90);
    let world = world(&key);
    let id = waiting(&world);
    let page = loaded(&world, &id);
    let to_sign = page.to_sign("approve", "");
    browser(&world, "bob", BOB).press("/sign-out-everywhere").unwrap();
    for over in [
        page.state(),
        page.statement("approve", ""),
        page.send("answer", signed(&key, &to_sign, |_| ())),
    ] {
        assert_eq!(over.status, 401, "{over:?}");
    }
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
}

#[test]
fn on_the_same_machine_a_passkey_is_for_localhost() {
    let key = es256(91);
    let world = World::with(scim(), "scim", |dir| key.enrol(dir, "bob")).unwrap();
    let (_, port) = world.url().rsplit_once(':').unwrap();
    let origin = format!("http://localhost:{port}");
    let mut file = key.file();
    file["rp_id"] = json!("localhost");
    file["origins"] = json!([origin]);
    fs::write(world.dir.join("approvers/bob-laptop.json"), file.to_string()).unwrap();
    world.reload().unwrap();
    let id = waiting(&world);
    let page = Loaded::of(&Browser::signed_in(&origin, "bob", BOB).unwrap(), &id);
    assert!(page.page.html.contains(&format!("data-origin=\"{origin}\"")), "{:?}", page.page);
    let to_sign = page.to_sign("approve", "");
    let body = signed(&key, &to_sign, |one| {
        one.replace("https://deed.example", &origin);
        "localhost".clone_into(&mut one.rp_id);
    });
    assert_eq!(page.send("answer", body).status, 200);
    ended(&world, &world.settled(&id).unwrap(), "verified", "every expectation holds");
}

#[test]
fn a_script_with_a_token_has_no_fields_and_gets_no_statement() {
    let key = es256(92);
    let world = world(&key);
    let id = waiting(&world);
    let line = format!("Authorization: Bearer {BOB}");
    let mut nobody = Browser::new(world.url());
    let page = nobody.send("GET", &format!("/actions/{id}"), &[&line], "").unwrap();
    assert!(page.status == 200 && !page.html.contains("id=\"approve\""), "{page:?}");
    assert!(!page.html.contains("<script"), "{page:?}");
    let state = nobody.send("GET", &format!("/actions/{id}/state"), &[&line], "").unwrap();
    assert_eq!(state.status, 401, "{state:?}");
}
