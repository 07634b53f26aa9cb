//! `deed pin`: writes the digests of contracts and adapters into the grants, and nothing else.

use std::path::Path;

use deed_record::contract::Contract;
use deed_record::digest::Digest;

use super::fault::Faults;
use super::tenant;
use crate::files::{ADAPTER_MAX, FileError, Files};

/// One digest that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    pub tenant: String,
    pub grant: String,
    pub contract: Digest,
    pub adapter: Digest,
}

/// Why digests were not written; the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    #[error("{0}")]
    Faults(#[from] Faults),
    #[error(
        "grant `{0}` of `{1}` has no table header `[tenant.{1}.grant.\"{0}\"]` of its own; write it so"
    )]
    Header(String, String),
    #[error("`{0}`: {1}")]
    Adapter(String, FileError),
    #[error(transparent)]
    Write(FileError),
}

/// Pins every grant of the served directory to the files that are there now.
pub fn pin(dir: &Path) -> Result<Vec<Pinned>, PinError> {
    let (files, mut text, raw) = super::read(dir)?;
    let mut faults = Faults::default();
    let contracts = tenant::contracts(&files, &mut faults);
    faults.into_result(())?;
    let mut pinned = Vec::new();
    for (tenant, tables) in &raw.tenant {
        for grant in tables.grant.keys() {
            let Some((_, contract, digest)) = contracts.get(grant) else { continue };
            let adapter = adapter_digest(&files, contract)?;
            text = rewrite(&text, tenant, grant, *digest, adapter)
                .ok_or_else(|| PinError::Header(grant.clone(), tenant.clone()))?;
            pinned.push(Pinned {
                tenant: tenant.clone(),
                grant: grant.clone(),
                contract: *digest,
                adapter,
            });
        }
    }
    files.write("deed.toml", text.as_bytes()).map_err(PinError::Write)?;
    Ok(pinned)
}

fn adapter_digest(files: &Files, contract: &Contract) -> Result<Digest, PinError> {
    let name = format!("adapters/{}.wasm", contract.action.adapter);
    let bytes = files.bytes(&name, ADAPTER_MAX).map_err(|e| PinError::Adapter(name, e))?;
    Ok(Digest::of(&bytes))
}

/// Replaces the two lines of one grant's table; every other line stays as it is.
fn rewrite(
    text: &str,
    tenant: &str,
    grant: &str,
    contract: Digest,
    adapter: Digest,
) -> Option<String> {
    let header = format!("[tenant.{tenant}.grant.\"{grant}\"]");
    let mut out = Vec::new();
    let (mut inside, mut found) = (false, false);
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with('[') && trimmed.ends_with(']') && !trimmed.contains('=') {
            inside = trimmed == header;
            found |= inside;
            out.push(line.to_owned());
            if inside {
                out.push(format!("contract = \"{contract}\""));
                out.push(format!("adapter = \"{adapter}\""));
            }
        } else if !(inside && is_pin(trimmed)) {
            out.push(line.to_owned());
        }
    }
    found.then(|| out.join("\n") + "\n")
}

fn is_pin(line: &str) -> bool {
    let key = line.split('=').next().map(str::trim);
    matches!(key, Some("contract" | "adapter")) && line.contains('=')
}
