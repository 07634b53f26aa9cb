//! Systems that are read by POST: a search, and a query in a language of its own.

use deed_record::contract::Contract;
use deed_test_support::shared::ended;
use deed_tests::world::{BOB, World};
use serde_json::{Value, json};

use super::upstream::{Reply, Request, Upstream};
use super::{ASKING, POLICY, contract, granted, proposal, tried};

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

/// The line of the grant that permits the first request of `observe`.
fn safe(text: &str) -> String {
    let contract = Contract::from_toml("c.toml", text).unwrap();
    let rule = &contract.observe.http[0];
    format!("safe = {{ \"{}\" = \"{}\" }}", rule.request, contract.reviewed(rule).unwrap())
}

/// A host with this contract, which the operator has reviewed.
fn served(upstream: &Upstream, text: &str) -> World {
    granted(POLICY, upstream, text, "", &safe(text)).unwrap()
}

/// Why a host refuses this contract with these lines of the grant.
fn refused(upstream: &Upstream, text: &str, grant: &str) -> String {
    granted(POLICY, upstream, text, "", grant)
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default()
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
    let world = served(&upstream, &contract("update", TABLES));
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

/// The host repeats a search with the agent's values after the approval, so the approver sees it.
#[test]
fn an_approver_sees_the_searches() {
    let (upstream, text) = (users(|_| None), contract("update", TABLES));
    let policy = format!("{POLICY}{ASKING}");
    let world = granted(&policy, &upstream, &text, "", &safe(&text)).unwrap();
    let id = world.propose(&proposal(json!({"id": "a1"}))).unwrap().text("/id");
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let title = "\nwould read, by POST or with values of the answers\n";
    let (writes, reads) = said.split_once(title).unwrap();
    let reads = reads.split("\n\n").next().unwrap();
    let line = format!("  POST http://{}/graphql (field)\n", upstream.address);
    assert!(writes.contains(&line) && reads.contains(&line), "{said}");
    assert!(reads.contains("query($id: ID!)") && reads.contains("\"id\": \"a1\""), "{said}");
    assert!(reads.contains("      body /variables/id: parameter id"), "{said}");
    assert!(!reads.contains("mutation"), "{said}");
    ended(&world, &world.settled(&id).unwrap(), "verified", "every expectation holds");
}

/// The upstream may have carried out a search whose answer is lost, so it is not sent again.
#[test]
fn a_search_that_was_sent_is_not_repeated() {
    for reply in [Reply::empty(0), Reply::json(503, json!({}))] {
        let answer = reply.clone();
        let upstream = users(move |n| (n == 1).then(|| answer.clone()));
        let world = served(&upstream, &contract("update", TABLES));
        ended(&world, &tried(&world), "failed", "could not be observed");
        assert_eq!(upstream.seen().len(), 1, "{reply:?}");
    }
}

#[test]
fn the_operator_permits_each_search() {
    let text = contract("update", TABLES);
    let upstream = users(|_| None);
    let same = "write = { secret = \"idp_read\", slot = \"bearer\" }";
    let other = safe(&text).replace("graphql", "other");
    let wanted = safe(&text).replace('"', "'");
    for (grant, why) in [
        ("", format!("if the rule only reads for all parameters, add `{wanted}`")),
        (&other, "with `reads = true` and the request `POST /other`".to_owned()),
        ("safe = [\"POST /graphql\"]", "expected a map".to_owned()),
    ] {
        let refused = refused(&upstream, &text, grant);
        assert!(refused.contains(&why), "{grant}: {refused}");
    }
    // What was reviewed is the rule with its parameters, and not only its request.
    for (old, new) in [("{{ active }}", "{{ active name }}"), ("[A-Za-z0-9._@-]+", "[a-z0-9._@-]+")]
    {
        let later = text.replacen(old, new, 1);
        assert_ne!(later, text);
        let refused = refused(&upstream, &later, &safe(&text));
        assert!(refused.contains(&safe(&later).replace('"', "'")), "{refused}");
    }
    let one = served(&upstream, &text);
    let file = one.dir.join("deed.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let (start, end) = config.split_once("[tenant.acme.upstream.field]").unwrap();
    let table = "[tenant.acme.upstream.field]";
    let url = end.lines().find(|line| line.starts_with("base_url")).unwrap();
    let alias =
        format!("[tenant.acme.upstream.alias]\n{url}\naddresses = [\"loopback\"]\n{same}\n\n");
    let shared = end.replacen("write = { secret = \"idp_write\", slot = \"bearer\" }", same, 1);
    let absent = end.replacen("read  = { secret = \"idp_read\", slot = \"bearer\" }", "", 1);
    let configs = [(String::new(), shared), (String::new(), absent), (alias, end.to_owned())];
    for (alias, end) in configs {
        std::fs::write(&file, format!("{start}{alias}{table}{end}")).unwrap();
        let checked = deed_tests::host::run(&["check", one.dir.to_str().unwrap()], "").unwrap();
        let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
        assert!(said.contains("that cannot write and that no upstream has as `write`"), "{said}");
    }
    assert!(!upstream.seen().iter().any(|one| one.method == "POST"));
}

/// An answer with status 200 that is an error gives no state, before and after the write.
#[test]
fn an_error_with_status_200_gives_no_state() {
    let errors = "reads    = true\nrefused_when = \"has(answer.body.errors)\"";
    let text = contract("update", TABLES).replace("reads    = true", errors);
    let error = || {
        let user = json!({"data": {"user": {"active": false}}, "errors": [{"message": "timeout"}]});
        Some(Reply::json(200, user))
    };
    let upstream = users(move |_| error());
    let world = served(&upstream, &text);
    ended(&world, &tried(&world), "failed", "is an error, or may be one, by `refused_when`");
    assert!(upstream.seen().iter().all(is_search));
    let upstream = users(move |n| (n > 1).then(error).flatten());
    let world = served(&upstream, &text);
    ended(&world, &tried(&world), "indeterminate", "by `refused_when`");
    let upstream = users(|_| None);
    let world = served(&upstream, &text);
    ended(&world, &tried(&world), "verified", "every expectation holds");
}

/// An expression that cannot be evaluated, and a part that was redacted, leave open whether the answer is an error.
#[test]
fn an_answer_that_may_be_an_error_gives_no_state() {
    let with = |expression: &str| {
        let line = format!("reads    = true\nrefused_when = \"{expression}\"");
        contract("update", TABLES).replace("reads    = true", &line)
    };
    let upstream = users(|_| None);
    let world = served(&upstream, &with("answer.body.status == 'error'"));
    ended(&world, &tried(&world), "failed", "or may be one, by `refused_when`");
    let upstream = Upstream::start(|request| {
        let token = request.header("authorization").unwrap_or_default().replace("Bearer ", "");
        Reply::json(200, json!({"data": {"user": {"active": true}}, "status": token}))
    });
    let world = served(&upstream, &with("has(answer.body.errors)"));
    ended(&world, &tried(&world), "failed", "or may be one, by `refused_when`");
}

#[test]
fn a_read_may_be_a_search() {
    let tables = TABLES.split_once("[[perform.http]]").unwrap().0;
    let text = contract("read", tables).replace("mode     = \"write\"", "mode     = \"read\"");
    let upstream = users(|_| None);
    let world = served(&upstream, &text);
    ended(&world, &tried(&world), "verified", "the host read the state");
    assert_eq!(upstream.seen().len(), 1);
}

#[test]
fn only_a_search_of_an_observation_reads_by_post() {
    let text = contract("update", TABLES);
    let mutation = "mutation($id: ID!) {{ suspend(id: $id) {{ ok }} }}";
    let query = "query($id: ID!) {{ user(id: $id) {{ active }} }}";
    let look = |old: &str, new: &str| {
        let changed = text.replacen(old, new, 1);
        assert_ne!(changed, text);
        changed
    };
    let second = "[[observe.http]]\nupstream = \"field\"\nrequest  = \"POST /graphql\"\nreads = true\n\
                  body = { query = \"query {{ me {{ id }} }}\" }\n[[perform.http]]";
    let wide = "is in a POST that only reads, so `text` must be";
    let param = "properties.note = { type = \"string\" }";
    let text_of = |text: String| {
        text.replace("required = [\"id\"]", "required = [\"id\", \"text\"]")
            .replace(param, "properties.text = { type = \"string\", maxLength = 9 }")
    };
    let only = "is only for a POST in observe";
    for (text, why) in [
        (look("reads    = true\n", ""), "could write; observe allows only GET and HEAD"),
        (look("POST /graphql\"\nreads", "GET /graphql\"\nreads"), only),
        (look("POST /graphql\"\nreads", "PUT /graphql\"\nreads"), only),
        (look("reads    = true", "reads    = true\nwrites = true"), only),
        (look("graphql\"\n[perform", "graphql\"\nreads = true\n[perform"), only),
        (look(mutation, query), "an observation could then write"),
        (look("[[perform.http]]", second), "several [[observe.http]] have the request"),
        (
            look("variables = { id = \"{id}\" }", "variables = { id = \"{note?}\" }")
                .replace(param, "properties.note = { type = \"integer\" }"),
            "can only be",
        ),
        (
            look("variables = { id = \"{id}\" }", "variables = { id = \"{pre.user.active}\" }"),
            "can only be a whole value in the JSON body of a write",
        ),
        (
            look("variables = { id = \"{id}\" }", "variables = { id = \"{answer.a.id}\" }"),
            "can only be in the path or query of a GET or HEAD",
        ),
        (text_of(look("variables = { id = \"{id}\" }", "variables = \"{text}\"")), wide),
        (text_of(look(&format!("\"{query}\""), "\"{text}\"")), wide),
        (text_of(text.replace("POST /graphql\"", "POST /graphql?op={text}\"")), wide),
        (
            text_of(text.replace("POST /graphql\"", "POST /{text}\"")),
            "could select another operation",
        ),
        (text.replace("format = 2", "format = 1"), "needs `format = 2`"),
    ] {
        let refused = Contract::from_toml("c.toml", &text).map(|_| Value::Null);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(why), "{why}: {refused}");
    }
}
