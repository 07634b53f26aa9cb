//! An action that a person approved and that the responsible person confirmed.

use std::fs;
use std::path::Path;

use deed_record::statement::approval::{self, Answer as Said};
use deed_test_support::authenticator::fetched;
use deed_test_support::shared::locked_out;
use deed_tests::host;
use deed_tests::services::Result;
use deed_tests::world::{BOB, World, edit};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use serde_json::json;

use super::{RESTORE, id};

/// The party for whom the agent acts if the responsible person must confirm the action.
const PARTY: &str = "carefully@example.com";

/// Gives alice, who is responsible for the agent, a key, and asks her to confirm what the agent does for one party.
pub(super) fn configure(dir: &Path) -> Result<()> {
    host::expect(&["key", "new", &dir.join("approvers/alice.key").to_string_lossy()])?;
    let table = "[tenant.acme.person.alice]\n";
    edit(dir, "deed.toml", table, &format!("{table}keys = [\"approvers/alice.pub\"]\n"))?;
    let file = dir.join("policies/starter.cedar");
    let policy = format!(
        "\n@id(\"some-need-the-person\")\n@obligation(\"confirm\")\nforbid (principal, action, resource)\n\
         when {{ context has on_behalf_of && context.on_behalf_of == \"{PARTY}\" }};\n"
    );
    Ok(fs::write(&file, fs::read_to_string(&file)? + &policy)?)
}

/// Bob approves, and alice confirms.
pub(super) fn confirmed(world: &World) -> String {
    let mut proposal = World::proposal(RESTORE, &locked_out());
    proposal["on_behalf_of"] = json!(PARTY);
    let view = world.propose(&proposal).unwrap().json();
    assert_eq!(view["obligations"], json!(["confirm", "approve:1:support-lead"]), "{view:#}");
    let id = id(&view);
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let request = fetched(&world.client(BOB), &id);
    let terms = request.terms(Said::Approve, "alice", "confirm").unwrap();
    let pem = fs::read_to_string(world.dir.join("approvers/alice.key")).unwrap();
    let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
    let envelope = approval::sign(request.action.digest().unwrap(), &terms, &key).unwrap();
    let path = format!("/v1/actions/{id}/approvals");
    let answer = world.client(BOB).post(&path, &json!(envelope)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    id
}
