//! The request that is sent: the one of `--request`, else the one in `test` of the upstream.

use std::collections::BTreeSet;

use deed_record::contract::Contract;
use deed_record::contract::template::Rule;
use deed_record::exchange::Rendered;

use super::super::out::Failure;
use super::super::quote::quoted;
use crate::config::{Tenant, test_request};

/// Maximum number of requests of contracts that are offered.
const OFFERS: usize = 5;

/// The request to send. Fails if none is known, and for a request that changes something according to a contract.
pub(super) fn chosen(
    tenant: &Tenant,
    upstream: &str,
    text: Option<&str>,
) -> Result<Rendered, Failure> {
    let request = match text {
        Some(text) => test_request(upstream, text)
            .map_err(|why| Failure::usage(format!("the value of --request: {why}")))?,
        None => match tenant.tests.get(upstream) {
            Some(request) => request.clone(),
            None => return Err(missing(tenant, upstream)),
        },
    };
    let is_changing = |(contract, rule): &(&Contract, &Rule)| {
        rule.may_write().unwrap_or(true)
            && rule.covers(&request.method, &request.path, contract.templates())
    };
    let changing = rules(tenant, upstream).find(is_changing);
    match changing.map(|(contract, _)| contract.action.name.as_str()) {
        None => Ok(request),
        Some(contract) => Err(Failure::Failed(format!(
            "`{}` is not harmless: contract `{contract}` says that it changes something; use another request",
            shown(&request)
        ))),
    }
}

/// The request as it is written.
pub(super) fn shown(request: &Rendered) -> String {
    format!("{} {}", request.method, request.path)
}

/// The permissions that granted contracts name for this request.
pub(super) fn permissions(tenant: &Tenant, request: &Rendered) -> BTreeSet<String> {
    same(tenant, request).filter_map(|rule| rule.permission.clone()).collect()
}

/// The rules of granted contracts with exactly this request.
fn same<'t>(tenant: &'t Tenant, request: &'t Rendered) -> impl Iterator<Item = &'t Rule> {
    let target = |one: &Rendered| (one.method.clone(), one.path.clone());
    rules(tenant, &request.upstream).map(|(_, rule)| rule).filter(move |rule| {
        let written = test_request(&rule.upstream, &rule.request);
        written.is_ok_and(|written| target(&written) == target(request))
    })
}

/// All rules of granted contracts for this upstream, each with its contract.
fn rules<'t>(
    tenant: &'t Tenant,
    upstream: &'t str,
) -> impl Iterator<Item = (&'t Contract, &'t Rule)> {
    let all = tenant.grants.values().flat_map(|granted| {
        let contract: &Contract = &granted.contract;
        let rules = contract.observe.http.iter().chain(&contract.perform.http);
        rules.map(move |rule| (contract, rule))
    });
    all.filter(move |(_, rule)| rule.upstream == upstream)
}

fn missing(tenant: &Tenant, upstream: &str) -> Failure {
    let reads = rules(tenant, upstream).filter(|(_, rule)| rule.may_write() == Ok(false));
    let offers = reads.filter_map(|(_, rule)| test_request(upstream, &rule.request).ok());
    let offers: BTreeSet<String> = offers.map(|one| shown(&one)).collect();
    let offered: Vec<String> =
        offers.iter().take(OFFERS).map(|one| format!("\n  --request {}", quoted(one))).collect();
    let of_contracts = if offered.is_empty() {
        "no granted contract reads it with a request without parameters".to_owned()
    } else {
        format!("granted contracts read it with:{}", offered.concat())
    };
    Failure::Failed(format!(
        "[tenant.{}.upstream.{upstream}] has no `test`, so no harmless request is known; write one there, such as \
         `test = \"GET /Users?count=1\"`, or name one with --request; {of_contracts}",
        tenant.name
    ))
}
