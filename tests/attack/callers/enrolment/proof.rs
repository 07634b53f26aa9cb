//! Offers that do not prove that the person has the private key, or that an authenticator verified the person for this
//! host.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::authenticator::{Ceremony, Key, ORIGIN, es256};
use deed_test_support::enrolment::{
    OFFER, browser, challenge, enrol, invite, offer, options, post,
};
use deed_tests::browser::Browser;
use deed_tests::world::World;
use serde_json::json;

use super::{refused, unharmed, world};

/// Why an offer for another statement is refused.
const CHALLENGE: &str = "the challenge is not that of this statement";

pub(super) fn none() {
    let (world, key) = (world(), es256(83));
    let mut page = browser(world.url());
    let invitation = invite(&world.dir, "bob");
    let page = &mut page;
    ceremonies(&world, page, &key, &invitation);
    signatures(&world, page, &key, &invitation);
    members(&world, page, &key, &invitation);
    assert_eq!(enrol(page, &key, &invitation).0, 200);
    unharmed(&world);
}

/// A change of what the authenticator or the browser says.
type Change<'a> = &'a dyn Fn(&mut Ceremony);

/// What browser and authenticator say about the ceremony.
fn ceremonies(world: &World, page: &mut Browser, key: &Key, invitation: &str) {
    let origin = format!("\"{ORIGIN}\"");
    let changes: [(Change<'_>, &str); 7] = [
        (&|one: &mut Ceremony| one.flags = 0x01, "did not verify the person"),
        (&|one: &mut Ceremony| one.flags = 0x04, "did not test that a person is present"),
        (&|one: &mut Ceremony| "evil.example".clone_into(&mut one.rp_id), "for another RP ID"),
        (
            &|one: &mut Ceremony| one.replace(&origin, "\"https://evil.example\""),
            "is not an origin of this passkey",
        ),
        (
            &|one: &mut Ceremony| one.replace("webauthn.get", "webauthn.create"),
            "it must be `webauthn.get`",
        ),
        (
            &|one: &mut Ceremony| one.replace("\"crossOrigin\":false", "\"crossOrigin\":true"),
            "in a frame of a page of another origin",
        ),
        (&|one: &mut Ceremony| one.rest = vec![0; 80], "it must have 37"),
    ];
    for (change, reason) in changes {
        let sent = offer(key, invitation, &options(page, invitation), change);
        refused(world, page, &sent, reason);
    }
}

/// Signatures of another key, for an approval, and for an earlier challenge.
fn signatures(world: &World, page: &mut Browser, key: &Key, invitation: &str) {
    let asked = options(page, invitation);
    let mut sent = offer(key, invitation, &asked, |_| ());
    sent["signature"] = offer(&es256(84), invitation, &asked, |_| ())["signature"].clone();
    refused(world, page, &sent, "the signature does not match");
    let asked = options(page, invitation);
    let own = challenge(key, &asked, "deed:enrol:v1");
    let other = challenge(key, &asked, "deed:approve:v2");
    let sent = offer(key, invitation, &asked, |one| one.replace(&own, &other));
    refused(world, page, &sent, CHALLENGE);
    // An offer is for the newest challenge, and a challenge is used once.
    let sent = offer(key, invitation, &options(page, invitation), |_| ());
    options(page, invitation);
    refused(world, page, &sent, CHALLENGE);
    refused(world, page, &sent, "its challenge has expired");
}

/// Offers whose members are not what they should be.
fn members(world: &World, page: &mut Browser, key: &Key, invitation: &str) {
    let longer = [key.der(), vec![0]].concat();
    let no_key = "not a P-256 or Ed25519 public key";
    for (name, value, reason) in [
        ("public_key", STANDARD.encode(es256(85).der()), CHALLENGE),
        ("public_key", STANDARD.encode(compressed(key)), no_key),
        ("public_key", STANDARD.encode(longer), no_key),
        ("public_key", "AAAA".to_owned(), no_key),
        ("public_key", "?".to_owned(), "is not standard base64"),
        ("signature", "AAAA".to_owned(), "the signature of the passkey is neither"),
        ("client_data", STANDARD.encode("x".repeat(5_000)), "at most 4096"),
        ("authenticator_data", String::new(), "it must have 37"),
        ("credential_id", "../../deed".to_owned(), CHALLENGE),
    ] {
        let mut sent = offer(key, invitation, &options(page, invitation), |_| ());
        sent[name] = json!(value);
        refused(world, page, &sent, reason);
    }
    let mut more = offer(key, invitation, &options(page, invitation), |_| ());
    more["roles"] = json!(["operator"]);
    assert_eq!(post(page, OFFER, &more).0, 400);
}

/// The same key on P-256 with a compressed point, whose ID would differ.
fn compressed(key: &Key) -> Vec<u8> {
    let der = key.der();
    assert_eq!(der.len(), 91, "26 bytes, the form of the point, and two numbers");
    let mut short = der[..59].to_vec();
    (short[1], short[24]) = (0x39, 0x22);
    short[26] = 2 + (der[90] & 1);
    short
}
