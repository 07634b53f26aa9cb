//! Snapshots of what people read about an action with an open contract: the request for approval with its plan, and the
//! pages of actions that ended along their plan and apart from it.

use deed_tests::world::BOB;
use serde_json::json;

use super::transcript::Transcript;
use crate::field::planned::{ID, open_contract, things};
use crate::field::{proposal, served_asking};

#[test]
fn a_plan_from_the_request_for_approval_to_the_end() {
    let mut transcript = Transcript::new();
    for (title, id) in [("carried out", ID), ("an answer that does not fit the contract", "short")]
    {
        let upstream = things(id);
        let world = served_asking(&upstream, &open_contract());
        transcript.heading(title);
        transcript.name(world.url(), "HOST");
        transcript.name(world.path(), "DIR");
        let asked = world.propose(&proposal(json!({"id": "a1", "note": "n"}))).unwrap();
        let id = asked.text("/id");
        let show = ["show", &id, "--url", world.url()];
        transcript.run_as(BOB, &show, "");
        let key = world.dir.join("approvers/bob.key").display().to_string();
        let sign = ["--key", &key, "--person", "bob", "--role", "support-lead", "--yes"];
        let url = ["--url", world.url()];
        transcript.run_as(BOB, &[&["approve", &id], &sign[..], &url[..]].concat(), "");
        let logged = |view: &serde_json::Value| view["receipt"]["index"].is_u64();
        world.until(&id, logged).unwrap();
        transcript.run_as(BOB, &show, "");
    }
    transcript.check("action-plans");
}
