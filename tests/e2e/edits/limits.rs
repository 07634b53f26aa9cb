//! What a changed version can never do: run without an approval, tell a private value, or come from somebody who only
//! answers for another person.

use std::fs;
use std::path::Path;

use deed_test_support::shared::{ended, locked_out, scim, user};
use deed_tests::host;
use deed_tests::layout;
use deed_tests::private;
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, World, edit};
use serde_json::{Value, json};

use super::{draft, waiting};

const ASKED: &str = "to be seen by a lead first";
const ALLOWED: &str = "allowed by what the note says";

fn send(world: &World, id: &str, params: &Value, intent: &str) -> deed_tests::client::Answer {
    let body = json!({"params": params, "intent": intent, "sources": [{"uri": "ticket:4712"}]});
    world.client(BOB).post(&format!("/v1/actions/{id}/draft"), &body).unwrap()
}

/// An editor signs nothing, so a token alone must not make an action run.
#[test]
fn a_changed_version_that_policy_asks_nobody_about_does_not_run() {
    let user = user("private", Some(false));
    let world = private::world(scim(), &[ASKED, ALLOWED], |_| Ok(())).unwrap();
    let proposal = private::proposal(&user, ASKED, "honestly");
    let old = world.propose(&proposal).unwrap().text("/id");
    let params = json!({"user_id": user, "note": ALLOWED, "how": "honestly"});
    let new = world.settled(&send(&world, &old, &params, "say it otherwise").text("/id")).unwrap();
    ended(&world, &new, "denied", "a changed version runs only with an approval");
    assert_eq!(world.proxy.count("PATCH"), 0);
    assert_eq!(world.show(&old).unwrap()["status"], "waiting");
    let (done, said) = world.approve(&old, "bob", BOB).unwrap();
    assert!(done, "{said}");
    ended(&world, &world.settled(&old).unwrap(), "verified", "every expectation holds");
}

#[test]
fn a_changed_read_that_policy_asks_nobody_about_is_not_shown() {
    let (secret, open) = (user("secret", Some(true)), user("open", Some(true)));
    let asked = |dir: &Path| -> Result<()> {
        let file = dir.join("policies/starter.cedar");
        let text = fs::read_to_string(&file)?;
        let more = format!(
            "\n@id(\"one-read\")\n@obligation(\"approve:1:support-lead\")\nforbid (principal, action == \
             Deed::Action::\"idp.read_user\", resource)\nwhen {{ context.params.user_id == \"{secret}\" }};\n"
        );
        Ok(fs::write(file, text + &more)?)
    };
    let world = World::with(scim(), "scim", asked).unwrap();
    let old = world.propose(&World::proposal("idp.read_user", &secret)).unwrap().text("/id");
    assert_eq!(world.settled(&old).unwrap()["status"], "waiting");
    let new = world.settled(&draft(&world, BOB, &old, &open).text("/id")).unwrap();
    ended(&world, &new, "denied", "a changed version runs only with an approval");
    assert!(new["result"].is_null(), "{new:#}");
    assert_eq!(world.show(&old).unwrap()["status"], "waiting");
}

