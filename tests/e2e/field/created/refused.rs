//! Contracts whose names, answers and locations cannot be used.

use deed_record::contract::Contract;

use super::super::contract;
use super::CREATE;

const ID: &str = "{ type = \"string\", pattern = \"^[a-z0-9.-]{1,20}$\" }";
const CREATED: &str = "created  = [201]";
const CONTROL: &str = "control  = \"GET /things\"";
const LISTED: &str = "[[observe.http]]\nupstream = \"field\"\nrequest  = \"GET /things\"\n";

/// The contract with these replacements is refused for this reason.
fn refused(replacements: &[(&str, &str)], why: &str) {
    let mut text = contract("create", CREATE);
    for (old, new) in replacements {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    let said = Contract::from_toml("c.toml", &text).unwrap_err().to_string();
    assert!(said.contains(why), "{replacements:?}: {said}");
}

#[test]
fn a_member_of_an_answer_is_narrow_and_public() {
    for schema in [
        "{ type = \"string\" }",
        "{ type = \"string\", pattern = \"^[^?]+$\" }",
        "{ type = \"array\", items = { type = \"integer\" } }",
        "{ type = \"string\", pattern = \"^[a-z]+$\", private = true }",
        "{ type = \"string\", pattern = \"^[a-z]+$\", nullable = true }",
        "{ type = \"decimal\" }",
    ] {
        refused(&[(ID, schema)], "must be an integer");
    }
    let xml = (CREATED, "codec.response = \"xml\"");
    refused(&[xml, (ID, "{ type = \"integer\" }")], "must be a string, because");
    let location = (CREATED, "location = \"/things/{id}\"");
    refused(&[location, (ID, "{ type = \"boolean\" }")], "must be a string or an integer");
    refused(&[(CREATED, "expose = [\"/key\"]")], "`expose` hides `answer.id`");
    refused(&[(CREATED, "codec.response = \"none\"")], "is a member of the body");
    Contract::from_toml("c.toml", &contract("create", CREATE)).unwrap();
}

#[test]
fn a_value_of_an_answer_is_only_in_observations_of_its_upstream() {
    let placeholder = "answer.create.id}";
    refused(&[(placeholder, "answer.create.key}")], "is not a required member");
    refused(&[(placeholder, "answer.other.id}")], "is not a required member");
    refused(&[("{answer.create.id}", "{answer.create}")], "is not a placeholder");
    let by = ("by = \"{action.id}\"", "by = \"{answer.create.id}\"");
    refused(&[by], "is in the rule `create` itself or before it");
    refused(&[("field/{id}", "field/{answer.create.id}")], "`resource` cannot contain");
    let path = ("GET /things/{answer.create.id}", "GET /things/{note}/{answer.create.id}");
    let note = "properties.note = { type = \"string\" }";
    let private = (note, "properties.note = { type = \"string\", private = true }");
    let required = ("required = [\"id\"]", "required = [\"id\", \"note\"]");
    refused(&[path, private, required], "has a private parameter");
    let elsewhere = "upstream = \"field\"\nname     = \"create\"";
    let other = (elsewhere, "upstream = \"other\"\nname     = \"create\"");
    refused(&[other], "is of upstream `other`, and cannot be sent to `field`");
}

#[test]
fn something_is_read_before_the_write_and_confirms_an_absence() {
    let absent = "absent   = [404]\ncontrol  = \"GET /things\"\n";
    refused(&[("control  = \"GET /things\"\n", "")], "need `control`");
    let list = ("required = [\"a\", \"by\"]", "only = \"/list\"\nrequired = [\"a\", \"by\"]");
    refused(&[(absent, ""), list], "need `control`");
    refused(&[(LISTED, ""), (absent, "")], "nothing could be read before the write");
    refused(&[(CREATED, "guard = \"absent\"")], "a guarded write with `answer`");
}

#[test]
fn a_name_and_a_location_belong_to_a_write() {
    refused(&[("name     = \"create\"\n", "")], "needs a `name`");
    refused(&[("name     = \"create\"", "name = \"Create it\"")], "is not a name");
    refused(&[(CREATED, "created = [201]\ncalls = 2")], "is for a write that is sent once");
    for (location, why) in [
        ("/things", "names no member"),
        ("/things/{key}", "is not declared"),
        ("/things/x-{id}", "is neither literal text"),
        ("/things/{id}/..", "is neither literal text"),
        ("/things/{id}?a=b", "is neither literal text"),
        ("/{id}/{id}", "occurs twice"),
        ("things/{id}", "is a path such as"),
    ] {
        refused(&[(CREATED, &format!("location = \"{location}\""))], why);
    }
    let named = format!("{CONTROL}\nname = \"look\"");
    refused(&[(CONTROL, &named)], "are for [[perform.http]]");
}
