//! The tools that an agent is offered. The list is the same for all agents of a tenant, because every contract that is
//! granted to the tenant is listed for each of its agents.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmcp::model::Tool;

use super::define::definition;
use crate::api::tools;
use crate::config::{Granted, Tenant};

/// With more contracts than this, a list of all tools would fill the context of a model. The tenant's agents are then
/// offered the tools that search contracts, and still may call each contract's tool.
const TOOLS_MAX: usize = 40;

/// The tools of the host itself.
#[derive(Debug)]
pub(super) struct OfHost {
    /// The tools that every agent is offered.
    pub(super) always: Vec<Tool>,
    /// The tools that stand for those of the contracts if there are too many contracts.
    pub(super) searching: Vec<Tool>,
}

/// The tools for the agents of one tenant. The configuration does not change while the host runs, so the tools are made
/// once.
#[derive(Debug)]
pub(super) struct Offer {
    /// The tools of the list, in the order of the list.
    pub(super) listed: Vec<Tool>,
    /// The tools of all contracts, sorted by name.
    pub(super) contracts: Vec<tools::Tool>,
}

/// The offers of all tenants, by the tenant's name.
pub(super) type Offers = BTreeMap<String, Offer>;

pub(super) fn offers(tenants: &BTreeMap<String, Arc<Tenant>>, of_host: &OfHost) -> Offers {
    tenants.iter().map(|(name, tenant)| (name.clone(), Offer::of(tenant, of_host))).collect()
}

impl Offer {
    fn of(tenant: &Tenant, of_host: &OfHost) -> Self {
        let contracts = tools::all(tenant.grants.values().map(|granted| &*granted.contract));
        let mut listed: Vec<Tool> = if contracts.len() > TOOLS_MAX {
            of_host.searching.clone()
        } else {
            contracts.iter().map(definition).collect()
        };
        listed.extend_from_slice(&of_host.always);
        Self { listed, contracts }
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
}