#[test]
fn a_draft_does_not_tell_a_private_value_of_the_waiting_action() {
    let user = user("private", Some(false));
    let world = private::world(scim(), &[ASKED], |_| Ok(())).unwrap();
    let old = world.propose(&private::proposal(&user, ASKED, "honestly")).unwrap().text("/id");
    let params = json!({"user_id": user, "note": "another one for a lead", "how": "honestly"});
    let refused = send(&world, &old, &params, &format!("it said: {ASKED}"));
    assert_eq!(refused.status, 409, "{}", refused.json());
    assert!(refused.text("/detail").contains("at `/intent`, where others"), "{}", refused.json());
    let told = json!({"user_id": user, "note": "another one for a lead", "how": ASKED});
    let refused = send(&world, &old, &told, "a better note");
    assert!(refused.text("/detail").contains("at `/params/how`"), "{}", refused.json());
    let key = world.dir.join("approvers/bob.key").to_string_lossy().into_owned();
    let to = ["deny", &old, "--url", world.url(), "--token", BOB, "--key", &key];
    let who = ["--person", "bob", "--role", "support-lead", "--yes", "--reason", ASKED];
    let denied = host::run(&[&to[..], &who[..]].concat(), "").unwrap();
    let said = String::from_utf8_lossy(&denied.stderr);
    assert!(!denied.status.success() && said.contains("private parameter `note`"), "{said}");
    let late = json!({"reason": ASKED, "until_ms": 1});
    let put_off = world.client(BOB).post(&format!("/v1/actions/{old}/deferral"), &late).unwrap();
    assert!(put_off.text("/detail").contains("private parameter `note`"), "{}", put_off.json());
    assert_eq!(world.show(&old).unwrap()["status"], "waiting");
    assert_eq!(send(&world, &old, &params, "a better note").status, 202);
}

/// The source that the host adds, which leads to the waiting action, is not one of the editor.
#[test]
fn an_editor_names_as_many_sources_as_the_contract_requires() {
    let world = World::start(scim()).unwrap();
    let old = waiting(&world, &locked_out());
    let body = json!({"params": {"user_id": locked_out()}, "intent": "another user"});
    let path = format!("/v1/actions/{old}/draft");
    let refused = world.client(BOB).post(&path, &body).unwrap();
    assert_eq!(
        (refused.status, refused.text("/errors/0/pointer").as_str()),
        (422, "/sources"),
        "{}",
        refused.json()
    );
    assert_eq!(world.show(&old).unwrap()["status"], "waiting");
}

/// Otherwise the edit and the approval could both rest on the person whose role it is.
#[test]
fn a_person_who_answers_for_another_cannot_edit() {
    let delegated = |dir: &Path| -> Result<()> {
        let table = "[tenant.acme.person.carol]\n";
        let more = "roles = [\"auditor\"]\ndelegations = [{ role = \"support-lead\", from = \"bob\", until = \
                    \"2099-01-01\", reason = \"away\" }]";
        let own = format!("{table}roles = [\"support-lead\"]");
        edit(dir, "deed.toml", &own, &format!("{table}{more}"))
    };
    let world = World::with(scim(), "scim", delegated).unwrap();
    let old = waiting(&world, &locked_out());
    let refused = draft(&world, CAROL, &old, &locked_out());
    assert_eq!(refused.status, 409, "{}", refused.json());
    let words = "`carol` uses the role of another person";
    assert!(refused.text("/detail").contains(words), "{}", refused.json());
    let (done, said) = world.approve(&old, "carol", CAROL).unwrap();
    assert!(done, "{said}");
}

/// An operator who removes the keys of a person stops those who answer for that person as well.
#[test]
fn nobody_answers_for_a_person_without_a_key() {
    let keyless = |dir: &Path| -> Result<()> {
        let carol = "[tenant.acme.person.carol]\n";
        let more = "roles = [\"auditor\"]\ndelegations = [{ role = \"support-lead\", from = \"dave\", until = \
                    \"2099-01-01\", reason = \"away\" }]";
        let own = format!("{carol}roles = [\"support-lead\"]");
        edit(dir, "deed.toml", &own, &format!("{carol}{more}"))?;
        let dave = format!(
            "[tenant.acme.person.dave]\nroles = [\"support-lead\"]\ntoken = \"{}\"\n\n",
            layout::hash("deed_token-of-dave-who-has-no-key")
        );
        edit(dir, "deed.toml", carol, &format!("{dave}{carol}"))
    };
    let world = World::with(scim(), "scim", keyless).unwrap();
    let id = waiting(&world, &locked_out());
    let (done, said) = world.approve(&id, "carol", CAROL).unwrap();
    assert!(!done && said.contains("for `dave`, who has no key"), "{said}");
}
