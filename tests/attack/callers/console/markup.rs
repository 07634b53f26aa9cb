//! Texts of agents, upstreams, addresses and forms that would become markup, or that deceive a reader.

use deed_test_support::shared::{locked_out, scim};
use deed_tests::browser::{Browser, FORM_TOKEN, percent};
use deed_tests::hostile::{Hostile, POISON, answer, says};
use deed_tests::world::{BOB, World, edit};
use serde_json::json;

use super::{browser, harmless, harmless_pages, unharmed};
use crate::upstreams::stage::{READ, RESTORE, Stage, fresh};

/// Everything that an agent writes reaches the pages: intent, reasoning, sources, the person it acts for, parameters.
pub(super) fn agent() {
    let stage = Stage::with(Hostile::start().unwrap(), |dir| {
        edit(dir, "deed.toml", "environment = \"staging\"", "environment = \"production\"")?;
        edit(dir, "contracts/restore_access.toml", ", pattern = \"^[0-9a-f]{32}$\"", "")
    });
    let world = &stage.world;
    for poison in POISON {
        for user in [fresh(), poison.to_owned()] {
            let mut proposal = World::proposal(RESTORE, &user);
            proposal["intent"] = json!(poison);
            proposal["reasoning"] = json!(poison);
            proposal["on_behalf_of"] = json!(poison);
            proposal["sources"] = json!([{"uri": poison}, {"uri": format!("javascript:{poison}")}]);
            let answer = world.propose(&proposal).unwrap();
            let id = answer.text("/id");
            if id.is_empty() {
                // The parameter does not fit into a path.
                assert!([400, 422].contains(&answer.status), "{}", answer.json());
                continue;
            }
            let pages = harmless_pages(world, &id);
            let is_marked =
                pages.iter().any(|page| page.html.contains("From the agent, unchecked"));
            assert!(is_marked, "{pages:?}");
        }
    }
    unharmed(world);
}

/// What an upstream sends reaches the pages as the state, as a change, and as the reason of a failure.
pub(super) fn upstream() {
    let stage = Stage::with(Hostile::start().unwrap(), |dir| {
        edit(dir, "deed.toml", "environment = \"staging\"", "environment = \"production\"")?;
        let places = "may_change = [\"/user/active\"";
        let more = format!("{places}, \"/user/displayName\"");
        edit(dir, "contracts/restore_access.toml", places, &more)
    });
    let world = &stage.world;
    for poison in POISON {
        let user = fresh();
        stage.hostile.set(&user, "displayName", poison.into());
        let id = world.propose(&World::proposal(RESTORE, &user)).unwrap().text("/id");
        let waiting = harmless_pages(world, &id);
        let has_state = waiting.iter().any(|page| page.html.contains("/user/displayName: "));
        assert!(has_state, "{waiting:?}");
        assert!(world.approve(&id, "bob", BOB).unwrap().0);
        world.settled(&id).unwrap();
        harmless_pages(world, &id);
        let read = world.propose(&World::proposal(READ, &user)).unwrap().text("/id");
        harmless_pages(world, &read);
        let twice = serde_json::to_string(poison).unwrap();
        let body = format!("{{{twice}:1,{twice}:2}}");
        let lie = says(answer("200 OK\r\ncontent-type: application/json", body));
        harmless_pages(world, stage.read(lie)["id"].as_str().unwrap());
    }
    unharmed(world);
}

/// What stands in an address or a form comes back in the page.
pub(super) fn search() {
    let stage = Stage::new();
    let world = &stage.world;
    let mut bob = browser(world, "bob", BOB);
    for poison in POISON.map(percent) {
        for name in ["agent", "person", "contract", "resource", "q"] {
            let page = bob.get(&format!("/actions?{name}={poison}")).unwrap();
            assert_eq!(page.status, 200, "{page:?}");
            harmless(&page);
        }
        for query in [
            format!("/actions?status={poison}"),
            format!("/actions?{poison}=1"),
            format!("/?group={poison}"),
            format!("/agents?after={poison}"),
            format!("/sign-in?next={poison}"),
        ] {
            harmless(&bob.get(&query).unwrap());
        }
        let mut nobody = Browser::new(world.url());
        harmless(&nobody.get(&format!("/sign-in?next={poison}")).unwrap());
    }
    for poison in POISON {
        let mut nobody = Browser::new(world.url());
        let page = nobody.sign_in(poison, "deed_wrong", poison).unwrap();
        assert_eq!(page.status, 401, "{page:?}");
        harmless(&page);
    }
    unharmed(world);
}

/// What a person types into the form that changes an action comes back in the page if it is refused, and is shown to
/// others if it is accepted.
pub(super) fn form() {
    let world = World::start(scim()).unwrap();
    let mut bob = browser(&world, "bob", BOB);
    let token = bob.get("/").unwrap().form_token().unwrap().to_owned();
    for poison in POISON {
        let proposed = world.propose(&World::proposal(RESTORE, &locked_out())).unwrap();
        let path = format!("/actions/{}/edit", proposed.text("/id"));
        let typed = [(FORM_TOKEN, token.as_str()), ("intent", poison), ("sources", poison)];
        let unknown = percent(&format!("param.{poison}"));
        let wrong = [("param.user_id", poison), (unknown.as_str(), poison)];
        let refused = bob.post(&path, &[&typed[..], &wrong[..]].concat()).unwrap();
        assert_eq!(refused.status, 422, "{refused:?}");
        harmless(&refused);
        let user = locked_out();
        let right = [("param.user_id", user.as_str())];
        let accepted = bob.post(&path, &[&typed[..], &right[..]].concat()).unwrap();
        assert_eq!(accepted.status, 303, "{accepted:?}");
        let new = accepted.header("location").unwrap().replace("/actions/", "");
        let pages = harmless_pages(&world, &new);
        assert!(pages.iter().any(|page| page.html.contains("In place of")), "{pages:?}");
    }
    unharmed(&world);
}

pub(super) fn endless() {
    let stage = Stage::new();
    let (world, user) = (&stage.world, fresh());
    stage.hostile.set(&user, "displayName", "<".repeat(400_000).into());
    let mut proposal = World::proposal(READ, &user);
    proposal["intent"] = json!("&".repeat(4096));
    proposal["sources"] = (0..32).map(|_| json!({"uri": "'".repeat(4096)})).collect();
    let read = world.propose(&proposal).unwrap();
    assert_eq!(read.text("/status"), "verified", "{}", read.json());
    let pages = harmless_pages(world, &read.text("/id"));
    for page in &pages {
        assert!(page.html.len() < 2_500_000, "{} bytes", page.html.len());
    }
    assert!(pages.iter().any(|page| page.html.contains("the rest is not shown here")));
    unharmed(world);
}
