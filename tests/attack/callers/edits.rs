//! Changed versions of an action by people who may not propose them, approved by those who proposed them, out of form,
//! at the same time as an answer, and by forms of another site.

use std::path::Path;
use std::thread;
use std::time::Duration;

use deed_record::statement::approval::Answer;
use deed_spec::digest::Digest;
use deed_test_support::shared::{is_active, locked_out, scim};
use deed_tests::browser::{Browser, FORM, FORM_TOKEN, encoded};
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit};
use serde_json::{Value, json};

use super::approvals::with_alice;
use super::forged::{asked, fetched, key, refused, send};
use super::tenants::{DORA, with_dora};
use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "edit-by-those-who-may-not-answer" => by_others,
        "edit-approved-by-its-editor" => by_its_editor,
        "edit-out-of-form" => out_of_form,
        "edit-racing-the-approval" => racing,
        "edit-racing-the-denial" => racing_a_denial,
        "edit-from-another-site" => from_another_site,
    ]
}

const ALICE: &str = "deed_token-of-alice-who-answers-for-the-agent";

fn people(dir: &Path) -> Result<()> {
    with_alice(dir)?;
    with_dora(dir)?;
    edit(dir, "policies/starter.cedar", "approve:1:support-lead", "approve:2:support-lead")?;
    let table = "[tenant.acme.person.alice]\n";
    let token = Digest::of(ALICE.as_bytes());
    edit(dir, "deed.toml", table, &format!("{table}token = \"{token}\"\n"))
}

fn body(user: &str) -> Value {
    json!({"params": {"user_id": user}, "intent": "another", "sources": [{"uri": "ticket:4712"}]})
}

/// The status, the detail and the id in the answer to a draft.
fn draft(world: &World, token: &str, id: &str, body: &Value) -> (u16, String, String) {
    let answer = world.client(token).post(&format!("/v1/actions/{id}/draft"), body).unwrap();
    (answer.status, answer.text("/detail"), answer.text("/id"))
}

