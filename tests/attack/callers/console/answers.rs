//! Answers by passkey on the page of an action that must not count: forged, replayed, of another person or tenant, sent
//! by another site, and for a page that is out of date.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use deed_test_support::authenticator::{Key, ORIGIN, challenge, ed25519, es256};
use deed_test_support::passkey_page::{JSON, Loaded, at_origin, browser, said, signed};
use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::browser::{FORM, FORM_TOKEN, Page, encoded};
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, World};
use serde_json::{Value, json};

use super::super::forged::asked;
use super::super::tenants::{DORA, with_dora};
use super::unharmed;

/// A host with people who have passkeys, and an action that waits.
struct Stage {
    world: World,
    user: String,
    id: String,
    bobs: Key,
    carols: Key,
}

impl Stage {
    fn open() -> Self {
        let (bobs, carols) = (es256(101), ed25519(102));
        let change = |dir: &Path| -> Result<()> {
            at_origin(dir)?;
            with_dora(dir)?;
            bobs.enrol(dir, "bob")?;
            carols.enrol(dir, "carol")
        };
        let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
        let id = asked(&world, &user).id;
        Self { world, user, id, bobs, carols }
    }

    fn bob(&self) -> Loaded {
        Loaded::of(&browser(&self.world, "bob", BOB), &self.id)
    }

    fn carol(&self) -> Loaded {
        Loaded::of(&browser(&self.world, "carol", CAROL), &self.id)
    }

    /// Checks that an answer was refused with this status and reason, and that the action still waits.
    fn refused(&self, page: &Page, status: u16, reason: &str) {
        assert_eq!(page.status, status, "{page:?}");
        assert_eq!(page.header("content-type"), Some("application/problem+json"), "{page:?}");
        let detail = said(page)["detail"].to_string();
        assert!(detail.contains(reason), "`{detail}` does not say `{reason}`");
        let shown = self.world.show(&self.id).unwrap();
        assert_eq!((&shown["status"], &shown["approvals"]), (&json!("waiting"), &json!([])));
        assert_eq!(self.world.proxy.count("PATCH"), 0);
    }

    /// Sends the valid answer after all answers that did not count.
    fn still_good(&self) {
        assert!(!is_active(&self.user));
        let page = self.bob().answer(&self.bobs, "approve", "");
        assert_eq!(page.status, 200, "{page:?}");
        let view = self.world.settled(&self.id).unwrap();
        ended(&self.world, &view, "verified", "every expectation holds");
        unharmed(&self.world);
    }
}

/// Payloads that the host did not make, and assertions for something else or made elsewhere.
pub(super) fn forged() {
    let stage = Stage::open();
    let page = stage.bob();
    let to_sign = page.to_sign("approve", "");
    let good = signed(&stage.bobs, &to_sign, |_| ());
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        page.send("answer", body)
    };
    let payload = STANDARD.decode(to_sign["payload"].as_str().unwrap()).unwrap();
    let text = String::from_utf8(payload).unwrap();
    for (from, to) in [("\"approve\"", "\"deny\""), ("\"bob\"", "\"carol\"")] {
        assert!(text.contains(from), "{text}");
        let other = text.replace(from, to);
        let refused = with("payload", json!(STANDARD.encode(&other)));
        stage.refused(&refused, 409, "the challenge is not that of this statement");
        // The same payload, signed by bob.
        let mut changed = to_sign.clone();
        changed["payload"] = json!(STANDARD.encode(&other));
        changed["challenge"] = json!(challenge(b"deed:approve:v2\0", other.as_bytes()));
        if to.contains("carol") {
            let refused = page.send("answer", signed(&stage.bobs, &changed, |_| ()));
            stage.refused(&refused, 409, "its signing key belongs to another person");
        }
    }
    for (name, value, reason) in [
        ("payload", json!("e30="), "the challenge is not that of this statement"),
        ("payload", json!("%"), "not standard base64"),
        ("signature", json!(""), "neither 64 bytes nor an ECDSA signature"),
        ("signature", json!(STANDARD.encode([1; 64])), "does not match the assertion"),
        ("authenticator_data", json!(STANDARD.encode([0; 38])), "must have 37"),
        ("client_data", json!(STANDARD.encode("{}")), "has no text"),
    ] {
        stage.refused(&with(name, value), 409, reason);
    }
    let elsewhere = |from: &'static str, to: &'static str| {
        signed(&stage.bobs, &to_sign, |one| one.replace(from, to))
    };
    let moved = elsewhere(ORIGIN, "https://evil.example");
    stage.refused(&page.send("answer", moved), 409, "is not an origin of this passkey");
    let framed = elsewhere("\"crossOrigin\":false", "\"crossOrigin\":true");
    stage.refused(&page.send("answer", framed), 409, "in a frame of a page of another origin");
    let unverified = signed(&stage.bobs, &to_sign, |one| one.flags = 0x01);
    stage.refused(&page.send("answer", unverified), 409, "did not verify the person");
    let origin = format!("Origin: {ORIGIN}");
    for body in [json!({}), json!([]), json!({"payload": 1}), json!({"more": "x"})] {
        let refused = page.send_with("answer", &[JSON, &origin], &body);
        assert_eq!(refused.status, 400, "{body}: {refused:?}");
    }
    stage.still_good();
}

