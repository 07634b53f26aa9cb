//! Approvals by passkey against the real host: what it accepts and stores, and what the verifiers say about it.

use std::fs;
use std::path::Path;
use std::process::Command;

use deed_record::statement::approval::Answer as Said;
use deed_spec::dsse::Envelope;
use deed_test_support::authenticator::{self, Ceremony, Key, ed25519, es256};
use deed_test_support::shared::{ended, envelopes, locked_out, scim, statements};
use deed_tests::client::Answer;
use deed_tests::host;
use deed_tests::services::{Result, venv, workspace};
use deed_tests::world::{BOB, CAROL, World, edit};
use serde_json::{Value, json};

/// A host whose approver `bob` has this passkey beside his key file.
fn world(key: &Key) -> World {
    World::with(scim(), "scim", |dir| key.enrol(dir, "bob")).unwrap()
}

/// Proposes an action that needs an approval, and returns its id.
fn waiting(world: &World) -> String {
    let proposal = World::proposal("idp.restore_access", &locked_out());
    let answer = world.propose(&proposal).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
    answer.text("/id")
}

/// Bob's signed answer to the present request.
fn signed(
    world: &World,
    id: &str,
    key: &Key,
    said: Said,
    change: impl FnOnce(&mut Ceremony),
) -> Envelope {
    let request = authenticator::fetched(&world.client(BOB), id);
    let terms = authenticator::terms(&request, said, "bob");
    key.sign(&authenticator::payload(&request, &terms), change)
}

fn send(world: &World, id: &str, envelope: &Envelope) -> Answer {
    world.client(BOB).post(&format!("/v1/actions/{id}/approvals"), &json!(envelope)).unwrap()
}

fn approve(world: &World, id: &str, key: &Key, change: impl FnOnce(&mut Ceremony)) -> Answer {
    send(world, id, &signed(world, id, key, Said::Approve, change))
}

/// The stored envelope of the only approval.
fn stored(world: &World, view: &Value) -> Value {
    let is_approval = |one: &Value| one["predicateType"] == "urn:deed:approval:v1";
    let at = statements(world, view).iter().position(is_approval).unwrap();
    envelopes(world, view).remove(at)
}

