//! Tests of `from` with a list of requests.

use crate::contract::Contract;

const CONTRACT: &str = r#"
format = 2
[action]
name = "idp.remove_member"
version = "1.0.0"
title = "Remove a member"
verb = "delete"
mode = "write"
effect = "observable"
resource = "idp/members/{name}"
adapter = "declared"
[params]
required = ["name"]
properties.name = { type = "string", pattern = "^[a-z]+$" }
[state.member]
from = ["GET /members?page=1", "GET /members?page=2"]
only = "/items"
required = ["id"]
properties.id = { type = "integer" }
[[observe.http]]
upstream = "idp"
request = "GET /members?page=1"
where = { "/name" = "{name}" }
control = "GET /me"
[[observe.http]]
upstream = "idp"
request = "GET /members?page=2"
where = { "/name" = "{name}" }
control = "GET /me"
complete = true
[[observe.http]]
upstream = "idp"
request = "GET /me"
[[perform.http]]
upstream = "idp"
request = "DELETE /members/{name}"
[verify]
before = ["pre.member != null"]
after = ["post.member == null"]
may_change = ["/member"]
"#;

const LIST: &str = "[\"GET /members?page=1\", \"GET /members?page=2\"]";
const SECOND: &str = "request = \"GET /members?page=2\"\n";

fn with(old: &str, new: &str) -> String {
    assert!(CONTRACT.contains(old), "{old}");
    CONTRACT.replace(old, new)
}

fn refused(text: &str) -> String {
    Contract::from_toml("c.toml", text).unwrap_err().to_string()
}

/// A single request is written as before, so the digest of a contract with one does not change.
#[test]
fn one_request_and_several_keep_their_form() {
    let one = with(LIST, "\"GET /members?page=2\"")
        .replace("page=1\"\nwhere = { \"/name\" = \"{name}\" }\ncontrol = \"GET /me\"", "page=1\"");
    for (text, form) in [
        (CONTRACT, r#""from":["GET /members?page=1","GET /members?page=2"]"#),
        (one.as_str(), r#""from":"GET /members?page=2""#),
    ] {
        let contract = Contract::from_toml("c.toml", text).unwrap();
        let bytes = contract.canonical().unwrap();
        let json = std::str::from_utf8(&bytes).unwrap();
        assert!(json.contains(form), "{json}");
        let again = Contract::from_json(serde_json::from_slice(&bytes).unwrap()).unwrap();
        assert_eq!(again, contract);
    }
}

#[test]
fn a_list_that_is_not_of_several_pages_is_refused() {
    let many: Vec<String> = (1..=21).map(|n| format!("\"GET /members?page={n}\"")).collect();
    let many = format!("[{}]", many.join(", "));
    let twice = LIST.replace("page=2", "page=1");
    let other = LIST.replace("page=2", "page=3");
    for (list, why) in [
        ("[]", "`from` lists no request; write `from = \"GET /path\"`"),
        ("[\"GET /members?page=1\"]", "write `from = \"GET /members?page=1\"`"),
        (twice.as_str(), "`GET /members?page=1` occurs twice in `from`"),
        (many.as_str(), "`from` lists 21 requests, where at most 20 are allowed"),
        (other.as_str(), "add one with `request = \"GET /members?page=3\"`"),
        ("7", "`from` must be a request, or a list of requests"),
        ("[7]", "`from` must be a request, or a list of requests"),
    ] {
        let said = refused(&with(LIST, list));
        assert!(said.contains(why), "{list}: {said}");
    }
    let said = refused(&with("only = \"/items\"\n", ""));
    assert!(said.contains("add `only` with the JSON pointer to the list"), "{said}");
    let said = refused(&with("only = ", "at = "));
    assert!(said.contains("add `only` with the JSON pointer to the list"), "{said}");
}

#[test]
fn rules_of_one_list_have_the_same_meaning() {
    let selects = |value: &str| format!("{SECOND}where = {{ \"/name\" = \"{value}\" }}\n");
    let of = |upstream: &str| format!("upstream = \"{upstream}\"\n{SECOND}");
    for (key, text) in [
        ("upstream", with(&of("idp"), &of("crm"))),
        ("where", with(&selects("{name}"), &selects("x"))),
        ("where", with(&selects("{name}"), SECOND)),
        ("control", with("control = \"GET /me\"\ncomplete", "complete")),
        ("expose", with(SECOND, &format!("{SECOND}expose = [\"/items\"]\n"))),
    ] {
        let said = refused(&text);
        let why = format!(
            "`GET /members?page=1` and `GET /members?page=2` are requests of one `from`, so both rules need the same \
             `{key}`"
        );
        assert!(said.contains(&why), "{key}: {said}");
    }
    let write = "request = \"DELETE /members/{name}\"\n";
    let named =
        format!("{write}name = \"remove\"\nanswer = {{ next = {{ type = \"integer\" }} }}\n");
    let answer = with("page=2", "page={answer.remove.next}").replace(write, &named);
    let said = refused(&answer);
    assert!(said.contains("has a value of an answer, so it cannot be one of several"), "{said}");
}

#[test]
fn the_last_page_shows_that_there_is_no_further_one() {
    let said = refused(&with("complete = true\n", ""));
    assert!(said.contains("a further page would count as absent"), "{said}");
    let first = "request = \"GET /members?page=1\"\n";
    let both = with(first, &format!("{first}complete = true\n"));
    assert!(refused(&both).contains("in the rule of the last request in `from`"));
    let end = |page: u8| {
        let state = format!(
            "[state.end]\nfrom = \"GET /members?page={page}\"\nrequired = [\"more\"]\n\
             properties.more = {{ type = \"boolean\", const = false }}\n[state.member]"
        );
        with("[state.member]", &state).replace("complete = true\n", "")
    };
    let proved = Contract::from_toml("c.toml", &end(2));
    assert!(proved.is_ok(), "{proved:?}");
    assert!(refused(&end(1)).contains("a further page would count as absent"));
}