/// The answer of one action for another one, and the same answer twice.
pub(super) fn replayed() {
    let stage = Stage::open();
    let other = asked(&stage.world, &locked_out()).id;
    let first = Loaded::of(&browser(&stage.world, "bob", BOB), &other);
    let answer = signed(&stage.bobs, &first.to_sign("approve", ""), |_| ());
    stage.refused(&stage.bob().send("answer", answer.clone()), 409, "for another action");
    assert_eq!(first.send("answer", answer.clone()).status, 200);
    stage.world.settled(&other).unwrap();
    let again = first.send("answer", answer.clone());
    assert_eq!(again.status, 409, "{again:?}");
    stage.world.settled(&other).unwrap();
    assert_eq!(stage.world.proxy.count("PATCH"), 1);
    let page = stage.bob();
    assert_eq!(page.send("answer", answer).status, 409);
    assert_eq!(page.answer(&stage.bobs, "approve", "").status, 200);
    unharmed(&stage.world);
}

/// Sessions of others: another approver, and a person of another tenant.
pub(super) fn of_another_person() {
    let stage = Stage::open();
    let (bob, carol) = (stage.bob(), stage.carol());
    let bobs = signed(&stage.bobs, &bob.to_sign("approve", ""), |_| ());
    let refused = carol.send("answer", bobs.clone());
    assert_eq!(refused.status, 409, "carol's keys did not sign: {refused:?}");
    let carols_key = signed(&stage.carols, &bob.to_sign("approve", ""), |_| ());
    let refused = bob.send("answer", carols_key);
    assert_eq!(refused.status, 409, "carol's key is not bob's: {refused:?}");
    // Bob's page with the cookie of carol: the form is not of her session.
    let mixed = Loaded { browser: carol.browser.clone(), ..bob.clone() };
    stage.refused(&mixed.statement("approve", ""), 403, "not of this session");
    stage.refused(&mixed.send("answer", bobs.clone()), 403, "not of this session");
    // Dora is of another tenant, and learns nothing about the action.
    let mut dora = browser(&stage.world, "dora", DORA);
    let form_token = dora.get("/").unwrap().form_token().unwrap().to_owned();
    let foreign = Loaded { browser: dora.clone(), form_token, ..bob.clone() };
    let unknown = Loaded { id: "act_00000000000000000000000000".to_owned(), ..foreign.clone() };
    for (here, there) in [
        (foreign.statement("approve", ""), unknown.statement("approve", "")),
        (foreign.state(), unknown.state()),
        (foreign.send("answer", bobs.clone()), unknown.send("answer", bobs.clone())),
    ] {
        assert!([403, 404].contains(&here.status), "{here:?}");
        assert_eq!((here.status, &here.html), (there.status, &there.html));
    }
    stage.still_good();
}

