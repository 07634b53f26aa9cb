//! The POST requests of observations that a grant permits, because they only read.
//!
//! The host cannot know whether a POST only reads. The operator decides, and the grant names the digest of what was
//! reviewed: the rule, and the schemas of the parameters. A contract with another rule must be reviewed again, even if
//! its request is the same.

use std::collections::BTreeSet;

use deed_record::contract::Contract;
use deed_record::contract::template::Rule;

use super::{Upstreams, Wrong};
use crate::config::raw;

/// The requests of the POST rules that the grant permits.
///
/// # Errors
///
/// Fails if the grant does not permit exactly the POST rules of the contract, or if an upstream of these rules has no
/// credential that only reads.
pub(super) fn permitted(
    file: &str,
    contract: &Contract,
    raw: &raw::Grant,
    upstreams: &Upstreams,
) -> Result<BTreeSet<String>, Wrong> {
    let rules: Vec<&Rule> = contract.observe.http.iter().filter(|rule| rule.reads).collect();
    let is_declared = |request: &String| rules.iter().any(|rule| rule.request == *request);
    if let Some(one) = raw.safe.keys().find(|one| !is_declared(one)) {
        let what =
            format!("{file} has no [[observe.http]] with `reads = true` and the request `{one}`");
        return Err(("safe", what));
    }
    for rule in &rules {
        let reviewed = contract.reviewed(rule).map_err(|e| ("safe", e.to_string()))?;
        let request = &rule.request;
        if raw.safe.get(request) != Some(&reviewed.to_string()) {
            let what = format!(
                "{file} observes with `{request}`, which could write; if the rule only reads for all parameters, add \
                 `safe = {{ '{request}' = '{reviewed}' }}`"
            );
            return Err(("safe", what));
        }
        has_read_credential(rule, upstreams)?;
    }
    Ok(rules.into_iter().map(|rule| rule.request.clone()).collect())
}

/// Checks that the upstream of a POST that only reads has a credential for reads that no upstream of the tenant uses for
/// writes. Secrets are compared by value, and tokens by what is asked for.
fn has_read_credential(rule: &Rule, upstreams: &Upstreams) -> Result<(), Wrong> {
    // An upstream that has a fault was reported before.
    let Some(upstream) = upstreams.get(&rule.upstream) else { return Ok(()) };
    let mut writes = upstreams.values().filter_map(|one| one.write.as_ref());
    let is_apart = upstream
        .read
        .as_ref()
        .is_some_and(|read| !writes.any(|write| write.source.is_same_as(&read.source)));
    if is_apart {
        return Ok(());
    }
    let what = format!(
        "`{}` in `safe` needs a `read` credential of upstream `{}` that cannot write and that no upstream has as `write`",
        rule.request, rule.upstream
    );
    Err(("safe", what))
}
