//! Attacks on the enrolment of passkeys: invitations of others, pages of other sites or of another address, offers
//! without end, and commands with names that are paths. `proof` has keys that nobody proves to have.

mod proof;

use std::fs;
use std::path::Path;

use deed_spec::digest::Digest;
use deed_test_support::authenticator::{ORIGIN, ed25519, es256};
use deed_test_support::enrolment::{OFFER, OPTIONS, browser, enrol, invite, offer, options, post};
use deed_test_support::passkey_page::at_origin;
use deed_test_support::shared::scim;
use deed_tests::browser::{Browser, FORM};
use deed_tests::host;
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::{Value, json};

use super::unharmed;
use super::wire::{address, bearer, exchange};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "enrolment-with-another-invitation" => another_invitation,
        "enrolment-from-another-site" => another_site,
        "enrolment-at-another-address" => another_address,
        "enrolment-that-proves-nothing" => proof::none,
        "enrolment-of-a-key-in-use" => key_in_use,
        "enrolments-without-end" => flood,
        "enrolment-by-names-that-are-paths" => paths,
    ]
}

fn world() -> World {
    World::with(scim(), "scim", at_origin).unwrap()
}

/// How many passkeys wait for an operator.
fn offered(world: &World) -> usize {
    let list = host::expect(&["passkey", "list", world.path(), "--json"]).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    list["offered"].as_array().unwrap().len()
}

/// Checks that an offer is refused for this reason and that nothing waits for an operator. The attempt is over then.
fn refused(world: &World, page: &mut Browser, sent: &Value, reason: &str) {
    let (status, said) = post(page, OFFER, sent);
    let detail = said["detail"].as_str().unwrap_or_default();
    assert!(status == 409 && detail.contains(reason), "{status} {said} does not say `{reason}`");
    assert_eq!(offered(world), 0);
}

fn another_invitation() {
    let (world, key) = (world(), es256(81));
    let mut page = browser(world.url());
    let good = invite(&world.dir, "bob");
    let counted = || world.metric("deed_unauthorized_total").unwrap().unwrap_or(0);
    let before = counted();
    let (hash, longer) = (Digest::of(good.as_bytes()).hex(), format!("{good}="));
    let shorter = good.get(1..).unwrap();
    let wrong = ["", "x", &hash, shorter, &longer, "../invitations", BOB, HELPDESK];
    for invitation in wrong {
        let (status, said) = post(&mut page, OPTIONS, &json!({"invitation": invitation}));
        assert_eq!(status, 401, "{invitation}: {said}");
        let mut sent = offer(&key, invitation, &options(&mut page, &good), |_| ());
        assert_eq!(post(&mut page, OFFER, &sent).0, 401, "{invitation}");
        sent["invitation"] = json!({"hash": hash});
        assert_eq!(post(&mut page, OFFER, &sent).0, 400, "{sent}");
    }
    let wanted = 2 * u64::try_from(wrong.len()).unwrap();
    assert_eq!(counted() - before, wanted, "each one is counted");
    // The signature names bob, so the invitation of carol does not fit.
    let carols = invite(&world.dir, "carol");
    let sent = offer(&key, &carols, &options(&mut page, &good), |_| ());
    options(&mut page, &carols);
    refused(&world, &mut page, &sent, "the challenge is not that of this statement");
    // Nor does another tenant.
    let mut asked = options(&mut page, &good);
    asked["tenant"] = json!("globex");
    let sent = offer(&key, &good, &asked, |_| ());
    refused(&world, &mut page, &sent, "the challenge is not that of this statement");
    assert_eq!(enrol(&mut page, &key, &good).0, 200);
    let (status, said) = post(&mut page, OPTIONS, &json!({"invitation": good}));
    assert_eq!(status, 401, "an invitation is used once: {said}");
    expired(&world, &mut page, &carols);
    revoked(&world, &mut page);
    unharmed(&world);
}

