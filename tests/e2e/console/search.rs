//! The search for actions by person and by words: on the page, in `GET /v1/actions` and in `deed ls`.

use std::path::Path;

use deed_record::timeline::utc;
use deed_test_support::shared::{locked_out, scim};
use deed_tests::browser::Browser;
use deed_tests::host;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit};
use serde_json::json;

use super::{browser, page};

const RESTORE: &str = "idp.restore_access";

/// Proposes an action with this intent and the address of a source, which waits for approval.
fn proposed(world: &World, intent: &str, source: &str) -> String {
    let mut proposal = World::proposal(RESTORE, &locked_out());
    proposal["intent"] = json!(intent);
    proposal["sources"] = json!([{ "uri": source }]);
    let answer = world.propose(&proposal).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
    answer.text("/id")
}

/// Which of these actions a query finds in the API.
fn listed(world: &World, token: &str, query: &str, ids: [&str; 2]) -> [bool; 2] {
    let answer = world.client(token).get(&format!("/v1/actions?{query}")).unwrap();
    assert_eq!(answer.status, 200, "{query}: {}", answer.json());
    let listed = answer.json();
    let actions = listed["actions"].as_array().unwrap();
    assert!(listed.get("next").is_none(), "{listed:#}");
    ids.map(|id| actions.iter().any(|action| action["id"] == id))
}

/// What `deed ls` prints with these arguments.
fn ls(world: &World, args: &[&str]) -> String {
    let to = ["ls", "--url", world.url(), "--token", BOB];
    host::expect(&[&to[..], args].concat()).unwrap()
}

#[test]
fn actions_are_found_by_ticket_words_and_person() {
    let world = World::start(scim()).unwrap();
    let first = proposed(&world, "Unlock the account of Zoë", "https://tickets.example/T-17");
    let second = proposed(&world, "Unlock the account of Max", "ticket:4712");
    let ids = [first.as_str(), second.as_str()];
    let [by_id, from] = ["q", "from"].map(|name| format!("{name}={first}"));
    let mut bob = browser(&world, "bob", BOB);
    for (query, expected) in [
        ("q=t-17", [true, false]),
        ("q=https%3A%2F%2Ftickets.example%2FT-17", [true, false]),
        ("q=4712", [false, true]),
        ("q=UNLOCK+account", [true, true]),
        ("q=account+max", [false, true]),
        ("q=ZO%C3%8B", [true, false]),
        ("q=zoe", [false, false]),
        ("q=USER%40example.com", [true, true]),
        ("q=idp%2Fusers", [true, true]),
        ("q=unlock&person=alice&status=waiting", [true, true]),
        ("person=alice", [true, true]),
        ("person=bob", [false, false]),
        ("agent=helpdesk", [true, true]),
        ("agent=other", [false, false]),
        ("contract=idp.restore_access&since=2000-01-01", [true, true]),
        ("since=2999-01-01", [false, false]),
        (by_id.as_str(), [true, false]),
        (from.as_str(), [true, false]),
    ] {
        for token in [BOB, HELPDESK] {
            assert_eq!(listed(&world, token, query, ids), expected, "{query}");
        }
        let html = page(&mut bob, &format!("/actions?{query}")).html;
        let shown = ids.map(|id| html.contains(&format!("\"/actions/{id}\"")));
        assert_eq!(shown, expected, "{query}");
    }
    let kept = page(&mut bob, "/actions?q=t-17+%22zo").html;
    assert!(kept.contains("value=\"t-17 &quot;zo\""), "{kept}");
    for (args, expected) in [
        (["--search", "t-17"], [true, false]),
        (["--search", "account max"], [false, true]),
        (["--person", "alice"], [true, true]),
        (["--person", "bob"], [false, false]),
        (["--agent", "helpdesk"], [true, true]),
        (["--contract", "idp.read_user"], [false, false]),
        (["--since", "2999-01-01"], [false, false]),
        (["--since", "2999-01-01T00:00:00Z"], [false, false]),
        (["--since", "2000-01-01T00:00:00Z"], [true, true]),
        (["--since", "2h"], [true, true]),
        (["--from", first.as_str()], [true, false]),
    ] {
        let said = ls(&world, &args);
        assert_eq!(ids.map(|id| said.contains(id)), expected, "{args:?}: {said}");
    }
}

