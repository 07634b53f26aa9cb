//! What the pages of the console show. `approve_url` tests the page of an action.

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::wait::until;
use deed_tests::world::{BOB, CAROL, World, edit};

use super::{browser, page, section};

const RESTORE: &str = "idp.restore_access";
const READ: &str = "idp.read_user";

/// Proposes an action that waits for approval.
fn waiting(world: &World) -> String {
    let proposed = world.propose(&World::proposal(RESTORE, &locked_out())).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{}", proposed.json());
    proposed.text("/id")
}

fn read(world: &World) -> String {
    let proposed = world.propose(&World::proposal(READ, &user("read", Some(true)))).unwrap();
    assert_eq!(proposed.text("/status"), "verified", "{}", proposed.json());
    proposed.text("/id")
}

#[test]
fn the_inbox_has_what_waits_for_the_person_until_it_is_answered() {
    let world = World::start(scim()).unwrap();
    let mut bob = browser(&world, "bob", BOB);
    let empty = page(&mut bob, "/");
    assert!(section(&empty, "mine").contains("Nothing waits for you."), "{empty:?}");
    let [first, second] = [(); 2].map(|()| waiting(&world));
    let inbox = page(&mut bob, "/");
    let mine = section(&inbox, "mine");
    let place = |id: &str| mine.find(&format!("href=\"/actions/{id}\"")).unwrap();
    assert!(place(&first) < place(&second), "the oldest is first: {mine}");
    assert!(
        mine.contains("1 approval by support-lead") && mine.contains("<time datetime="),
        "{mine}"
    );
    assert!(world.approve(&first, "bob", BOB).unwrap().0);
    world.settled(&first).unwrap();
    let after = page(&mut bob, "/");
    let mine = section(&after, "mine");
    assert!(!mine.contains(&first) && mine.contains(&second), "{mine}");
}

#[test]
fn the_inbox_knows_what_waited_before_a_restart() {
    let mut world = World::start(scim()).unwrap();
    let id = waiting(&world);
    world.restart().unwrap();
    let mut bob = browser(&world, "bob", BOB);
    until("the action is in the inbox", || {
        section(&page(&mut bob.clone(), "/"), "mine").contains(&id)
    });
    assert!(!page(&mut bob, "/").text().contains("still reading"));
}

#[test]
fn an_action_of_ones_own_agent_waits_for_others() {
    let world = World::with(scim(), "scim", |dir| {
        let person = |name: &str| format!("[tenant.acme.agent.helpdesk]\nperson = \"{name}\"");
        edit(dir, "deed.toml", &person("alice"), &person("bob"))
    });
    let world = world.unwrap();
    let id = waiting(&world);
    let [bobs, carols] = [("bob", BOB), ("carol", CAROL)]
        .map(|(name, token)| page(&mut browser(&world, name, token), "/"));
    assert!(section(&bobs, "others").contains(&id) && !section(&bobs, "mine").contains(&id));
    assert!(section(&carols, "mine").contains(&id) && !section(&carols, "others").contains(&id));
}

#[test]
fn actions_are_found_by_each_filter() {
    let world = World::start(scim()).unwrap();
    let (waits, read) = (waiting(&world), read(&world));
    let mut bob = browser(&world, "bob", BOB);
    let mut found = |query: &str| page(&mut bob, &format!("/actions{query}")).html;
    let all = found("");
    assert!(all.find(&read).unwrap() < all.find(&waits).unwrap(), "the newest is first");
    let from = format!("?from={waits}");
    for (query, has_read, has_waits) in [
        ("?status=waiting", false, true),
        ("?status=verified", true, false),
        ("?contract=idp.read_user", true, false),
        ("?agent=helpdesk&contract=&status=&resource=&trace=&since=", true, true),
        ("?agent=other", false, false),
        ("?since=2999-01-01", false, false),
        ("?since=2000-01-01", true, true),
        ("?since=2999-01-01T00%3A00%3A00Z", false, false),
        ("?since=2000-01-01T00%3A00%3A00Z", true, true),
        (from.as_str(), false, true),
    ] {
        let html = found(query);
        assert_eq!((html.contains(&read), html.contains(&waits)), (has_read, has_waits), "{query}");
    }
    let mut bob = browser(&world, "bob", BOB);
    for query in [
        "?status=nonsense",
        "?colour=red",
        "?agent=a&agent=b",
        "?from=x",
        "?since=now",
        "?since=2h",
    ] {
        assert_eq!(bob.get(&format!("/actions{query}")).unwrap().status, 400, "{query}");
    }
}