/// An invitation ends while its person makes the passkey.
fn expired(world: &World, page: &mut Browser, invitation: &str) {
    let sent = offer(&es256(82), invitation, &options(page, invitation), |_| ());
    let file = format!("state/invitations/{}.json", Digest::of(invitation.as_bytes()).hex());
    change(world, &file, |stored| stored["expires_ms"] = json!(1));
    assert_eq!(post(page, OFFER, &sent).0, 401);
    assert_eq!(post(page, OPTIONS, &json!({"invitation": invitation})).0, 401);
}

/// An operator revokes an invitation while its person makes the passkey.
fn revoked(world: &World, page: &mut Browser) {
    let invitation = invite(&world.dir, "carol");
    let sent = offer(&es256(83), &invitation, &options(page, &invitation), |_| ());
    host::expect(&["passkey", "revoke", world.path(), "carol"]).unwrap();
    assert_eq!(post(page, OFFER, &sent).0, 401);
    assert_eq!(post(page, OPTIONS, &json!({"invitation": invitation})).0, 401);
}

/// Changes a JSON file of the served directory.
fn change(world: &World, file: &str, change: impl FnOnce(&mut Value)) {
    let path = world.dir.join(file);
    let mut value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(&path, value.to_string()).unwrap();
}

fn another_site() {
    let world = world();
    let mut page = browser(world.url());
    let invitation = invite(&world.dir, "bob");
    let body = json!({"invitation": invitation}).to_string();
    let (own, token) = (format!("Origin: {ORIGIN}"), bearer(BOB));
    let json = "Content-Type: application/json";
    for lines in [
        vec![json],
        vec![json, "Origin: null"],
        vec![json, "Origin: https://evil.example"],
        vec![json, "Origin: http://deed.example"],
        vec![json, own.as_str(), own.as_str()],
        vec![json, own.as_str(), "Sec-Fetch-Site: cross-site"],
        vec![json, own.as_str(), "Sec-Fetch-Site: same-site"],
        vec![json, token.as_str()],
    ] {
        for path in [OPTIONS, OFFER] {
            let said = page.send("POST", path, &lines, &body).unwrap();
            assert_eq!(said.status, 403, "{path} {lines:?}: {said:?}");
        }
    }
    let rest = body.strip_prefix('{').unwrap();
    for (kind, body, status) in [
        (FORM, format!("invitation={invitation}"), 415),
        (json, body.replace('}', ",\"person\":\"carol\"}"), 400),
        (json, format!("{{\"invitation\":\"x\",{rest}"), 400),
        (json, "[".repeat(10_000), 400),
        (json, format!("{{\"invitation\":\"{}\"}}", "x".repeat(200_000)), 401),
    ] {
        let said = page.send("POST", OPTIONS, &[kind, own.as_str()], &body).unwrap();
        assert_eq!(said.status, status, "{said:?}");
    }
    assert_eq!(page.get(OPTIONS).unwrap().status, 405, "no link begins an attempt");
    let shown = page.get("/passkeys/new").unwrap();
    for word in ["acme", "bob", "deed.example"] {
        assert!(!shown.html.contains(word), "the page shows `{word}`: {shown:?}");
    }
    unharmed(&world);
}

/// The caller chooses `Host` and `Origin`, but not the address for which a passkey is made. On another port, another
/// program could use the passkey.
fn another_address() {
    let world = World::start(scim()).unwrap();
    let said = host::expect(&["passkey", "invite", world.path(), "bob"]).unwrap();
    let (_, secret) = said.trim().split_once('#').unwrap();
    let body = json!({"invitation": secret}).to_string();
    let own = world.public_url();
    let name = own.strip_prefix("http://").unwrap();
    let secure = format!("https://{name}");
    for (host, origin) in [
        ("localhost:1", "http://localhost:1"),
        ("localhost", "https://localhost"),
        (name, secure.as_str()),
    ] {
        let head = format!("Host: {host}\r\nOrigin: {origin}\r\nConnection: close\r\n");
        let kind = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
        let request = format!("POST {OPTIONS} HTTP/1.1\r\n{head}{kind}\r\n\r\n{body}");
        let said = exchange(address(&world), request.as_bytes());
        said.refuses(403, origin);
        assert!(said.body().contains(&own), "{origin}: {said:?}");
    }
    let mut page = Browser::new(&own);
    assert_eq!(options(&mut page, secret)["rp_id"], "localhost");
    unharmed(&world);
}

