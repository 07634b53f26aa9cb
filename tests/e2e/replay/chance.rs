//! Tests that a run depends only on its record. A guest has no clock, no random numbers and no threads, and makes one
//! host call at a time, so its inputs determine the order of its calls. A test can therefore simulate a race only with
//! a record whose order differs from the guest's order.

use std::fs;
use std::path::{Path, PathBuf};

use deed_test_support::shared::{ended, look, scim, user};
use deed_tests::proxy::Fault;
use deed_tests::services::{Result, ScimServer};
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

use super::{bundle, identical, replay, run_with, wasm};

/// Changes the contract so that an observation sends two reads, whose order is free.
fn two_looks(dir: &Path) -> Result<()> {
    let rule = "[[perform.http]]                   # RFC 7644 section 3.5.2.3\n";
    let two = format!(
        "[[observe.http]]\nupstream = \"idp\"\nrequest = \"GET /ServiceProviderConfig\"\n\n{rule}"
    );
    edit(dir, "contracts/restore_access.toml", rule, &two)
}

/// The same bundle with one part changed.
fn changed(world: &World, view: &Value, part: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut files = deed_record::bundle::read(&fs::read(bundle(world, view)).unwrap()).unwrap();
    let mut value: Value = serde_json::from_slice(&files[part]).unwrap();
    change(&mut value);
    files.insert(part.to_owned(), deed_spec::json::to_canonical(&value).unwrap());
    let path = world.dir.join("changed.deed");
    fs::write(&path, deed_record::bundle::write(&files).unwrap()).unwrap();
    path
}

/// The first difference in the run of this name.
fn difference(path: &Path, run: &str) -> Value {
    let (code, said) = replay(path, &wasm("races"), &["--json"]);
    assert_eq!(code, 1, "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    let runs = report["replay"]["runs"].as_array().unwrap();
    let line = runs.iter().find(|line| line["status"] == "different");
    assert!(line.is_some(), "no run differs: {said}");
    assert_eq!(line.unwrap()["run"], run, "{said}");
    line.unwrap()["difference"].clone()
}

fn claim(receipt: &Value) -> String {
    receipt["attempts"][0]["claim"]["unknown"].as_str().unwrap().to_owned()
}

#[test]
fn calls_in_another_order_than_recorded_are_the_first_difference() {
    let world = World::with(scim(), "races", two_looks).unwrap();
    let view = run_with(&world, Fault::None);
    ended(&world, &view, "verified", "every expectation holds");
    identical(&world, &view);
    for (part, run) in [("evidence/pre.json", "look before"), ("evidence/post.json", "look after")]
    {
        let mut paths = Vec::new();
        let path = changed(&world, &view, part, |look| {
            let exchanges = look["exchanges"].as_array_mut().unwrap();
            assert_eq!(exchanges.len(), 2);
            exchanges.swap(0, 1);
            for (ordinal, exchange) in exchanges.iter_mut().enumerate() {
                exchange["ordinal"] = json!(ordinal);
                paths.push(exchange["request"]["path"].clone());
            }
        });
        let found = difference(&path, run);
        assert_eq!(found["place"], "exchange 0: request at `/path`");
        assert_eq!([&found["expected"], &found["got"]], [&paths[0], &paths[1]]);
    }
}

/// The guest's claim contains a digest of every byte of its inputs and of every possible source of randomness. A replay
/// compares the guest's new claim with the recorded claim.
#[test]
fn a_guest_is_told_the_same_to_the_last_byte() {
    let world = World::with(scim(), "races", two_looks).unwrap();
    let view = run_with(&world, Fault::None);
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    identical(&world, &view);
    let exchanges = "evidence/exchanges.json";
    let bends: [fn(&mut Value); 3] = [
        |one| one["fate"]["answered"]["status"] = json!(203),
        |one| one["response"]["displayName"] = json!("a field that nobody reads"),
        |one| one["headers"]["content-type"] = json!("application/x-other"),
    ];
    for bend in bends {
        let path =
            changed(&world, &view, exchanges, |attempts| bend(&mut attempts[0]["exchanges"][0]));
        let found = difference(&path, "attempt 1");
        assert_eq!(found["place"], "claim at `/unknown`");
        assert_eq!(found["expected"], claim(&receipt).as_str());
        let (then, now) = (claim(&receipt), found["got"].as_str().unwrap().to_owned());
        let chance = |claim: &str| claim.split_once(", told").unwrap().0.to_owned();
        assert_eq!(chance(&then), chance(&now), "where it looked for chance there is none");
    }
    // Times, durations and deadlines differ between two runs, but guests do not see them.
    let path = changed(&world, &view, exchanges, |attempts| {
        let exchange = &mut attempts[0]["exchanges"][0];
        for time in ["started_ms", "ended_ms", "deadline_ms"] {
            exchange[time] = json!(exchange[time].as_i64().unwrap() + 60_000);
        }
    });
    let (code, said) = replay(&path, &wasm("races"), &[]);
    assert_eq!(code, 1, "the evidence is not the receipt's: {said}");
    assert!(said.contains("same  attempt 1"), "{said}");
}

/// An upstream echoes a credential. In the place of the credential, the guest saw the word `redacted`. The record
/// contains this word, and a replay shows it to the guest again.
#[test]
fn the_word_redacted_is_where_it_was_in_the_guests_view() {
    let world = World::with(scim(), "races", |_| Ok(())).unwrap();
    let user = user("echoed", Some(true));
    let echo = |(path, value): (&str, &str)| json!({"op": "replace", "path": path, "value": value});
    let read = ScimServer::READ_TOKEN;
    let echoes =
        [("nickName", read), ("locale", &*format!("Bearer {read}")), ("timezone", "Europe/Paris")];
    scim().patch(&user, &echoes.map(echo).to_vec().into()).unwrap();
    let view = world.run(&World::proposal("idp.read_user", &user)).unwrap();
    let seen = look(&world, &view, "pre");
    let exchange = &seen["exchanges"][0];
    assert_eq!(exchange["redacted"], json!(["/locale", "/nickName"]), "{seen:#}");
    for name in ["locale", "nickName"] {
        assert_eq!(exchange["response"][name], "redacted", "{seen:#}");
    }
    assert_eq!(exchange["response"]["timezone"], "Europe/Paris");
    let told = seen["claim"]["unknown"].as_str().unwrap();
    assert!(told.ends_with("redacted [\"locale\", \"nickName\"]"), "{told}");
    identical(&world, &view);
    // If the record has `Redacted` instead of `redacted`, the guest sees a different answer, and the replay reports the
    // difference.
    let path = changed(&world, &view, "evidence/pre.json", |pre| {
        pre["exchanges"][0]["response"]["nickName"] = json!("Redacted");
    });
    let found = difference(&path, "look before");
    assert_eq!(found["place"], "claim at `/unknown`");
    assert!(found["got"].as_str().unwrap().ends_with("redacted [\"locale\"]"), "{found}");
}
