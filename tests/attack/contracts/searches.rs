//! Systems that are read by POST: an agent, a later contract, an adapter or an upstream that tries to make such a read
//! a write, or to have an error taken for a state.

mod answers;

use std::fs;
use std::path::Path;

use deed_record::contract::Contract;
use deed_tests::guests::Guest;
use deed_tests::services::workspace;
use serde_json::{Value, json};

use super::escapes::of_pattern;
use super::stage::{Request, Stage, contract, fresh, lay_out, safe, says};
use crate::case::{Case, cases, unharmed};
use crate::configuration::bench::{Bench, pin, replace};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "queries-with-values-that-inject" => values_that_inject,
        "queries-that-an-agent-chooses" => chosen,
        "queries-that-were-not-reviewed" => not_reviewed,
        "queries-with-a-credential-that-writes" => credentials,
        "queries-that-fail-with-status-200" => answers::errors,
        "queries-without-an-answer" => answers::unanswered,
        "queries-that-were-answered" => answers::answered_and_sent_again,
        "queries-with-hidden-errors" => answers::hidden_errors,
        "entity-tags-of-queries" => answers::tags,
    ]
}

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
@more@
[observe.http.body]
query     = "query($id: ID!) {{ user(id: $id) {{ active }} }}"
variables = { id = "{id}", x = "{x}" }
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

const NARROW: &str = r#"{ type = "string", pattern = "^[A-Za-z0-9._@+-]+$" }"#;

const FILE: &str = "contracts/field_search.toml";

/// A contract that reads a user by POST, with these additional lines in the rule of the query.
fn search(more: &str) -> (&'static str, String) {
    contract("search", "update", &[("x", NARROW)], &TABLES.replace("@more@", more))
}

fn params(id: &str, x: &str) -> Value {
    json!({ "id": id, "x": x })
}

/// The only body of the query with these parameters.
fn query(id: &str, x: &str) -> Value {
    let query = "query($id: ID!) { user(id: $id) { active } }";
    json!({ "query": query, "variables": { "id": id, "x": x } })
}

fn is_query(request: &Request) -> bool {
    request.json()["query"].as_str().is_some_and(|query| query.starts_with("query("))
}

fn is_about(request: &Request, id: &str) -> bool {
    request.json()["variables"]["id"] == json!(id)
}

/// The requests about this user. Late looks of earlier actions are about other users.
fn about(stage: &Stage, id: &str) -> Vec<Request> {
    stage.seen().into_iter().filter(|request| is_about(request, id)).collect()
}

/// A user who is active until a mutation. `odd` may answer a query with this number, from 1, in another way. Requests
/// about other users are not answered.
fn users(stage: &Stage, id: &str, mut odd: impl FnMut(usize) -> Option<Vec<u8>> + Send + 'static) {
    let (own, mut active, mut queries) = (id.to_owned(), true, 0);
    stage.replies(move |request| {
        if !is_about(request, &own) {
            return vec![];
        }
        if !is_query(request) {
            active = false;
            return says(200, &json!({"data": {"suspend": {"ok": true}}}));
        }
        queries += 1;
        odd(queries).unwrap_or_else(|| says(200, &json!({"data": {"user": {"active": active}}})))
    });
}

fn values_that_inject() {
    let stage = Stage::new(&[search("")]);
    for x in [
        "",
        "mutation { suspend }",
        "a\" } mutation { suspend(id: \"a\") { ok } } query { b(c: \"",
        "\"",
        "'",
        "{",
        "}",
        "{{",
        "{x}",
        "{pre.user.active}",
        "a\nmutation",
        "a\r\n\r\nPOST /graphql HTTP/1.1",
        "a\\",
        "\\u0022",
        "a b",
        "a,b",
        "a:b",
        "#",
        "$id",
        "a(b)",
        "[a]",
        "\u{feff}",
        "\u{2028}",
        "ａ",
        "é",
        "\0",
    ] {
        let id = fresh();
        users(&stage, &id, |_| None);
        let answer = stage.propose("search", &params(&id, x));
        stage.refused(&answer, 422, "does not match the pattern", &format!("{x:?}"));
    }
    for x in [json!({"query": "mutation"}), json!(["mutation"]), json!(7), json!(true), Value::Null]
    {
        let id = fresh();
        users(&stage, &id, |_| None);
        let answer = stage.propose("search", &json!({"id": id, "x": x}));
        stage.refused(&answer, 422, "/params/x", &x.to_string());
    }
    for name in ["query", "variables", "operationName", "extensions"] {
        let id = fresh();
        users(&stage, &id, |_| None);
        let mut with_more = params(&id, "a");
        with_more[name] = json!("mutation");
        let answer = stage.propose("search", &with_more);
        stage.refused(&answer, 422, "is not declared by the contract", name);
    }
    for x in ["mutation", "a.b@c-d_e+f", "__typename", "..."] {
        let id = fresh();
        users(&stage, &id, |_| None);
        let answer = stage.propose("search", &params(&id, x));
        stage.judged(&answer, "verified", "every expectation holds", x);
        let seen = about(&stage, &id);
        let own = query(&id, x).to_string().into_bytes();
        assert_eq!(seen.iter().filter(|one| one.body == own).count(), 2, "{x}: {seen:?}");
        assert_eq!(seen.iter().filter(|one| !is_query(one)).count(), 1, "{x}: {seen:?}");
    }
    unharmed(&stage.world);
}

