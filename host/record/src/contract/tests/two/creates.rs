//! Tests which creates are refused because their result could not be found after a lost answer.

use super::*;

/// The tables of a create whose result is read only under a value of its answer.
const MAKE: &str = r#"
[state.list]
from = "GET /t"
properties.a = { type = "integer" }
[state.thing]
from = "GET /t/{answer.make.id}"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "idp"
request = "GET /t"
[[observe.http]]
upstream = "idp"
request = "GET /t/{answer.make.id}"
[[perform.http]]
upstream = "idp"
name = "make"
request = "POST /t"
answer = { id = { type = "integer" } }
"#;

fn make(verb: &str, effect: &str, tables: &str) -> Result<Contract, String> {
    let text = text(2, "idp/{id}", tables)
        .replace("verb = \"update\"", &format!("verb = \"{verb}\""))
        .replace("effect = \"observable\"", &format!("effect = \"{effect}\""))
        .replace("has(post.thing.a)", "post.thing != null && has(post.thing.a)")
        + "may_change = [\"/list\", \"/thing\"]\n";
    Contract::from_toml("c.toml", &text).map_err(|fault| fault.to_string())
}

#[test]
fn a_create_whose_result_cannot_be_found_is_refused() {
    let by_id = "GET /t?name={id}\"";
    for tables in [
        MAKE.to_owned(),
        // The state is not that of the created object, because it cannot be absent.
        MAKE.replace("GET /t\"", by_id),
        // Nothing tells which element of the list was created.
        MAKE.replacen("from = \"GET /t\"", "from = \"GET /t\"\nonly = \"/items\"", 1),
    ] {
        let said = make("create", "observable", &tables).unwrap_err();
        assert!(said.contains("c.toml:") && said.contains("send `{action.id}`"), "{said}");
        assert!(make("update", "observable", &tables).is_ok());
        for effect in ["keyed", "idempotent", "opaque"] {
            assert!(make("create", effect, &tables).is_ok(), "{effect}");
        }
    }
    let post = "request = \"POST /t\"";
    for with_id in [
        "request = \"POST /t\"\nbody = { by = \"{action.id}\" }",
        "request = \"POST /t\"\nheaders = { Prefer = \"{action.id}\" }",
        "request = \"POST /t/{action.id}\"",
    ] {
        let made = make("create", "observable", &MAKE.replace(post, with_id));
        assert!(made.is_ok(), "{with_id}: {made:?}");
        // The id is sent, but the observations show something else.
        let other = MAKE.replace(post, with_id).replace("/t/{answer.make.id}", "/o/{id}");
        let said = make("create", "observable", &other).unwrap_err();
        assert!(said.contains("use it in a rule of observe"), "{with_id}: {said}");
        let found = other.replace("GET /t\"", "GET /t?by={action.id}\"");
        let made = make("create", "observable", &found);
        assert!(made.is_ok(), "{with_id}: {made:?}");
    }
    // A write that may be missing sends the id.
    let found = MAKE.replace("GET /t\"", "GET /t?by={action.id}\"");
    for maybe in [
        "request = \"PUT /by/{action.id}\"\noptional = true\n",
        "request = \"PUT /t/{answer.make.id}/{action.id}\"\n",
        "request = \"PUT /by\"\nbody = { by = \"{action.id}\", of = \"{answer.make.id}\" }\n",
    ] {
        let write = |request: &str| format!("[[perform.http]]\nupstream = \"idp\"\n{request}");
        let said = make("create", "observable", &(found.clone() + &write(maybe))).unwrap_err();
        assert!(said.contains("its result cannot be found"), "{maybe}: {said}");
        let sure = write("request = \"PUT /sure/{action.id}\"\n");
        let made = make("create", "observable", &(found.clone() + &write(maybe) + &sure));
        assert!(made.is_ok(), "{maybe}: {made:?}");
    }
    // A request that does not write sends the id.
    let ping = "[[perform.http]]\nupstream = \"idp\"\nrequest = \"GET /ping/{action.id}\"\n";
    let read = MAKE
        .replace("/t/{answer.make.id}", "/o/{id}")
        .replace("GET /t\"", "GET /t?by={action.id}\"")
        + ping;
    assert!(make("create", "observable", &read).unwrap_err().contains("cannot be found"));
    let only = format!("from = \"{by_id}\nonly = \"/items\"");
    let key = MAKE.replacen("from = \"GET /t\"", &only, 1).replace("GET /t\"", by_id);
    let made = make("create", "observable", &key);
    assert!(made.is_ok(), "{made:?}");
    // A state that may not appear is not what is created.
    let parent = key.replace("[state.list]", "[state.parent]");
    assert!(make("create", "observable", &parent).unwrap_err().contains("in `may_change`"));
}
