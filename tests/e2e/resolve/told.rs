//! Operators are notified that an outcome is unknown, and that they have to resolve it.

use std::fs;
use std::net::TcpListener;
use std::thread;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::proxy::Fault;
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

use super::{escalated, lost, opaque, unseen, until, with_effect};
use crate::surface::receive;

#[test]
fn the_webhook_says_that_it_is_open_and_then_that_looks_are_in_vain() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let hook = thread::spawn(move || {
        let told = [0; 2].map(|_| receive(&listener, "204 No Content").1);
        told.map(|body| serde_json::from_str::<Value>(&body).unwrap())
    });
    let world = World::with(scim(), "scim", |dir| {
        fs::copy(dir.join("secrets/idp_read"), dir.join("secrets/notify"))?;
        let secret = "secret = { file = \"secrets/notify\" }";
        let tables = format!("[notify]\nurl = \"{url}\"\n{secret}\n\n[tenant.acme]\n");
        edit(dir, "deed.toml", "[tenant.acme]\n", &tables)?;
        opaque(dir)
    });
    let world = world.unwrap();
    let id = lost(&world, &locked_out());
    let told = hook.join().unwrap();
    let said = |n: usize| (&told[n]["event"], &told[n]["action"], &told[n]["obligations"]);
    assert_eq!(said(0), (&json!("indeterminate"), &json!(id), &json!([])));
    assert_eq!(said(1), (&json!("escalated"), &json!(id), &json!(["resolve:1:operator"])));
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
