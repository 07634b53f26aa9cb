//! Tests that `deed replay` reports the first difference of a run, or that the run is not replayable.

use std::fs;
use std::path::PathBuf;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::proxy::Fault;
use deed_tests::world::{HELPDESK, World};
use serde_json::{Value, json};

use super::{RESTORE, bundle, replay, run_with, wasm};

/// A verified action, whose bundle is changed in one part of its evidence.
struct Case {
    world: World,
    view: Value,
}

impl Case {
    fn new() -> Self {
        let world = World::start(scim()).unwrap();
        let view = run_with(&world, Fault::None);
        assert_eq!(view["status"], "verified", "{view:#}");
        Self { world, view }
    }

    fn changed(&self, part: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let bytes = fs::read(bundle(&self.world, &self.view)).unwrap();
        let mut files = deed_record::bundle::read(&bytes).unwrap();
        let mut value: Value = serde_json::from_slice(&files[part]).unwrap();
        let before = value.clone();
        change(&mut value);
        assert_ne!(before, value);
        files.insert(part.to_owned(), deed_spec::json::to_canonical(&value).unwrap());
        let path = self.world.dir.join("changed.deed");
        fs::write(&path, deed_record::bundle::write(&files).unwrap()).unwrap();
        path
    }

    /// Replays a changed bundle and asserts that the first difference of the run is at this place.
    fn differs(
        &self,
        part: &str,
        run: &str,
        place: &str,
        change: impl FnOnce(&mut Value),
    ) -> Value {
        let path = self.changed(part, change);
        let (code, said) = replay(&path, &wasm("scim"), &["--json"]);
        assert_eq!(code, 1, "{said}");
        let report: Value = serde_json::from_str(&said).unwrap();
        let fault = report["replay"]["faults"][0].as_str().unwrap();
        assert!(fault.contains(part) && fault.contains("the receipt names"), "{fault}");
        let runs = report["replay"]["runs"].as_array().unwrap();
        let line = runs.iter().find(|line| line["status"] == "different");
        assert!(line.is_some(), "no run differs: {said}");
        let line = line.unwrap();
        assert_eq!(line["run"], run, "{said}");
        assert_eq!(line["difference"]["place"], place, "{said}");
        line["difference"].clone()
    }
}

const PRE: &str = "evidence/pre.json";
const POST: &str = "evidence/post.json";
const EXCHANGES: &str = "evidence/exchanges.json";

#[test]
fn a_changed_exchange_is_found_at_the_first_difference() {
    let case = Case::new();
    let found = case.differs(PRE, "look before", "state at `/user/active`", |pre| {
        pre["exchanges"][0]["response"]["active"] = json!(true);
    });
    assert_eq!((&found["expected"], &found["got"]), (&json!(false), &json!(true)));
    let found =
        case.differs(EXCHANGES, "attempt 1", "exchange 0: request at `/path`", |attempts| {
            attempts[0]["exchanges"][0]["request"]["path"] = json!("/Users/0");
        });
    assert_eq!(found["expected"], "/Users/0");
    case.differs(EXCHANGES, "attempt 1", "claim", |attempts| {
        attempts[0]["exchanges"][0]["fate"] = json!({"answered": {"status": 500}});
    });
    case.differs(EXCHANGES, "attempt 1", "exchange 0: request", |attempts| {
        attempts[0]["exchanges"] = json!([]);
    });
    case.differs(EXCHANGES, "attempt 1", "exchange 1: request", |attempts| {
        let twice = attempts[0]["exchanges"][0].clone();
        attempts[0]["exchanges"].as_array_mut().unwrap().push(twice);
    });
    // An observation is recorded as unusable although it was usable.
    for (part, run) in [(PRE, "look before"), (POST, "look after")] {
        case.differs(part, run, "whether the look is usable", |look| {
            look["problem"] = json!("the upstream could not be read");
        });
    }
    case.differs(POST, "look after", "refused request 0", |post| {
        post["refused"] = json!(["denied by nobody"]);
    });
}

#[test]
fn evidence_that_is_not_the_receipts_is_told_though_it_replays() {
    let case = Case::new();
    let path = case.changed(POST, |post| {
        let name = json!("Somebody Else");
        post["exchanges"][0]["response"]["displayName"] = name.clone();
        post["state"]["user"]["displayName"] = name;
    });
    let (code, said) = replay(&path, &wasm("scim"), &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("same  look after") && said.contains("DIFF  evidence"), "{said}");
    let trust = case.world.trust().unwrap();
    let (code, said) = replay(&path, &wasm("scim"), &["--trust", trust.to_str().unwrap()]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("FAILED"), "{said}");
}

#[test]
fn another_adapter_is_no_case_and_differs_where_it_is_asked_to_run() {
    let case = Case::new();
    let file = bundle(&case.world, &case.view);
    let (code, said) = replay(&file, &wasm("lies"), &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("the receipt names") && said.contains("--other-build"), "{said}");
    // The adapter `asks-elsewhere` does the same work as the original adapter but sends more requests.
    let (code, said) = replay(&file, &wasm("asks-elsewhere"), &["--other-build"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the first difference is in refused request 0"), "{said}");
    let (code, said) = replay(&file, &wasm("silent"), &["--other-build"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the first difference is in exchange 0: request"), "{said}");
    let (code, said) = replay(&file, &wasm("floods-exchanges"), &["--other-build"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the receipt names"), "{said}");
}

#[test]
fn what_cannot_be_replayed_is_said_to_be_so() {
    let case = Case::new();
    let id = case.view["id"].as_str().unwrap();
    let copy = case.world.client(HELPDESK).get(&format!("/v1/actions/{id}/bundle")).unwrap();
    let path = case.world.dir.join("copy.deed");
    fs::write(&path, copy.bytes).unwrap();
    let (code, said) = replay(&path, &wasm("scim"), &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("the file is an agent's copy"), "{said}");
    let lost = case.changed(EXCHANGES, |attempts| attempts[0]["claim"] = json!("lost"));
    let (code, said) = replay(&lost, &wasm("scim"), &[]);
    assert_eq!(code, 1, "the evidence is not the receipt's: {said}");
    assert!(said.contains("open  attempt 1") && said.contains("the host stopped during the run"));
    let other = case.changed("action.json", |action| {
        action["params"]["user_id"] = json!("0");
    });
    let (code, said) = replay(&other, &wasm("scim"), &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("the receipt is about"), "{said}");
    fs::write(&path, b"no bundle").unwrap();
    assert_eq!(replay(&path, &wasm("scim"), &[]).0, 2);
}

#[test]
fn what_was_denied_at_once_has_no_run_to_replay() {
    let world = World::start(scim()).unwrap();
    let mut proposal = World::proposal(RESTORE, &locked_out());
    proposal["environment"] = json!("staging");
    let view = world.run(&proposal).unwrap();
    assert_eq!(view["status"], "denied", "{view:#}");
    let (code, said) = replay(&bundle(&world, &view), &wasm("scim"), &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("no run is recorded"), "{said}");
}
