//! Tests of `[approval]`: which contracts are refused, and what the digest of a state covers.

use deed_spec::digest::Digest;
use serde_json::{Value, json};

use crate::contract::Contract;
use crate::lifecycle::observation::state_digest;

const CONTRACT: &str = r#"
format = 2
[action]
name = "idp.replace"
version = "1.0.0"
title = "Replace"
verb = "update"
mode = "write"
effect = "observable"
resource = "idp/{id}"
adapter = "declared"
[params]
required = ["id"]
properties.id = { type = "string", pattern = "^[a-z]+$" }
[state.user]
from = "GET /u/{id}"
required = ["active", "email"]
volatile = ["/seen"]
properties.active = { type = "boolean" }
properties.email = { type = "string" }
properties.nick = { type = "string", nullable = true }
properties.seen = { type = "integer" }
properties.name = { type = "object", properties = { first = { type = "string" }, last = { type = "string" } } }
properties.groups = { type = "array", key = "/value", items = { required = ["value"], properties = { value = { type = "string" } } } }
[state.team]
from = "GET /t/{id}"
properties.size = { type = "integer" }
[[observe.http]]
upstream = "idp"
request = "GET /u/{id}"
[[observe.http]]
upstream = "idp"
request = "GET /t/{id}"
absent = [404]
control = "GET /u/{id}"
[[perform.http]]
upstream = "idp"
request = "PUT /u/{id}"
body = { active = false, email = "{pre.user.email}" }
[verify]
before = ["pre.user.active", "pre.team != null"]
after = ["!post.user.active"]
may_change = ["/user/active"]
[approval]
depends_on = ["/user/active", "/user/email"]
"#;

const DEPENDS: &str = "depends_on = [\"/user/active\", \"/user/email\"]";

/// What the digest of [`state`] covers under [`DEPENDS`], written as the specification says.
const COVERED: &str =
    r#"{"exists":{"team":true,"user":true},"values":{"/user/active":true,"/user/email":"a@x"}}"#;

fn refused(text: &str) -> String {
    Contract::from_toml("c.toml", text).unwrap_err().to_string()
}

fn with(more: &str) -> String {
    format!("depends_on = [\"/user/active\", \"/user/email\", {more}]")
}

#[test]
fn a_contract_that_names_what_it_reads_is_accepted() {
    let contract = Contract::from_toml("c.toml", CONTRACT).unwrap();
    let again = deed_spec::json::parse(&contract.canonical().unwrap()).unwrap();
    assert_eq!(again["approval"], json!({"depends_on": ["/user/active", "/user/email"]}));
    assert_eq!(Contract::from_json(again).unwrap(), contract);
    for more in
        ["\"/user/nick\"", "\"/user/name\"", "\"/user/name/last\", \"/team\"", "\"/user/groups\""]
    {
        Contract::from_toml("c.toml", &CONTRACT.replace(DEPENDS, &with(more))).unwrap();
    }
}

#[test]
fn a_contract_without_the_table_keeps_its_canonical_form() {
    let text = CONTRACT.replace(&format!("[approval]\n{DEPENDS}\n"), "");
    let contract = Contract::from_toml("c.toml", &text).unwrap();
    let canonical = String::from_utf8(contract.canonical().unwrap()).unwrap();
    assert!(!canonical.contains("approval"), "{canonical}");
    assert_eq!(contract.depends_on(), None);
}

#[test]
fn other_pointers_are_refused() {
    for (list, why) in [
        ("depends_on = []".to_owned(), "`depends_on` is empty"),
        (String::new(), "missing field `depends_on`"),
        (with("\"/user/none\""), "`/user/none` in `depends_on` is not a declared state"),
        (with("\"/other\""), "is not a declared state"),
        (with("\"\""), "is not a declared state"),
        (with("\"user/nick\""), "is not a declared state"),
        (with("\"/user/groups/a\""), "for elements of a list the pointer of the list"),
        (with("\"/user/email\""), "`/user/email` is in `depends_on` twice"),
        (with("\"/user\""), "`/user/active` and `/user` in `depends_on` overlap"),
        (with("\"/user/name\", \"/user/name/last\""), "remove the longer one"),
        (with("\"/user/seen\""), "overlaps `/user/seen`, which is `volatile`"),
        ("depends_on = [\"/user\"]".to_owned(), "overlaps `/user/seen`, which is `volatile`"),
    ] {
        let said = refused(&CONTRACT.replace(DEPENDS, &list));
        assert!(said.contains(why), "{list}: {said}");
    }
}

