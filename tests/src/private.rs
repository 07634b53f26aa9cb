//! A fixture with a private parameter. The contract `idp.note` sets a user's title to a text that no record may
//! contain, and exposes only a small part of the directory's answer. The policy decides by the first characters of the
//! text.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::canary::Canary;
use crate::layout;
use crate::services::{Result, ScimServer};
use crate::world::{self, SCIM, World};

pub const CONTRACT: &str = include_str!("private/note.toml");

/// Tokens of another agent of the tenant, and of a person of the tenant who is not an approver.
pub const OTHER: &str = "deed_token-of-another-agent-of-acme";
pub const ERIN: &str = "deed_token-of-erin-who-only-reads";

/// Policies that decide by the first word of the note: `allowed` needs no approval, `never` and `breaks` cause a
/// denial, and any other word requires an approval.
const POLICY: &str = r#"
@id("note-by-helpdesk")
permit (principal, action == Deed::Action::"idp.note", resource)
when { principal.roles.contains("helpdesk") };

@id("note-needs-lead")
@obligation("approve:1:support-lead")
forbid (principal, action == Deed::Action::"idp.note", resource)
unless { context.params.note like "allowed *" };

@id("note-never")
forbid (principal, action == Deed::Action::"idp.note", resource)
when { context.params.note like "never *" };

@id("note-breaks")
forbid (principal, action == Deed::Action::"idp.note", resource)
when { context.params.note like "breaks *" && context.time * 9223372036854775807 < 0 };
"#;

/// Starts a host with the guest `tells-private`, which is honest unless the action requests an attack. When the fixture
/// is dropped, everything that the host wrote and answered is searched for the values.
pub fn world(
    scim: &ScimServer,
    values: &[&str],
    change: impl FnOnce(&Path) -> Result<()>,
) -> Result<World> {
    let mut world = World::with(scim, SCIM, |dir| {
        lay_out(dir)?;
        change(dir)
    })?;
    let canary = |value: &&str| Canary::private("a private parameter", value.as_bytes());
    world.canaries.extend(values.iter().map(canary));
    Ok(world)
}

fn lay_out(dir: &Path) -> Result<()> {
    layout::adapter(dir, "tells-private", "notes")?;
    fs::write(dir.join("contracts/note.toml"), CONTRACT)?;
    fs::write(dir.join("policies/note.cedar"), POLICY)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    world::edit(dir, "deed.toml", own, &format!("{own}, \"policies/note.cedar\""))?;
    let more = format!(
        "\n[tenant.acme.grant.\"idp.note\"]\nupstreams = [\"idp\"]\n\n[tenant.acme.agent.other]\n\
         person = \"alice\"\nroles = [\"helpdesk\"]\ntoken = \"{}\"\n\n[tenant.acme.person.erin]\n\
         roles = [\"auditor\"]\ntoken = \"{}\"\n",
        layout::hash(OTHER),
        layout::hash(ERIN)
    );
    let text = fs::read_to_string(dir.join("deed.toml"))?;
    Ok(fs::write(dir.join("deed.toml"), text + &more)?)
}

/// A proposal of `idp.note`; `how` selects the guest's attack.
pub fn proposal(user: &str, note: &str, how: &str) -> Value {
    json!({
        "contract": "idp.note",
        "params": {"user_id": user, "note": note, "how": how},
        "intent": "the user is locked out and has shown who they are",
        "sources": [{"uri": "ticket:4711"}],
    })
}
