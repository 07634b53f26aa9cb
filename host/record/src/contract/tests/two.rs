//! Tests which contracts of format 2 are refused, and that contracts of format 1 keep their meaning.

mod creates;
mod open;
mod parts;
mod refusals;

use crate::contract::Contract;

/// Returns the text of a contract with this format and these tables.
fn text(format: u32, resource: &str, tables: &str) -> String {
    format!(
        r#"
format = {format}
[action]
name = "idp.try"
version = "1.0.0"
title = "Try"
verb = "update"
mode = "write"
effect = "observable"
resource = "{resource}"
adapter = "declared"
[params]
required = ["id"]
properties.id = {{ type = "string", pattern = "^[A-Za-z0-9._-]+$" }}
properties.note = {{ type = "string", private = true }}
{tables}
[verify]
after = ["has(post.thing.a)"]
"#
    )
}

const STATE: &str = r#"
[state.thing]
from = "GET /t/{id}"
properties.a = { type = "integer" }
"#;
const OBSERVE: &str = r#"
[[observe.http]]
upstream = "idp"
request = "GET /t/{id}"
"#;
const PERFORM: &str = r#"
[[perform.http]]
upstream = "idp"
request = "PUT /t/{id}"
"#;

fn refused(tables: &str) -> String {
    Contract::from_toml("c.toml", &text(2, "idp/{id}", tables)).unwrap_err().to_string()
}

fn of(parts: &[&str]) -> String {
    parts.concat()
}

#[test]
fn a_form_of_format_2_may_be_nested_and_a_form_of_format_1_may_not() {
    let form = |body: &str| of(&[STATE, OBSERVE, PERFORM, body, "\ncodec.request = \"form\"\n"]);
    let nested =
        form("body = { metadata = { deed = \"{action.id}\" }, items = [\"{id}\", { a = 1 }] }");
    assert!(Contract::from_toml("c.toml", &text(2, "idp/{id}", &nested)).is_ok());
    for (body, why) in [
        ("body = { \"a[b]\" = \"x\" }", "write a table or a list instead"),
        ("body = { a = { \"0\" = \"x\" } }", "is empty, or is a number inside a table"),
        ("body = { a = [] }", "is an empty list or table"),
    ] {
        assert!(refused(&form(body)).contains(why), "{body}: {}", refused(&form(body)));
    }
    let one = of(&[OBSERVE, PERFORM, "body = { a = [\"x\"] }\ncodec.request = \"form\"\n"]);
    let one = of(&["[state.thing]\nproperties.a = { type = \"integer\" }\n", &one]);
    let one = text(1, "idp/{id}", &one).replace("declared", "scim");
    let said = Contract::from_toml("c.toml", &one).unwrap_err().to_string();
    assert!(said.contains("lists and tables need `format = 2`"), "{said}");
    let flat = one.replace("a = [\"x\"]", "\"a[0]\" = \"x\"");
    assert!(Contract::from_toml("c.toml", &flat).is_ok(), "format 1 keeps names with brackets");
}

/// Tests whether two nested form-urlencoded bodies could be equal, given that optional places may be left out.
#[test]
fn nested_forms_that_could_be_the_same_request_are_refused() {
    let post = |body: &str| {
        format!(
            "[[perform.http]]\nupstream = \"idp\"\nrequest = \"POST /t\"\nbody = {body}\ncodec.request = \"form\"\n"
        )
    };
    let pair = |one: &str, other: &str| {
        let tables = of(&[STATE, OBSERVE, &post(one), &post(other)]);
        let text = text(2, "idp/{id}", &tables).replace("private = true", "minLength = 1");
        Contract::from_toml("c.toml", &text).map_err(|fault| fault.to_string())
    };
    for (one, other) in [
        ("{ v = 1, a = { b = \"{note?}\" } }", "{ v = 1 }"),
        ("{ v = 1, a = [\"{note?}\"] }", "{ v = 1 }"),
        ("{ v = 1, a = [\"{note?}\"] }", "{ v = 1, a = { b = \"{note?}\" } }"),
        ("{ v = 1, a = [\"{note?}\", \"x\"] }", "{ v = 1, a = [\"x\"] }"),
        ("{ v = 1, a = { b = [[\"{note?}\"]], c = \"x\" } }", "{ v = \"1\", a = { c = \"x\" } }"),
        ("{ a = { b = \"{id}\" } }", "{ a = { b = \"x\" } }"),
        ("{ a = [1] }", "{ a = [\"1\"] }"),
    ] {
        let said = pair(one, other).unwrap_err();
        assert!(said.contains("could be the same request"), "{one} {other}: {said}");
    }
    for (one, other) in [
        ("{ a = { b = \"x\" } }", "{ a = [\"x\"] }"),
        ("{ a = { b = \"x\" } }", "{ a = \"x\" }"),
        ("{ a = { b = \"x\" } }", "{ a = { c = \"x\" } }"),
        ("{ a = [\"{id}\"] }", "{ a = [\"{id}\", \"x\"] }"),
        ("{ a = [\"x\"] }", "{ b = [\"x\"] }"),
    ] {
        assert!(pair(one, other).is_ok(), "{one} {other}: {:?}", pair(one, other));
    }
}

