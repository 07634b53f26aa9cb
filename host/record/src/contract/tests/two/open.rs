//! Tests which open contracts are accepted, and which are refused.

use serde_json::json;

use super::*;

/// A create, a read of what was created, and two writes that use it.
pub(super) const CHAIN: &str = r#"
[[perform.http]]
upstream = "idp"
name     = "create"
request  = "POST /t"
answer   = { id = { type = "string", pattern = "^[a-z0-9]{12,40}$" }, version = { type = "integer", minimum = 0 } }
body     = { a = { any = { type = "string", maxLength = 40 }, name = "title" } }
[[perform.http]]
upstream = "idp"
name     = "seen"
request  = "GET /t/{answer.create.id}"
answer   = { version = { type = "integer", minimum = 0 } }
[[perform.http]]
upstream = "idp"
request  = "PUT /t/{answer.create.id}/parts?of=v-{answer.create.version}"
body     = { any = { properties = { b = { type = "integer" } } }, name = "part" }
calls    = 3
[[perform.http]]
upstream = "idp"
request  = "POST /links"
body     = { thing = "{answer.create.id}", fixed = 1 }
optional = true
"#;

pub(super) fn parsed(perform: &str) -> Result<Contract, String> {
    with_look("", perform)
}

/// The contract with another table of `observe`.
fn with_look(look: &str, perform: &str) -> Result<Contract, String> {
    let text = text(2, "idp/{id}", &of(&[STATE, OBSERVE, look, perform]));
    Contract::from_toml("c.toml", &text).map_err(|fault| fault.to_string())
}

/// The message about the chain with this change; empty if the contract is accepted.
fn changed(old: &str, new: &str) -> String {
    let chain = CHAIN.replacen(old, new, 1);
    assert_ne!(chain, CHAIN, "{old}");
    parsed(&chain).err().unwrap_or_default()
}

#[test]
fn writes_may_be_left_to_a_plan() {
    let contract = parsed(CHAIN).unwrap();
    assert!(contract.is_open());
    assert!(contract.part_schema(0, "title").unwrap().violations(&json!("x")).is_empty());
    assert!(!contract.part_schema(2, "part").unwrap().violations(&json!({"b": "x"})).is_empty());
    assert_eq!(contract.part_schema(2, "title"), None);
    assert_eq!(contract.part_schema(9, "title"), None);
    assert!(contract.answer_schema("create.id").is_some());
    assert!(contract.answer_schema("seen.version").is_some());
    assert!(contract.answer_schema("seen.other").is_none());
    let again = deed_spec::json::parse(&contract.canonical().unwrap()).unwrap();
    let again = Contract::from_json(again).unwrap();
    assert_eq!(again.digest(), contract.digest());
    assert!(!parsed(PERFORM).unwrap().is_open());
}

#[test]
fn computed_values_have_names_of_their_own() {
    let said = changed("name = \"part\"", "name = \"title\"");
    assert!(said.contains("`title` names two computed values"), "{said}");
    let said = changed("type = \"string\", maxLength = 40", "type = \"string\", maxLen = 40");
    assert!(said.contains("c.toml:") && said.contains("unknown field `maxLen`"), "{said}");
}

