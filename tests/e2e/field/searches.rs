//! Systems that are read by POST: a search, and a query in a language of its own.

use deed_record::contract::Contract;
use deed_test_support::shared::ended;
use deed_tests::world::World;
use serde_json::{Value, json};

use super::upstream::{Reply, Request, Upstream};
use super::{POLICY, contract, granted, tried};

const TABLES: &str = r#"
[state.user]
from = "POST /graphql"
at   = "/data/user"
required = ["active"]
properties.active = { type = "boolean" }
[[observe.http]]
upstream = "field"
request  = "POST /graphql"
reads    = true
[observe.http.body]
query     = "query($id: ID!) {{ user(id: $id) {{ active }} }}"
variables = { id = "{id}" }
[[perform.http]]
upstream = "field"
request  = "POST /graphql"
[perform.http.body]
query     = "mutation($id: ID!) {{ suspend(id: $id) {{ ok }} }}"
variables = { id = "{id}" }
[verify]
before     = ["pre.user.active"]
after      = ["!post.user.active"]
may_change = ["/user/active"]
settle     = "0s"
"#;

const SAFE: &str = "safe = [\"POST /graphql\"]";

fn served(upstream: &Upstream, text: &str, lines: &str, grant: &str) -> Result<World, String> {
    granted(POLICY, upstream, text, lines, grant).map_err(|error| error.to_string())
}

fn is_search(request: &Request) -> bool {
    request.json()["query"].as_str().is_some_and(|query| query.starts_with("query"))
}

/// A user who is read and suspended by POST. `search` may answer a search with this number, from 1, in another way.
fn users(mut search: impl FnMut(usize) -> Option<Reply> + Send + 'static) -> Upstream {
    let (mut active, mut searches) = (true, 0);
    Upstream::start(move |request| {
        if !is_search(request) {
            active = false;
            return Reply::json(200, json!({"data": {"suspend": {"ok": true}}}));
        }
        searches += 1;
        search(searches)
            .unwrap_or_else(|| Reply::json(200, json!({"data": {"user": {"active": active}}})))
    })
}

#[test]
fn a_state_is_read_by_a_query_and_changed_by_a_mutation() {
    let upstream = users(|_| None);
    let world = served(&upstream, &contract("update", TABLES), "", SAFE).unwrap();
    ended(&world, &tried(&world), "verified", "every expectation holds");
    let seen = upstream.seen();
    let wanted =
        json!({"query": "query($id: ID!) { user(id: $id) { active } }", "variables": {"id": "a1"}});
    assert_eq!(seen.iter().filter(|one| one.json() == wanted).count(), 2);
    assert_eq!(seen.iter().filter(|one| !is_search(one)).count(), 1);
    // A search is sent with the credential for reads.
    let tokens: Vec<_> = seen.iter().map(|one| one.header("authorization").unwrap()).collect();
    assert!(tokens[0] == tokens[2] && tokens[0] != tokens[1], "{tokens:?}");
}

/// The upstream may have carried out a search whose answer is lost, so it is not sent again.
#[test]
fn a_search_that_was_sent_is_not_repeated() {
    for reply in [Reply::empty(0), Reply::json(503, json!({}))] {
        let answer = reply.clone();
        let upstream = users(move |n| (n == 1).then(|| answer.clone()));
        let world = served(&upstream, &contract("update", TABLES), "", SAFE).unwrap();
        ended(&world, &tried(&world), "failed", "could not be observed");
        assert_eq!(upstream.seen().len(), 1, "{reply:?}");
    }
}

#[test]
fn the_operator_permits_each_search() {
    let text = contract("update", TABLES);
    let upstream = users(|_| None);
    let same = "write = { secret = \"idp_read\", slot = \"bearer\" }";
    for (grant, why) in [
        ("", "could write; if it only reads, add `safe = ['POST /graphql']`"),
        ("safe = [\"POST /other\"]", "could write; if it only reads"),
        ("safe = [\"POST /graphql\", \"POST /other\"]", "and the request `POST /other`"),
    ] {
        let refused = served(&upstream, &text, "", grant).err().unwrap_or_default();
        assert!(refused.contains(why), "{grant}: {refused}");
    }
    let one = granted(POLICY, &upstream, &text, "", SAFE).unwrap();
    let file = one.dir.join("deed.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let (start, end) = config.split_once("[tenant.acme.upstream.field]").unwrap();
    let end = end.replacen("write = { secret = \"idp_write\", slot = \"bearer\" }", same, 1);
    std::fs::write(&file, format!("{start}[tenant.acme.upstream.field]{end}")).unwrap();
    let checked = deed_tests::host::run(&["check", one.dir.to_str().unwrap()], "").unwrap();
    let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
    assert!(said.contains("that differs from `write`"), "{said}");
    assert!(!upstream.seen().iter().any(|one| one.method == "POST"));
}

#[test]
fn only_a_search_of_an_observation_reads_by_post() {
    let text = contract("update", TABLES);
    let mutation = "mutation($id: ID!) {{ suspend(id: $id) {{ ok }} }}";
    let query = "query($id: ID!) {{ user(id: $id) {{ active }} }}";
    for (text, why) in [
        (text.replace("reads    = true\n", ""), "could write"),
        (text.replacen("POST /graphql\"\nreads", "GET /graphql\"\nreads", 1), "has no effect"),
        (text.replacen("POST /graphql\"\nreads", "PUT /graphql\"\nreads", 1), "has no effect"),
        (
            text.replace(
                "request  = \"POST /graphql\"\n[perform",
                "request  = \"POST /graphql\"\nreads = true\n[perform",
            ),
            "has no effect",
        ),
        (text.replace(mutation, query), "an observation could then write"),
        (
            text.replacen("id = \"{id}\" }\n[[perform", "id = \"{note?}\" }\n[[perform", 1),
            "can only be",
        ),
        (
            text.replacen(
                "id = \"{id}\" }\n[[perform",
                "id = \"{pre.user.active}\" }\n[[perform",
                1,
            ),
            "can only be a whole value in the JSON body of a write",
        ),
        (text.replace("format = 2", "format = 1"), "needs `format = 2`"),
    ] {
        let refused = Contract::from_toml("c.toml", &text).map(|_| Value::Null);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(why), "{why}: {refused}");
    }
}