/// Places of a query that a value could fill, as the text that is replaced, the new text and how often it is replaced.
const PLACES: [(&str, &str, usize); 7] = [
    (r#"{ id = "{id}" }"#, r#"{ id = "{id}", x = "{x}" }"#, 1),
    (r#"{ id = "{id}" }"#, r#""{x}""#, 1),
    (r#"{ id = "{id}" }"#, r#"{ a = [{ b = ["{x}"] }] }"#, 1),
    (r#""query($id: ID!) {{ user(id: $id) {{ active }} }}""#, r#""{x}""#, 1),
    ("user(id: $id)", "user(id: {x})", 1),
    (r#""POST /graphql""#, r#""POST /graphql?op={x}""#, 2),
    ("reads    = true", "reads    = true\nheaders = { Prefer = \"{x}\" }", 1),
];

fn chosen() {
    let why = "so `x` must be an integer";
    let plain = search("").1.replace(r#", x = "{x}""#, "");
    let wide = [
        r#"{ type = "string" }"#.to_owned(),
        r#"{ type = "string", maxLength = 4 }"#.to_owned(),
        r#"{ type = "string", enum = ["a", "b } mutation {"] }"#.to_owned(),
        r#"{ type = "array", items = { type = "integer" } }"#.to_owned(),
        r#"{ type = "object", properties = { a = { type = "integer" } } }"#.to_owned(),
        of_pattern("[a-z]+"),
        of_pattern("^[a-z ]+$"),
        of_pattern("^[a-z{}]+$"),
        of_pattern("^[^\"]+$"),
        of_pattern(r"^\w+$"),
    ];
    for (old, new, times) in PLACES {
        let placed = plain.replacen(old, new, times);
        assert_ne!(placed, plain, "{old}");
        Contract::from_toml("c.toml", &placed).unwrap();
        for schema in &wide {
            let text = placed.replace(NARROW, schema);
            let said = Contract::from_toml("c.toml", &text).unwrap_err().to_string();
            assert!(said.contains(why), "{new}, {schema}: {said}");
        }
    }
    // In the path, even a narrow text could select another operation.
    let path = plain.replacen("POST /graphql\"", "POST /graphql/{x}\"", 2);
    let said = Contract::from_toml("c.toml", &path).unwrap_err().to_string();
    assert!(said.contains("could select another operation"), "{said}");
    let listed = path.replace(NARROW, r#"{ type = "string", enum = ["a", "b"] }"#);
    Contract::from_toml("c.toml", &listed).unwrap();
    // A value that may be absent would also change what is sent.
    let optional = search("").1.replace(r#"["id","x"]"#, r#"["id"]"#);
    for (written, why) in [("{x}", "can be absent"), ("{x?}", "can only be a whole value")] {
        let text = optional.replace("{x}", written);
        let said = Contract::from_toml("c.toml", &text).unwrap_err().to_string();
        assert!(said.contains(why), "{written}: {said}");
    }
    let mut bench = bench("127.0.0.1:9");
    for schema in &wide {
        let attack = |dir: &Path| {
            replace(dir, FILE, NARROW, schema);
            pin(dir);
        };
        bench.refused(schema, attack, &[FILE, why]);
    }
    bench.well();
}

/// A valid directory with the contract, its review, and an upstream at this address.
fn bench(address: &str) -> Bench {
    let mut bench = Bench::new();
    lay_out(bench.dir(), address, &[search("")], "", "").unwrap();
    pin(bench.dir());
    bench.keep();
    bench
}

/// Changes of the contract that change what is sent, to whom, or what its answer means.
const LATER: [(&str, &str); 12] = [
    ("{{ active }}", "{{ active name }}"),
    ("query($id", "mutation($id"),
    (r#"{ id = "{id}", x = "{x}" }"#, r#"{ id = "{x}", x = "{id}" }"#),
    ("reads    = true", "reads    = true\nheaders = { Prefer = \"return=minimal\" }"),
    ("reads    = true", "reads    = true\ncodec = { request = \"form\" }"),
    ("reads    = true", "reads    = true\ncalls = 2"),
    ("reads    = true", "reads    = true\nexpose = [\"/data\"]"),
    ("reads    = true", "reads    = true\nrefused_when = \"has(answer.body.errors)\""),
    (
        "\"field\"\nrequest  = \"POST /graphql\"\nreads",
        "\"idp\"\nrequest  = \"POST /graphql\"\nreads",
    ),
    ("^[0-9a-f]{32}$", "^[0-9a-f]{31,32}$"),
    ("@+-]+$", "@+-]*$"),
    (NARROW, "{ type = \"integer\" }"),
];

fn not_reviewed() {
    let (text, mut bench) = (search("").1, bench("127.0.0.1:9"));
    let reviewed = safe(&text);
    for (old, new) in LATER {
        let later = text.replacen(old, new, 1);
        assert_ne!(later, text, "{old}");
        let wanted = safe(&later);
        assert_ne!(wanted, reviewed, "{new}");
        for is_pinned in [false, true] {
            let attack = |dir: &Path| {
                fs::write(dir.join(FILE), &later).unwrap();
                if is_pinned {
                    pin(dir);
                }
                let config = fs::read_to_string(dir.join("deed.toml")).unwrap();
                assert!(config.contains(&reviewed), "`deed pin` reviewed a query: {config}");
            };
            bench.refused(new, attack, &[FILE, "which could write", wanted.trim()]);
        }
    }
    let mut elsewhere = text.clone();
    for after in ["at", "reads"] {
        let line = |target: &str| format!("\"POST {target}\"\n{after}");
        elsewhere = elsewhere.replace(&line("/graphql"), &line("/graphql?op=2"));
    }
    let attack = |dir: &Path| {
        fs::write(dir.join(FILE), &elsewhere).unwrap();
        pin(dir);
    };
    let why = "with `reads = true` and the request `POST /graphql`";
    bench.refused("another request", attack, &[FILE, why]);
    for (old, new, why) in [
        ("'sha256:", "'SHA256:", "which could write"),
        ("'sha256:", "'", "which could write"),
        ("'sha256:", "' sha256:", "which could write"),
        ("'sha256:", "'sha256:0", "which could write"),
        ("'POST /graphql'", "'post /graphql'", "the request `post /graphql`"),
        ("'POST /graphql'", "'POST /*'", "the request `POST /*`"),
        ("safe = { ", "safe = { 'POST /admin' = 'sha256:0', ", "the request `POST /admin`"),
        (reviewed.as_str(), "", "which could write"),
    ] {
        bench.refused(new, |dir| replace(dir, "deed.toml", old, new), &[FILE, why]);
    }
    let retitled = |dir: &Path| {
        replace(dir, FILE, "Try something", "Try something else");
        pin(dir);
    };
    bench.taken("another title", retitled, "");
    bench.well();
}

/// Other texts of the base URL `http://localhost:80/v2`, and this text.
const SAME: [&str; 5] = [
    "http://localhost:80/v2",
    "http://localhost/v2",
    "http://localhost:80/v2/",
    "http://LOCALHOST:80/v2",
    "HTTP://localhost:80/v2",
];

/// The credential of the query may also be used for writes, so the upstream would carry out a mutation.
fn credentials() {
    let mut bench = bench("localhost:80");
    let why = "that cannot write and that no upstream has as `write`";
    let read = "read  = { secret = \"idp_read\", slot = \"bearer\" }\n";
    for (name, new) in [
        ("no credential", ""),
        ("the same", "read  = { secret = \"idp_write\", slot = \"bearer\" }\n"),
    ] {
        bench.refused(name, |dir| replace(dir, "deed.toml", read, new), &["`field`", why]);
    }
    let append = |dir: &Path, more: &str| {
        let file = dir.join("deed.toml");
        fs::write(&file, fs::read_to_string(&file).unwrap() + more).unwrap();
    };
    for base in SAME {
        let alias = format!(
            "\n[tenant.acme.upstream.alias]\nbase_url = \"{base}\"\naddresses = [\"loopback\"]\n\
             write = {{ secret = \"idp_read\", slot = \"bearer\" }}\n"
        );
        bench.refused(base, |dir| append(dir, &alias), &["`field`", why]);
    }
    // Two names of a secret with the same value.
    let copied = |dir: &Path| {
        replace(dir, "deed.toml", read, "read  = { secret = \"copy\", slot = \"bearer\" }\n");
        append(dir, "\n[tenant.acme.secret.copy]\nfile = \"secrets/idp_write\"\n");
    };
    bench.refused("a copy", copied, &["`field`", why]);
    bench.well();
}

/// An adapter that may send the query sends other bodies, to other paths, and sends the query twice.
pub(crate) fn queries_otherwise() {
    let name = Guest::QueriesOtherwise.name();
    let (action, text) = search("");
    let text = text.replace("adapter  = \"declared\"", &format!("adapter  = \"{name}\""));
    let wasm = workspace().join(format!("target/adapters/{name}.wasm"));
    let stage = Stage::changed(&[(action, text)], "", "", |dir| {
        fs::copy(&wasm, dir.join(format!("adapters/{name}.wasm")))?;
        Ok(())
    });
    let id = fresh();
    users(&stage, &id, |_| None);
    let answer = stage.propose(action, &params(&id, "a"));
    stage.judged(&answer, "failed", "the adapter made a request outside its grant", name);
    let log = stage.world.host.as_ref().unwrap().log();
    assert!(log.contains("it asked for all of it") && !log.contains("got through"), "{log}");
    let seen = stage.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].line(), "POST /graphql");
    assert_eq!(seen[0].body, query(&id, "a").to_string().into_bytes());
    unharmed(&stage.world);
}
