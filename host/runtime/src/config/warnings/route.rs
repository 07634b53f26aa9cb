//! Warnings about how the host reaches an upstream: certificates that expire soon, and proxies.

use deed_sandbox::upstream::{AddressClass, classify};

use super::super::expiry::CERTIFICATE_DUE_DAYS;
use super::super::fault::{Fault, Source};
use super::super::{Tenant, raw};
use super::is_public;

/// Warns about a client certificate that expires soon.
pub(super) fn expiring(tenant: &Tenant, here: &Source, found: &mut Vec<Fault>) {
    for (name, upstream) in &tenant.upstreams {
        let Some(certificate) = &upstream.client_certificate else { continue };
        let (at, days) = certificate.expires();
        if days < CERTIFICATE_DUE_DAYS {
            let path = certificate.path();
            let what = format!("the client certificate in `{path}` expires at {at}; renew it");
            found.push(here.fault_in(&table(tenant, name), "client_certificate", &what));
        }
    }
}

/// Warns about a password that is sent to a proxy in clear text over a public network.
pub(super) fn clear_text(tenant: &Tenant, here: &Source, found: &mut Vec<Fault>) {
    for (name, upstream) in &tenant.upstreams {
        let Some(proxy) = upstream.proxy.as_ref().filter(|proxy| proxy.login.is_some()) else {
            continue;
        };
        let is_public = match proxy.base.address() {
            Some(address) => classify(address) == Some(AddressClass::Public),
            None => proxy.addresses.contains(&AddressClass::Public),
        };
        if is_public {
            let what = format!(
                "`{}` is a public host, and the password in `proxy_secret` is sent to it in clear text; use a proxy in \
                 your own network",
                proxy.base
            );
            found.push(here.fault_in(&table(tenant, name), "proxy", &what));
        }
    }
}

/// Warns about a token endpoint to which the host would send the proof of the client in clear text over a public
/// network, and which would send the token back in the same way.
pub(super) fn clear_endpoints(
    tenant: &Tenant,
    raw: &raw::Tenant,
    here: &Source,
    found: &mut Vec<Fault>,
) {
    for (name, upstream) in &tenant.upstreams {
        let is_its = |endpoint: &raw::Endpoint| endpoint.upstream == *name;
        let mut tokens = raw.token.iter();
        let asked = tokens.find(|(_, token)| token.endpoint.as_ref().is_some_and(is_its));
        let Some((token, _)) = asked.filter(|_| !upstream.base.tls && is_public(upstream)) else {
            continue;
        };
        let what = format!(
            "`{}` is a public host without TLS, so the secret or the assertion of the client, and token `{token}`, \
             would be sent in clear text; use https",
            upstream.base
        );
        found.push(here.fault_in(&table(tenant, name), "base_url", &what));
    }
}

fn table(tenant: &Tenant, upstream: &str) -> String {
    format!("[tenant.{}.upstream.{upstream}]", tenant.name)
}
