//! Tests of contracts without adapter code on a real RabbitMQ server. The tests read the server directly and not through
//! the host. They are run by `make systems`, which installs the server.

pub(crate) mod broker;

use deed_test_support::shared::{declared, ended, look};
use deed_tests::proxy::Fault;
use deed_tests::services::rabbitmq::RabbitMq;
use deed_tests::wait::until;
use deed_tests::world::HELPDESK;
use serde_json::{Value, json};

use self::broker::{Broker, PASSWORD, hash};

fn vhost(name: &str) -> Value {
    json!({"vhost": name, "description": "of the tests"})
}

fn user(name: &str) -> Value {
    json!({"user": name, "password_hash": hash(), "tags": ["monitoring", "management"]})
}

fn permissions(vhost: &str, user: &str, read: &str) -> Value {
    json!({"vhost": vhost, "user": user, "configure": "", "write": "^orders-", "read": read})
}

#[test]
#[ignore = "needs rabbitmq-server; run `make systems`"]
fn a_virtual_host_is_created_and_deleted() {
    let broker = Broker::start();
    assert!(!broker.has("/vhosts/orders") && !broker.has("/vhosts/ORDERS"));
    let view = broker.ends("rabbitmq.create_vhost", vhost("orders"), "verified", "every expect");
    assert_eq!(look(&broker.world, &view, "pre")["state"]["vhost"], Value::Null);
    let made = broker.rabbit.get("/vhosts/orders").unwrap().unwrap();
    assert_eq!(made["description"], "of the tests");
    assert_eq!(made["tags"], json!([view["id"]]), "the id of the action");
    broker.ends("rabbitmq.create_vhost", vhost("orders"), "denied", "does not hold");

    // The search of the server is not sensitive to case by default, but names are.
    broker.ends("rabbitmq.create_vhost", vhost("ORDERS"), "verified", "every expectation holds");
    let named = |name: &str| json!({ "vhost": name });
    broker.ends("rabbitmq.delete_vhost", named("orders"), "verified", "every expectation holds");
    assert!(!broker.has("/vhosts/orders") && broker.has("/vhosts/ORDERS"));
    broker.ends("rabbitmq.delete_vhost", named("orders"), "denied", "does not hold");

    // Without its tag, the reader gets an empty list of virtual hosts instead of a refusal.
    let reader = RabbitMq::MONITOR;
    let demoted = json!({"password": reader.password, "tags": "management"});
    broker.rabbit.put("/users/monitor", &demoted).unwrap();
    let unconfirmed = "the absence is not confirmed";
    broker.ends("rabbitmq.delete_vhost", named("ORDERS"), "failed", unconfirmed);
    broker.ends("rabbitmq.create_vhost", vhost("ORDERS"), "failed", unconfirmed);
    assert!(broker.has("/vhosts/ORDERS"));
}

#[test]
#[ignore = "needs rabbitmq-server; run `make systems`"]
fn a_user_gets_permissions_and_is_deleted() {
    let broker = Broker::start();
    broker.rabbit.put("/vhosts/orders", &json!({})).unwrap();
    assert!(!broker.has("/users/anna"));
    let view = broker.ends("rabbitmq.create_user", user("anna"), "verified", "every expectation");
    assert_eq!(look(&broker.world, &view, "post")["state"]["user"]["tags"][0], "management");
    assert!(broker.rabbit.admits("anna", PASSWORD).unwrap());
    broker.ends("rabbitmq.create_user", user("anna"), "denied", "does not hold");

    let set = "rabbitmq.set_permissions";
    let patterns = |read: &str| Some(["", "^orders-", read].map(Value::from));
    for (name, path, read) in [
        ("orders", "/permissions/orders/anna", "^invoices$"),
        ("orders", "/permissions/orders/anna", "^orders-"),
        ("/", "/permissions/%2F/anna", ""),
    ] {
        assert_ne!(broker.permissions(path), patterns(read));
        broker.ends(set, permissions(name, "anna", read), "verified", "every expectation holds");
        assert_eq!(broker.permissions(path), patterns(read));
    }
    let sent = broker.proxy.requests();
    assert!(sent.iter().any(|one| one.method == "PUT" && one.path == "/api/permissions/%2F/anna"));
    broker.ends(set, permissions("/", "anna", ""), "denied", "does not hold");
    broker.ends(set, permissions("nowhere", "anna", ""), "failed", "the upstream refused");
    broker.ends(set, permissions("orders", "nobody", ""), "failed", "the upstream refused");
    // Permissions that the contract cannot restore stay.
    let all = json!({"configure": "", "write": "", "read": ".*"});
    broker.rabbit.put("/permissions/%2F/anna", &all).unwrap();
    broker.ends(set, permissions("/", "anna", "^orders-"), "denied", "p.matches(");
    assert_eq!(broker.permissions("/permissions/orders/anna"), patterns("^orders-"));

    let named = |name: &str| json!({ "user": name });
    broker.ends("rabbitmq.delete_user", named("auditor"), "denied", "does not hold");
    broker.ends("rabbitmq.delete_user", named("anna"), "verified", "every expectation holds");
    assert!(!broker.has("/users/anna") && !broker.has("/permissions/orders/anna"));
    assert!(!broker.rabbit.admits("anna", PASSWORD).unwrap());
    broker.ends("rabbitmq.delete_user", named("anna"), "denied", "does not hold");
}