/// A time, also within a second, divides actions of the same day.
#[test]
fn actions_are_found_by_the_time_of_their_latest_event() {
    let world = World::start(scim()).unwrap();
    let first = proposed(&world, "Unlock it", "ticket:1");
    let second = proposed(&world, "Unlock it", "ticket:2");
    let at_ms = world.show(&second).unwrap()["at_ms"].as_i64().unwrap();
    let fraction = format!(".{:03}Z", at_ms % 1000);
    let time = utc(at_ms).replacen(' ', "T", 1).replace('Z', &fraction);
    let ids = [first.as_str(), second.as_str()];
    let mut bob = browser(&world, "bob", BOB);
    let query = format!("since={}", time.replace(':', "%3A"));
    assert_eq!(listed(&world, BOB, &query, ids), [false, true], "{time}");
    let html = page(&mut bob, &format!("/actions?{query}")).html;
    assert_eq!(ids.map(|id| html.contains(&format!("\"/actions/{id}\""))), [false, true], "{html}");
    assert!(html.contains(&format!("value=\"{time}\"")), "the form keeps it: {html}");
    let said = ls(&world, &["--since", &time]);
    assert_eq!(ids.map(|id| said.contains(id)), [false, true], "{said}");
}

#[test]
fn another_form_of_a_time_is_refused_with_the_forms_that_are_accepted() {
    let world = World::start(scim()).unwrap();
    let forms = "a day, such as 2026-01-31, or a time in UTC, such as 2026-01-31T18:00:00Z";
    let offset = "2026-01-31T18:00:00%2B01:00";
    for since in ["yesterday", "2h", "2026-02-30", "2026-01-31T18:00:00", offset] {
        let answer = world.client(BOB).get(&format!("/v1/actions?since={since}")).unwrap();
        assert_eq!(answer.status, 400, "{since}");
        assert_eq!(answer.text("/detail"), format!("invalid `since`: use {forms}"), "{since}");
    }
    for since in ["yesterday", "2w", "2026-02-30", "2026-01-31T18:00:00"] {
        let to = ["ls", "--since", since, "--url", world.url(), "--token", BOB];
        let output = host::run(&to, "").unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{since}: {said}");
        assert!(said.contains("as in 30d") && said.contains(forms), "{since}: {said}");
    }
}

/// A list that is cut says how to go on, and the parts have each action once.
#[test]
fn a_list_goes_on_where_it_was_cut() {
    let world = World::start(scim()).unwrap();
    let ids = [(); 3].map(|()| proposed(&world, "Unlock it", "ticket:1"));
    let part = |query: &str| {
        world.client(BOB).get(&format!("/v1/actions?q=unlock&limit=2{query}")).unwrap().json()
    };
    let first = part("");
    let next = first["next"].as_str().unwrap();
    assert_eq!(next, ids[0]);
    let second = part(&format!("&from={next}"));
    let found = [&first, &second].map(|one| one["actions"].as_array().unwrap().clone()).concat();
    let found: Vec<&str> = found.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(found, [ids[2].as_str(), &ids[1], &ids[0]]);
    assert!(second.get("next").is_none(), "{second:#}");
    let to = ["ls", "--limit", "2", "--url", world.url(), "--token", BOB];
    let said = host::run(&to, "").unwrap();
    let note = format!("older actions: repeat the command with --from {}", ids[0]);
    assert!(String::from_utf8_lossy(&said.stderr).contains(&note), "{said:?}");
}

#[test]
fn what_is_missing_is_said_in_words_everywhere() {
    let two = |dir: &Path| {
        edit(dir, "policies/starter.cedar", "approve:1:support-lead", "approve:2:support-lead")
    };
    let world = World::with(scim(), "scim", two).unwrap();
    let id = proposed(&world, "Unlock it", "ticket:1");
    let path = format!("/actions/{id}");
    let mut carol = browser(&world, "carol", CAROL);
    let places = |carol: &mut Browser| {
        let view = world.show(&id).unwrap();
        assert_eq!(view["obligations"], json!(["approve:2:support-lead"]));
        let show = ["show", &id, "--url", world.url(), "--token", BOB];
        [
            page(carol, "/").text(),
            page(carol, &path).text(),
            view["missing"][0].as_str().unwrap().to_owned(),
            ls(&world, &["--status", "waiting"]),
            host::expect(&show).unwrap(),
        ]
    };
    for text in places(&mut carol) {
        assert!(text.contains("2 approvals by support-lead"), "{text}");
    }
    assert!(world.approve(&id, "bob", BOB).unwrap().0);
    for text in places(&mut carol) {
        assert!(text.contains("1 more approval by support-lead (1 of 2 is there)"), "{text}");
    }
}
