//! Answers by passkey that must not count: assertions for something else, made elsewhere, without the person, by a
//! copied key, or turned into signatures of another kind.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_record::statement::approval::{Answer as Said, Terms};
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_test_support::authenticator::{self, Ceremony, Key, challenge, ed25519, es256};
use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::services::Result;
use deed_tests::world::{BOB, World, edit};

use super::forged::{Asked, asked, key, refused, send};
use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "passkey-assertion-replayed" => replayed,
        "passkey-used-elsewhere" => elsewhere,
        "passkey-without-its-person" => without_its_person,
        "passkey-downgraded" => downgraded,
        "passkey-with-a-counter-going-back" => counter_going_back,
        "passkey-of-the-agents-own-person" => own_person,
        "passkey-of-another-tenant" => foreign_person,
        "passkey-for-a-text-that-was-not-shown" => another_text,
    ]
}

/// Bob has this passkey and his key file.
fn world(key: &Key) -> World {
    World::with(scim(), "scim", |dir| key.enrol(dir, "bob")).unwrap()
}

/// Bob's approval of an action by passkey, with changed terms and a changed ceremony.
fn signed(
    world: &World,
    asked: &Asked,
    key: &Key,
    terms: impl FnOnce(&mut Terms),
    ceremony: impl FnOnce(&mut Ceremony),
) -> Envelope {
    let request = authenticator::fetched(&world.client(BOB), &asked.id);
    let mut signed = authenticator::terms(&request, Said::Approve, "bob");
    terms(&mut signed);
    key.sign(&authenticator::payload(&request, &signed), ceremony)
}

fn honest(world: &World, asked: &Asked, key: &Key) -> Envelope {
    signed(world, asked, key, |_| (), |_| ())
}

/// Sends the valid answer after all answers that did not count.
fn still_good(world: &World, asked: &Asked, key: &Key, user: &str) {
    assert_eq!(world.proxy.count("PATCH"), 0);
    assert!(!is_active(user));
    let answer = send(world, &asked.id, &honest(world, asked, key));
    assert_eq!(answer.status, 200, "{}", answer.json());
    ended(world, &world.settled(&asked.id).unwrap(), "verified", "every expectation holds");
    unharmed(world);
}

fn replayed() {
    let key = es256(51);
    let (world, user) = (world(&key), locked_out());
    let (one, other) = (asked(&world, &user), asked(&world, &locked_out()));
    let envelope = honest(&world, &one, &key);
    refused(&world, &other, &envelope, "for another action");
    // The assertion of one action around the payload of another, and around another decision, role and nonce.
    let mut moved = honest(&world, &other, &key);
    moved.signatures.clone_from(&envelope.signatures);
    refused(&world, &other, &moved, "the challenge is not that of this statement");
    let changes: [fn(&mut Terms); 4] = [
        |terms| terms.decision = Said::Deny,
        |terms| "operator".clone_into(&mut terms.role),
        |terms| terms.nonce = "00".repeat(16),
        |terms| terms.reason = Some("another reason".to_owned()),
    ];
    for change in changes {
        let mut moved = signed(&world, &one, &key, change, |_| ());
        moved.signatures.clone_from(&envelope.signatures);
        refused(&world, &one, &moved, "the challenge is not that of this statement");
    }
    // A nonce of another request, signed by the passkey itself.
    let nonce = |terms: &mut Terms| terms.nonce = "00".repeat(16);
    let old = signed(&world, &one, &key, nonce, |_| ());
    refused(&world, &one, &old, "signed for another nonce");
    still_good(&world, &one, &key, &user);
    let again = send(&world, &one.id, &envelope);
    assert_eq!(again.status, 409, "{}", again.json());
    assert_eq!(world.proxy.count("PATCH"), 1);
}

