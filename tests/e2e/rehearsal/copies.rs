//! Tests of an agent's copy of a bundle, which has no value of the plan.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_record::bundle;
use deed_test_support::office::Case;
use deed_test_support::shared::ended;
use deed_tests::host;
use deed_tests::world::{HELPDESK, World};
use serde_json::Value;

use super::{approved, served, tag, waiting};

/// A text of the document, which the adapter puts into the plan.
const TEXT: &str = "Be kind";

/// Whether a part of the bundle, or a signed payload in it, contains the text.
fn shows(bundle: &[u8], text: &str) -> bool {
    let files = bundle::read(bundle).unwrap();
    let chain = String::from_utf8(files[bundle::CHAIN].clone()).unwrap();
    let payload = |line: &str| {
        let envelope: Value = serde_json::from_str(line).unwrap();
        STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap()
    };
    let payloads = chain.lines().map(payload);
    files.into_values().chain(payloads).any(|part| String::from_utf8_lossy(&part).contains(text))
}

fn seen_by_agent(world: &World, path: &str) -> String {
    String::from_utf8(world.client(HELPDESK).get(path).unwrap().bytes).unwrap()
}

#[test]
fn an_agents_copy_has_no_value_of_the_plan() {
    let case = Case::tag_document().asking();
    let (_office, world) = served(&case);
    let id = waiting(&world, &tag(&case));
    let path = format!("/v1/actions/{id}");
    assert!(!seen_by_agent(&world, &path).contains(TEXT));
    let (shown, view) = approved(&world, &id);
    assert!(shown.contains(TEXT), "{shown}");
    ended(&world, &view, "verified", "every expectation holds");
    assert!(!seen_by_agent(&world, &path).contains(TEXT));
    let copy = world.client(HELPDESK).bundle(&id).unwrap();
    let parts = bundle::read(&copy).unwrap();
    assert!(parts.keys().all(|name| !name.starts_with("evidence/")), "{:?}", parts.keys());
    assert!(!shows(&copy, TEXT));
    let whole = world.bundle(&id).unwrap();
    assert!(bundle::read(&whole).unwrap().contains_key("evidence/rehearsal.json"));
    assert!(shows(&whole, TEXT), "people see the plan");
    copy_is_verified(&world, &copy);
}

/// The copy proves the signatures, the log and the digest of the plan.
fn copy_is_verified(world: &World, copy: &[u8]) {
    let file = world.dir.join("copy.deed");
    fs::write(&file, copy).unwrap();
    let trust = world.trust().unwrap();
    let args = ["verify", file.to_str().unwrap(), "--trust", trust.to_str().unwrap()];
    let output = host::run(&args, "").unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("VERIFIED (signatures and inclusion only)"), "{said}");
}
