//! Loads what a configuration needs before it is in force: the code of its adapters, and copies of its documents.

use std::collections::BTreeMap;
use std::path::Path;

use deed_record::statement::rotation::Purpose;
use deed_sandbox::{Adapter, Sandbox, World};
use deed_spec::digest::Digest;
use deed_spec::json;
use deed_store::store::Store;
use ed25519_dalek::VerifyingKey;

use super::error::EngineError;
use super::stories::StoredPolicies;
use crate::config::keys::{self, KeyError, Keys};
use crate::config::{Config, Fault};

/// The present and retired public keys of the host, which no other party may have. Fails when a key cannot be read.
pub(super) fn of_host(dir: &Path, keys: &Keys) -> Result<Vec<VerifyingKey>, KeyError> {
    let mut all = keys.public().to_vec();
    for purpose in [Purpose::Receipt, Purpose::Log] {
        all.extend(keys::retired(dir, purpose)?);
    }
    Ok(all)
}

/// Adapters by the digest of their bytes.
pub(super) type Adapters = BTreeMap<Digest, Adapter>;

/// Loads every granted adapter, and frees its bytes once its code is loaded. An adapter that is loaded already is used
/// again. Fails when an adapter is not a component that imports only `deed:adapter`.
pub(super) fn adapters(
    config: &mut Config,
    sandbox: &Sandbox,
    loaded: &Adapters,
) -> Result<Adapters, Fault> {
    let mut bytes = std::mem::take(&mut config.adapters);
    let mut adapters = BTreeMap::new();
    for granted in config.tenants.values().flat_map(|tenant| tenant.grants.values()) {
        let Some(wasm) = bytes.remove(&granted.adapter) else { continue };
        let allowed = |one: &&Adapter| [World::Strict, granted.world].contains(&one.world());
        let known = loaded.get(&granted.adapter).filter(allowed);
        let adapter = if let Some(known) = known {
            known.clone()
        } else {
            let file = format!("adapters/{}.wasm", granted.contract.action.adapter);
            let loaded = sandbox.load(&wasm, granted.world);
            loaded.map_err(|e| Fault::new(&file, 0, e.to_string()))?
        };
        adapters.insert(granted.adapter, adapter);
    }
    Ok(adapters)
}

/// Stores contracts and policies by digest, so that bundles can contain them after the configuration has changed.
pub(super) fn keep_documents(store: &dyn Store, config: &Config) -> Result<(), EngineError> {
    for tenant in config.tenants.values() {
        store.put_payload(&json::to_canonical(&StoredPolicies::of(&tenant.policies))?)?;
        for granted in tenant.grants.values() {
            store.put_payload(&granted.contract.canonical()?)?;
        }
    }
    Ok(())
}
