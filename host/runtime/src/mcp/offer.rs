//! The tools that an agent is offered: those of the contracts that policy may let it use, and those of the host.
//!
//! All agents of a tenant share the definitions, so a tool has the same name for every agent. A tool that is not listed
//! for an agent can still be called: policy then denies the proposal.

use std::collections::BTreeMap;
use std::sync::Arc;

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

/// The tools for the agents of one tenant. The configuration does not change while the host runs, so the tools are made
/// once.
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

pub(super) fn offers(tenants: &BTreeMap<String, Arc<Tenant>>, of_host: OfHost) -> Offers {
    let of_host = Arc::new(of_host);
    tenants.iter().map(|(name, tenant)| (name.clone(), Offer::of(tenant, &of_host))).collect()
}

impl Offer {
    fn of(tenant: &Tenant, of_host: &Arc<OfHost>) -> Self {
        let contracts = tools::all(tenant.grants.values().map(|granted| &*granted.contract));
        let definitions = contracts.iter().map(definition).collect();
        Self { contracts, definitions, of_host: Arc::clone(of_host) }
    }

    /// The tools of the list for an agent, in the order of the list; with the card of an action, if the client can show
    /// one.
    pub(super) fn listed(&self, reach: &Reaches, has_card: bool) -> Vec<Tool> {
        let all = self.contracts.iter().zip(&self.definitions);
        let usable = all.filter(|(tool, _)| reach.may_use(&tool.contract));
        let mut listed: Vec<&Tool> = usable.map(|(_, definition)| definition).collect();
        if listed.len() > TOOLS_MAX {
            listed = self.of_host.searching.iter().collect();
        }
        listed.extend(&self.of_host.always);
        let listed = listed.into_iter().cloned();
        if has_card { listed.map(|tool| self.linked(tool)).collect() } else { listed.collect() }
    }

    /// The contract of the tool with this name.
    pub(super) fn contract<'t>(&self, tenant: &'t Tenant, tool: &str) -> Option<&'t Granted> {
        let found = self.contracts.iter().find(|one| one.name == tool)?;
        tenant.grants.get(&found.contract)
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
