//! Tests of a person who is found by name, on an upstream that may return another person.

use deed_test_support::shared::ended;
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, served, tried};

const SUSPEND: &str = r#"
[state.user]
from = 'GET /users?filter=userName eq "{id}"'
only = "/items"
required = ["userName", "active"]
properties.userName = { type = "string" }
properties.active   = { type = "boolean" }
[[observe.http]]
upstream = "field"
request  = 'GET /users?filter=userName eq "{id}"'
control  = "GET /me"
[[observe.http]]
upstream = "field"
request  = "GET /me"
[[perform.http]]
upstream = "field"
request  = "POST /users/suspend"
body     = { userName = "{id}" }
[verify]
before     = ["pre.user != null && pre.user.userName == params.id && pre.user.active"]
after      = ["post.user != null && post.user.userName == params.id && !post.user.active"]
may_change = ["/user/active"]
"#;

/// The upstream compares only the start of the name, ignores case, or ignores the filter.
#[test]
fn a_person_of_another_name_is_not_acted_on() {
    for (names, outcome, why) in [
        (&["a1"][..], "verified", "every expectation holds"),
        (&["a1_1"], "denied", "does not hold"),
        (&["A1"], "denied", "does not hold"),
        (&[], "denied", "does not hold"),
        (&["a1", "a1_1"], "failed", "has 2 elements at `/items`"),
        (&["zoe", "a1", "bob"], "failed", "has 3 elements at `/items`"),
    ] {
        let (items, mut active) = (names.to_vec(), true);
        let upstream = Upstream::start(move |request| {
            if request.method == "POST" {
                active = false;
                return Reply::empty(204);
            }
            let user = |name: &&str| json!({"userName": name, "active": active});
            let found: Vec<Value> = items.iter().map(user).collect();
            Reply::json(200, json!({ "items": found }))
        });
        let world = served(&upstream, &contract("update", SUSPEND), "");
        ended(&world, &tried(&world), outcome, why);
        let sent = usize::from(outcome == "verified");
        assert_eq!(upstream.writes().len(), sent, "{names:?}");
        let filter = "/users?filter=userName%20eq%20%22a1%22";
        assert!(upstream.seen().iter().any(|one| one.target == filter), "{names:?}");
    }
}
