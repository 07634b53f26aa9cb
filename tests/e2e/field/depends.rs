//! Tests of `[approval]`: an approval stays valid if values change on which it does not depend.

use std::sync::{Arc, Mutex};

use deed_test_support::shared::{ended, look};
use deed_tests::host;
use deed_tests::world::{BOB, World};
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, proposal, served_asking};

const TABLES: &str = r#"
[state.user]
from = "GET /t/{id}"
required = ["active", "email"]
properties.active = { type = "boolean" }
properties.email  = { type = "string" }
properties.logins = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "PUT /t/{id}"
body     = { active = false }
[verify]
before     = ["pre.user.active"]
after      = ["!post.user.active"]
may_change = ["/user/active"]
[approval]
depends_on = ["/user/active", "/user/email"]
"#;

/// The document of the upstream's user, which a test can change.
type Document = Arc<Mutex<Value>>;

/// An upstream with one user, whom a PUT deactivates. `change` is applied to the user's document at the same time.
fn user(change: impl Fn(&mut Value) + Send + 'static) -> (Upstream, Document) {
    let whole = json!({"active": true, "email": "a@example.com", "logins": 1});
    let document = Arc::new(Mutex::new(whole));
    let served = Arc::clone(&document);
    let upstream = Upstream::start(move |request| {
        let mut user = served.lock().unwrap();
        if request.method == "PUT" {
            user["active"] = json!(false);
            change(&mut user);
            return Reply::empty(204);
        }
        Reply::json(200, user.clone())
    });
    (upstream, document)
}

/// Proposes the action, which then waits for approval; returns its id.
fn waiting(world: &World) -> String {
    let answer = world.propose(&proposal(json!({"id": "a1"}))).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
    answer.text("/id")
}

#[test]
fn an_approval_outlives_a_change_on_which_it_does_not_depend() {
    let (upstream, document) = user(|_| ());
    let world = served_asking(&upstream, &contract("update", TABLES));
    let id = waiting(&world);
    document.lock().unwrap()["logins"] = json!(2);
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    for part in ["the approval depends on which states exist", "/user/email: \"a@example.com\""] {
        assert!(said.contains(part), "no `{part}`: {said}");
    }
    let view = world.settled(&id).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["approvals"][0]["counted"], true, "{receipt:#}");
    assert_eq!(look(&world, &view, "pre")["state"]["user"]["logins"], 2);
    assert_eq!(upstream.writes().len(), 1);
    let file = world.dir.join("contracts/field.toml");
    let args = ["contract", "explain", file.to_str().unwrap(), "--param", "id=a1"];
    let said = host::expect(&args).unwrap();
    assert!(said.contains("\nan approval depends on\n  /user/active\n  /user/email\n"), "{said}");
}

#[test]
fn an_approval_is_stale_after_a_change_on_which_it_depends() {
    let (upstream, document) = user(|_| ());
    let world = served_asking(&upstream, &contract("update", TABLES));
    let id = waiting(&world);
    document.lock().unwrap()["email"] = json!("b@example.com");
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(!done && said.contains("does not count: the state changed"), "{said}");
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "waiting", "{view:#}");
    assert_eq!(view["stale"], json!(["the state changed after it was shown to the approver"]));
    assert_eq!(upstream.writes().len(), 0);
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let view = world.settled(&id).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    let listed = receipt["approvals"].as_array().unwrap();
    let counted: Vec<_> = listed.iter().map(|one| &one["counted"]).collect();
    assert_eq!(counted, [false, true], "{receipt:#}");
}

/// `depends_on` does not allow the action to change anything.
#[test]
fn a_change_on_which_no_approval_depends_is_still_unexpected() {
    let (upstream, _) = user(|user| user["logins"] = json!(2));
    let world = served_asking(&upstream, &contract("update", TABLES));
    let id = waiting(&world);
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "mismatch", "`/user/logins` changed, which is not allowed");
}
