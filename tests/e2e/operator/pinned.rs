//! `deed pin` shows everything that is accepted with it.

use deed_tests::host;
use deed_tests::world::{World, edit};
use serde_json::Value;

use super::deed;
use crate::shared::scim;

const CONTRACT: &str = "contracts/restore_access.toml";

#[test]
fn nothing_that_is_added_to_a_list_is_hidden() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let padding = "x".repeat(2_000);
    let body = format!(
        "value = true, note = \"{padding}\" }}, {{ op = \"add\", path = \"role\", value = \"admin\" }}] }}\n\n\
         [[perform.http]]\nupstream = \"idp\"\nrequest = \"POST /Users\"\n\
         body = {{ schemas = [\"urn:{padding}\", \"urn:second\"] }}"
    );
    edit(&world.dir, CONTRACT, "value = true }] }", &body).unwrap();
    edit(&world.dir, CONTRACT, "after      = [", "after      = [\"has(post.user.id)\", ").unwrap();
    let (code, said, errors) = deed(&["pin", world.path()]);
    assert_eq!(code, 0, "{errors}");
    for line in [
        format!("/perform/http/0/body/Operations/0/note: (absent) → \"{padding}\""),
        "/perform/http/0/body/Operations/1/path: (absent) → \"role\"".to_owned(),
        "/perform/http/0/body/Operations/1/value: (absent) → \"admin\"".to_owned(),
        "/perform/http/1/upstream: (absent) → \"idp\"".to_owned(),
        format!("/perform/http/1/body/schemas/0: (absent) → \"urn:{padding}\""),
        "/perform/http/1/body/schemas/1: (absent) → \"urn:second\"".to_owned(),
        "/verify/after/1: (absent) → \"has(post.user.active) && post.user.active\"".to_owned(),
    ] {
        assert!(said.lines().any(|one| one.trim() == line), "no `{line}` in\n{said}");
    }
    assert!(!said.contains("more characters"), "{said}");
    // The way back names what goes away.
    edit(&world.dir, CONTRACT, "[\"has(post.user.id)\", ", "[").unwrap();
    edit(&world.dir, CONTRACT, &body, "value = true }] }").unwrap();
    let said = host::expect(&["pin", world.path(), "--json"]).unwrap();
    let reports: Vec<Value> = serde_json::from_str(&said).unwrap();
    let of = |one: &&Value| one["tenant"] == "acme" && one["grant"] == "idp.restore_access";
    let differs = reports.iter().find(of).unwrap()["differs"].as_array().unwrap().clone();
    let gone = |pointer: &str| {
        differs.iter().any(|one| one["pointer"] == pointer && one.get("new").is_none())
    };
    for pointer in ["/perform/http/0/body/Operations/1/value", "/perform/http/1/body/schemas/1"] {
        assert!(gone(pointer), "{pointer}: {differs:?}");
    }
}
