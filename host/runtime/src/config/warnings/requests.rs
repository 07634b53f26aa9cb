//! Warnings about tokens for the access token of a request.

use super::super::Tenant;
use super::super::fault::{Fault, Source};

/// Warns about an agent without access tokens, if a granted contract needs the access token of the request.
pub(super) fn unusable(tenant: &Tenant, here: &Source, found: &mut Vec<Fault>) {
    let mut grants = tenant.grants.iter();
    let needs = grants.find_map(|(name, granted)| Some((name, tenant.exchanged(granted)?)));
    let Some((contract, (upstream, token))) = needs else { return };
    for (name, _) in tenant.agents.iter().filter(|(_, agent)| agent.oauth.is_none()) {
        let what = format!(
            "agent `{name}` cannot propose `{contract}`: token `{token}` of upstream `{upstream}` is exchanged for the \
             access token of the request, and the agent has no access tokens; add `oauth` with an issuer, if the agent \
             shall propose it"
        );
        found.push(here.fault_in(&format!("[tenant.{}.agent.{name}]", tenant.name), "", &what));
    }
}
