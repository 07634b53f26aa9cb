//! Sessions: how they begin and how they end.

use std::fs;

use deed_spec::digest::Digest;
use deed_test_support::shared::scim;
use deed_tests::browser::Browser;
use deed_tests::wait::until;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit};

use super::{PAGES, browser, leads_to_sign_in, page};

#[test]
fn a_person_signs_in_reads_every_page_and_signs_out() {
    let world = World::start(scim()).unwrap();
    let mut bob = Browser::new(world.url());
    let first = bob.get("/actions?status=waiting").unwrap();
    assert_eq!(first.header("location"), Some("/sign-in?next=%2Factions%3Fstatus%3Dwaiting"));
    let form = page(&mut bob, first.header("location").unwrap());
    assert!(form.html.contains("value=\"/actions?status=waiting\""), "{form:?}");
    let entered = bob.sign_in("bob", BOB, "/actions?status=waiting").unwrap();
    assert_eq!(entered.header("location"), Some("/actions?status=waiting"), "{entered:?}");
    let cookie = entered.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("deed-session=") && cookie.ends_with("; SameSite=Strict"),
        "{cookie}"
    );
    for path in PAGES {
        let shown = page(&mut bob, path);
        assert!(shown.html.contains("aria-current=\"page\""), "{path}: {shown:?}");
        assert!(shown.text().contains("Signed in as bob of acme"), "{path}");
    }
    assert_eq!(bob.get("/sign-in").unwrap().header("location"), Some("/"));
    let mut old = bob.clone();
    assert!(leads_to_sign_in(&bob.press("/sign-out").unwrap()));
    assert_eq!(bob.cookie, None);
    assert!(leads_to_sign_in(&old.get("/").unwrap()), "the session has ended at the host");
}

#[test]
fn signing_out_everywhere_ends_all_sessions_of_the_person() {
    let world = World::start(scim()).unwrap();
    let [mut first, mut second] = [(); 2].map(|()| browser(&world, "bob", BOB));
    let mut carol = browser(&world, "carol", CAROL);
    page(&mut second, "/");
    first.press("/sign-out-everywhere").unwrap();
    assert!(leads_to_sign_in(&second.get("/").unwrap()));
    page(&mut carol, "/");
    page(&mut browser(&world, "bob", BOB), "/");
}

#[test]
fn a_session_that_is_not_used_ends() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let file = world.dir.join("clock");
    world.serve_with(&[("DEED_TEST_CLOCK", file.to_str().unwrap())]).unwrap();
    let adopted = || world.host.as_ref().unwrap().log().matches("adopted").count();
    let minutes = |minutes: i64| {
        let (draft, before) = (file.with_extension("draft"), adopted());
        fs::write(&draft, (minutes * 60_000).to_string()).unwrap();
        fs::rename(draft, &file).unwrap();
        until("the host adopts the time", || adopted() > before);
    };
    let mut bob = browser(&world, "bob", BOB);
    minutes(29);
    page(&mut bob, "/");
    minutes(58);
    page(&mut bob, "/");
    minutes(89);
    assert!(leads_to_sign_in(&bob.get("/").unwrap()));
}

#[test]
fn a_person_who_is_removed_or_gets_another_token_has_no_session() {
    let world = World::start(scim()).unwrap();
    let [mut bob, mut carol] = [browser(&world, "bob", BOB), browser(&world, "carol", CAROL)];
    let hash = |token: &str| Digest::of(token.as_bytes()).to_string();
    let other = "deed_another-token-of-bob";
    edit(&world.dir, "deed.toml", &hash(BOB), &hash(other)).unwrap();
    let toml = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    let (before, rest) = toml.split_once("[tenant.acme.person.carol]").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    fs::write(world.dir.join("deed.toml"), format!("{before}{after}")).unwrap();
    let says = world.reload().unwrap();
    assert_eq!(says["result"], "applied", "{says:#}");
    assert!(leads_to_sign_in(&bob.get("/").unwrap()));
    assert!(leads_to_sign_in(&carol.get("/").unwrap()));
    assert_eq!(bob.sign_in("bob", BOB, "/").unwrap().status, 401);
    assert_eq!(bob.sign_in("bob", other, "/").unwrap().status, 303);
    assert_eq!(carol.sign_in("carol", CAROL, "/").unwrap().status, 401);
}

#[test]
fn only_a_person_with_the_right_name_and_token_signs_in() {
    let world = World::start(scim()).unwrap();
    let mut browser = Browser::new(world.url());
    for (name, token, status) in [
        ("bob", "deed_wrong", 401),
        ("bob", CAROL, 401),
        ("alice", BOB, 401),
        ("bob", "", 401),
        ("", BOB, 401),
        (BOB, "bob", 401),
        ("helpdesk2", HELPDESK, 401),
        ("helpdesk", HELPDESK, 403),
    ] {
        let refused = browser.sign_in(name, token, "/").unwrap();
        assert_eq!((refused.status, refused.header("set-cookie")), (status, None), "{name}");
        assert!(!refused.html.contains(BOB) || name == BOB, "the page repeats no token");
    }
    assert!(world.metric("deed_unauthorized_total").unwrap().unwrap() >= 7);
    assert_eq!(browser.sign_in("bob", BOB, "/").unwrap().status, 303);
}

#[test]
fn a_script_reads_pages_with_the_token_of_a_person() {
    let world = World::start(scim()).unwrap();
    for (token, status) in [(BOB, 200), (HELPDESK, 403), ("deed_wrong", 401)] {
        let line = format!("Authorization: Bearer {token}");
        for path in PAGES {
            let page = Browser::new(world.url()).send("GET", path, &[&line], "").unwrap();
            assert_eq!(page.status, status, "{path}: {page:?}");
            assert!(page.form_token().is_none(), "only a session has forms");
        }
    }
}

#[test]
fn behind_a_proxy_the_cookie_is_for_https_and_needs_the_address() {
    let start = |http: &str| {
        World::with(scim(), "scim", |dir| edit(dir, "deed.toml", "[http]\n", http)).unwrap()
    };
    let proxied = "[http]\nbehind_proxy = true\n";
    let world = start(&format!("{proxied}public_url = \"https://deed.example.com\"\n"));
    let mut browser = Browser::new(world.url());
    let refused = browser.sign_in("bob", BOB, "/").unwrap();
    assert_eq!((refused.status, refused.header("set-cookie")), (403, None), "another origin");
    browser.origin = "https://deed.example.com".to_owned();
    let entered = browser.sign_in("bob", BOB, "/").unwrap();
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-deed=") && cookie.contains("; Secure;"), "{cookie}");
    let world = start(proxied);
    let refused = Browser::new(world.url()).sign_in("bob", BOB, "/").unwrap();
    assert_eq!((refused.status, refused.header("set-cookie")), (403, None));
    assert!(refused.text().contains("public_url"), "{refused:?}");
}