fn key_in_use() {
    let bobs = es256(86);
    let both = |dir: &Path| -> Result<()> {
        at_origin(dir)?;
        bobs.enrol(dir, "bob")
    };
    let world = World::with(scim(), "scim", both).unwrap();
    let mut page = browser(world.url());
    let invitation = invite(&world.dir, "carol");
    let sent = offer(&bobs, &invitation, &options(&mut page, &invitation), |_| ());
    refused(&world, &mut page, &sent, "the key is configured already");
    // One person cannot offer the key that another one offers.
    let key = ed25519(87);
    assert_eq!(enrol(&mut page, &key, &invitation).0, 200);
    let again = invite(&world.dir, "bob");
    let (status, said) = enrol(&mut page, &key, &again);
    assert!(status == 409 && said.to_string().contains("was offered already"), "{said}");
    options(&mut page, &again);
    let accept = ["passkey", "accept", world.path(), "bob", "--yes", &key.id()];
    let output = host::run(&accept, "").unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("`carol` of tenant `acme` offers"), "{said}");
    unharmed(&world);
}

fn flood() {
    let world = world();
    let mut page = browser(world.url());
    for seed in 1..=64 {
        let (status, said) = enrol(&mut page, &ed25519(seed), &invite(&world.dir, "bob"));
        assert_eq!(status, 200, "{seed}: {said}");
    }
    let last = invite(&world.dir, "bob");
    let (status, said) = enrol(&mut page, &ed25519(65), &last);
    assert!(status == 409 && said.to_string().contains("64 passkeys wait"), "{said}");
    assert_eq!(offered(&world), 64);
    // The invitation stays valid, and an offer that is more than a week old makes room.
    let file = format!("state/offers/{}.json", ed25519(1).id());
    change(&world, &file, |offer| offer["passkey"]["created_ms"] = json!(1_000));
    assert_eq!(enrol(&mut page, &ed25519(65), &last).0, 200);
    assert!(!world.dir.join(file).exists() && offered(&world) == 64);
    unharmed(&world);
}

fn paths() {
    let (world, key) = (world(), es256(88));
    let mut page = browser(world.url());
    assert_eq!(enrol(&mut page, &key, &invite(&world.dir, "bob")).0, 200);
    let (id, dir) = (key.id(), world.path());
    let (deep, start) = (format!("../offers/{id}"), id.get(..16).unwrap());
    for args in [
        vec!["invite", dir, "../bob"],
        vec!["invite", dir, "bob", "--tenant", "../acme"],
        vec!["invite", dir, "b\u{1b}[2Kob"],
        vec!["accept", dir, "../bob", "--yes", id.as_str()],
        vec!["accept", dir, "bob", "--yes", start],
        vec!["accept", dir, "bob", "--yes", deep.as_str()],
        vec!["accept", dir, "bob", "--yes", "../../deed"],
        vec!["reject", dir, "bob", deep.as_str()],
        vec!["reject", dir, "carol", id.as_str()],
        vec!["revoke", dir, "../bob"],
        vec!["revoke", dir, "bob", "--tenant", "../acme"],
        vec!["revoke", dir, "b\u{1b}[2Kob"],
    ] {
        let output = host::run(&[&["passkey"][..], &args[..]].concat(), "").unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.status.success() && !said.contains('\u{1b}'), "{args:?}: {said}");
    }
    assert!(!world.dir.join("passkeys").exists() && offered(&world) == 1);
    // An offer whose key another program changed is not accepted.
    let other = json!(es256(89).pem());
    change(&world, &format!("state/offers/{id}.json"), |offer| offer["passkey"]["key"] = other);
    let output = host::run(&["passkey", "accept", dir, "bob", "--yes", &id], "").unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("has another key than its name"), "{said}");
    unharmed(&world);
}