fn elsewhere() {
    let key = es256(52);
    let (world, user) = (world(&key), locked_out());
    let asked = asked(&world, &user);
    let origin = format!("\"{}\"", authenticator::ORIGIN);
    for other in ["https://evil.example", "http://deed.example", "https://deed.example:8443"] {
        let moved = |one: &mut Ceremony| one.replace(&origin, &format!("\"{other}\""));
        let envelope = signed(&world, &asked, &key, |_| (), moved);
        refused(&world, &asked, &envelope, "is not an origin of this passkey");
    }
    for (from, to) in [
        ("\"crossOrigin\":false", "\"crossOrigin\":true"),
        ("\"crossOrigin\":false", "\"crossOrigin\":false,\"topOrigin\":\"https://evil.example\""),
    ] {
        let framed = |one: &mut Ceremony| one.replace(from, to);
        let envelope = signed(&world, &asked, &key, |_| (), framed);
        refused(&world, &asked, &envelope, "in a frame of a page of another origin");
    }
    // Two origins, of which a careless reader takes the first and a browser the last.
    let twice = |one: &mut Ceremony| one.replace("{", "{\"origin\":\"https://evil.example\",");
    let envelope = signed(&world, &asked, &key, |_| (), twice);
    refused(&world, &asked, &envelope, "the client data is not strict JSON");
    let rp_id = |one: &mut Ceremony| "evil.example".clone_into(&mut one.rp_id);
    let envelope = signed(&world, &asked, &key, |_| (), rp_id);
    refused(&world, &asked, &envelope, "is for another RP ID than `deed.example`");
    still_good(&world, &asked, &key, &user);
}

fn without_its_person() {
    let key = es256(53);
    let (world, user) = (world(&key), locked_out());
    let asked = asked(&world, &user);
    for (flags, reason) in [
        (0x01, "did not verify the person"),
        (0x04, "did not test that a person is present"),
        (0x00, "did not test that a person is present"),
        (0x15, "a backup of a key that cannot be backed up"),
        (0x45, "the flag `AT`"),
        (0x85, "the flag `ED`"),
    ] {
        let envelope = signed(&world, &asked, &key, |_| (), |one| one.flags = flags);
        refused(&world, &asked, &envelope, reason);
    }
    let long = |one: &mut Ceremony| (one.flags, one.rest) = (0x85, vec![0xa0]);
    let envelope = signed(&world, &asked, &key, |_| (), long);
    refused(&world, &asked, &envelope, "the authenticator data has 38 bytes");
    let made = |one: &mut Ceremony| one.replace("webauthn.get", "webauthn.create");
    let envelope = signed(&world, &asked, &key, |_| (), made);
    refused(&world, &asked, &envelope, "it must be `webauthn.get`");
    still_good(&world, &asked, &key, &user);
}

fn downgraded() {
    let passkey = es256(54);
    let (world, user) = (world(&passkey), locked_out());
    let asked = asked(&world, &user);
    let good = honest(&world, &asked, &passkey);
    let with = |change: &dyn Fn(&mut Envelope)| {
        let mut envelope = good.clone();
        change(&mut envelope);
        envelope
    };
    let sig = |bytes: &[u8]| {
        let text = STANDARD.encode(bytes);
        with(&move |one| one.signatures[0].sig.clone_from(&text))
    };
    let der = STANDARD.decode(&good.signatures[0].sig).unwrap();
    let bare = with(&|one| one.signatures[0].webauthn = None);
    refused(&world, &asked, &bare, "the signature has no member `webauthn`");
    // Bob's key file signs the terms of a passkey, with and without an assertion.
    let bob = key(&world, "bob");
    let file = asked.signed(&bob, |terms| terms.shown = Some(Digest::of(b"text")));
    refused(&world, &asked, &file, "must not have `shown`");
    let mut dressed = asked.signed(&bob, |_| ());
    dressed.signatures[0].webauthn.clone_from(&good.signatures[0].webauthn);
    refused(&world, &asked, &dressed, "its key is a key file");
    // No signature, one of RSA, and texts that are not one DER value.
    for bytes in [vec![], vec![0; 256], [&der[..], &[0]].concat(), der[..der.len() - 1].to_vec()] {
        refused(&world, &asked, &sig(&bytes), "neither 64 bytes nor an ECDSA signature");
    }
    refused(&world, &asked, &sig(&[0; 64]), "neither 64 bytes nor an ECDSA signature");
    refused(&world, &asked, &sig(&[1; 64]), "does not match the assertion");
    // Another key signs under the id of the passkey.
    for other in [es256(55), ed25519(54)] {
        let mut forged = honest(&world, &asked, &other);
        forged.signatures[0].keyid.clone_from(&good.signatures[0].keyid);
        refused(&world, &asked, &forged, "does not match the assertion");
    }
    // An assertion for signing in to a page of the host.
    let request = authenticator::fetched(&world.client(BOB), &asked.id);
    let terms = authenticator::terms(&request, Said::Approve, "bob");
    let payload = authenticator::payload(&request, &terms);
    for domain in [&b"deed:sign-in:v1\0"[..], b"deed:approve:v1\0", b""] {
        let (own, other) = (challenge(b"deed:approve:v2\0", &payload), challenge(domain, &payload));
        let envelope = passkey.sign(&payload, |one| one.replace(&own, &other));
        refused(&world, &asked, &envelope, "the challenge is not that of this statement");
    }
    still_good(&world, &asked, &passkey, &user);
}

