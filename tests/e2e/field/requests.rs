//! Tests of the requests that the host sends: headers, bodies, filters, and values with text around them.

use deed_test_support::shared::ended;
use deed_tests::host;
use serde_json::json;

use super::upstream::{Reply, Upstream};
use super::{contract, proposal, served, tried};

const SET: &str = r#"
[state.thing]
from = "GET /t/{id}"
properties.a = { type = "integer" }
properties.manager = { type = "string", nullable = true }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "PATCH /t/{id}"
@perform@
[verify]
after      = ["has(post.thing.a) && post.thing.a == 2"]
may_change = ["/thing"]
"#;

fn set(perform: &str) -> String {
    contract("update", &SET.replace("@perform@", perform))
}

/// An upstream whose object has `a` = 2 after any write, and a manager until the body of a write sets `manager` to
/// null.
fn settable() -> Upstream {
    let (mut a, mut manager) = (1, json!("zoe"));
    Upstream::start(move |request| {
        if request.method != "GET" {
            a = 2;
            if request.json().get("manager").is_some() {
                manager = request.json()["manager"].clone();
            }
        }
        Reply::json(200, json!({"a": a, "manager": manager}))
    })
}

#[test]
fn headers_are_sent_as_written_and_everything_has_a_user_agent() {
    let upstream = settable();
    let headers = r#"headers = { Content-Type = "application/merge-patch+json", Notion-Version = "2022-06-28", X-Own = "n-{id}" }
body = { a = 2 }"#;
    let lines = "allow_headers = [\"x-own\"]\nheaders = { X-Tenant = \"main\" }";
    let world = served(&upstream, &set(headers), lines);
    ended(&world, &tried(&world), "verified", "every expectation holds");
    let write = &upstream.writes()[0];
    assert_eq!(write.header("content-type"), Some("application/merge-patch+json"));
    assert_eq!(write.header("notion-version"), Some("2022-06-28"));
    assert_eq!(write.header("x-own"), Some("n-a1"));
    for one in upstream.seen() {
        assert!(one.header("user-agent").unwrap().starts_with("deed/"), "{one:?}");
        assert_eq!(one.header("x-tenant"), Some("main"));
        assert_eq!(
            one.headers.iter().filter(|(name, _)| name == "content-type").count(),
            usize::from(one.method != "GET")
        );
    }
}

#[test]
fn a_write_without_a_body_states_its_length() {
    let upstream = settable();
    let world = served(&upstream, &set("").replace("PATCH /t/{id}", "POST /t/{id}:suspend"), "");
    ended(&world, &tried(&world), "verified", "every expectation holds");
    let write = &upstream.writes()[0];
    assert_eq!(
        (write.target.as_str(), write.header("content-length")),
        ("/t/a1:suspend", Some("0"))
    );
}

#[test]
fn null_is_sent_and_is_different_from_absent() {
    let upstream = settable();
    let text =
        set("body_json = '{ \"manager\": null, \"text\": \"{{{id}}}\", \"note\": \"{note?}\" }'")
            .replace(
                "may_change",
                "before = [\"has(pre.thing.manager) && pre.thing.manager != null\"]\nmay_change",
            )
            .replace(
                "post.thing.a == 2",
                "post.thing.a == 2 && has(post.thing.manager) && post.thing.manager == null",
            );
    let world = served(&upstream, &text, "");
    ended(&world, &tried(&world), "verified", "every expectation holds");
    assert_eq!(upstream.writes()[0].json(), json!({"manager": null, "text": "{a1}"}));
}

#[test]
fn a_filter_has_its_value_and_nothing_else() {
    let upstream = settable();
    let text =
        set("body = { a = 2 }").replace("GET /t/{id}\"", "GET /t?filter=name eq '{id}'&limit=1\"");
    let world = served(&upstream, &text, "");
    ended(&world, &tried(&world), "verified", "every expectation holds");
    assert_eq!(upstream.seen()[0].target, "/t?filter=name%20eq%20'a1'&limit=1");
    // The schema rules out every value that could end the quotes.
    for id in ["a' or 'x' eq 'x", "a%27", "a\"", "a b", "a&limit=9", ""] {
        let refused = world.propose(&proposal(json!({"id": id}))).unwrap();
        assert_eq!(refused.status, 422, "{id}: {}", refused.json());
    }
}

