//! The names that the policies of a tenant may use, for policy authors. The list is available even if the policies do
//! not compile.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::policy::Vocabulary;

use super::{Adapters, Builder, Contracts, Faults, Files, Source, policies, raw};

/// Collects the names from agents, persons, grants and resources. Faults in these tables are added to `faults`.
pub(in crate::config) fn vocabulary(
    files: &Arc<Files>,
    name: &str,
    raw: &raw::Tenant,
    (contracts, adapters): &(Contracts, Adapters),
    here: &Source,
    faults: &mut Faults,
) -> Vocabulary {
    let memory = &Arc::default();
    let mut builder = Builder { files, name, raw, contracts, adapters, memory, here, faults };
    let (agents, persons) = (builder.agents(), builder.persons());
    let grants = builder.grants(&BTreeMap::new());
    let (_, attributes) = builder.resources();
    policies::vocabulary(&agents, &persons, &grants, attributes)
}
