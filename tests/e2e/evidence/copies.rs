//! An agent's copy of a bundle proves what happened, and contains no data that only the upstream server knows.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::shared::{ended, look, scim};
use deed_tests::services::Result;
use deed_tests::world::{HELPDESK, World};
use serde_json::{Value, json};

use super::{files, proof, verify};

/// The bundle of an ended action as its agent receives it.
fn copy(world: &World, id: &str) -> Vec<u8> {
    world.client(HELPDESK).get(&format!("/v1/actions/{id}/bundle")).unwrap().bytes
}

#[test]
fn an_agents_copy_has_no_evidence_and_says_what_was_verified() {
    let proof = proof("copy@example.com");
    let copy = copy(&proof.world, &proof.id);
    assert!(files(&copy).keys().all(|name| !name.starts_with("evidence/")));
    assert!(files(&proof.bundle).contains_key("evidence/pre.json"));
    fs::write(proof.world.dir.join("proof.deed"), &copy).unwrap();
    let (code, said) = verify(&proof.world.dir, true);
    assert_eq!(code, 3, "{said}");
    let last = format!("VERIFIED (signatures and inclusion only) {}", proof.id);
    assert_eq!(said.trim_end().lines().last(), Some(last.as_str()), "{said}");
    let skipped: Vec<&str> = said.lines().filter(|line| line.starts_with("skip")).collect();
    for name in ["question", "evidence", "decision", "gate", "outcome"] {
        let told = |line: &&str| line.contains(&format!("  {name} ")) && line.contains("copy");
        assert!(skipped.iter().any(told), "no word of {name}: {said}");
    }
    assert_eq!(proof.world.bundle(&proof.id).unwrap(), proof.bundle, "the same bytes every time");
}

/// Adds a policy that requires approval for reads, too.
fn asks_before_a_read(dir: &Path) -> Result<()> {
    let policy = "@id(\"reads-need-lead\") @obligation(\"approve:1:support-lead\")\n\
        forbid (principal, action == Deed::Action::\"idp.read_user\", resource);\n";
    let path = dir.join("policies/starter.cedar");
    let text = fs::read_to_string(&path)?;
    Ok(fs::write(path, format!("{text}\n{policy}"))?)
}

#[test]
fn an_agent_that_cancels_while_people_think_learns_nothing_of_the_state() {
    let world = World::with(scim(), "scim", asks_before_a_read).unwrap();
    let user = scim().create_user("secret-name@example.com", Some(true)).unwrap();
    let name = json!([{"op": "replace", "path": "displayName", "value": "Secret Jensen"}]);
    scim().patch(&user, &name).unwrap();
    let asked = world.propose(&World::proposal("idp.read_user", &user)).unwrap();
    assert_eq!(asked.text("/status"), "waiting", "{}", asked.json());
    let id = asked.text("/id");
    let cancelled =
        world.client(HELPDESK).post(&format!("/v1/actions/{id}/cancel"), &json!({})).unwrap();
    assert!(cancelled.status < 300, "{}", cancelled.json());
    let view = world.settled(&id).unwrap();
    let receipt = ended(&world, &view, "cancelled", "cancelled by helpdesk");
    assert_eq!(receipt["pre"].get("state"), None, "{receipt:#}");
    assert_eq!(look(&world, &view, "pre")["state"]["user"]["displayName"], "Secret Jensen");
    learns_nothing(&copy(&world, &id));
}

#[test]
fn an_agents_copy_of_what_ran_holds_no_state_but_what_changed() {
    let proof = proof("secret-name-too@example.com");
    assert!(shows(&proof.bundle, "secret-name"), "people see it");
    learns_nothing(&copy(&proof.world, &proof.id));
}

/// Asserts that no part and no signed payload of the bundle contains data that only the upstream server knows.
fn learns_nothing(bundle: &[u8]) {
    for secret in ["Secret Jensen", "secret-name", "lastModified"] {
        let parts = files(bundle).into_keys().collect::<Vec<_>>();
        assert!(!shows(bundle, secret), "`{secret}` is in one of {parts:?}");
    }
}

fn shows(bundle: &[u8], text: &str) -> bool {
    let files = files(bundle);
    let chain = String::from_utf8(files["chain.intoto.jsonl"].clone()).unwrap();
    let payload = |line: &str| {
        let envelope: Value = serde_json::from_str(line).unwrap();
        STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap()
    };
    // The contract and the policy schema contain field names but no state, so they are not searched.
    let parts = files.into_iter().filter(|(name, _)| !is_declaration(name)).map(|(_, part)| part);
    parts
        .chain(chain.lines().map(payload))
        .any(|part| String::from_utf8_lossy(&part).contains(text))
}

fn is_declaration(name: &str) -> bool {
    ["contract.json", "policy/schema.cedarschema", "policy/policies.cedar"].contains(&name)
}