/// Requests that another site makes the browser send, or that have no session.
pub(super) fn from_elsewhere() {
    let stage = Stage::open();
    let page = stage.bob();
    let origin = format!("Origin: {ORIGIN}");
    let wanted = |token: &str| {
        json!({
            FORM_TOKEN: token, "decision": "approve", "role": "support-lead", "shown": page.shown,
        })
    };
    let token = page.form_token.as_str();
    let mut answer = signed(&stage.bobs, &page.to_sign("approve", ""), |_| ());
    answer[FORM_TOKEN] = json!(token);
    for (tail, body) in [("statement", &wanted(token)), ("answer", &answer)] {
        for lines in [
            vec![JSON],
            vec![JSON, "Origin: null"],
            vec![JSON, "Origin: https://evil.example"],
            vec![JSON, "Origin: http://deed.example"],
            vec![JSON, origin.as_str(), origin.as_str()],
            vec![JSON, origin.as_str(), "Sec-Fetch-Site: cross-site"],
            vec![JSON, origin.as_str(), "Sec-Fetch-Site: same-site"],
        ] {
            let refused = page.send_with(tail, &lines, body);
            assert_eq!(refused.status, 403, "{tail} {lines:?}: {refused:?}");
        }
        for kind in [FORM, "Content-Type: text/plain"] {
            let refused = page.send_with(tail, &[kind, &origin], body);
            assert_eq!(refused.status, 415, "{tail} {kind}: {refused:?}");
        }
        let mut other = body.clone();
        for bad in [json!(""), json!("a".repeat(43)), json!(token.get(1..))] {
            other[FORM_TOKEN] = bad;
            let refused = page.send_with(tail, &[JSON, &origin], &other);
            stage.refused(&refused, 403, "not of this session");
        }
        other.as_object_mut().unwrap().remove(FORM_TOKEN);
        assert_eq!(page.send_with(tail, &[JSON, &origin], &other).status, 400);
        let mut nobody = page.clone();
        nobody.browser.cookie = None;
        stage.refused(&nobody.send_with(tail, &[JSON, &origin], body), 401, "session is over");
        // A token of a person is no session.
        let bearer = format!("Authorization: Bearer {BOB}");
        let refused = nobody.send_with(tail, &[JSON, &origin, &bearer], body);
        stage.refused(&refused, 401, "session is over");
    }
    let form = encoded(&[(FORM_TOKEN, token), ("decision", "approve")]);
    let path = format!("/actions/{}/statement", stage.id);
    let refused = page.browser.clone().send("POST", &path, &[FORM, &origin], &form).unwrap();
    assert_eq!(refused.status, 415, "a form of HTML is not accepted: {refused:?}");
    stage.still_good();
}

/// Statements for another text than that of the page, in another role, without a reason or with a long one.
pub(super) fn out_of_date() {
    let stage = Stage::open();
    let page = stage.bob();
    let other = Loaded { shown: Digest::of(b"restore nobody").to_string(), ..page.clone() };
    stage.refused(&other.statement("approve", ""), 409, "has changed since this page was loaded");
    stage.refused(&page.statement("deny", ""), 400, "a denial needs a `reason`");
    stage.refused(&page.statement("maybe", ""), 400, "/decision");
    stage.refused(&page.statement("approve", &"x".repeat(2_001)), 400, "at most 2000 characters");
    let role = |role: &str| {
        let body = json!({"decision": "approve", "role": role, "shown": page.shown});
        page.send("statement", body)
    };
    for bad in ["", "operator", "support-lead ", "<b>"] {
        stage.refused(&role(bad), 400, "`role` must be a role of yours");
    }
    // A passkey that was removed signs nothing any more.
    let to_sign = page.to_sign("approve", "");
    let toml = stage.world.dir.join("deed.toml");
    let before = fs::read_to_string(&toml).unwrap();
    let line = "passkeys = [\"approvers/bob-laptop.json\"]\n";
    assert!(before.contains(line), "{before}");
    fs::write(&toml, before.replace(line, "")).unwrap();
    stage.world.reload().unwrap();
    let answer = signed(&stage.bobs, &to_sign, |_| ());
    stage.refused(&page.send("answer", answer), 403, "you have no passkey");
    stage.refused(&page.statement("approve", ""), 409, "you have no passkey");
    fs::write(&toml, before).unwrap();
    stage.world.reload().unwrap();
    stage.still_good();
}