/// The server reports success but does not carry out the write; the host detects this with each contract.
#[test]
#[ignore = "needs rabbitmq-server; run `make systems`"]
fn a_server_that_lies_is_found_out() {
    let broker = Broker::start();
    broker.rabbit.put("/vhosts/there", &json!({})).unwrap();
    broker.rabbit.put("/users/there", &json!({"password_hash": "", "tags": ""})).unwrap();
    let set = json!({"configure": "", "write": "", "read": ""});
    broker.rabbit.put("/permissions/there/there", &set).unwrap();
    assert!(!broker.has("/vhosts/new") && !broker.has("/users/new"));
    broker.proxy.set("PUT", Fault::Lie2xx);
    broker.proxy.set("DELETE", Fault::Lie2xx);
    for (contract, params) in [
        ("rabbitmq.create_vhost", vhost("new")),
        ("rabbitmq.create_user", user("new")),
        ("rabbitmq.set_permissions", permissions("there", "there", "^orders-")),
        ("rabbitmq.set_permissions", permissions("/", "there", "^orders-")),
        ("rabbitmq.delete_vhost", json!({"vhost": "there"})),
        ("rabbitmq.delete_user", json!({"user": "there"})),
    ] {
        broker.ends(contract, params, "mismatch", "nothing changed");
    }
    assert!(broker.has("/vhosts/there") && broker.has("/users/there"));
    assert!(!broker.has("/vhosts/new") && !broker.has("/users/new"));
    let same = Some(["", "", ""].map(Value::from));
    assert_eq!(broker.permissions("/permissions/there/there"), same);
    assert_eq!(broker.permissions("/permissions/%2F/there"), None);
}

/// The host dies before it gets the answer to a create. Afterwards, the host does not send the write again. A virtual
/// host has the id of its action; a user has no such proof.
#[test]
#[ignore = "needs rabbitmq-server; run `make systems`"]
fn a_crash_does_not_create_twice() {
    let mut broker = Broker::start();
    for (contract, params, path, outcome, reason) in [
        ("create_vhost", vhost("late"), "/vhosts/late", "verified", "every expectation holds"),
        ("create_user", user("late"), "/users/late", "indeterminate", "nothing proves"),
    ] {
        broker.proxy.forget();
        broker.proxy.set("PUT", Fault::Delay { ms: 500 });
        let proposal = declared(&format!("rabbitmq.{contract}"), params);
        let agent = broker.world.client(HELPDESK);
        let id = agent.propose(&proposal, &[("prefer", "wait=0")]).unwrap().text("/id");
        until("it writes", || broker.proxy.count("PUT") == 1);
        broker.world.kill().unwrap();
        broker.proxy.set("PUT", Fault::None);
        until("the write takes effect", || broker.has(path));
        broker.world.serve().unwrap();
        let view = broker.world.settled(&id).unwrap();
        ended(&broker.world, &view, outcome, reason);
        assert_eq!(broker.proxy.count("PUT"), 1);
    }
}

/// Another client creates the object between the look and the write, so the server refuses the write.
#[test]
#[ignore = "needs rabbitmq-server; run `make systems`"]
fn what_another_client_has_created_stays() {
    let broker = Broker::start();
    let body = json!({"description": "of another", "password_hash": "", "tags": ""});
    broker.proxy.set("PUT", Fault::PatchBefore { body });
    let before = "precondition `pre.";
    broker.ends("rabbitmq.create_vhost", vhost("both"), "denied", before);
    broker.ends("rabbitmq.create_user", user("both"), "denied", before);
    let made = broker.rabbit.get("/vhosts/both").unwrap().unwrap();
    assert_eq!(made["description"], "of another");
    let made = broker.rabbit.get("/users/both").unwrap().unwrap();
    assert_eq!(made["tags"], json!([]));
}