fn counter_going_back() {
    let key = es256(56);
    let (world, user) = (world(&key), locked_out());
    let (first, second) = (asked(&world, &locked_out()), asked(&world, &user));
    let counted = |asked: &Asked, counter: u32| {
        signed(&world, asked, &key, |_| (), |one| one.counter = counter)
    };
    // An answer that does not count leaves the counter as it is.
    let mut refused_first = counted(&first, 900);
    refused_first.signatures[0].sig = STANDARD.encode([1; 64]);
    refused(&world, &first, &refused_first, "does not match the assertion");
    assert_eq!(send(&world, &first.id, &counted(&first, 100)).status, 200);
    for counter in [100, 99, 1, 0] {
        let answer = send(&world, &second.id, &counted(&second, counter));
        let said = answer.text("/detail");
        assert!(answer.status == 409 && said.contains("did not grow"), "{counter}: {said}");
    }
    assert!(!is_active(&user));
    assert_eq!(send(&world, &second.id, &counted(&second, 101)).status, 200);
    ended(&world, &world.settled(&second.id).unwrap(), "verified", "every expectation holds");
    unharmed(&world);
}

/// Gives a person this passkey and the role of an approver.
fn with(dir: &Path, tenant: &str, person: &str, role: &str, key: &Key) -> Result<()> {
    let path = format!("approvers/{person}-laptop.json");
    fs::write(dir.join(&path), key.file().to_string())?;
    let table = format!("[tenant.{tenant}.person.{person}]\n");
    let roles = format!("{table}roles = [\"support-lead\"]\npasskeys = [\"{path}\"]");
    edit(dir, "deed.toml", &format!("{table}roles = [\"{role}\"]"), &roles)
}

fn own_person() {
    let (bobs, alices) = (es256(57), es256(58));
    let change = |dir: &Path| -> Result<()> {
        bobs.enrol(dir, "bob")?;
        with(dir, "acme", "alice", "helpdesk", &alices)
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let as_alice = |terms: &mut Terms| "alice".clone_into(&mut terms.person);
    let own = signed(&world, &asked, &alices, as_alice, |_| ());
    refused(
        &world,
        &asked,
        &own,
        "`alice` is responsible for the agent that requested this action",
    );
    let as_bob = honest(&world, &asked, &alices);
    refused(&world, &asked, &as_bob, "its signing key belongs to another person");
    still_good(&world, &asked, &bobs, &user);
}

fn foreign_person() {
    let (bobs, doras) = (es256(59), ed25519(60));
    let change = |dir: &Path| -> Result<()> {
        bobs.enrol(dir, "bob")?;
        with(dir, "globex", "dora", "support-lead", &doras)
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let asked = asked(&world, &user);
    for person in ["dora", "bob"] {
        let named = |terms: &mut Terms| person.clone_into(&mut terms.person);
        let envelope = signed(&world, &asked, &doras, named, |_| ());
        refused(&world, &asked, &envelope, "not enrolled for a person of this tenant");
    }
    still_good(&world, &asked, &bobs, &user);
}

fn another_text() {
    let key = es256(61);
    let (world, user) = (world(&key), locked_out());
    let asked = asked(&world, &user);
    let other = |terms: &mut Terms| terms.shown = Some(Digest::of(b"restore nobody"));
    let envelope = signed(&world, &asked, &key, other, |_| ());
    refused(&world, &asked, &envelope, "the approver was shown another text");
    let none = |terms: &mut Terms| terms.shown = None;
    let envelope = signed(&world, &asked, &key, none, |_| ());
    refused(&world, &asked, &envelope, "an approval by passkey must have `shown`");
    still_good(&world, &asked, &key, &user);
}
