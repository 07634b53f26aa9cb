//! An open contract for the upstream `office`, and the served directory in which a test runs it.

use std::fs;

use deed_tests::layout;
use deed_tests::services::Result;
use deed_tests::world::{self, World};
use serde_json::Value;

use super::Office;
use crate::shared::scim;

/// `ACTION` stands for the action of the contract.
const POLICY: &str = r#"
@id("office-by-helpdesk")
permit (principal, action == ACTION, resource)
when { principal.roles.contains("helpdesk") };
"#;

const ASKING: &str = r#"
@id("office-needs-a-lead")
@obligation("approve:1:support-lead")
forbid (principal, action == ACTION, resource);
"#;

/// A contract with its adapter and policies, which a test can change before it is served.
#[derive(Debug, Clone)]
pub struct Case {
    name: &'static str,
    adapter: &'static str,
    contract: String,
    policy: String,
    /// Lines of the upstream's table in `deed.toml`.
    lines: &'static str,
}

impl Case {
    pub fn tag_document() -> Self {
        let contract = include_str!("tag_document.toml");
        Self::new("office.tag_document", "edits-a-document", contract)
    }

    pub fn copy_document() -> Self {
        let contract = include_str!("copy_document.toml");
        Self::new("office.copy_document", "edits-a-document", contract)
    }

    pub fn build_thing() -> Self {
        let contract = include_str!("build_thing.toml");
        Self::new("office.build_thing", "creates-with-parts", contract)
    }

    pub fn label_copy() -> Self {
        Self::new("office.label_copy", "declared", include_str!("label_copy.toml"))
    }

    pub fn order_thing() -> Self {
        Self::new("office.order_thing", "declared", include_str!("order_thing.toml"))
    }

    pub fn prune_group() -> Self {
        Self::new("office.prune_group", "prunes-members", include_str!("prune_group.toml"))
    }

    fn new(name: &'static str, adapter: &'static str, contract: &str) -> Self {
        let (contract, policy) = (contract.to_owned(), POLICY.to_owned());
        Self { name, adapter, contract, policy, lines: "" }
    }

    /// Replaces a part of the contract, which must occur in it.
    #[must_use]
    pub fn with(mut self, from: &str, to: &str) -> Self {
        assert!(self.contract.contains(from), "`{}` has no `{from}`", self.name);
        self.contract = self.contract.replace(from, to);
        self
    }

    /// Adds policies, in which `ACTION` stands for the action.
    #[must_use]
    pub fn under(mut self, policies: &str) -> Self {
        self.policy += policies;
        self
    }

    /// Adds a policy that requires the approval of a support lead.
    #[must_use]
    pub fn asking(self) -> Self {
        self.under(ASKING)
    }

    /// Lets the upstream recognize repeated writes by an idempotency key.
    #[must_use]
    pub fn keyed(mut self) -> Self {
        self.lines = "idempotency = { header = \"Idempotency-Key\", window = \"24h\" }";
        self.with("effect   = \"observable\"", "effect   = \"keyed\"")
    }

    /// A served directory with this contract, and a host that serves it.
    pub fn serve(&self, office: &Office) -> Result<World> {
        World::with(scim(), "scim", |dir| {
            if self.adapter != "declared" {
                layout::adapter(dir, self.adapter, self.adapter)?;
            }
            fs::write(dir.join("contracts/office.toml"), &self.contract)?;
            let action = format!("Deed::Action::\"{}\"", self.name);
            fs::write(dir.join("policies/office.cedar"), self.policy.replace("ACTION", &action))?;
            let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
            world::edit(dir, "deed.toml", own, &format!("{own}, \"policies/office.cedar\""))?;
            let text = fs::read_to_string(dir.join("deed.toml"))?;
            Ok(fs::write(dir.join("deed.toml"), text + &self.tables(office))?)
        })
    }

    fn tables(&self, office: &Office) -> String {
        let (address, lines, name) = (office.upstream.address, self.lines, self.name);
        format!(
            r#"
[tenant.acme.upstream.office]
base_url  = "http://{address}"
addresses = ["loopback"]
timeout   = "2s"
read  = {{ secret = "idp_read", slot = "bearer" }}
write = {{ secret = "idp_write", slot = "bearer" }}
{lines}

[tenant.acme.grant."{name}"]
upstreams = ["office"]
"#
        )
    }

    /// A proposal of the helpdesk agent with these parameters.
    pub fn proposal(&self, params: Value) -> Value {
        let mut proposal = World::proposal(self.name, "");
        proposal["params"] = params;
        proposal
    }
}