/// The verifier of third-party libraries on a bundle of the world.
fn oracle(world: &World, bundle: &Path) -> (bool, String) {
    let output = Command::new(venv().join("bin/python"))
        .arg(workspace().join("tests/oracle/verify.py"))
        .arg(bundle)
        .arg(world.dir.join("trust"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Checks an action that a passkey approved with all verifiers, and that each page says so.
fn verified(world: &World, id: &str, key: &Key) -> Value {
    let view = world.settled(id).unwrap();
    let receipt = ended(world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["approvals"][0]["person"], "bob");
    assert_eq!(view["approvals"][0]["passkey"], key.id(), "{view:#}");
    let told = view["ledger"].to_string();
    assert!(told.contains("bob approved it as support-lead, by passkey"), "{told}");
    let (file, trust) = (world.dir.join(format!("{id}.deed")), world.trust().unwrap());
    fs::write(&file, world.bundle(id).unwrap()).unwrap();
    let args = ["verify", file.to_str().unwrap(), "--trust", trust.to_str().unwrap()];
    let output = host::run(&args, "").unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = format!("bob (support-lead) approved by passkey {}", key.id());
    assert!(output.status.success() && said.contains(&line), "{said}");
    let (fine, said) = oracle(world, &file);
    assert!(fine, "{said}");
    let said = host::expect(&["show", id, "--url", world.url(), "--token", BOB]).unwrap();
    assert!(said.contains(&format!("by passkey {}", key.id())), "{said}");
    view
}

#[test]
fn an_approval_by_a_passkey_on_p256_runs_the_action_and_is_verified_offline() {
    let key = es256(31);
    let world = world(&key);
    let id = waiting(&world);
    // Nearly all authenticators choose either S at random.
    let answer = approve(&world, &id, &key, |one| (one.high_s, one.flags) = (true, 0x1d));
    assert_eq!(answer.status, 200, "{}", answer.json());
    let view = verified(&world, &id, &key);
    let signature = stored(&world, &view)["signatures"][0].clone();
    assert_eq!(signature["sig"].as_str().unwrap().len(), 88, "64 bytes in base64: {signature}");
    assert!(signature["webauthn"]["client_data"].is_string(), "{signature}");
    // The other signature over the same bytes was not stored, and does not verify.
    let high = authenticator::with_other_s(signature["sig"].as_str().unwrap());
    let file = world.dir.join("high.deed");
    let bundle = forged(&world, &id, signature["sig"].as_str().unwrap(), &high);
    fs::write(&file, bundle).unwrap();
    let (fine, said) = oracle(&world, &file);
    assert!(!fine && said.contains("upper half"), "{said}");
    let trust = world.trust().unwrap();
    let args = ["verify", file.to_str().unwrap(), "--trust", trust.to_str().unwrap()];
    let output = host::run(&args, "").unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && said.contains("upper half"), "{said}");
}

/// The bundle of an action with another signature in its chain, which no digest covers.
fn forged(world: &World, id: &str, from: &str, to: &str) -> Vec<u8> {
    let mut files = deed_record::bundle::read(&world.bundle(id).unwrap()).unwrap();
    let chain = files.get_mut(deed_record::bundle::CHAIN).unwrap();
    let text = String::from_utf8(chain.clone()).unwrap();
    assert_eq!(text.matches(from).count(), 1);
    *chain = text.replace(from, to).into_bytes();
    deed_record::bundle::write(&files).unwrap()
}

/// Checks the files of a host that had passkeys, after it was stopped.
fn intact(mut world: World) {
    assert!(world.host.take().unwrap().stop().unwrap());
    assert_eq!(world.check().unwrap(), None);
}

#[test]
fn a_passkey_with_ed25519_approves_and_another_one_denies() {
    let key = ed25519(32);
    let world = world(&key);
    let id = waiting(&world);
    assert_eq!(approve(&world, &id, &key, |_| ()).status, 200);
    verified(&world, &id, &key);
    let id = waiting(&world);
    let envelope = signed(&world, &id, &key, Said::Deny, |_| ());
    assert_eq!(send(&world, &id, &envelope).status, 200);
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "denied", "");
    assert_eq!(view["approvals"][0]["passkey"], key.id());
    intact(world);
}

#[test]
fn key_files_go_on_to_work_beside_passkeys_and_have_no_text() {
    let key = es256(33);
    let world = world(&key);
    let id = waiting(&world);
    let request = authenticator::fetched(&world.client(BOB), &id);
    assert!(request.shown.unwrap().contains("waits for    approve:1:support-lead"));
    // Carol has no passkey, so she gets no text and answers on the command line.
    assert_eq!(authenticator::fetched(&world.client(CAROL), &id).shown, None);
    let (done, said) = world.answer("approve", &id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(view["approvals"][0].get("passkey"), None);
}

#[test]
fn the_text_stays_the_same_while_several_people_answer() {
    let key = es256(34);
    let two = |dir: &Path| -> Result<()> {
        edit(dir, "policies/starter.cedar", "approve:1:support-lead", "approve:2:support-lead")?;
        key.enrol(dir, "bob")
    };
    let world = World::with(scim(), "scim", two).unwrap();
    let id = waiting(&world);
    // Bob reads the request, and carol answers before him.
    let early = signed(&world, &id, &key, Said::Approve, |_| ());
    let (done, said) = world.answer("approve", &id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    let answer = send(&world, &id, &early);
    assert_eq!(answer.status, 200, "{}", answer.json());
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
}

#[test]
fn an_origin_may_be_added_between_an_approval_and_its_decision() {
    let key = es256(37);
    let two = |dir: &Path| -> Result<()> {
        edit(dir, "policies/starter.cedar", "approve:1:support-lead", "approve:2:support-lead")?;
        key.enrol(dir, "bob")
    };
    let world = World::with(scim(), "scim", two).unwrap();
    let id = waiting(&world);
    assert_eq!(approve(&world, &id, &key, |_| ()).status, 202);
    let path = world.dir.join("approvers/bob-laptop.json");
    let mut file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    file["origins"] = json!([authenticator::ORIGIN, "https://console.deed.example"]);
    fs::write(&path, file.to_string()).unwrap();
    world.reload().unwrap();
    let (done, said) = world.answer("approve", &id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    verified(&world, &id, &key);
    intact(world);
}

#[test]
fn a_counter_must_grow_also_after_a_restart() {
    let key = es256(35);
    let mut world = world(&key);
    let mut with = |counter: u32, restart: bool| {
        if restart {
            world.restart().unwrap();
        }
        let id = waiting(&world);
        let answer = approve(&world, &id, &key, |one| one.counter = counter);
        (answer.status, answer.text("/detail"))
    };
    assert_eq!(with(0, false).0, 200);
    assert_eq!(with(7, false).0, 200);
    for (counter, restart) in [(7, false), (6, false), (0, false), (1, true), (7, false)] {
        let (status, said) = with(counter, restart);
        assert_eq!(status, 409, "{counter}: {said}");
        assert!(said.contains("counter of the passkey did not grow"), "{said}");
    }
    assert_eq!(with(8, false).0, 200);
    assert_eq!(with(u32::MAX, false).0, 200);
}

#[test]
fn an_answer_counts_for_the_origins_in_force_and_trust_names_them() {
    let key = es256(36);
    let world = world(&key);
    let id = waiting(&world);
    assert_eq!(approve(&world, &id, &key, |_| ()).status, 200);
    world.settled(&id).unwrap();
    let list = fs::read_to_string(world.trust().unwrap().join("approvers.json")).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    let entry = |one: &&Value| one.get("passkey").is_some();
    let entry = list.as_array().unwrap().iter().find(entry).unwrap();
    let party = json!({"rp_id": authenticator::RP_ID, "origins": [authenticator::ORIGIN]});
    assert_eq!((&entry["person"], &entry["passkey"]), (&json!("bob"), &party), "{list:#}");
    // A later origin does not count for the earlier one.
    let path = world.dir.join("approvers/bob-laptop.json");
    let text = fs::read_to_string(&path).unwrap();
    let moved = text.replace(authenticator::ORIGIN, "https://console.deed.example");
    fs::write(&path, moved).unwrap();
    world.reload().unwrap();
    let id = waiting(&world);
    let answer = approve(&world, &id, &key, |_| ());
    assert!(
        answer.text("/detail").contains("is not an origin of this passkey"),
        "{}",
        answer.json()
    );
}

/// The faults of files, which `deed check` reports with the name of the file.
#[test]
fn a_file_of_a_passkey_that_is_not_right_is_refused() {
    let key = es256(38);
    let home = World::lay_out(scim(), "scim").unwrap();
    key.enrol(&home.dir, "bob").unwrap();
    let path = home.dir.join("approvers/bob-laptop.json");
    let check = |dir: &Path| {
        let output = host::run(&["check", dir.to_str().unwrap()], "").unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let (fine, said) = check(&home.dir);
    assert!(fine, "{said}");
    let with = |name: &str, value: Value| {
        let mut file = key.file();
        file[name] = value;
        file
    };
    for (file, why) in [
        (with("rp_id", "127.0.0.1".into()), "it must be a domain"),
        (with("rp_id", "evil.example".into()), "is not an origin for the RP ID"),
        (with("origins", json!([])), "from 1 to 8"),
        (with("origins", json!(["http://deed.example"])), "is not an origin for the RP ID"),
        (with("key", "-----BEGIN PUBLIC KEY-----".into()), "not a P-256 or Ed25519 public key"),
        (with("credential_id", "short".into()), "`credential_id` is not"),
        (with("created_ms", json!(0)), "`created_ms` is not"),
        (with("counter", json!(1)), "counter"),
        (
            with("origins", json!([format!("https://{}.deed.example", "x".repeat(9000))])),
            "bob-laptop.json",
        ),
    ] {
        fs::write(&path, file.to_string()).unwrap();
        let (fine, said) = check(&home.dir);
        assert!(!fine && said.contains(why) && said.contains("bob-laptop.json"), "{why}: {said}");
    }
    // The same key for two persons, and for one person twice.
    fs::write(&path, key.file().to_string()).unwrap();
    key.enrol(&home.dir, "carol").unwrap();
    let (fine, said) = check(&home.dir);
    assert!(!fine && said.contains("have the same key"), "{said}");
}
