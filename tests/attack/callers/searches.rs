//! Searches by callers: texts that would be patterns elsewhere, texts without end, actions of other agents and tenants,
//! and proposals that are so large that a search could read forever.

use std::time::{Duration, Instant};

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::browser::{Browser, percent};
use deed_tests::world::{BOB, HELPDESK, STRANGER, World};
use serde_json::json;

use super::forged::asked;
use super::tenants::{DORA, with_dora};
use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "searches-with-patterns" => patterns,
        "searches-for-actions-of-others" => of_others,
        "searches-through-large-proposals" => large,
    ]
}

/// The ids that a search finds.
fn found(world: &World, token: &str, query: &str) -> Vec<String> {
    let answer = world.client(token).get(&format!("/v1/actions?{query}")).unwrap();
    assert_eq!(answer.status, 200, "{query}: {}", answer.json());
    let listed = answer.json();
    let ids = listed["actions"].as_array().unwrap().iter();
    ids.map(|action| action["id"].as_str().unwrap().to_owned()).collect()
}

/// A text to search for is no pattern and no address, and is limited.
fn patterns() {
    let world = World::start(scim()).unwrap();
    let id = asked(&world, &locked_out()).id;
    for text in [
        ".*",
        "^act_",
        "(t|i|c|k|e|t)+:4711",
        "(((((((((((a*)*)*)*)*)*)*)*)*)*)*b",
        "ticket%",
        "ticket_4711",
        "ticket:????",
        "' or '1'='1",
        "ticket:4711\u{0}",
        "../../state",
        "%74icket",
        "\u{202e}1174:tekcit",
    ] {
        assert_eq!(found(&world, BOB, &format!("q={}", percent(text))), [""; 0], "{text}");
    }
    assert_eq!(found(&world, BOB, "q=%74icket%3A4711"), [id.as_str()]);
    let mut bob = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    for query in [
        format!("q={}", "a".repeat(201)),
        format!("q={}", "%C3%A4".repeat(201)),
        format!("q={}", "a+".repeat(1_000)),
        "q=".to_owned(),
        "q=a&q=b".to_owned(),
        "query=a".to_owned(),
    ] {
        let begin: String = query.chars().take(20).collect();
        for token in [BOB, HELPDESK] {
            let answer = world.client(token).get(&format!("/v1/actions?{query}")).unwrap();
            assert_eq!(answer.status, 400, "{begin}");
        }
        let page = bob.get(&format!("/actions?{query}")).unwrap();
        // An empty field of the form counts as absent.
        assert_eq!(page.status, if query == "q=" { 200 } else { 400 }, "{begin}: {page:?}");
    }
    unharmed(&world);
}

/// No search of an agent or of another tenant finds an action that its caller may not see.
fn of_others() {
    let world = World::with(scim(), "scim", with_dora).unwrap();
    let id = asked(&world, &locked_out()).id;
    let queries = [
        format!("q={id}"),
        format!("q={id}&from={id}"),
        "q=ticket".to_owned(),
        "person=alice".to_owned(),
        "agent=helpdesk".to_owned(),
        "contract=idp.restore_access".to_owned(),
        "since=2000-01-01".to_owned(),
        format!("from={id}"),
        "q=act_".to_owned(),
    ];
    for query in &queries {
        assert_eq!(found(&world, HELPDESK, query), [id.as_str()], "{query}");
        for token in [DORA, STRANGER] {
            assert_eq!(found(&world, token, query), [""; 0], "{query}");
        }
    }
    let mut dora = Browser::signed_in(world.url(), "dora", DORA).unwrap();
    for query in &queries {
        let page = dora.get(&format!("/actions?{query}")).unwrap();
        assert_eq!(page.status, 200, "{query}: {page:?}");
        assert!(!page.html.contains(&format!("/actions/{id}")), "{query}: {page:?}");
        assert!(!page.html.contains("Search older actions"), "{query} tells that there are others");
    }
    // An agent does not learn of other agents by the filter.
    assert_eq!(found(&world, HELPDESK, "agent=other"), [""; 0]);
    unharmed(&world);
}

/// A search reads a limited number of bytes, says where it goes on, and finds everything in the end.
fn large() {
    let world = World::start(scim()).unwrap();
    let user = user("large", Some(true));
    let propose = |intent: &str, sources: usize| {
        let mut proposal = World::proposal("idp.read_user", &user);
        proposal["intent"] = json!(intent);
        proposal["sources"] = (0..sources).map(|_| json!({"uri": "x".repeat(4096)})).collect();
        let answer = world.propose(&proposal).unwrap();
        assert_eq!(answer.text("/status"), "verified", "{}", answer.json());
        answer.text("/id")
    };
    let oldest = propose("the needle", 1);
    for _ in 0..40 {
        propose("hay", 32);
    }
    let (mut from, mut parts) = (String::new(), 0);
    loop {
        let begun = Instant::now();
        let path = format!("/v1/actions?q=needle{from}");
        let answer = world.client(BOB).get(&path).unwrap();
        assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
        parts += 1;
        if answer.json()["actions"][0]["id"] == oldest.as_str() {
            break;
        }
        from = format!("&from={}", answer.text("/next"));
        assert!(parts < 10, "the search does not end");
    }
    assert!(parts > 1, "one request read all proposals");
    let mut bob = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    let page = bob.get("/actions?q=needle").unwrap();
    assert!(page.html.contains("Search older actions"), "{page:?}");
    assert!(page.html.contains("The search is not complete"), "{page:?}");
    assert_eq!(found(&world, BOB, &format!("q={oldest}")), [oldest.as_str()], "by its id at once");
    unharmed(&world);
}
