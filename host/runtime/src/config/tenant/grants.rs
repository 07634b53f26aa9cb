//! Grants of a tenant: each pins a contract and an adapter by digest, and has exactly the upstreams that the contract
//! needs.

mod searches;
mod vaults;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deed_record::contract::Contract;
use deed_sandbox::upstream::Upstream;
use deed_spec::digest::Digest;

use super::upstreams::unallowed;
use super::wrong::Wrong;
use super::{Builder, Granted};
use crate::config::{declared, raw};

/// The upstreams of a tenant by name; an upstream with a fault is missing.
type Upstreams = BTreeMap<String, Arc<Upstream>>;

impl Builder<'_> {
    pub(super) fn grants(&mut self, upstreams: &Upstreams) -> BTreeMap<String, Granted> {
        let mut grants = BTreeMap::new();
        for (name, raw) in &self.raw.grant {
            if !self.contracts.contains_key(name) && self.faults.in_contracts() {
                continue;
            }
            match self.grant(name, raw, upstreams) {
                Ok(granted) => {
                    grants.insert(name.clone(), granted);
                }
                Err(Some((needle, what))) => self.fault("grant", name, needle, &what),
                Err(None) => {}
            }
        }
        vaults::learn(self.memory, &grants);
        grants
    }

    /// Builds a grant from the contract, adapter and upstreams that it names. Fails with the fault, or with `None` if
    /// the fault was reported before.
    fn grant(
        &self,
        name: &str,
        raw: &raw::Grant,
        upstreams: &Upstreams,
    ) -> Result<Granted, Option<Wrong>> {
        let Some((file, contract, digest)) = self.contracts.get(name) else {
            let what = format!(
                "no file under contracts/ has `name = \"{name}\"`; add it or remove the grant"
            );
            return Err(Some(("", what)));
        };
        // Headers and searches are checked before the digest. Otherwise, the operator could be asked to pin a contract that
        // cannot be used.
        self.headers(file, contract)?;
        let safe = searches::permitted(file, contract, raw, upstreams)?;
        pinned("contract", raw.contract.as_deref(), *digest, file)?;
        let wasm_name = format!("adapters/{}.wasm", contract.action.adapter);
        let adapter = if declared::is_named_by(contract) {
            self.declared(raw.adapter.as_deref())?
        } else {
            let adapter = self.adapters.digest(self.files, &wasm_name);
            let missing = |why: String| ("", format!("{why}; copy the adapter there"));
            adapter.map_err(|why| why.map(missing))?
        };
        pinned("adapter", raw.adapter.as_deref(), adapter, &wasm_name)?;
        let upstreams = self.reached(file, contract, raw)?;
        let vaults = vaults::of_grant(file, contract, raw, self.files)?;
        let world = raw.world();
        let (contract, digest) = (Arc::clone(contract), *digest);
        Ok(Granted { contract, digest, adapter, upstreams, safe, world, vaults })
    }

    /// Checks that every upstream allows the headers that the contract sets. Fails at the first header that is not
    /// allowed.
    fn headers(&self, file: &str, contract: &Contract) -> Result<(), Wrong> {
        for rule in contract.observe.http.iter().chain(&contract.perform.http) {
            let table = format!("[tenant.{}.upstream.{}]", self.name, rule.upstream);
            let upstream = self.raw.upstream.get(&rule.upstream);
            if let Some(why) = upstream.and_then(|upstream| unallowed(rule, upstream, &table)) {
                return Err(("", format!("{file} {why}")));
            }
        }
        Ok(())
    }

    /// The digest of the adapter that ships with the host: of the pinned version, or of the newest version if none is
    /// pinned.
    fn declared(&self, pinned: Option<&str>) -> Result<Digest, Wrong> {
        let file = format!("{}.wasm", declared::NAME);
        if self.files.names("adapters").is_ok_and(|names| names.contains(&file)) {
            let what = format!(
                "adapters/{file} would not be used: `{}` names the adapter that ships with the host; rename the file",
                declared::NAME
            );
            return Err(("", what));
        }
        let pinned = pinned.and_then(|text| text.parse().ok());
        let known = pinned.and_then(|digest| Some((digest, declared::version(digest)?)));
        let (digest, bytes) = known.unwrap_or_else(declared::newest);
        self.adapters.ship(digest, bytes);
        Ok(digest)
    }

    /// The upstreams of a grant. Fails when the grant does not have exactly the upstreams that its contract needs.
    fn reached(
        &self,
        file: &str,
        contract: &Contract,
        raw: &raw::Grant,
    ) -> Result<BTreeSet<String>, Wrong> {
        let mut upstreams = BTreeSet::new();
        for upstream in &raw.upstreams {
            if !upstreams.insert(upstream.clone()) {
                let what = format!("`{upstream}` occurs twice in `upstreams`; keep one");
                return Err(("upstreams", what));
            }
        }
        let rules = || contract.observe.http.iter().chain(&contract.perform.http);
        for wanted in rules().map(|rule| &rule.upstream) {
            if !self.raw.upstream.contains_key(wanted) {
                let table = format!("[tenant.{}.upstream.{wanted}]", self.name);
                return Err(("", format!("{file} needs upstream `{wanted}`; add {table}")));
            }
            if !upstreams.contains(wanted) {
                let what = format!("{file} needs upstream `{wanted}`; add it to `upstreams`");
                return Err(("upstreams", what));
            }
        }
        let needed = |name: &String| rules().any(|rule| rule.upstream == *name);
        match upstreams.iter().find(|name| !needed(name)) {
            Some(wide) => {
                let what = format!("{file} does not use `{wide}`; remove it from `upstreams`");
                Err(("upstreams", what))
            }
            None => Ok(upstreams),
        }
    }
}

fn pinned(
    key: &'static str,
    granted: Option<&str>,
    actual: Digest,
    file: &str,
) -> Result<(), Wrong> {
    if granted == Some(actual.to_string().as_str()) {
        return Ok(());
    }
    let why = match granted {
        Some(_) => "differs from what was granted; if you accept it, run",
        None => "is not pinned in the grant yet; review it and run",
    };
    Err((key, format!("{file} {why} `deed pin` or write `{key} = \"{actual}\"`")))
}
