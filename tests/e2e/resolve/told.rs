//! Operators are notified that an outcome is unknown, and that they have to resolve it.

use deed_test_support::shared::{locked_out, scim};
use deed_tests::proxy::Fault;
use deed_tests::receiver::{Receiver, for_agent, for_operators};
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

use super::{escalated, lost, opaque, unseen, until, with_effect};
use crate::webhooks::EVERY;

#[test]
fn the_webhook_says_that_it_is_open_then_that_looks_are_in_vain_and_then_how_it_ended() {
    let [people, agent] = [(); 2].map(|()| Receiver::start().unwrap());
    let world = World::with(scim(), "scim", |dir| {
        for_operators(dir, &people.url(), EVERY)?;
        for_agent(dir, "acme", "helpdesk", &agent.url())?;
        opaque(dir)
    });
    let mut world = world.unwrap();
    let id = lost(&world, &locked_out());
    let told = people.event("action.escalated", &id);
    assert_eq!(told.id(), format!("{id}_escalated"));
    assert_eq!(told.json()["data"]["obligations"], json!(["resolve:1:operator"]));
    let view = escalated(&world, &id);
    let (done, said) = world.resolve(&id, "not-applied", "the log has no entry").unwrap();
    assert!(done, "{said}");
    let ended = people.event("action.ended", &id);
    let receipt = &view["receipt"]["payload_sha256"];
    assert_eq!(ended.text("/data/outcome"), "failed");
    assert_eq!(ended.json()["data"]["receipt_sha256"], *receipt, "the receipt stays the same");
    // A stop delivers what is queued, so nothing can follow.
    assert!(world.stop().unwrap());
    let kinds = |receiver: &Receiver| -> Vec<(String, String)> {
        let all = receiver.deliveries().into_iter();
        all.map(|one| (one.text("/type"), one.text("/data/outcome"))).collect()
    };
    let said = |kind: &str, outcome: &str| (kind.to_owned(), outcome.to_owned());
    let open = said("action.indeterminate", "indeterminate");
    let end = said("action.ended", "failed");
    assert_eq!(kinds(&people), [open.clone(), said("action.escalated", ""), end.clone()]);
    assert_eq!(kinds(&agent), [open, end]);
}

/// If no observation is ever usable, the outcome would stay open forever, so the host notifies an operator after the
/// time that the contract sets.
#[test]
fn looks_that_cannot_be_used_are_in_vain_after_the_contracts_time() {
    let world = World::with(scim(), "scim", |dir| {
        let limits = "timeout = \"30s\"\nobserve = \"3s\"";
        edit(dir, "contracts/restore_access.toml", "timeout = \"30s\"", limits)?;
        with_effect(dir, "observable")
    });
    let (world, user) = (world.unwrap(), locked_out());
    let id = unseen(&world, &user);
    let view = escalated(&world, &id);
    let why = view["escalated"].as_str().unwrap();
    assert!(
        why.contains("observations for `limits.observe` did not settle the outcome: no observation could be used"),
        "{view:#}"
    );
    // The escalation is recorded once, and a usable observation still settles the outcome.
    world.proxy.set("GET", Fault::None);
    let view = until(&world, &id, |view| view["status"] != "indeterminate");
    assert_eq!((view["status"].as_str(), &view["escalated"]), (Some("verified"), &Value::Null));
    let told = view["ledger"].as_array().unwrap().iter();
    assert_eq!(told.filter(|line| line["event"] == "escalated").count(), 1, "{view:#}");
    assert_eq!(view["obligations"], json!([]));
}
