//! Contracts as the caller may see them.

use std::collections::BTreeSet;

use deed_record::contract::schema::Schema;
use deed_record::contract::{Effect, Mode, Verb};
use deed_spec::digest::Digest;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::config::Granted;

/// The contracts that are granted to the caller's tenant.
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
}

impl From<&Granted> for ContractSummary {
    fn from(granted: &Granted) -> Self {
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
}