fn by_others() {
    let (world, user) = (World::with(scim(), "scim", people).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let other = body(&locked_out());
    assert_eq!(draft(&world, HELPDESK, &asked.id, &other).0, 403);
    let own = draft(&world, ALICE, &asked.id, &other);
    assert!(own.0 == 409 && own.1.contains("`alice` is responsible for the agent"), "{own:?}");
    let foreign = draft(&world, DORA, &asked.id, &other);
    assert_eq!(foreign, draft(&world, DORA, "act_00000000000000000000000000", &other));
    assert_eq!(foreign.0, 404);
    // Who has approved the action cannot change it.
    let first = send(&world, &asked.id, &asked.signed(&key(&world, "bob"), |_| ()));
    assert_eq!(first.status, 202, "{}", first.json());
    let late = draft(&world, BOB, &asked.id, &other);
    assert!(late.0 == 409 && late.1.contains("cannot edit it"), "{late:?}");
    let (done, said) = world.approve(&asked.id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    assert_eq!(world.settled(&asked.id).unwrap()["status"], "verified");
    assert!(is_active(&user));
    let over = draft(&world, CAROL, &asked.id, &other);
    assert!(over.0 == 409 && over.1.contains("no approval is requested"), "{over:?}");
}

fn by_its_editor() {
    let delegated = |dir: &Path| -> Result<()> {
        let table = "[tenant.acme.person.carol]\n";
        let more = "roles = [\"auditor\"]\ndelegations = [{ role = \"support-lead\", from = \"bob\", \
                    until = \"2099-01-01\", reason = \"away\" }]";
        let own = format!("{table}roles = [\"support-lead\"]");
        edit(dir, "deed.toml", &own, &format!("{table}{more}"))
    };
    let (world, user) = (World::with(scim(), "scim", delegated).unwrap(), locked_out());
    let old = asked(&world, &locked_out());
    let (status, detail, new) = draft(&world, BOB, &old.id, &body(&user));
    assert_eq!(status, 202, "{detail}");
    let new = fetched(&world, &new);
    let own = new.signed(&key(&world, "bob"), |_| ());
    refused(&world, &new, &own, "`bob` edited this action");
    let for_bob = new.signed(&key(&world, "carol"), |terms| "carol".clone_into(&mut terms.person));
    refused(&world, &new, &for_bob, "nobody approves it for `bob`");
    // The approval of the action that was replaced is not one of the changed version.
    let moved = old.signed(&key(&world, "bob"), |_| ());
    refused(&world, &new, &moved, "for another action");
    assert!(!is_active(&user));
    assert_eq!(world.settled(&old.id).unwrap()["status"], "denied");
    assert_eq!(send(&world, &old.id, &moved).status, 409);
    assert_eq!(world.proxy.count("PATCH"), 0);
}

fn out_of_form() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let good = body(&locked_out());
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for body in [
        json!({}),
        json!({"params": {}}),
        json!({"intent": "x"}),
        with("params", json!([])),
        with("params", json!({})),
        with("params", json!({"user_id": "1", "more": 1})),
        with("intent", json!("")),
        with("intent", json!("x".repeat(5_000))),
        with("sources", json!("ticket:1")),
        with("sources", json!(vec![json!({"uri": "ticket:1"}); 32])),
        with("contract", json!("idp.suspend_user")),
        with("edited_by", json!(["carol"])),
        with("dry_run", json!(true)),
        with("on_behalf_of", json!("carol@example.com")),
    ] {
        let (status, detail, _) = draft(&world, BOB, &asked.id, &body);
        assert!([400, 422].contains(&status), "{status} {body}: {detail}");
    }
    let view = world.show(&asked.id).unwrap();
    assert_eq!(view["status"], "waiting", "{view:#}");
    let (done, said) = world.approve(&asked.id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    assert_eq!(world.settled(&asked.id).unwrap()["status"], "verified");
    unharmed(&world);
}

/// Bob approves while carol edits. The action runs and the changed version ends, or the changed version waits and the
/// action ends.
fn racing() {
    let world = World::start(scim()).unwrap();
    for _ in 0..8 {
        let (user, other) = (locked_out(), locked_out());
        let asked = asked(&world, &user);
        let envelope = asked.signed(&key(&world, "bob"), |_| ());
        let edited = thread::scope(|scope| {
            let editing = scope.spawn(|| draft(&world, CAROL, &asked.id, &body(&other)));
            send(&world, &asked.id, &envelope);
            editing.join().unwrap()
        });
        let old = world.settled(&asked.id).unwrap();
        assert!(!is_active(&other), "nobody approved the changed version");
        match old["status"].as_str().unwrap() {
            "verified" => {
                assert!(is_active(&user));
                if !edited.2.is_empty() {
                    let new = world.settled(&edited.2).unwrap();
                    assert_eq!(new["status"], "denied", "{new:#}");
                }
            }
            "denied" => {
                assert!(!is_active(&user));
                let new = world.settled(&edited.2).unwrap();
                assert_eq!(new["status"], "waiting", "{new:#}");
                let (done, said) = world.answer("deny", &edited.2, "bob", BOB).unwrap();
                assert!(done, "{said}");
            }
            other => panic!("{other}: {old:#}"),
        }
    }
    unharmed(&world);
}

/// The form of the console is refused unless a page of the host sent it in a session of a person of the tenant.
fn from_another_site() {
    let (world, user) = (World::with(scim(), "scim", with_dora).unwrap(), locked_out());
    let (asked, other) = (asked(&world, &user), locked_out());
    let path = format!("/actions/{}/edit", asked.id);
    let [mut bob, mut carol, mut dora] = [("bob", BOB), ("carol", CAROL), ("dora", DORA)]
        .map(|(name, token)| Browser::signed_in(world.url(), name, token).unwrap());
    let token = |one: &mut Browser| one.get("/").unwrap().form_token().unwrap().to_owned();
    let (bobs, carols, doras) = (token(&mut bob), token(&mut carol), token(&mut dora));
    let fields = |token: &str| {
        let own = [(FORM_TOKEN, token), ("param.user_id", other.as_str()), ("intent", "another")];
        encoded(&own)
    };
    let own = format!("Origin: {}", world.url());
    for lines in [
        vec![FORM],
        vec![FORM, "Origin: null"],
        vec![FORM, "Origin: http://evil.example"],
        vec![FORM, own.as_str(), "Sec-Fetch-Site: cross-site"],
    ] {
        let said = bob.send("POST", &path, &lines, &fields(&bobs)).unwrap();
        assert_eq!(said.status, 403, "{lines:?}: {said:?}");
    }
    let lines = [FORM, own.as_str(), "Sec-Fetch-Site: same-origin"];
    for token in ["", carols.as_str(), "x"] {
        let said = bob.send("POST", &path, &lines, &fields(token)).unwrap();
        assert_eq!(said.status, 403, "{token}: {said:?}");
    }
    for more in ["&person=carol", "&edited_by=carol", "&contract=idp.suspend_user", "&dry_run=true"]
    {
        let said = bob.send("POST", &path, &lines, &(fields(&bobs) + more)).unwrap();
        assert_eq!(said.status, 400, "{more}: {said:?}");
    }
    let nobody = Browser::new(world.url()).send("POST", &path, &lines, &fields(&bobs)).unwrap();
    assert_eq!(nobody.status, 303, "{nobody:?}");
    // A token of the API is no session.
    let bearer = format!("Authorization: Bearer {BOB}");
    let by_token = [FORM, own.as_str(), bearer.as_str()];
    let said = Browser::new(world.url()).send("POST", &path, &by_token, &fields(&bobs)).unwrap();
    assert_eq!(said.status, 303, "{said:?}");
    let foreign = dora.send("POST", &path, &lines, &fields(&doras)).unwrap();
    assert_eq!((foreign.status, dora.get(&path).unwrap().status), (404, 404), "{foreign:?}");
    let all = world.client(BOB).get("/v1/actions").unwrap().json();
    assert_eq!(all["actions"].as_array().unwrap().len(), 1, "nothing was proposed: {all:#}");
    let (done, said) = world.approve(&asked.id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    assert_eq!(world.settled(&asked.id).unwrap()["status"], "verified");
    assert!(is_active(&user) && !is_active(&other));
    unharmed(&world);
}

/// A draft that arrives while a denial is recorded: the denial was acknowledged, so nothing replaces the action.
fn racing_a_denial() {
    let world = World::start(scim()).unwrap();
    for pause_ms in 0..24 {
        let (user, other) = (locked_out(), locked_out());
        let asked = asked(&world, &user);
        let denial = asked.signed(&key(&world, "bob"), |terms| terms.decision = Answer::Deny);
        let (edited, said) = thread::scope(|scope| {
            let editing = scope.spawn(|| draft(&world, CAROL, &asked.id, &body(&other)));
            thread::sleep(Duration::from_millis(2 * pause_ms));
            let said = send(&world, &asked.id, &denial).status;
            (editing.join().unwrap(), said)
        });
        let old = world.settled(&asked.id).unwrap();
        assert_eq!(old["status"], "denied", "{old:#}");
        let reason = old["reason"].as_str().unwrap();
        assert_eq!(said < 300, reason.contains("denied it"), "{said}: {old:#}");
        if said < 300 && !edited.2.is_empty() {
            let new = world.settled(&edited.2).unwrap();
            assert_eq!(new["status"], "denied", "{new:#}");
        }
        assert!(!is_active(&user) && !is_active(&other));
    }
    unharmed(&world);
}