/// A table of mistakes in the contract or in `deed.toml`, each with the text that `deed check` must report.
#[test]
fn what_cannot_be_kept_is_refused_with_its_remedy() {
    let upstream = settable();
    let world = served(&upstream, &set("body = { a = 2 }"), "");
    let check = |contract: &str, lines: &str| {
        std::fs::write(world.dir.join("contracts/field.toml"), contract).unwrap();
        let file = world.dir.join("deed.toml");
        let config = std::fs::read_to_string(&file).unwrap();
        let marked = config.replace("timeout   = \"2s\"", &format!("timeout   = \"2s\"\n{lines}"));
        std::fs::write(&file, marked).unwrap();
        let said = host::run(&["check", world.path()], "").unwrap();
        std::fs::write(&file, config).unwrap();
        assert!(!said.status.success());
        String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()
    };
    let whole = |perform: &str| set(perform);
    let wide = "properties.id   = { type = \"string\", pattern = \"^[A-Za-z0-9._@-]+$\" }";
    let table: Vec<(String, &str, &str)> = vec![
        (whole("headers = { Host = \"x\" }"), "", "header `Host` cannot be set by a contract"),
        (
            whole("headers = { X-HTTP-Method-Override = \"GET\" }"),
            "",
            "cannot be set by a contract",
        ),
        (whole("headers = { X-Own = \"x\" }"), "", "write `allow_headers = [\"X-Own\"]`"),
        (whole("headers = { Accept = \"a/b\" }"), "headers = { accept = \"c/d\" }", "sets already"),
        (whole(""), "headers = { Authorization = \"x\" }", "header `Authorization` cannot be set"),
        (whole("headers = { Prefer = \"{note}\" }"), "", "can be absent; add `note`"),
        (whole("body = { a = \"{note}\" }"), "", "or write `{note?}` to leave it out"),
        (whole("body = { a = \"{id?}\" }"), "", "`id` is required, so write `{id}` without `?`"),
        (whole("body = { a = \"x {note?}\" }"), "", "has text next to an optional placeholder"),
        (
            whole("body = { a = \"x {id}\" }")
                .replace(wide, "properties.id = { type = \"string\" }"),
            "",
            "touches the text around it",
        ),
        (whole("created = [404]"), "", "`404` in `created` is not a status from 200 to 299"),
        (whole("throttled = [200]"), "", "`200` in `throttled` is not a status from 400 to 499"),
        (whole("accepted = [404]"), "", "`404` in `accepted` is not a status from 200 to 299"),
        (
            whole("refused_when = \"post.thing == 1\""),
            "",
            "start with `answer.status` or `answer.body`",
        ),
        (whole("refused_when = \"(\""), "", "expression"),
        (whole("absent = [404]"), "", "`absent` and `control` are for [[observe.http]]"),
        (
            whole("").replace("from = \"GET /t/{id}\"", "from = \"GET /x\""),
            "",
            "`from` names no [[observe.http]]",
        ),
        (
            whole("").replace("from = \"GET /t/{id}\"\n", ""),
            "",
            "adapter `declared` reads no state itself",
        ),
        (whole("").replace("format = 2", "format = 1"), "", "needs `format = 2`"),
        (whole("").replace("format = 2", "format = 3"), "", "`format` must be 1 or 2"),
        (
            whole("").replace("resource = \"field/{id}\"", "resource = \"field/{action.id}\""),
            "",
            "`resource` cannot contain",
        ),
    ];
    for (text, lines, why) in table {
        let said = check(&text, lines);
        assert!(said.contains(why), "no `{why}`: {said}");
        assert!(said.contains(".toml"), "{said}");
    }
}