#[test]
fn every_value_that_the_contract_uses_must_be_named() {
    let before = "\"pre.team != null\"";
    for (from, to, why) in [
        (DEPENDS, "depends_on = [\"/user/email\"]", "`/user/active` is read by `pre.user.active`"),
        (DEPENDS, "depends_on = [\"/user/active\"]", "`/user/email` is sent as `{pre.user.email}`"),
        (
            "may_change = [\"/user/active\"]",
            "may_change = [\"/user/active\", \"/user/nick\"]",
            "`/user/nick` is in `may_change`, so an approval must be bound to it; add it to `depends_on`",
        ),
        (
            "may_change = [",
            "may_change = [\"/user/groups/{id}\", ",
            "`/user/groups` is in `may_change`",
        ),
        (before, "\"pre.team != null && has(pre.team.size)\"", "`/team/size` is read by"),
        (
            before,
            "\"has(pre.user.groups) && size(pre.user.groups) > 0\"",
            "`/user/groups` is read by",
        ),
        (before, "\"'size' in pre.team\"", "`/team/size` is read by"),
        (before, "\"size(pre) == 2\"", "`/team` is read by"),
        ("\"!post.user.active\"", "\"post.team == pre.team\"", "`/team` is read by"),
        (
            "may_change =",
            "pending = \"has(pre.user.nick)\"\nmay_change =",
            "`/user/nick` is read by `has(pre.user.nick)`",
        ),
    ] {
        assert!(CONTRACT.contains(from), "{from}");
        let said = refused(&CONTRACT.replace(from, to));
        assert!(said.contains(why), "{to}: {said}");
        assert!(said.contains("add it to `depends_on`"), "{to}: {said}");
    }
}

/// No approval is bound to a volatile value, with or without the table.
#[test]
fn a_volatile_value_need_not_be_named() {
    let before = "\"pre.team != null\"";
    let reads = CONTRACT.replace(before, "\"has(pre.user.seen)\"");
    assert!(Contract::from_toml("c.toml", &reads).is_ok());
    let whole = CONTRACT.replace("may_change = [", "may_change = [\"/user\", ");
    let said = refused(&whole);
    assert!(said.contains("`/user` is in `may_change`, but contains `/user/seen`"), "{said}");
}

#[test]
fn the_table_is_for_writes_of_format_2() {
    let one = crate::fixtures::CONTRACT.to_owned() + "[approval]\n" + DEPENDS + "\n";
    let said = refused(&one);
    assert!(said.contains("`depends_on` needs `format = 2`"), "{said}");
    let (head, rest) = CONTRACT.split_once("[[perform.http]]").unwrap();
    let (_, approval) = rest.split_once("[approval]").unwrap();
    let read = format!("{head}[approval]{approval}").replace("\"update\"", "\"read\"");
    let said = refused(&read);
    assert!(
        said.contains("an approval of a read depends on all of it; remove [approval]"),
        "{said}"
    );
}

fn state() -> Value {
    json!({
        "user": {"active": true, "email": "a@x", "nick": null, "groups": [{"value": "a"}]},
        "team": {"size": 3},
    })
}

fn digest(depends_on: &str, state: &Value) -> Digest {
    let text = CONTRACT.replace(DEPENDS, depends_on);
    state_digest(&Contract::from_toml("c.toml", &text).unwrap(), state).unwrap()
}

fn changed(pointer: &str, value: Value) -> Value {
    let mut state = state();
    *state.pointer_mut(pointer).unwrap() = value;
    state
}

#[test]
fn the_digest_covers_the_named_values_and_which_states_exist() {
    let before = digest(DEPENDS, &state());
    assert_eq!(before, Digest::of(COVERED.as_bytes()));
    for (pointer, value) in [
        ("/user/nick", json!("z")),
        ("/user/groups", json!([])),
        ("/team/size", json!(4)),
        ("/team", json!({})),
    ] {
        assert_eq!(digest(DEPENDS, &changed(pointer, value)), before, "{pointer}");
    }
    for (pointer, value) in [
        ("/user/active", json!(false)),
        ("/user/email", json!("b@x")),
        ("/team", Value::Null),
        ("/user", Value::Null),
    ] {
        assert_ne!(digest(DEPENDS, &changed(pointer, value)), before, "{pointer}");
    }
}

#[test]
fn an_absent_value_is_not_null() {
    let nick = with("\"/user/nick\"");
    let mut absent = state();
    absent["user"].as_object_mut().unwrap().remove("nick");
    assert_ne!(digest(&nick, &state()), digest(&nick, &absent));
    assert_eq!(digest(&nick, &absent), Digest::of(COVERED.as_bytes()));
}
