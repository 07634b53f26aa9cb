//! Tests of contracts without adapter code on a real Kinto server. The tests read the server directly and not through
//! the host.

use std::fs;

use deed_test_support::shared::{declared, ended, look, scim};
use deed_tests::proxy::{Fault, Proxy};
use deed_tests::services::kinto::Kinto;
use deed_tests::world::{self, World};
use serde_json::{Value, json};

const CONTRACTS: [(&str, &str); 3] = [
    ("create_record", include_str!("../../contracts/kinto/create_record.toml")),
    ("replace_record", include_str!("../../contracts/kinto/replace_record.toml")),
    ("delete_record", include_str!("../../contracts/kinto/delete_record.toml")),
];

const POLICY: &str = r#"
@id("helpdesk-records")
permit (principal, action in [Deed::Action::"kinto.create_record", Deed::Action::"kinto.replace_record",
    Deed::Action::"kinto.delete_record"], resource)
when { principal.roles.contains("helpdesk") };
"#;

const UPSTREAM: &str = r#"
[tenant.acme.upstream.kinto]
base_url  = "@base@"
addresses = ["loopback"]
read  = { secret = "kinto_read", slot = { basic = { user = "reader" } } }
write = { secret = "kinto_write", slot = { basic = { user = "deed" } } }

[tenant.acme.secret.kinto_read]
file = "secrets/kinto_read"

[tenant.acme.secret.kinto_write]
file = "secrets/kinto_write"
"#;

/// A host with the three contracts, in front of a Kinto server with a faulty network.
struct Store {
    world: World,
    kinto: Kinto,
    proxy: Proxy,
}

impl Store {
    fn start() -> Self {
        let kinto = Kinto::start().unwrap();
        let proxy = Proxy::start(&kinto.base_url()).unwrap();
        let world = World::with(scim(), "scim", |dir| {
            for (name, text) in CONTRACTS {
                fs::write(dir.join(format!("contracts/kinto_{name}.toml")), text)?;
            }
            fs::write(dir.join("policies/kinto.cedar"), POLICY)?;
            let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
            world::edit(dir, "deed.toml", own, &format!("{own}, \"policies/kinto.cedar\""))?;
            let mut text = fs::read_to_string(dir.join("deed.toml"))?;
            text += &UPSTREAM.replace("@base@", proxy.base_url());
            for (name, _) in CONTRACTS {
                text += "\n[tenant.acme.grant.\"kinto.";
                text += name;
                text += "\"]\nupstreams = [\"kinto\"]\n";
            }
            fs::write(dir.join("deed.toml"), text)?;
            world::store(dir, "kinto_read", Kinto::READ_PASSWORD)?;
            world::store(dir, "kinto_write", Kinto::WRITE_PASSWORD)
        })
        .unwrap();
        Self { world, kinto, proxy }
    }

    /// Runs a contract on one record, with the parameters that identify the record and the parameters `more`.
    fn run(&self, contract: &str, id: &str, more: &Value) -> Value {
        let mut params = json!({"bucket": "deed", "collection": "notes", "id": id});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.world.run(&declared(contract, params)).unwrap()
    }

    fn title(&self, id: &str) -> Option<String> {
        let record = self.kinto.record(id).unwrap()?;
        Some(record["title"].as_str().unwrap_or_default().to_owned())
    }
}

#[test]
fn a_record_is_created_replaced_and_deleted() {
    let store = Store::start();
    assert_eq!(store.kinto.record("a1").unwrap(), None);
    let view = store.run("kinto.create_record", "a1", &json!({"title": "one", "text": "x"}));
    ended(&store.world, &view, "verified", "every expectation holds");
    assert_eq!(look(&store.world, &view, "pre")["state"]["record"], Value::Null);
    assert_eq!(store.title("a1").unwrap(), "one");
    assert_eq!(store.proxy.requests().iter().filter(|one| one.method == "PUT").count(), 1);

    let view = store.run("kinto.replace_record", "a1", &json!({"title": "two"}));
    ended(&store.world, &view, "verified", "every expectation holds");
    assert_eq!(store.title("a1").unwrap(), "two");
    assert_eq!(
        store.kinto.record("a1").unwrap().unwrap().get("text"),
        None,
        "PUT replaces all of it"
    );

    let view = store.run("kinto.delete_record", "a1", &json!({}));
    ended(&store.world, &view, "verified", "every expectation holds");
    assert_eq!(store.kinto.record("a1").unwrap(), None);
    let again = store.run("kinto.delete_record", "a1", &json!({}));
    ended(&store.world, &again, "denied", "does not hold");
}

/// The server reports success but does not carry out the write; the host detects this with each contract.
#[test]
fn a_server_that_lies_is_found_out() {
    let store = Store::start();
    store.kinto.put("there", &json!({"title": "old"})).unwrap();
    assert_eq!(store.kinto.record("new").unwrap(), None);
    store.proxy.set("PUT", Fault::Lie2xx);
    store.proxy.set("DELETE", Fault::Lie2xx);
    for (contract, id, more) in [
        ("kinto.create_record", "new", json!({"title": "one"})),
        ("kinto.replace_record", "there", json!({"title": "new"})),
        ("kinto.delete_record", "there", json!({})),
    ] {
        let view = store.run(contract, id, &more);
        ended(&store.world, &view, "mismatch", "nothing changed");
    }
    assert_eq!(store.title("there").unwrap(), "old");
    assert_eq!(store.kinto.record("new").unwrap(), None);
}

/// Another client changes or creates the record between the observation and the write, so the server's own precondition
/// check rejects the write.
#[test]
fn a_write_is_turned_away_if_the_record_has_changed() {
    let store = Store::start();
    store.kinto.put("b1", &json!({"title": "old"})).unwrap();
    let body = json!({"data": {"title": "other {n}"}});
    store.proxy.set("PUT", Fault::PatchBefore { body });
    let view = store.run("kinto.replace_record", "b1", &json!({"title": "mine"}));
    assert_eq!(view["status"], "failed", "{view:#}");
    assert!(store.title("b1").unwrap().starts_with("other"));
    let view = store.run("kinto.create_record", "b2", &json!({"title": "mine"}));
    assert_ne!(view["status"], "verified", "{view:#}");
    assert!(
        store.title("b2").unwrap().starts_with("other"),
        "the record of the other client stays"
    );
    store.kinto.put("b3", &json!({"title": "old"})).unwrap();
    let body = json!({"data": {"title": "other {n}"}});
    store.proxy.set("DELETE", Fault::PutBefore { body });
    let view = store.run("kinto.delete_record", "b3", &json!({}));
    ended(&store.world, &view, "failed", "the upstream rejected the write (412)");
    assert_eq!(store.proxy.count("DELETE"), 3);
    assert!(store.title("b3").unwrap().starts_with("other"), "the record is not deleted");
}
