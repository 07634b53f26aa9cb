//! Tests of situations that integrations meet in practice, each with the outcome that users need. The contracts have no
//! adapter code.

mod absence;
mod answers;
mod created;
mod decimals;
mod depends;
mod elements;
mod encodings;
mod forms;
mod guards;
mod jobs;
mod lists;
mod looks;
mod names;
mod pages;
pub(crate) mod planned;
mod replace;
mod requests;
mod searches;
mod shown;
mod strict;
mod truths;
mod unclear;

use std::fs;

use deed_test_support::shared::scim;
use deed_test_support::upstream::{self, Upstream};
use deed_tests::world::{self, World};
use serde_json::{Value, json};

const POLICY: &str = r#"
@id("field")
permit (principal, action == Deed::Action::"field.try", resource)
when { principal.roles.contains("helpdesk") };
"#;

/// A policy that also requires the approval of a support lead.
const ASKING: &str = r#"
@id("field-lead")
@obligation("approve:1:support-lead")
forbid (principal, action == Deed::Action::"field.try", resource);
"#;

/// A contract of format 2 for one object of the upstream `field`, with the parameter `id` and with these TOML tables in
/// addition.
pub(crate) fn contract(verb: &str, tables: &str) -> String {
    format!(
        r#"
format = 2
[action]
name     = "field.try"
version  = "1.0.0"
title    = "Try something"
verb     = "{verb}"
mode     = "write"
effect   = "observable"
resource = "field/{{id}}"
adapter  = "declared"
[params]
required = ["id"]
properties.id   = {{ type = "string", pattern = "^[A-Za-z0-9._@-]+$" }}
properties.note = {{ type = "string" }}
{tables}
"#
    )
}

/// A served directory with this contract, and with these additional lines in `[tenant.acme.upstream.field]`.
fn served(upstream: &Upstream, contract: &str, lines: &str) -> World {
    served_under(POLICY, upstream, contract, lines)
}

/// A served directory with this contract, whose policy requires the approval of a support lead.
pub(crate) fn served_asking(upstream: &Upstream, contract: &str) -> World {
    served_under(&format!("{POLICY}{ASKING}"), upstream, contract, "")
}

fn served_under(policy: &str, upstream: &Upstream, contract: &str, lines: &str) -> World {
    granted(policy, upstream, contract, lines, "").unwrap()
}

/// The same, with these lines of the grant beside its upstreams. Fails if the configuration is refused.
fn granted(
    policy: &str,
    upstream: &Upstream,
    contract: &str,
    lines: &str,
    grant: &str,
) -> deed_tests::services::Result<World> {
    World::with(scim(), "scim", |dir| {
        fs::write(dir.join("contracts/field.toml"), contract)?;
        fs::write(dir.join("policies/field.cedar"), policy)?;
        let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
        world::edit(dir, "deed.toml", own, &format!("{own}, \"policies/field.cedar\""))?;
        let text = fs::read_to_string(dir.join("deed.toml"))?;
        let more = format!(
            r#"
[tenant.acme.upstream.field]
base_url  = "http://{}"
addresses = ["loopback"]
timeout   = "2s"
read  = {{ secret = "idp_read", slot = "bearer" }}
write = {{ secret = "idp_write", slot = "bearer" }}
{lines}

[tenant.acme.grant."field.try"]
upstreams = ["field"]
{grant}
"#,
            upstream.address
        );
        Ok(fs::write(dir.join("deed.toml"), text + &more)?)
    })
}

pub(crate) fn proposal(params: Value) -> Value {
    let mut proposal = World::proposal("field.try", "");
    proposal["params"] = params;
    proposal
}

/// Runs the contract with `a1` as the parameter `id`.
fn tried(world: &World) -> Value {
    world.run(&proposal(json!({"id": "a1"}))).unwrap()
}
