//! Tests of the page of an action, and of the links to it.

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::browser::Browser;
use deed_tests::host;
use deed_tests::world::{BOB, HELPDESK, World, edit};

const RESTORE: &str = "idp.restore_access";

/// The text of the page of an action, without its markup, as a browser shows it to bob.
fn page(world: &World, id: &str) -> String {
    let mut browser = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    let page = browser.get(&format!("/actions/{id}")).unwrap();
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    page.text()
}

/// What `deed approve` shows before it asks for the signature, without the age of the state, which a page that stays
/// open cannot show.
fn shown(world: &World, id: &str) -> String {
    let key = world.dir.join("approvers/bob.key");
    let to = ["--url", world.url(), "--token", BOB, "--key", key.to_str().unwrap()];
    let who = ["--person", "bob", "--role", "support-lead"];
    let output = host::run(&[&["approve", id], &to[..], &who[..]].concat(), "").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("nothing was signed"), "{said}");
    let (question, _) = said.split_once("\nyou sign: ").unwrap();
    let (head, rest) = question.split_once(" ago by this machine's clock)").unwrap();
    let (head, _) = head.rsplit_once(" (").unwrap();
    format!("{head}{rest}")
}

fn waiting(world: &World) -> String {
    let proposed = world.propose(&World::proposal(RESTORE, &locked_out())).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{}", proposed.json());
    proposed.text("/id")
}

#[test]
fn the_page_has_the_text_that_deed_approve_shows() {
    let world = World::start(scim()).unwrap();
    let id = waiting(&world);
    let (page, shown) = (page(&world, &id), shown(&world, &id));
    assert!(shown.contains("would send") && shown.contains("\ndigests, recomputed"), "{shown}");
    assert!(page.contains(&shown), "the page:\n{page}\n\ndeed approve:\n{shown}");
    let line = format!(
        "deed approve {id} --person bob --role support-lead --key FILE --url {}\n",
        world.public_url()
    );
    assert!(page.contains(&line), "{page}");
    assert!(
        page.contains("From the agent, unchecked")
            && page.contains("a passkey signs what this page shows"),
        "{page}"
    );
    assert!(!page.contains("would not count"), "bob may answer: {page}");
}

#[test]
fn the_page_of_an_ended_action_has_its_outcome_and_its_evidence() {
    let world = World::start(scim()).unwrap();
    let view = world.run(&World::proposal(RESTORE, &locked_out())).unwrap();
    let id = view["id"].as_str().unwrap();
    let page = page(&world, id);
    for wanted in [
        format!("{id}: verified"),
        "/user/active: false -> true".to_owned(),
        view["receipt"]["payload_sha256"].as_str().unwrap().to_owned(),
        format!("deed bundle {id} -o {id}.deed --url {}", world.public_url()),
        format!("deed verify {id}.deed --trust DIR"),
    ] {
        assert!(page.contains(&wanted), "`{wanted}` is missing in\n{page}");
    }
    assert!(!page.contains("Your answer") && !page.contains("deed resolve"), "{page}");
    assert!(view.get("approve_url").is_none(), "{view:#}");
}

#[test]
fn a_waiting_action_has_a_link_for_people() {
    let world = World::start(scim()).unwrap();
    let id = waiting(&world);
    let url = format!("{}/actions/{id}", world.public_url());
    for token in [HELPDESK, BOB] {
        let shown = world.client(token).get(&format!("/v1/actions/{id}")).unwrap();
        assert_eq!(shown.text("/approve_url"), url, "{}", shown.json());
    }
    let param = format!("user_id={}", locked_out());
    let to = ["--url", world.url(), "--token", HELPDESK];
    let args =
        ["act", RESTORE, "--param", &param, "--intent", "locked out", "--source", "ticket:1"];
    let output = host::run(&[&args[..], &to[..]].concat(), "").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let note = format!("approvers read the action at {}/actions/act_", world.public_url());
    assert!(said.contains(&note), "{said}");
    let read = World::proposal("idp.read_user", &user("no-link", Some(true)));
    let ended = world.propose(&read).unwrap().json();
    assert!(ended.get("approve_url").is_none(), "{ended:#}");
}

#[test]
fn links_begin_with_the_public_url() {
    let (proxied, public) =
        ("[http]\nbehind_proxy = true\n", "public_url = \"https://deed.example.com/\"\n");
    let start = |http: &str| {
        World::with(scim(), "scim", |dir| edit(dir, "deed.toml", "[http]\n", http)).unwrap()
    };
    let link = |world: &World| {
        world.client(HELPDESK).get(&format!("/v1/actions/{}", waiting(world))).unwrap().json()
    };
    let warns = |world: &World| {
        let output = host::run(&["check", world.path()], "").unwrap();
        String::from_utf8(output.stdout).unwrap().contains("`public_url` ")
    };
    let world = start(&format!("{proxied}{public}"));
    let view = link(&world);
    let url = format!("https://deed.example.com/actions/{}", view["id"].as_str().unwrap());
    assert_eq!(view["approve_url"], url.as_str(), "{view:#}");
    assert!(!warns(&world));
    // Behind a proxy, the host does not know at which address people reach it.
    let world = start(proxied);
    assert!(link(&world).get("approve_url").is_none());
    assert!(warns(&world));
    assert!(warns(&start(&format!("[http]\n{public}"))), "the host refuses a `Host` with a name");
}
