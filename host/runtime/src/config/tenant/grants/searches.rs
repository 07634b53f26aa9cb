//! The POST requests of observations that a grant permits, because they only read.
//!
//! The host cannot know whether a POST only reads. The operator decides, and the grant names the digest of what was
//! reviewed: the rule, and the schemas of its parameters. A contract with another rule must be reviewed again, even if
//! its request is the same.

use std::collections::BTreeSet;

use deed_record::contract::Contract;
use deed_record::contract::template::Rule;

use super::{Builder, Wrong};
use crate::config::raw;

impl Builder<'_> {
    /// The requests of the POST rules that the grant permits. Fails if the grant does not permit exactly the POST rules
    /// of the contract, or if an upstream has no credential that only reads.
    pub(super) fn searches(
        &self,
        file: &str,
        contract: &Contract,
        raw: &raw::Grant,
    ) -> Result<BTreeSet<String>, Wrong> {
        let rules: Vec<&Rule> = contract.observe.http.iter().filter(|rule| rule.reads).collect();
        if let Some(one) =
            raw.safe.keys().find(|one| !rules.iter().any(|rule| rule.request == **one))
        {
            let what = format!(
                "{file} has no [[observe.http]] with `reads = true` and the request `{one}`"
            );
            return Err(("safe", what));
        }
        for rule in &rules {
            let reviewed = contract.reviewed(rule).map_err(|e| ("safe", e.to_string()))?;
            let request = &rule.request;
            if raw.safe.get(request).map(String::as_str) != Some(reviewed.to_string().as_str()) {
                let what = format!(
                    "{file} observes with `{request}`, which could write; if the rule only reads for all parameters, \
                     add `safe = {{ '{request}' = '{reviewed}' }}`"
                );
                return Err(("safe", what));
            }
            self.has_read_credential(rule)?;
        }
        Ok(rules.into_iter().map(|rule| rule.request.clone()).collect())
    }

    /// Checks that the upstream of a POST that only reads has a credential for reads that no upstream with the same base
    /// URL uses for writes.
    fn has_read_credential(&self, rule: &Rule) -> Result<(), Wrong> {
        let Some(upstream) = self.raw.upstream.get(&rule.upstream) else { return Ok(()) };
        let same = self.raw.upstream.values().filter(|one| one.base_url == upstream.base_url);
        let mut writes = same.filter_map(|one| one.write.as_ref());
        let is_apart = upstream
            .read
            .as_ref()
            .is_some_and(|read| !writes.any(|write| write.secret == read.secret));
        if is_apart {
            return Ok(());
        }
        let what = format!(
            "`{}` in `safe` needs a `read` credential of upstream `{}` that differs from `write` and cannot write",
            rule.request, rule.upstream
        );
        Err(("safe", what))
    }
}
