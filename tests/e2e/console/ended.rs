//! What the console tells on-call readers about actions that have ended: who corrects a mismatch, which policies denied
//! an action, who could have answered a request that expired, and until when a write can take effect.

use std::fs;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::browser::Page;
use deed_tests::host;
use deed_tests::proxy::Fault;
use deed_tests::world::{BOB, World, edit};

use super::{browser, page, section};

const RESTORE: &str = "idp.restore_access";

/// Runs an action, approved by bob if it waits, that ends with this status; returns its id.
fn ran(world: &World, status: &str) -> String {
    let view = world.run(&World::proposal(RESTORE, &locked_out())).unwrap();
    assert_eq!(view["status"], status, "{view:#}");
    view["id"].as_str().unwrap().to_owned()
}

fn shown(world: &World, id: &str) -> Page {
    page(&mut browser(world, "bob", BOB), &format!("/actions/{id}"))
}

/// The value of this name in a part of a page.
fn fact<'a>(part: &'a str, name: &str) -> &'a str {
    let (_, rest) = part.split_once(&format!("<dt>{name}</dt>")).unwrap();
    rest.split("</dd>").next().unwrap()
}

#[test]
fn a_mismatch_is_in_the_inbox_and_its_page_names_who_corrects_it() {
    let world = World::start(scim()).unwrap();
    let mut bob = browser(&world, "bob", BOB);
    let empty = page(&mut bob, "/");
    let none = "No action ended as a mismatch in the last 24 hours.";
    assert!(section(&empty, "to-correct").contains(none), "{empty:?}");
    world.proxy.set("PATCH", Fault::Lie2xx);
    let id = ran(&world, "mismatch");
    let inbox = page(&mut bob, "/");
    let listed = section(&inbox, "to-correct");
    let link = format!("href=\"/actions/{id}\"");
    for wanted in [link.as_str(), "<bdi>alice</bdi>, or an operator", "idp/users/"] {
        assert!(listed.contains(wanted), "{wanted}: {listed}");
    }
    assert!(!listed.contains("may not be complete"), "{listed}");
    let part = page(&mut bob, "/?group=mine");
    assert!(!part.html.contains("id=\"to-correct\""), "{part:?}");
    let text = shown(&world, &id).text();
    let next =
        "What to do next: alice, who is responsible for the agent, or an operator compares the";
    assert!(text.contains(next), "{text}");
}

#[test]
fn the_page_of_a_denied_action_names_only_the_policies_that_denied_it() {
    let forbid = "\n@id(\"no-restoring\")\nforbid (principal, action == Deed::Action::\"idp.restore_access\", resource);\n";
    let world = World::with(scim(), "scim", |dir| {
        let file = dir.join("policies/starter.cedar");
        Ok(fs::write(&file, fs::read_to_string(&file)? + forbid)?)
    });
    let world = world.unwrap();
    let id = ran(&world, "denied");
    let page = shown(&world, &id);
    let policy = section(&page, "policy");
    let because = fact(policy, "Because of");
    assert!(because.contains("<bdi>no-restoring</bdi>"), "{policy}");
    assert!(fact(policy, "Did not decide").contains("restore-needs-lead"), "{policy}");
    let show = ["show", &id, "--url", world.url(), "--token", BOB];
    let said = host::expect(&show).unwrap();
    assert!(said.contains("deny, because of no-restoring: forbidden by"), "{said}");
}

#[test]
fn the_page_of_an_action_that_expired_names_who_could_have_answered() {
    let world = World::with(scim(), "scim", |dir| {
        edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"1s\"")
    });
    let world = world.unwrap();
    let id = world.propose(&World::proposal(RESTORE, &locked_out())).unwrap().text("/id");
    world.until(&id, |view| view["status"] == "expired").unwrap();
    let page = shown(&world, &id);
    let approvals = section(&page, "approvals");
    let missed = "1 by <bdi>support-lead</bdi>: <bdi>bob, carol</bdi>";
    for wanted in ["Nobody has answered.", "were missing when the action expired", missed] {
        assert!(approvals.contains(wanted), "{wanted}: {approvals}");
    }
    assert!(page.text().contains("Under Approvals are the people who could have"), "{page:?}");
}

#[test]
fn the_page_of_an_open_outcome_says_until_when_a_write_can_take_effect() {
    let world = World::with(scim(), "scim", |dir| {
        edit(dir, "contracts/restore_access.toml", "\"observable\"", "\"opaque\"")
    });
    let world = world.unwrap();
    world.proxy.set("PATCH", Fault::DropBefore);
    let id = ran(&world, "indeterminate");
    let text = shown(&world, &id).text();
    assert!(text.contains("the write may still land"), "{text}");
    // The host judged after this time.
    assert!(text.contains("A write without a definite answer could take effect until 2"), "{text}");
}
