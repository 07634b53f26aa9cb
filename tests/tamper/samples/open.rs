//! Bundles of open contracts: an adapter computed parts of the writes, and the host rehearsed the action.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use deed_test_support::office::{Fault, Office};
use deed_test_support::shared::declared;
use deed_tests::layout;
use deed_tests::services::Result;
use deed_tests::world::{self, World};
use serde_json::{Value, json};

use super::ends;

const CONTRACTS: [(&str, &str, &str); 2] = [
    (
        "build_thing",
        "creates-with-parts",
        include_str!("../../support/src/office/build_thing.toml"),
    ),
    (
        "tag_document",
        "edits-a-document",
        include_str!("../../support/src/office/tag_document.toml"),
    ),
];

const POLICY: &str = r#"
@id("office-by-helpdesk")
permit (principal, action in [Deed::Action::"office.build_thing", Deed::Action::"office.tag_document"], resource)
when { principal.roles.contains("helpdesk") };

@id("office-plans-are-short")
forbid (principal, action == Deed::Action::"office.build_thing", resource)
when { context has plan && context.plan.count > 9 };

@id("office-tags-need-a-lead")
@obligation("approve:1:support-lead")
forbid (principal, action == Deed::Action::"office.tag_document", resource);
"#;

/// The first action that needs the upstream starts it.
fn office() -> &'static Office {
    static OFFICE: OnceLock<Office> = OnceLock::new();
    OFFICE.get_or_init(Office::open)
}

fn grant(name: &str) -> String {
    format!("\n[tenant.acme.grant.\"office.{name}\"]\nupstreams = [\"office\"]\n")
}

/// Adds the upstream `office`, which recognizes repeated writes by their keys, and two open contracts for it.
pub(super) fn declare(dir: &Path) -> Result<()> {
    let mut tables = binding();
    for (name, adapter, text) in CONTRACTS {
        layout::adapter(dir, adapter, adapter)?;
        let text = text.replace("effect   = \"observable\"", "effect   = \"keyed\"");
        fs::write(dir.join(format!("contracts/office_{name}.toml")), text)?;
        tables.push_str(&grant(name));
    }
    fs::write(dir.join("policies/office.cedar"), POLICY)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    world::edit(dir, "deed.toml", own, &format!("{own}, \"policies/office.cedar\""))?;
    let text = fs::read_to_string(dir.join("deed.toml"))?;
    Ok(fs::write(dir.join("deed.toml"), text + &tables)?)
}

fn binding() -> String {
    format!(
        r#"
[tenant.acme.upstream.office]
base_url  = "http://{}"
addresses = ["loopback"]
timeout   = "2s"
idempotency = {{ header = "Idempotency-Key", window = "24h" }}
read  = {{ secret = "idp_read", slot = "bearer" }}
write = {{ secret = "idp_write", slot = "bearer" }}
"#,
        office().upstream.address
    )
}

/// A number that no action has used yet, because each action needs a thing or a tag of its own.
fn fresh() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Builds a thing from a kit with a label. The plan has four writes, of which three contain the id of the thing.
fn build() -> Value {
    let name = format!("lamp-{}", fresh());
    declared("office.build_thing", json!({"kit": "k-1", "name": name, "shelf": "s-1", "units": 2}))
}

pub(super) fn composed(world: &World) -> String {
    ends(world, &build(), "verified")
}

/// The adapter puts a whole document back, after bob has approved it.
pub(super) fn put_back(world: &World) -> String {
    let params = json!({"document": "d-1", "tag": format!("tag-{}", fresh())});
    ends(world, &declared("office.tag_document", params), "verified")
}

/// The third write is refused, so the adapter does not send the fourth, which is optional.
pub(super) fn stopped(world: &World) -> String {
    office().next("POST", "/shelf", Fault::Refuse(403));
    ends(world, &build(), "mismatch")
}

/// The answer to the second write is lost. The second attempt has the recorded answer to the first write, and repeats
/// the second write under its key.
pub(super) fn continued(world: &World) -> String {
    office().next("PUT", "/things", Fault::LoseAnswer);
    ends(world, &build(), "verified")
}

pub(super) fn rehearsed(world: &World) -> String {
    let mut proposal = build();
    proposal["dry_run"] = json!(true);
    ends(world, &proposal, "rehearsed")
}
