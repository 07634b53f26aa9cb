//! Forms that another site makes a browser send, sessions that another chose, and ways out of the host.

use deed_test_support::shared::scim;
use deed_tests::browser::{Browser, FORM, FORM_TOKEN, encoded, percent};
use deed_tests::world::{BOB, CAROL, World};

use super::{browser, harmless, unharmed};

const FORMS: [&str; 2] = ["/sign-out", "/sign-out-everywhere"];

/// The header by which a browser says that a page of the host sent the form.
fn own(world: &World) -> String {
    format!("Origin: {}", world.url())
}

pub(super) fn forged() {
    let world = World::start(scim()).unwrap();
    let mut bob = browser(&world, "bob", BOB);
    let mut carol = browser(&world, "carol", CAROL);
    let token = |one: &mut Browser| one.get("/").unwrap().form_token().unwrap().to_owned();
    let (bobs, carols) = (token(&mut bob), token(&mut carol));
    let (bobs, carols, origin) = (bobs.as_str(), carols.as_str(), own(&world));
    let good = encoded(&[(FORM_TOKEN, bobs)]);
    for path in FORMS {
        for lines in [
            vec![FORM],
            vec![FORM, "Origin: null"],
            vec![FORM, "Origin: http://evil.example"],
            vec![FORM, origin.as_str(), "Sec-Fetch-Site: cross-site"],
            vec![FORM, origin.as_str(), "Sec-Fetch-Site: same-site"],
            vec![FORM, origin.as_str(), "Sec-Fetch-Site: none"],
            vec![FORM, origin.as_str(), origin.as_str()],
        ] {
            let said = bob.send("POST", path, &lines, &good).unwrap();
            assert_eq!(said.status, 403, "{path} {lines:?}: {said:?}");
            harmless(&said);
        }
        let fields: [&[(&str, &str)]; 4] = [
            &[],
            &[(FORM_TOKEN, "")],
            &[(FORM_TOKEN, carols)],
            &[(FORM_TOKEN, bobs.get(1..).unwrap())],
        ];
        for fields in fields {
            let said = bob.post(path, fields).unwrap();
            assert_eq!(said.status, 403, "{path} {fields:?}: {said:?}");
        }
        for (body, status) in [
            (encoded(&[(FORM_TOKEN, bobs), (FORM_TOKEN, bobs)]), 400),
            (encoded(&[(FORM_TOKEN, bobs), ("more", "1")]), 400),
            ("a=".to_owned() + &"b".repeat(9_000), 413),
        ] {
            let lines = [FORM, origin.as_str()];
            assert_eq!(bob.send("POST", path, &lines, &body).unwrap().status, status, "{path}");
        }
        let json = ["Content-Type: application/json", origin.as_str()];
        assert_eq!(bob.send("POST", path, &json, "{}").unwrap().status, 415, "{path}");
        assert_eq!(bob.send("POST", path, &[origin.as_str()], &good).unwrap().status, 415);
        assert_eq!(bob.get(path).unwrap().status, 405, "no link signs anybody out");
        assert_eq!(bob.get("/").unwrap().status, 200, "bob is still signed in");
    }
    // Another site cannot sign a browser in either.
    let fields = encoded(&[("name", "bob"), ("token", BOB), ("next", "/")]);
    for lines in [vec![FORM], vec![FORM, "Origin: http://evil.example"]] {
        let said = Browser::new(world.url()).send("POST", "/sign-in", &lines, &fields).unwrap();
        assert_eq!((said.status, said.header("set-cookie")), (403, None), "{said:?}");
    }
    unharmed(&world);
}

/// Whoever knows the cookie of a browser before its person signs in learns nothing afterwards.
pub(super) fn fixed() {
    let world = World::start(scim()).unwrap();
    let planted = format!("deed-session={}", "a".repeat(43));
    let mut bob = Browser::new(world.url());
    bob.cookie = Some(planted.clone());
    assert_eq!(bob.sign_in("bob", BOB, "/").unwrap().status, 303);
    let first = bob.cookie.clone().unwrap();
    assert_ne!(first, planted);
    let with = |cookie: &str| {
        let mut other = Browser::new(world.url());
        other.cookie = Some(cookie.to_owned());
        other.get("/").unwrap().status
    };
    assert_eq!((with(&planted), with(&first)), (303, 200));
    // Each sign-in has a new secret, and ends the session that the browser had.
    assert_eq!(bob.sign_in("bob", BOB, "/").unwrap().status, 303);
    let second = bob.cookie.clone().unwrap();
    assert_ne!(second, first);
    assert_eq!((with(&first), with(&second)), (303, 200));
    let log = world.host.as_ref().unwrap().log();
    let secret = second.split('=').nth(1).unwrap();
    assert!(!log.contains(secret), "the log has no secret of a session");
    unharmed(&world);
}

/// Signing in leads to pages of the host only.
pub(super) fn redirects() {
    let world = World::start(scim()).unwrap();
    for next in [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "https:evil.example",
        "HTTPS://evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/%2fevil.example",
        "%2f%2fevil.example",
        "/actions/..//evil.example",
        "/actions/%2e%2e/%2e%2e//evil.example",
        "/actions//evil.example",
        "/actions@evil.example",
        "/.evil.example",
        "/\tevil.example",
        "/\r\nLocation: https://evil.example",
        "/\u{0}//evil.example",
        "/?next=\r\nSet-Cookie: deed-session=x",
        "/\u{2044}/evil.example",
        "/v1/actions",
        "/sign-out",
        " /",
        "",
    ] {
        let mut bob = Browser::new(world.url());
        let form = bob.get(&format!("/sign-in?next={}", percent(next))).unwrap();
        assert!(form.html.contains("name=\"next\" value=\"/\""), "{next:?}: {form:?}");
        let entered = bob.sign_in("bob", BOB, next).unwrap();
        assert_eq!((entered.status, entered.header("location")), (303, Some("/")), "{next:?}");
        let again = bob.get(&format!("/sign-in?next={}", percent(next))).unwrap();
        assert_eq!(again.header("location"), Some("/"), "{next:?}");
    }
    unharmed(&world);
}

/// A person with a token begins session after session. Others keep theirs, and the host keeps few of this person.
pub(super) fn flood() {
    let world = World::start(scim()).unwrap();
    let mut carol = browser(&world, "carol", CAROL);
    let mut first = browser(&world, "bob", BOB);
    let mut last = first.clone();
    for _ in 0..200 {
        // Without the cookie, the host cannot know that the browser has a session.
        last = browser(&world, "bob", BOB);
    }
    assert_eq!(first.get("/").unwrap().status, 303);
    assert_eq!(last.get("/").unwrap().status, 200);
    assert_eq!(carol.get("/").unwrap().status, 200);
    unharmed(&world);
}
