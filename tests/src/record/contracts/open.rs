//! Open contracts: one in which the adapter computes the value, and chains of writes of which the later ones contain the
//! id in the answer to the first one. The chains have no adapter code.

use super::{Deed, Kind};

/// The contract of an action as TOML.
pub(super) fn toml(deed: Deed) -> String {
    let sets = matches!(deed.kind, Kind::SetAny | Kind::SetId);
    let (kind, slots) = (deed.kind.as_str(), deed.slots());
    let adapter = if deed.kind == Kind::SetAny { "writes-in-order" } else { "declared" };
    let shown = if sets { "string" } else { "integer" };
    let wanted =
        |slot: &str| if sets { "params.value".to_owned() } else { format!("pre.item.{slot} + 1") };
    let after = |slot: &&str| format!("\"post.item.{slot} == {}\"", wanted(slot));
    let after: Vec<String> = slots.iter().map(after).collect();
    let places: Vec<String> = slots.iter().map(|slot| format!("\"/item/{slot}\"")).collect();
    let property = |slot: &&str| format!("properties.{slot} = {{ type = \"{shown}\" }}\n");
    let properties: String = slots.iter().map(property).collect();
    let method = if sets { "PUT" } else { "POST" };
    format!(
        r#"format = 2
[action]
name = "{name}"
version = "1.0.0"
title = "Write to an item of the record, along a plan"
verb = "update"
mode = "write"
effect = "{effect}"
resource = "record/{kind}/{{item}}"
adapter = "{adapter}"

[params]
required = ["item", "value"]
properties.item = {{ type = "string", pattern = "^[a-z0-9-]{{1,60}}$" }}
properties.value = {{ type = "string", pattern = "^[a-z]{{1,20}}$" }}

[state.item]
from = "GET /{kind}/{{item}}"
required = ["id", "{required}"]
properties.id = {{ type = "string" }}
{properties}
[[observe.http]]
upstream = "record"
request = "GET /{kind}/{{item}}"

{rules}[verify]
after = [{after}]
may_change = [{places}]

[limits]
timeout = "20s"
attempts = 3
backoff = "100ms"
"#,
        name = deed.contract(),
        effect = deed.kind.effect(),
        required = slots.join("\", \""),
        rules = rules(deed.kind, slots, &format!("{method} /{kind}/{{item}}")),
        after = after.join(", "),
        places = places.join(", "),
    )
}

/// One `[[perform.http]]` rule for each write of the action. `target` is the method and the path of the item.
fn rules(kind: Kind, slots: &[&str], target: &str) -> String {
    let fixed = "body = { value = \"{value}\" }";
    let rule = |slot: &&str| match *slot {
        "one" if kind == Kind::SetAny => format!("request = \"{target}/one\"\n{COMPUTED}"),
        "one" => format!("request = \"{target}/one\"\n{fixed}\n{NAMED}"),
        "two" => format!("request = \"{target}/{{answer.make.id}}/two\"\n{fixed}"),
        other => format!("request = \"{target}/{other}\"\n{OF}"),
    };
    let table = |slot| format!("[[perform.http]]\nupstream = \"record\"\n{}\n\n", rule(slot));
    slots.iter().map(table).collect()
}

const COMPUTED: &str = r#"body = { value = { any = { type = "string", pattern = "^[a-z]{1,20}$" }, name = "value" } }"#;

const NAMED: &str = r#"name = "make"
created = [201]
answer = { id = { type = "integer", minimum = 1 } }"#;

const OF: &str = r#"body = { value = "{value}", of = "{answer.make.id}" }"#;
