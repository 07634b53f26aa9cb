//! The console behind a proxy, as the proxy sees it: with a base path, which the proxy removes, and with headers that
//! proxies and clients add.

use std::collections::BTreeSet;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::browser::{Browser, FORM, encoded};
use deed_tests::host;
use deed_tests::world::{BOB, HELPDESK, World, edit};

use super::{PAGES, page};

const ORIGIN: &str = "https://deed.example.com";
const URL: &str = "https://deed.example.com/deed";
/// The attributes whose values browsers and scripts request.
const ADDRESSES: [&str; 8] = [
    "href",
    "action",
    "src",
    "data-state",
    "data-action",
    "data-sign-in",
    "data-options",
    "data-offer",
];
/// What a client or a proxy may say about the request as it came to the proxy.
const FORWARDED: [&str; 6] = [
    "X-Forwarded-For: 203.0.113.7",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Port: 8080",
    "X-Forwarded-Prefix: /evil",
    "Forwarded: for=203.0.113.7;host=evil.example;proto=http",
];

fn start(url: &str) -> World {
    let http = format!("[http]\nbehind_proxy = true\npublic_url = \"{url}\"\n");
    World::with(scim(), "scim", |dir| edit(dir, "deed.toml", "[http]\n", &http)).unwrap()
}

/// A browser on the other side of the proxy.
fn outside(world: &World) -> Browser {
    let mut browser = Browser::new(world.url());
    ORIGIN.clone_into(&mut browser.origin);
    browser
}

/// An action that waits, and one that has ended.
fn actions(world: &World) -> [String; 2] {
    ["idp.restore_access", "idp.read_user"].map(|contract| {
        world.propose(&World::proposal(contract, &locked_out())).unwrap().text("/id")
    })
}

/// The values of the attributes with addresses.
fn addresses(html: &str) -> Vec<String> {
    let of = |name: &str| -> Vec<String> {
        let start = format!(" {name}=\"");
        let values = html.split(start.as_str()).skip(1);
        values.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    };
    ADDRESSES.into_iter().flat_map(of).filter(|value| !value.starts_with('#')).collect()
}

/// The addresses on all pages for a person who is signed in.
fn crawled(browser: &mut Browser, actions: &[String]) -> BTreeSet<String> {
    let of_actions = actions.iter().map(|id| format!("/actions/{id}"));
    let more = ["/passkeys", "/passkeys/new", "/sign-in"].map(str::to_owned);
    let paths = PAGES.map(str::to_owned).into_iter().chain(of_actions).chain(more);
    let mut seen = BTreeSet::new();
    for path in paths {
        let shown = browser.get(&path).unwrap();
        let found = addresses(&shown.html);
        assert!(!found.is_empty(), "{path}: {shown:?}");
        seen.extend(found);
    }
    seen
}

#[test]
fn every_address_of_every_page_begins_with_the_base_path() {
    let world = start(URL);
    let actions = actions(&world);
    let mut browser = outside(&world);
    browser.sign_in("bob", BOB, "/").unwrap();
    let seen = crawled(&mut browser, &actions);
    let others: Vec<&String> = seen.iter().filter(|one| !one.starts_with("/deed/")).collect();
    assert!(others.is_empty(), "{others:?}");
    let [waits, ended] = actions.map(|id| format!("/deed/actions/{id}"));
    for wanted in [
        "/deed/sign-out".to_owned(),
        "/deed/verify".to_owned(),
        "/deed/passkeys/options".to_owned(),
        "/deed/passkeys/offer".to_owned(),
        format!("{waits}/state"),
        format!("{ended}/bundle"),
    ] {
        assert!(seen.contains(&wanted), "{wanted} is not in {seen:?}");
    }
}

#[test]
fn signing_in_leads_to_the_page_below_the_base_path() {
    let world = start(URL);
    let mut browser = outside(&world);
    let before = browser.get("/actions?status=waiting").unwrap();
    let through = "/sign-in?next=%2Factions%3Fstatus%3Dwaiting";
    assert_eq!(before.header("location"), Some(format!("/deed{through}").as_str()));
    let form = page(&mut browser, through);
    assert!(form.html.contains("name=\"next\" value=\"/actions?status=waiting\""), "{form:?}");
    let entered = browser.sign_in("bob", BOB, "/actions?status=waiting").unwrap();
    assert_eq!(entered.header("location"), Some("/deed/actions?status=waiting"));
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-deed=") && cookie.contains("; Path=/;"), "{cookie}");
}

#[test]
fn refusals_and_the_end_of_a_session_stay_below_the_base_path() {
    let world = start(URL);
    let mut browser = outside(&world);
    assert_eq!(
        browser.sign_in("bob", BOB, "/deed/actions").unwrap().header("location"),
        Some("/deed/")
    );
    let absent = browser.get("/actions/act_00000000000000000000000000").unwrap();
    assert_eq!((absent.status, addresses(&absent.html)), (404, vec!["/deed/".to_owned()]));
    let unknown = browser.get("/agents?x=1").unwrap();
    assert_eq!((unknown.status, addresses(&unknown.html)), (400, vec!["/deed/".to_owned()]));
    let signed_in = browser.get("/sign-in?next=%2Fhealth").unwrap();
    assert_eq!(signed_in.header("location"), Some("/deed/health"));
    assert_eq!(browser.press("/sign-out").unwrap().header("location"), Some("/deed/sign-in"));
    // The proxy removes the base path, so the host does not have it.
    assert_eq!(browser.get("/deed/sign-in").unwrap().status, 404);
}

#[test]
fn links_and_commands_for_people_have_the_base_path() {
    let world = start(URL);
    let [waits, _] = actions(&world);
    let shown = world.client(HELPDESK).get(&format!("/v1/actions/{waits}")).unwrap();
    assert_eq!(shown.text("/approve_url"), format!("{URL}/actions/{waits}"));
    let mut browser = outside(&world);
    browser.sign_in("bob", BOB, "/").unwrap();
    let text = page(&mut browser, &format!("/actions/{waits}")).text();
    assert!(text.contains(&format!(" --url {URL}")), "{text}");
    let said = host::expect(&["passkey", "invite", world.path(), "bob"]).unwrap();
    assert!(said.contains(&format!("{URL}/passkeys/new#")), "{said}");
}

#[test]
fn a_header_does_not_change_the_address_of_the_host() {
    for (base, begin) in [("", "/"), ("/deed", "/deed/")] {
        let world = start(&format!("{ORIGIN}{base}"));
        for (origin, enters) in [
            (ORIGIN, true),
            ("http://deed.example.com", false),
            ("https://deed.example.com:8443", false),
            ("https://deed.example.com/deed", false),
            ("https://evil.example", false),
            ("http://evil.example", false),
            (world.url(), false),
            ("null", false),
        ] {
            for forwarded in [&FORWARDED[..0], &FORWARDED[..]] {
                let origin = format!("Origin: {origin}");
                let lines = [&[origin.as_str(), FORM][..], forwarded].concat();
                let form = encoded(&[("name", "bob"), ("token", BOB), ("next", "/")]);
                let answer = outside(&world).send("POST", "/sign-in", &lines, &form).unwrap();
                let location = answer.header("location");
                let wanted = if enters { (303, Some(begin)) } else { (403, None) };
                assert_eq!((answer.status, location), wanted, "{lines:?}");
                let cookie = answer.header("set-cookie");
                let is_safe =
                    |one: &str| one.starts_with("__Host-deed=") && one.contains("; Secure;");
                assert_eq!(cookie.map(is_safe), enters.then_some(true), "{cookie:?}");
            }
        }
    }
}
