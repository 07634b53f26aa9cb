//! `deed pin`: writes the digests of contracts and adapters into the grants, and stores the accepted contracts in
//! `accepted/`.
//!
//! Pinning has two steps: making a [`Plan`] only reads files, so that the adapters can be checked before the second
//! step writes anything.

mod members;
mod rewrite;

use std::collections::BTreeMap;
use std::path::Path;

use deed_record::contract::Contract;
use deed_sandbox::World;
use deed_spec::digest::Digest;
use deed_spec::json;
use deed_system::files::{ADAPTER_MAX, FileError, Files};

use self::rewrite::rewrite;
use super::fault::{Fault, Faults};
use super::{accepted, declared, raw, tenant};

/// The digest that a grant named before `deed pin`, and the digest that it names afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The digest as written in `deed.toml`; `None` when the grant had no digest.
    pub was: Option<String>,
    pub now: Digest,
}

impl Change {
    pub fn is_unchanged(&self) -> bool {
        self.was.as_ref().is_some_and(|was| *was == self.now.to_string())
    }
}

/// The digests of one grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    pub tenant: String,
    pub grant: String,
    pub contract: Change,
    pub adapter: Change,
    /// The members of a changed contract that differ; `None` when the earlier contract is not in `accepted/`.
    pub differs: Option<Vec<json::Change>>,
}

/// The result of a pin.
#[derive(Debug)]
pub struct Done {
    pub pinned: Vec<Pinned>,
    /// Whether the new files in `accepted/` now have the same owner as `deed.toml`.
    pub is_given: bool,
}

/// Why `deed pin` wrote no digests. `deed.toml` is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    #[error("{0}")]
    Faults(#[from] Faults),
    #[error(
        "grant `{0}` of tenant `{1}` has no table header of its own; write it under `[tenant.{1}.grant.\"{0}\"]`"
    )]
    Header(String, String),
    #[error("`{0}`: {1}")]
    Adapter(String, FileError),
    #[error(transparent)]
    Write(FileError),
}

/// What `deed pin` will write: every grant of the directory, with the digests of the present contract and adapter
/// files.
#[derive(Debug)]
pub struct Plan {
    files: Files,
    /// The text of `deed.toml` with the new digests.
    text: String,
    pinned: Vec<Pinned>,
    unknown: Vec<String>,
    /// By file name. The world is the one that the first grant of the adapter allows.
    adapters: BTreeMap<String, (Digest, Vec<u8>, World)>,
    /// The contracts as canonical JSON, by digest.
    contracts: BTreeMap<Digest, Vec<u8>>,
}

impl Plan {
    /// Plans which digests to write. This function reads the directory and writes nothing.
    ///
    /// # Errors
    ///
    /// Fails when a file has a fault, an adapter cannot be read, or a grant has neither digests nor a table header of its
    /// own.
    pub fn make(dir: &Path) -> Result<Self, PinError> {
        let (files, text, raw) = super::read(dir)?;
        let mut faults = Faults::default();
        let contracts = tenant::contracts(&files, &mut faults);
        faults.into_result(())?;
        let (adapters, kept) = (BTreeMap::new(), BTreeMap::new());
        let (pinned, unknown) = (Vec::new(), Vec::new());
        let mut plan = Self { files, text, pinned, unknown, adapters, contracts: kept };
        for (tenant, tables) in &raw.tenant {
            for (grant, table) in &tables.grant {
                match contracts.get(grant) {
                    None => plan.unknown.push(format!("{tenant}/{grant}")),
                    Some((file, contract, _)) => {
                        plan.add(
                            (tenant.as_str(), grant.as_str()),
                            table,
                            (file.as_str(), contract),
                        )?;
                    }
                }
            }
        }
        Ok(plan)
    }

    fn add(
        &mut self,
        (tenant, grant): (&str, &str),
        table: &raw::Grant,
        (file, contract): (&str, &Contract),
    ) -> Result<(), PinError> {
        let canonical = contract.canonical();
        let canonical = canonical.map_err(|e| Faults::from(Fault::new(file, 0, e.to_string())))?;
        let contract_now = Change { was: table.contract.clone(), now: Digest::of(&canonical) };
        let adapter_now =
            Change { was: table.adapter.clone(), now: self.adapter(contract, table.world())? };
        self.text = rewrite(&self.text, tenant, grant, contract_now.now, adapter_now.now)
            .ok_or_else(|| PinError::Header(grant.to_owned(), tenant.to_owned()))?;
        self.pinned.push(Pinned {
            tenant: tenant.to_owned(),
            grant: grant.to_owned(),
            differs: differs(&self.files, &contract_now, &canonical),
            contract: contract_now,
            adapter: adapter_now,
        });
        self.contracts.insert(Digest::of(&canonical), canonical);
        Ok(())
    }

    /// Returns the digest of an adapter's file. Each file is read once.
    fn adapter(&mut self, contract: &Contract, world: World) -> Result<Digest, PinError> {
        let name = &contract.action.adapter;
        if declared::is_named_by(contract) {
            let (digest, bytes) = declared::newest();
            self.adapters.insert(name.to_owned(), (digest, bytes.to_vec(), World::Strict));
            return Ok(digest);
        }
        let path = format!("adapters/{name}.wasm");
        if let Some((digest, ..)) = self.adapters.get(&path) {
            return Ok(*digest);
        }
        let bytes = self.files.bytes(&path, ADAPTER_MAX);
        let bytes = bytes.map_err(|e| PinError::Adapter(path.clone(), e))?;
        let digest = Digest::of(&bytes);
        self.adapters.insert(path, (digest, bytes, world));
        Ok(digest)
    }

    /// The adapters that would be pinned, each as file name, bytes and allowed world.
    pub fn adapters(&self) -> impl Iterator<Item = (&str, &[u8], World)> {
        let adapters = self.adapters.iter();
        adapters.map(|(file, (_, bytes, world))| (file.as_str(), bytes.as_slice(), *world))
    }

    /// Grants whose contract has no file, each as `TENANT/GRANT`. `deed pin` does not change these grants.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Writes the contracts to `accepted/`, then writes `deed.toml`.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be written.
    pub fn carry_out(self) -> Result<Done, PinError> {
        let mut is_given = true;
        for canonical in self.contracts.values() {
            is_given &= accepted::keep(&self.files, canonical).map_err(PinError::Write)?;
        }
        self.files.write("deed.toml", self.text.as_bytes()).map_err(PinError::Write)?;
        Ok(Done { pinned: self.pinned, is_given })
    }
}

/// The differences from the contract that was accepted before; `None` when that contract is not in `accepted/`.
fn differs(files: &Files, change: &Change, canonical: &[u8]) -> Option<Vec<json::Change>> {
    if change.is_unchanged() || change.was.is_none() {
        return Some(Vec::new());
    }
    let old = accepted::read(files, change.was.as_ref()?.parse().ok()?)?;
    let new = serde_json::from_slice(canonical).ok()?;
    Some(members::differ(&old, &new))
}
