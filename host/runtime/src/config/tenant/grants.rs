//! Grants of a tenant: contract and adapter pinned by digest, upstreams no wider than the contract.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deed_record::digest::Digest;

use super::{Builder, Granted};
use crate::config::raw;

impl Builder<'_> {
    pub(super) fn grants(&mut self) -> BTreeMap<String, Granted> {
        let mut grants = BTreeMap::new();
        for (name, raw) in &self.raw.grant {
            if !self.contracts.contains_key(name) && self.faults.in_contracts() {
                continue;
            }
            match self.grant(name, raw) {
                Ok(granted) => {
                    grants.insert(name.clone(), granted);
                }
                Err((needle, what)) => self.fault("grant", name, needle, &what),
            }
        }
        grants
    }

    fn grant(&self, name: &str, raw: &raw::Grant) -> Result<Granted, (&'static str, String)> {
        let Some((file, contract, digest)) = self.contracts.get(name) else {
            return Err((
                "",
                format!(
                    "no file under contracts/ has `name = \"{name}\"`; add it or remove the grant"
                ),
            ));
        };
        pinned("contract", raw.contract.as_deref(), *digest, file)?;
        let wasm_name = format!("adapters/{}.wasm", contract.action.adapter);
        let adapter = self.adapters.digest(self.files, &wasm_name);
        let adapter = adapter.map_err(|e| ("", format!("{e}; copy the adapter there")))?;
        pinned("adapter", raw.adapter.as_deref(), adapter, &wasm_name)?;
        let mut upstreams = BTreeSet::new();
        for upstream in &raw.upstreams {
            if !upstreams.insert(upstream.clone()) {
                let what = format!("`{upstream}` stands twice in `upstreams`; keep it once");
                return Err(("upstreams", what));
            }
        }
        for wanted in
            contract.observe.http.iter().chain(&contract.perform.http).map(|r| &r.upstream)
        {
            if !self.raw.upstream.contains_key(wanted) {
                return Err((
                    "",
                    format!(
                        "{file} needs upstream `{wanted}`; add [tenant.{}.upstream.{wanted}]",
                        self.name
                    ),
                ));
            }
            if !upstreams.contains(wanted) {
                return Err((
                    "upstreams",
                    format!("{file} needs upstream `{wanted}`; add it to `upstreams`"),
                ));
            }
        }
        let needed = |name: &&String| {
            !contract
                .observe
                .http
                .iter()
                .chain(&contract.perform.http)
                .any(|r| r.upstream == **name)
        };
        if let Some(wide) = upstreams.iter().find(needed) {
            return Err((
                "upstreams",
                format!("`{wide}` is wider than {file}; remove it from `upstreams`"),
            ));
        }
        Ok(Granted { contract: Arc::clone(contract), digest: *digest, adapter, upstreams })
    }
}

fn pinned(
    key: &'static str,
    granted: Option<&str>,
    actual: Digest,
    file: &str,
) -> Result<(), (&'static str, String)> {
    if granted == Some(actual.to_string().as_str()) {
        return Ok(());
    }
    let what = format!(
        "{file} is not what was granted; if you accept it, run `deed pin` or write `{key} = \"{actual}\"`"
    );
    Err((key, what))
}
