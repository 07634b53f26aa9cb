//! Contracts as the caller may see them.

mod can;

use std::collections::BTreeSet;

use deed_record::contract::schema::Schema;
use deed_record::contract::{Effect, Mode, Verb};
use deed_record::policy::Reach;
use deed_spec::digest::Digest;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

pub use self::can::{Can, CanAnswer, NeededApproval};
use crate::config::Granted;

/// The contracts that are granted to the caller's tenant. An agent does not see a contract under which policy denies
/// every action of the agent.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ContractList {
    pub contracts: Vec<ContractSummary>,
}

/// One contract of the list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ContractSummary {
    pub name: String,
    pub version: String,
    pub title: String,
    pub verb: Verb,
    pub mode: Mode,
    pub effect: Effect,
    /// The resource, as a template over the parameters.
    pub resource: String,
    pub digest: Digest,
    /// The schema of the parameters, in a closed subset of JSON Schema; see contracts/REFERENCE.md.
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub params: Schema,
    /// How many sources a proposal must name.
    pub sources: usize,
    /// What policy says before a proposal; only for agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can: Option<Can>,
}

impl ContractSummary {
    /// `reach` is what policy says to the caller if it is an agent.
    pub fn new(granted: &Granted, reach: Option<&Reach>) -> Self {
        let head = &granted.contract.action;
        Self {
            name: head.name.clone(),
            version: head.version.clone(),
            title: head.title.clone(),
            verb: head.verb,
            mode: head.mode,
            effect: head.effect,
            resource: head.resource.clone(),
            digest: granted.digest,
            params: granted.contract.params_schema(),
            sources: granted.contract.evidence.sources,
            can: reach.map(Can::from),
        }
    }
}

/// A contract and what was granted for it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GrantedContract {
    /// The contract as canonical JSON, with the fields that contracts/REFERENCE.md describes.
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub contract: Value,
    pub digest: Digest,
    pub adapter: Digest,
    #[schemars(with = "Vec<String>")]
    pub upstreams: BTreeSet<String>,
    /// What policy says before a proposal; only for agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can: Option<Can>,
}