#[test]
fn a_value_of_an_answer_is_only_where_it_is_known_when_the_request_is_sent() {
    let id = "thing = \"{answer.create.id}\"";
    for (old, new, why) in [
        ("\"POST /t\"", "\"POST /t/{answer.create.id}\"", "is in the rule `create` itself"),
        (
            "GET /t/{answer.create.id}",
            "GET /t/{answer.seen.version}",
            "`{answer.seen.version}` is of a read",
        ),
        (
            "{answer.create.version}",
            "{answer.seen.version}",
            "only values of the answers to writes",
        ),
        (id, "thing = \"{answer.seen.version}\"", "`{answer.seen.version}` is of a read"),
        (id, "thing = \"{answer.other.id}\"", "`name = \"other\"`"),
        (id, "thing = \"{answer.create.key}\"", "is not a required member"),
        (id, "thing = \"x-{answer.create.id}\"", "must be a whole value"),
        (
            "optional = true",
            "headers = { Prefer = \"{answer.create.id}\" }",
            "can only be in the path",
        ),
        (
            "upstream = \"idp\"\nrequest  = \"POST /links\"",
            "upstream = \"dir\"\nrequest  = \"POST /links\"",
            "is of upstream `idp`, and cannot be sent to `dir`",
        ),
        (
            "request  = \"POST /t\"\n",
            "request  = \"POST /t\"\noptional = true\n",
            "may have no answer, because `create` is `optional`",
        ),
        (
            "request  = \"POST /t\"\n",
            "request  = \"POST /t\"\ncalls = 2\n",
            "`answer` is for a write that is sent once; remove `calls`",
        ),
        ("pattern = \"^[a-z0-9]{12,40}$\"", "enum = [\"a\", \"b\"]", "has too few possible values"),
        ("fixed = 1", "fixed = \"{note?}\"", "has a private parameter"),
    ] {
        let said = changed(old, new);
        assert!(said.contains("c.toml:") && said.contains(why), "{new}: no `{why}`: {said}");
    }
}

#[test]
fn a_guard_needs_the_entity_tag_before_the_first_write() {
    let look = "[[observe.http]]\nupstream = \"idp\"\nrequest = \"GET /u/{answer.create.id}\"\n";
    let write = "[[perform.http]]\nupstream = \"idp\"\nrequest = \"PUT /u/{answer.create.id}\"\n";
    assert!(with_look(look, &of(&[CHAIN, write])).is_ok());
    let guarded = of(&[CHAIN, write, "guard = \"etag\"\n"]);
    for look in [look, ""] {
        let said = with_look(look, &guarded).unwrap_err();
        assert!(said.contains("is in the target of a write with `guard = \"etag\"`"), "{said}");
    }
}

#[test]
fn a_read_with_a_value_of_an_answer_has_an_effect() {
    let create = CHAIN.split_once("[[perform.http]]\nupstream = \"idp\"\nname     = \"seen\"");
    let closed = create
        .unwrap()
        .0
        .replace("{ any = { type = \"string\", maxLength = 40 }, name = \"title\" }", "1");
    assert!(!parsed(&closed).unwrap().is_open());
    let read = "[[perform.http]]\nupstream = \"idp\"\nrequest = \"GET /t/{answer.create.id}\"\n";
    let said = parsed(&of(&[&closed, read])).unwrap_err();
    assert!(said.contains("the contract determines every write"), "{said}");
    let open = of(&[
        &closed,
        read,
        "[[perform.http]]\nupstream = \"idp\"\nrequest = \"DELETE /t/{answer.create.id}\"\n",
    ]);
    assert!(parsed(&open).unwrap().is_open());
    let said = changed("GET /t/{answer.create.id}", "GET /t");
    assert!(said.contains("or for a GET of perform with a value of an answer"), "{said}");
    let said = changed("GET /t/{answer.create.id}", "HEAD /t/{answer.create.id}");
    assert!(said.contains("or for a GET of perform with a value of an answer"), "{said}");
    let look = "[[observe.http]]\nupstream = \"idp\"\nrequest = \"GET /v/{answer.seen.version}\"\n";
    let said = with_look(look, CHAIN).unwrap_err();
    assert!(said.contains("`{answer.seen.version}` is of a read"), "{said}");
}

#[test]
fn an_open_contract_can_be_rehearsed() {
    let get = "request  = \"GET /t/{answer.create.id}\"";
    let with_body = format!("{get}\nbody     = {{ a = 1 }}");
    let said = changed(get, &with_body);
    assert!(said.contains("c.toml:") && said.contains("a read of an open contract"), "{said}");
    let read = "[[perform.http]]\nupstream = \"idp\"\nrequest = \"GET /kit\"\nbody_json = \"{}\"\n";
    let said = parsed(&of(&[CHAIN, read])).unwrap_err();
    assert!(said.contains("a read of an open contract has no body"), "{said}");
    let write = of(&[CHAIN, read, "writes = true\n"]);
    assert!(parsed(&write).is_ok());
    let tag = "tag = { type = \"string\", pattern = \"^[a-z]{3}$\", minLength = 5 }";
    let said = changed("answer   = { version", &format!("answer   = {{ {tag}, version"));
    assert!(said.contains("c.toml:") && said.contains("no value for `answer.tag`"), "{said}");
    let head = "[[perform.http]]\nupstream = \"idp\"\nname = \"head\"\nrequest = \"HEAD /h\"\nwrites = true\n\
                answer.v = { type = \"integer\" }\n";
    let said = parsed(&of(&[PERFORM, head])).unwrap_err();
    assert!(said.contains("the answer to HEAD has no body"), "{said}");
}

