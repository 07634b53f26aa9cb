//! What the page of an action shows of the state: which values changed while people were asked, and what the host
//! observed if nothing changed. And for whom the page has the command to answer.

use std::path::Path;

use deed_test_support::shared::{ended, locked_out, scim};
use deed_tests::host;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit};
use serde_json::{Value, json};

use super::{browser, page, section};

const RESTORE: &str = "idp.restore_access";

fn waiting(world: &World, user: &str) -> String {
    let answer = world.propose(&World::proposal(RESTORE, user)).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
    answer.text("/id")
}

fn set(user: &str, path: &str, value: &Value) {
    scim().patch(user, &json!([{ "op": "replace", "path": path, "value": value }])).unwrap();
}

#[test]
fn the_page_says_which_value_changed_while_people_were_asked() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let id = waiting(&world, &user);
    let path = format!("/actions/{id}");
    let mut bob = browser(&world, "bob", BOB);
    assert!(!page(&mut bob, &path).html.contains("<section id=\"stale\""));
    set(&user, "displayName", &json!("Renamed <once>"));
    assert!(!world.approve(&id, "bob", BOB).unwrap().0);
    world.settled(&id).unwrap();
    set(&user, "displayName", &json!("Renamed again"));
    assert!(!world.approve(&id, "carol", CAROL).unwrap().0);
    let view = world.settled(&id).unwrap();
    let states = view["stale_states"].as_array().unwrap();
    assert_eq!(states.len(), 2, "{view:#}");
    let changed = |n: usize| &states[n]["changes"][0];
    assert_eq!(changed(0)["pointer"], "/user/displayName");
    assert_eq!(changed(0)["new"], "Renamed <once>");
    let both = (&changed(1)["old"], &changed(1)["new"]);
    assert_eq!(both, (&json!("Renamed <once>"), &json!("Renamed again")));
    assert_eq!(states[0]["reason"], view["stale"][0]);
    let shown = page(&mut bob, &path);
    let stale = section(&shown, "stale");
    for wanted in
        ["/user/displayName", "Renamed &lt;once&gt;", "Renamed again", "the state changed after"]
    {
        assert!(stale.contains(wanted), "{wanted}: {stale}");
    }
    let show = ["show", &id, "--url", world.url(), "--token", BOB];
    let said = host::expect(&show).unwrap();
    let line = "was shown    /user/displayName: \"Renamed <once>\" -> \"Renamed again\"\n";
    assert!(said.contains(line), "{said}");
    // An agent sees that the approvals are void, and no value.
    let agents = world.client(HELPDESK).get(&format!("/v1/actions/{id}")).unwrap().json();
    assert!(agents.get("stale_states").is_none() && agents["stale"][0].is_string(), "{agents:#}");
    assert!(!agents.to_string().contains("Renamed"), "{agents:#}");
}

#[test]
fn the_page_says_what_changed_before_the_action_ended() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let id = waiting(&world, &user);
    set(&user, "active", &json!(true));
    assert!(!world.approve(&id, "bob", BOB).unwrap().0);
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "denied", "does not hold");
    assert_eq!(view["stale"], json!([]));
    let expected = json!([{"pointer": "/user/active", "old": false, "new": true}]);
    assert_eq!(view["stale_states"][0]["changes"], expected, "{view:#}");
    let shown = page(&mut browser(&world, "bob", BOB), &format!("/actions/{id}"));
    assert!(section(&shown, "stale").contains("The action ended after the state changed."));
}

#[test]
fn what_the_host_observed_is_shown_although_nothing_changed() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let id = waiting(&world, &user);
    assert!(world.answer("deny", &id, "carol", CAROL).unwrap().0);
    ended(&world, &world.settled(&id).unwrap(), "denied", "carol");
    let mut bob = browser(&world, "bob", BOB);
    let denied = page(&mut bob, &format!("/actions/{id}"));
    assert!(section(&denied, "changes").contains("The host recorded no change"), "{denied:?}");
    let observed = section(&denied, "observed");
    for wanted in ["Before the action: read at ", "/user/active", "<bdi>false</bdi>", "<details>"] {
        assert!(observed.contains(wanted), "{wanted}: {observed}");
    }
    assert!(!observed.contains("After"), "{observed}");
    let view = world.run(&World::proposal(RESTORE, &user)).unwrap();
    let id = view["id"].as_str().unwrap();
    let verified = page(&mut bob, &format!("/actions/{id}"));
    let observed = section(&verified, "observed");
    for wanted in ["After the action: read at ", "data-label=\"After\"", "<bdi>true</bdi>"] {
        assert!(observed.contains(wanted), "{wanted}: {observed}");
    }
}

#[test]
fn a_command_has_no_name_of_a_person_who_cannot_answer() {
    let own = |dir: &Path| {
        let person = |name: &str| format!("[tenant.acme.agent.helpdesk]\nperson = \"{name}\"");
        edit(dir, "deed.toml", &person("alice"), &person("bob"))
    };
    let world = World::with(scim(), "scim", own).unwrap();
    let id = waiting(&world, &locked_out());
    for (name, token, person) in [("bob", BOB, "NAME"), ("carol", CAROL, "carol")] {
        let shown = page(&mut browser(&world, name, token), &format!("/actions/{id}"));
        let command = format!("deed approve {id} --person {person} --role support-lead");
        assert!(shown.text().contains(&command), "{name}: {shown:?}");
    }
}
