//! Tests of tables that are computed values, of literal tables that resemble them, and of the lines of their faults.

use serde_json::json;

use super::open::{CHAIN, parsed};
use super::*;

/// A rule whose body is this.
fn body(body: &str) -> String {
    format!("[[perform.http]]\nupstream = \"idp\"\nrequest = \"POST /b\"\n{body}\n")
}

/// Without this check, the contract would send the schema, or would be closed.
#[test]
fn a_table_that_resembles_a_computed_value_is_refused() {
    let schema = "{ type = \"integer\" }";
    let beside =
        "is beside `any`; did you mean `name`? For a literal table of this kind, use `body_json`";
    for (table, place, why) in [
        (format!("{{ any = {schema}, nmae = \"total\" }}"), "", format!("`nmae` {beside}")),
        (format!("{{ any = {schema}, nam = \"document\" }}"), "", format!("`nam` {beside}")),
        (
            format!("{{ a = [{{ any = {schema}, title = 1 }}] }}"),
            "/a/0",
            format!("`title` {beside}"),
        ),
        ("{ any = { enum = [1] }, x = 1 }".to_owned(), "", format!("`x` {beside}")),
        // The schema has a mistake too.
        ("{ any = { type = \"int\" }, Name = \"n\" }".to_owned(), "", format!("`Name` {beside}")),
        (
            "{ any = true, name = \"total\" }".to_owned(),
            "",
            "`any` is beside `name` and is not a table".to_owned(),
        ),
        (
            "{ t = { any = \"{id}\", name = \"total\", b = 1 } }".to_owned(),
            "/t",
            "`any` is beside `name` and is not a table".to_owned(),
        ),
        (
            format!("{{ t = {{ ayn = {schema}, name = \"total\" }} }}"),
            "/t",
            "`ayn` is beside `name`; did you mean `any`?".to_owned(),
        ),
    ] {
        let said = parsed(&of(&[CHAIN, &body(&format!("body = {table}"))])).unwrap_err();
        let wanted = format!(": at `/body{place}`, {why}");
        assert!(said.contains(&wanted), "{table}: no `{wanted}`: {said}");
    }
    let said = parsed(&body("body_json = '{\"any\": {\"type\": \"integer\"}, \"nmae\": \"x\"}'"));
    let said = said.unwrap_err();
    let wanted = "`nmae` is beside `any`; did you mean `name`? For a literal table of this kind, use a parameter";
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn a_literal_table_may_have_a_member_any() {
    for text in [
        "body = { any = {}, b = 1 }",
        "body = { any = { user = 1 }, limit = 5 }",
        "body = { any = true, title = \"x\" }",
        "body = { any = [1], name = 5 }",
        "body = { name = \"x\", schema = { type = \"integer\" } }",
        "body_json = '{\"any\": {\"type\": \"integer\"}, \"title\": \"x\"}'",
        "body_json = '{\"any\": true, \"name\": \"total\"}'",
        // The schema of a computed value has properties with these names.
        "body = { name = \"c\", any = { properties = { any = { type = \"string\" }, nam = { type = \"string\" } } } }",
    ] {
        let made = parsed(&of(&[PERFORM, &body(text)]));
        assert!(made.is_ok(), "{text}: {made:?}");
    }
}

/// A record may have a table that is refused in a file.
#[test]
fn a_record_keeps_a_literal_table_that_resembles_a_computed_value() {
    let contract = parsed(&body("body = { any = {}, b = 1 }")).unwrap();
    let mut record = deed_spec::json::parse(&contract.canonical().unwrap()).unwrap();
    record["perform"]["http"][0]["body"] = json!({"any": {"type": "string"}, "nam": "x"});
    let again = Contract::from_json(record).unwrap();
    assert!(!again.is_open());
}

/// The line is that of the part, and not that of the request.
#[test]
fn a_fault_of_a_computed_value_has_its_line() {
    let rule = "[[perform.http]]\nupstream = \"idp\"\nrequest = \"POST /total\"\n";
    for (lines, line, why) in [
        ("body.n = 1\nbody.total = { any = { type = \"integer\" } }\n", 2, "has no `name`"),
        ("body.total = { any = { type = \"integer\" }, name = \"A b\" }\n", 1, "`A b`"),
        (
            "body.a = { any = { type = \"integer\" }, name = \"a\" }\nbody.b = { any = { type = \"int\" }, name = \"b\" }\n",
            2,
            "unknown variant `int`",
        ),
        (
            "body.a = { any = { type = \"integer\" }, name = \"a\" }\nbody.b = { any = { type = \"integer\" }, nmae = \"b\" }\n",
            2,
            "`nmae` is beside `any`",
        ),
        ("[perform.http.body.total]\nany = { type = \"integer\" }\ntitle = \"x\"\n", 2, "`title`"),
    ] {
        let perform = format!("{rule}{lines}");
        let said = parsed(&perform).unwrap_err();
        let whole = text(2, "idp/{id}", &of(&[STATE, OBSERVE, "", &perform]));
        let start = whole.find(rule).unwrap() + rule.len();
        let wanted = whole.get(..start).unwrap().matches('\n').count() + line;
        assert!(said.starts_with(&format!("c.toml:{wanted}: ")), "line {wanted}: {said}");
        assert!(said.contains(why), "{said}");
    }
}