#[test]
fn only_writes_are_optional() {
    let read = "[[perform.http]]\nupstream = \"idp\"\nrequest = \"GET /ping\"\noptional = true\n";
    let said = parsed(&of(&[PERFORM, read])).unwrap_err();
    assert!(said.contains("c.toml:") && said.contains("`optional` is for writes"), "{said}");
    let said = refused(&of(&[STATE, OBSERVE, "optional = true\n", PERFORM]));
    assert!(said.contains("`optional` is for writes in [[perform.http]]"), "{said}");
    let etag = of(&[PERFORM, "guard = \"etag\"\noptional = true\n"]);
    assert!(parsed(&etag).unwrap().is_open());
    let one = text(1, "idp/{id}", &of(&[STATE, OBSERVE, PERFORM, "optional = true\n"]));
    let one = one.replace("from = \"GET /t/{id}\"\n", "").replace("declared", "scim");
    let said = Contract::from_toml("c.toml", &one).unwrap_err().to_string();
    assert!(said.contains("`optional` needs `format = 2`"), "{said}");
}

/// An open part may have any value, and a value of an answer any value of its schema.
#[test]
fn open_rules_that_could_be_the_same_request_are_refused() {
    let post = |request: &str, body: &str| {
        format!("[[perform.http]]\nupstream = \"idp\"\nrequest = \"{request}\"\nbody = {body}\n")
    };
    let open = "{ any = { type = \"integer\" }, name = \"a\" }";
    let other = "{ any = { type = \"string\" }, name = \"b\" }";
    let v = |value: &str| post("POST /p", &format!("{{ v = {value} }}"));
    let empty = |request: &str| post(request, "{}");
    for (one, two) in [
        (v(open), v("\"x\"")),
        (v(open), v(other)),
        (post("POST /p", open), v("[1]")),
        (v(&format!("[{open}]")), v("[{ w = 1 }]")),
        (v("\"{answer.create.version}\""), v("5")),
        (v("\"{answer.create.id}\""), v(open)),
        (empty("POST /p/{answer.create.id}"), empty("POST /p/batch")),
        (empty("POST /p/{answer.create.id}/"), empty("POST /p/batch/")),
        (empty("POST /p?a={answer.create.id}"), empty("POST /p?a={answer.create.version}")),
    ] {
        let said = parsed(&of(&[CHAIN, &one, &two])).unwrap_err();
        assert!(said.contains("could be the same request"), "{one} {two}: {said}");
        assert!(said.contains("a computed value may be any value"), "{said}");
    }
    let op = |op: u8, value: &str| post("POST /p", &format!("{{ op = {op}, v = {value} }}"));
    for (one, two) in [
        (op(1, open), op(2, "1")),
        (v(open), post("POST /p", "{ w = 1 }")),
        (empty("POST /p/{answer.create.id}"), empty("POST /p/a/b")),
        // No value in a path is empty.
        (empty("POST /p/{answer.create.id}"), empty("POST /p/")),
        (empty("POST /p/v-{answer.create.id}"), empty("POST /p/")),
        // No value of the schema has this text.
        (empty("POST /p/{answer.create.id}"), empty("POST /p/BATCH")),
    ] {
        let made = parsed(&of(&[CHAIN, &one, &two]));
        assert!(made.is_ok(), "{one} {two}: {made:?}");
    }
    let look = "[[observe.http]]\nupstream = \"idp\"\nrequest = \"POST /q\"\nreads = true\nbody = { op = \"x\" }\n";
    let write = post("POST /q", &format!("{{ op = {open} }}"));
    let said = with_look(look, &of(&[PERFORM, &write])).unwrap_err();
    assert!(said.contains("an observation could then write"), "{said}");
}
