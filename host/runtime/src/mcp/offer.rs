//! The tools that an agent is offered: those of the contracts that policy may let it use, and those of the host.
//!
//! All agents of a tenant share the definitions, so a tool has the same name for every agent. A tool that is not listed
//! for an agent can still be called: policy then denies the proposal.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::contract::Contract;
use rmcp::model::Tool;

use super::card;
use super::define::definition;
use crate::api::tools;
use crate::config::{Granted, Tenant};
use crate::engine::Reaches;

/// With more contracts than this, a list of all tools would fill the context of a model. The agent is then offered the
/// tools that search contracts, and still may call each contract's tool.
const TOOLS_MAX: usize = 40;

/// The tools of the host itself.
#[derive(Debug)]
pub(super) struct OfHost {
    /// The tools that every agent is offered.
    pub(super) always: Vec<Tool>,
    /// The tools that stand for those of the contracts if there are too many contracts.
    pub(super) searching: Vec<Tool>,
    /// The tool that proposes an action under any contract, and the tool that shows an action.
    pub(super) shows: [&'static str; 2],
}

/// The tools for the agents of one tenant. They are made once for each configuration that is in force.
#[derive(Debug)]
pub(super) struct Offer {
    /// The tools of all contracts, sorted by name.
    pub(super) contracts: Vec<tools::Tool>,
    /// The same tools as MCP lists them, in the same order.
    definitions: Vec<Tool>,
    of_host: Arc<OfHost>,
}

/// The offers of all tenants, by the tenant's name.
pub(super) type Offers = BTreeMap<String, Offer>;

pub(super) fn offers(tenants: &BTreeMap<String, Arc<Tenant>>, of_host: &Arc<OfHost>) -> Offers {
    tenants.iter().map(|(name, tenant)| (name.clone(), Offer::of(tenant, of_host))).collect()
}

impl Offer {
    fn of(tenant: &Tenant, of_host: &Arc<OfHost>) -> Self {
        Self::with(tenant.grants.values().map(|granted| &*granted.contract), of_host)
    }

    fn with<'c>(contracts: impl Iterator<Item = &'c Contract>, of_host: &Arc<OfHost>) -> Self {
        let contracts = tools::all(contracts);
        let definitions = contracts.iter().map(definition).collect();
        Self { contracts, definitions, of_host: Arc::clone(of_host) }
    }

    /// The tools of the list for an agent, in the order of the list; with the card of an action, if the client can show
    /// one.
    pub(super) fn listed(&self, reach: &Reaches, has_card: bool) -> Vec<Tool> {
        let all = self.contracts.iter().zip(&self.definitions);
        let usable = all.filter(|(tool, _)| reach.may_use(&tool.contract));
        let listed = self.list(usable.map(|(_, definition)| definition).collect());
        if has_card { listed.map(|tool| self.linked(tool)).collect() } else { listed.collect() }
    }

    /// The tools of the list if the agent may use these tools of contracts.
    fn list<'t>(&'t self, mut usable: Vec<&'t Tool>) -> impl Iterator<Item = Tool> + 't {
        if usable.len() > TOOLS_MAX {
            usable = self.of_host.searching.iter().collect();
        }
        usable.extend(&self.of_host.always);
        usable.into_iter().cloned()
    }

    /// The contract of the tool with this name.
    pub(super) fn contract<'t>(&self, tenant: &'t Tenant, tool: &str) -> Option<&'t Granted> {
        let found = self.contracts.iter().find(|one| one.name == tool)?;
        tenant.grants.get(&found.contract)
    }

    /// The granted contract with this name, or the contract of the tool with this name.
    pub(super) fn granted<'t>(&self, tenant: &'t Tenant, name: &str) -> Option<&'t Granted> {
        tenant.grants.get(name).or_else(|| self.contract(tenant, name))
    }

    /// The tool of a contract.
    pub(super) fn tool(&self, contract: &str) -> Option<&tools::Tool> {
        self.contracts.iter().find(|one| one.contract == contract)
    }

    /// A tool for clients that can show a card. Tools whose result is an action have the card. Of all tools, a card may
    /// call only the one that shows an action.
    fn linked(&self, tool: Tool) -> Tool {
        let [proposes, shows] = self.of_host.shows;
        let is_contracts = self.contracts.iter().any(|one| tool.name == one.name);
        let has_card = is_contracts || tool.name == proposes || tool.name == shows;
        let is_for_card = tool.name == shows;
        card::linked(tool, has_card, is_for_card)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::mcp::{can, explain, own, search};

    /// The bytes that a list may have if it does not name the contracts.
    const BYTES_MAX: usize = 4_000;

    /// The offer for this many copies of a contract.
    fn offer(count: usize) -> Offer {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/idp/read_user.toml");
        let text = fs::read_to_string(path).unwrap();
        let contract = Contract::from_toml("read_user.toml", &text).unwrap();
        let named = |number: usize| {
            let mut copy = contract.clone();
            copy.action.name = format!("idp.read_user_{number}");
            copy
        };
        let contracts: Vec<Contract> = (0..count).map(named).collect();
        let always = [vec![can::tool(), explain::tool()], own::tools()].concat();
        let shows = [search::PROPOSE, own::STATUS];
        let of_host = OfHost { always, searching: search::tools(), shows };
        Offer::with(contracts.iter(), &Arc::new(of_host))
    }

    #[test]
    fn the_list_for_a_thousand_contracts_is_short() {
        let (few, many) = (offer(TOOLS_MAX), offer(1_000));
        let list = |offer: &Offer| -> Vec<Tool> {
            offer.list(offer.definitions.iter().collect()).collect()
        };
        let (few, listed) = (list(&few), list(&many));
        let bytes = serde_json::to_vec(&listed).unwrap();
        assert!(bytes.len() <= BYTES_MAX, "{} bytes", bytes.len());
        assert!(many.tool("idp.read_user_999").is_some());
        let named = |tools: &[Tool]| tools.iter().any(|tool| tool.name.starts_with("idp_"));
        assert!(named(&few) && !named(&listed));
    }
}