#[test]
fn an_answer_without_members_is_neither_exposed_nor_a_state() {
    for codec in ["text", "none"] {
        let line = format!("codec.response = \"{codec}\"\n");
        let write = of(&[STATE, OBSERVE, PERFORM, &line]);
        assert!(Contract::from_toml("c.toml", &text(2, "idp/{id}", &write)).is_ok(), "{codec}");
        let hidden = of(&[&write, "expose = []\n"]);
        assert!(Contract::from_toml("c.toml", &text(2, "idp/{id}", &hidden)).is_ok(), "{codec}");
        let exposed = of(&[&write, "expose = [\"/a\"]\n"]);
        assert!(
            refused(&exposed).contains("reads the answer as text or ignores it"),
            "{}",
            refused(&exposed)
        );
        let state = of(&[STATE, OBSERVE, &line, PERFORM]);
        assert!(refused(&state).contains("cannot be `text` or `none`"), "{}", refused(&state));
        let one = text(1, "idp/{id}", &write.replace("from = \"GET /t/{id}\"\n", ""));
        let said = Contract::from_toml("c.toml", &one).unwrap_err().to_string();
        assert!(said.contains("needs `format = 2`") && said.contains(codec), "{said}");
    }
}

/// The text of the placeholder also occurs before the rule: in `resource`, in `from` and in another rule.
#[test]
fn a_fault_of_a_search_is_at_its_line_in_the_rule() {
    let reads = "reads = true\n";
    let search = "POST /t/{id}/find";
    let path = of(&[STATE, OBSERVE, reads, PERFORM]).replace("GET /t/{id}", search);
    let body = "body = { q = \"{words}\" }\n";
    let own =
        of(&[STATE, PERFORM, body, OBSERVE, reads, body]).replace("GET /t/{id}", "POST /find");
    let words = "properties.words = { type = \"string\" }\n[state.thing]";
    for (tables, at, why) in [
        (path, "request = \"POST", "could select another operation"),
        (own.replace("[state.thing]", words), "body =", "is in a POST that only reads"),
    ] {
        let required = if tables.contains("words") { r#"["id", "words"]"# } else { r#"["id"]"# };
        let text = text(2, "idp/{id}", &tables).replace(r#"["id"]"#, required);
        let error = Contract::from_toml("c.toml", &text).unwrap_err();
        let line = text.rsplit_once(at).unwrap().0.lines().count() + 1;
        assert!(error.what.contains(why), "{error}");
        assert_eq!(error.line, line, "{error}");
    }
}

#[test]
fn a_plain_contract_is_accepted() {
    let tables = of(&[STATE, OBSERVE, PERFORM]);
    assert!(Contract::from_toml("c.toml", &text(2, "idp/{id}", &tables)).is_ok());
}

/// Requests that are written differently but mean the same to a server count as the same request.
#[test]
fn an_observation_that_could_be_a_write_is_found_however_it_is_written() {
    for (look, write) in [
        ("GET /jobs/%72un-{id}", "GET /jobs/run-{id}"),
        ("GET /a b-{id}", "GET /a%20b-{id}"),
        ("GET /%c3%a9{id}", "GET /é{id}"),
        ("GET /x?q=a%41-{id}", "GET /x?q=aA-{id}"),
        ("GET /{id}", "GET /%41{id}"),
        ("GET /%41b", "GET /Ab"),
        ("GET /x?a={id}", "GET /x?%61={id}"),
    ] {
        let tables = format!(
            "{STATE}{OBSERVE}[[observe.http]]\nupstream = \"idp\"\nrequest = \"{look}\"\n\
             [[perform.http]]\nupstream = \"idp\"\nrequest = \"{write}\"\nwrites = true\n"
        );
        let said = refused(&tables);
        assert!(said.contains("an observation could then write"), "{look} {write}: {said}");
    }
    let tables = format!(
        "{STATE}{OBSERVE}[[observe.http]]\nupstream = \"idp\"\nrequest = \"GET /u/{{id}}:a\"\n\
         [[perform.http]]\nupstream = \"idp\"\nrequest = \"GET /u/{{id}}:b\"\nwrites = true\n"
    );
    assert!(Contract::from_toml("c.toml", &text(2, "idp/{id}", &tables)).is_ok());
}

#[test]
fn what_an_absence_could_rest_on_wrongly_is_refused() {
    let list = STATE.replace("properties.a", "only = \"/items\"\nproperties.a");
    let with = |more: &str| format!("{OBSERVE}{more}\n");
    for (tables, why) in [
        (
            of(&[&list, &with("expose = [\"/items/0/a\"]"), PERFORM]),
            "would hide elements of the list",
        ),
        (of(&[STATE, &with("absent = [403]"), PERFORM]), "`403` in `absent` does not say"),
        (of(&[STATE, &with("absent = [200]"), PERFORM]), "is not a status from 400 to 499"),
        (
            of(&[STATE, &with("absent = [404]\ncontrol = \"GET /me\""), PERFORM]),
            "must be the request of another",
        ),
        (of(&[STATE, &with("control = \"GET /t/{id}\""), PERFORM]), "confirms an absence"),
        (
            of(&[
                &list.replace("/t/{id}", "/t?a={id}&b={note?}"),
                &OBSERVE.replace("/t/{id}", "/t?a={id}&b={note?}"),
                PERFORM,
            ]),
            "cannot leave out a filter",
        ),
    ] {
        let said = refused(&tables);
        assert!(said.contains(why), "no `{why}`: {said}");
    }
    let exposed = of(&[&list, &with("expose = [\"/items\"]"), PERFORM]);
    let text = text(2, "idp/{id}", &exposed)
        .replace("has(post.thing.a)", "post.thing != null && has(post.thing.a)");
    assert!(Contract::from_toml("c.toml", &text).is_ok());
}

#[test]
fn a_resource_has_its_parameters_as_they_are() {
    let tables = of(&[STATE, OBSERVE, PERFORM]);
    for (resource, why) in [
        ("idp/{note?}", "cannot be part of the resource"),
        ("idp/{id?}", "is required, so write"),
        ("idp/{action.id}", "cannot contain `{action.id}`"),
        ("idp/{other}", "is not bound"),
    ] {
        let said = Contract::from_toml("c.toml", &text(2, resource, &tables)).unwrap_err();
        assert!(said.to_string().contains(why), "{resource}: {said}");
    }
}

#[test]
fn parameters_are_never_null() {
    let tables = of(&[STATE, OBSERVE, PERFORM]);
    let text = text(2, "idp/{id}", &tables).replace(
        "properties.note = { type = \"string\", private = true }",
        "properties.note = { type = \"string\", nullable = true }",
    );
    let said = Contract::from_toml("c.toml", &text).unwrap_err().to_string();
    assert!(said.contains("`nullable` is for states"), "{said}");
}

/// Contracts of format 1 are still accepted, with the meaning that they had before format 2 existed.
#[test]
fn format_1_is_unchanged() {
    let state = "[state.thing]\nproperties.a = { type = \"integer\" }\n";
    let tables = of(&[state, OBSERVE, PERFORM]);
    // In format 1, the adapter's name has no special meaning, and braces inside a part of a resource name are literal.
    for resource in ["idp/{id}", "idp/users-{id}", "idp/a b"] {
        let read = Contract::from_toml("c.toml", &text(1, resource, &tables));
        assert!(read.is_ok(), "{resource}: {read:?}");
    }
    for bad in ["GET /t/{a b}", "GET /a b", "GET /a%20b", "GET /t/{id}/"] {
        let tables = of(&[state, &OBSERVE.replace("GET /t/{id}", bad), PERFORM]);
        assert!(Contract::from_toml("c.toml", &text(1, "idp/{id}", &tables)).is_err(), "{bad}");
    }
}

/// Decimals are texts in a template and numbers in a request.
#[test]
fn a_read_that_could_have_the_bytes_of_a_write_is_refused() {
    let with = |read: &str, write: &str| {
        let tables = format!(
            "[state.thing]\nfrom = \"POST /rpc\"\nproperties.a = {{ type = \"integer\" }}\n\
             [[observe.http]]\nupstream = \"idp\"\nrequest = \"POST /rpc\"\nreads = true\n{read}\n\
             [[perform.http]]\nupstream = \"idp\"\nrequest = \"POST /rpc\"\n{write}\n"
        );
        Contract::from_toml("c.toml", &text(2, "idp/{id}", &tables)).map_err(|e| e.to_string())
    };
    for (read, write) in [
        ("body_json = '{\"op\": 1.0}'", "body = { op = 1 }"),
        ("body_json = '{\"op\": 1e0}'", "body_json = '{\"op\": 1}'"),
        ("body = { op = [1] }", "body_json = '{\"op\": [1.0]}'"),
    ] {
        let said = with(read, write).unwrap_err();
        assert!(said.contains("an observation could then write"), "{read} {write}: {said}");
    }
    assert!(with("body_json = '{\"op\": 1.5}'", "body = { op = 1 }").is_ok());
}