#[test]
fn a_long_list_is_shown_in_parts() {
    let world = World::start(scim()).unwrap();
    let user = user("many", Some(true));
    let ids: Vec<String> = (0..52)
        .map(|_| world.propose(&World::proposal(READ, &user)).unwrap().text("/id"))
        .collect();
    let mut bob = browser(&world, "bob", BOB);
    let first = page(&mut bob, "/actions?agent=helpdesk");
    let (_, rest) = first.html.split_once("href=\"/actions?agent=helpdesk&amp;from=").unwrap();
    let from = rest.split('"').next().unwrap();
    let second = page(&mut bob, &format!("/actions?agent=helpdesk&from={from}"));
    for id in &ids {
        let parts = [&first, &second].map(|page| page.html.contains(&format!("\"/actions/{id}\"")));
        assert!(parts[0] != parts[1], "{id} is in one part: {parts:?}");
    }
    assert!(!second.html.contains("Older actions"), "{second:?}");
}

#[test]
fn agents_have_the_answer_of_policy_for_each_contract() {
    let world = World::start(scim()).unwrap();
    let shown = page(&mut browser(&world, "bob", BOB), "/agents");
    for wanted in ["helpdesk", "alice", RESTORE, READ, "restore-needs-lead", "support-lead"] {
        assert!(shown.text().contains(wanted), "{wanted}: {shown:?}");
    }
    assert!(!shown.text().contains("globex"), "{shown:?}");
}

#[test]
fn policies_have_their_text_and_their_newest_decisions() {
    let world = World::start(scim()).unwrap();
    let id = waiting(&world);
    let shown = page(&mut browser(&world, "bob", BOB), "/policies");
    let (_, rest) = shown.html.split_once("<bdi>restore-needs-lead</bdi></h2>").unwrap();
    let policy = rest.split("</section>").next().unwrap();
    assert!(policy.contains("unless") && policy.contains("approvals"), "{policy}");
    assert!(policy.contains(&format!("href=\"/actions/{id}\"")), "{policy}");
}

#[test]
fn health_has_decisions_configuration_and_log() {
    let world = World::start(scim()).unwrap();
    let view = world.run(&World::proposal(RESTORE, &locked_out())).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    waiting(&world);
    let shown = page(&mut browser(&world, "carol", CAROL), "/health");
    assert!(section(&shown, "work").contains("The host accepts new actions."));
    let number = |part: &str, name: &str| -> u64 {
        let (_, rest) = section(&shown, part).split_once(&format!("<dt>{name}</dt>")).unwrap();
        let (_, rest) = rest.split_once("<span class=\"number\">").unwrap();
        rest.split('<').next().unwrap().parse().unwrap()
    };
    assert_eq!(number("waiting", "Actions that wait for people"), 1);
    assert_eq!(number("waiting", "Open outcomes"), 0);
    assert_eq!(number("people", "Actions that ended"), 1);
    assert_eq!(number("people", "People were asked about"), 1);
    assert!(section(&shown, "people").contains("<bdi>bob</bdi>"), "{shown:?}");
    assert!(section(&shown, "configuration").contains("<bdi>sha256:"), "{shown:?}");
    assert!(number("log", "Entries") > 0);
    assert!(section(&shown, "log").contains("deed.example/logs/acme"), "{shown:?}");
}

/// Everything that decides is on the page, and each part can be found by its id.
#[test]
fn the_page_of_an_action_answers_what_happened_and_why() {
    let world = World::start(scim()).unwrap();
    let view = world.run(&World::proposal(RESTORE, &locked_out())).unwrap();
    let id = view["id"].as_str().unwrap();
    let shown = page(&mut browser(&world, "bob", BOB), &format!("/actions/{id}"));
    for (part, wanted) in [
        ("asked", "<bdi>helpdesk</bdi>"),
        ("from-agent", "The host did not check them."),
        ("requests", "PATCH"),
        ("policy", "restore-needs-lead"),
        ("approvals", "<bdi>bob</bdi>"),
        ("sent", "<bdi>PATCH</bdi>"),
        ("changes", "<bdi>/user/active</bdi>"),
        ("checks", "✓ holds"),
        ("receipt", "deed verify"),
        ("ledger", "<time datetime="),
        ("record", "The record as deed show prints it"),
    ] {
        assert!(section(&shown, part).contains(wanted), "{part}: {shown:?}");
    }
    assert!(shown.text().contains("What to do next: nothing."), "{shown:?}");
}
