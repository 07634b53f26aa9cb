//! The proxy of an upstream, and the classes of addresses of an upstream with and without one.

use std::collections::BTreeSet;
use std::sync::Arc;

use deed_sandbox::credentials::{Memory, Stored};
use deed_sandbox::upstream::proxy::{Login, Proxy};
use deed_sandbox::upstream::{AddressClass, Base, Lookups};

use super::Wrong;
use super::addresses::{Fields, addresses, reachable};
use crate::config::raw;

const UPSTREAM: Fields = Fields { url: "base_url", classes: "addresses" };
const PROXY: Fields = Fields { url: "proxy", classes: "proxy_addresses" };
/// Maximum bytes of a user name.
const USER_MAX: usize = 256;

/// The classes of addresses of the upstream. With a proxy, the host never learns the upstream's address.
pub(super) fn addresses_of(
    raw: &raw::Upstream,
    base: &Base,
) -> Result<BTreeSet<AddressClass>, Wrong> {
    if raw.proxy.is_some() {
        return Ok(BTreeSet::new());
    }
    let allowed = addresses(&raw.addresses, UPSTREAM)?;
    reachable(base, &allowed, UPSTREAM)?;
    Ok(allowed)
}

/// The proxy of the upstream. `find` finds a secret by its name, or nothing if its own table has a fault. `memory` is
/// that of the tenant.
pub(super) fn proxy(
    raw: &raw::Upstream,
    base: &Base,
    find: impl Fn(&str) -> Result<Option<Arc<Stored>>, String>,
    memory: &Arc<Memory>,
) -> Result<Option<Proxy>, Wrong> {
    let Some(url) = &raw.proxy else { return without(raw).map(|()| None) };
    fits(raw, base)?;
    let proxy = parse(url)?;
    let allowed = addresses(&raw.proxy_addresses, PROXY)?;
    reachable(&proxy, &allowed, PROXY)?;
    let login = login(raw, find, memory)?;
    Ok(Some(Proxy { base: proxy, addresses: allowed, lookups: Lookups::default(), login }))
}

/// Refuses fields that have no effect without a proxy.
fn without(raw: &raw::Upstream) -> Result<(), Wrong> {
    for (key, is_set) in [
        ("proxy_addresses", !raw.proxy_addresses.is_empty()),
        ("proxy_user", raw.proxy_user.is_some()),
        ("proxy_secret", raw.proxy_secret.is_some()),
    ] {
        if is_set {
            return Err((key, format!("`{key}` requires `proxy`, the URL of the proxy")));
        }
    }
    Ok(())
}

/// Refuses an upstream that cannot have a proxy.
fn fits(raw: &raw::Upstream, base: &Base) -> Result<(), Wrong> {
    if !base.tls {
        let what = "`proxy` requires an https base_url; the proxy could read and change requests without TLS";
        return Err(("proxy", what.to_owned()));
    }
    if base.address().is_some() {
        let what = format!(
            "`base_url` is `{base}`, an address; with `proxy`, write a host name, because the host cannot check where \
             the proxy connects to"
        );
        return Err(("base_url", what));
    }
    if !raw.addresses.is_empty() {
        let what = "`addresses` has no effect with `proxy`, because the proxy looks up the host name; write the \
                    classes of the proxy's own addresses in `proxy_addresses`, and remove `addresses`";
        return Err(("addresses", what.to_owned()));
    }
    Ok(())
}

fn parse(url: &str) -> Result<Base, Wrong> {
    // The fault does not quote the URL, because the part before the `@` may be a password.
    if url.contains('@') {
        let what = "`proxy` has an `@`; write the user in `proxy_user`, and the password in a secret that \
                    `proxy_secret` names";
        return Err(("proxy", what.to_owned()));
    }
    let base = Base::parse(url).map_err(|e| ("proxy", e.to_string()))?;
    if base.tls || !base.path.is_empty() {
        let what = format!("`proxy` is `{base}`; write `http://host:port`");
        return Err(("proxy", what));
    }
    Ok(base)
}

fn login(
    raw: &raw::Upstream,
    find: impl Fn(&str) -> Result<Option<Arc<Stored>>, String>,
    memory: &Arc<Memory>,
) -> Result<Option<Login>, Wrong> {
    let (user, name) = match (&raw.proxy_user, &raw.proxy_secret) {
        (None, None) => return Ok(None),
        (Some(user), Some(name)) => (user, name),
        (Some(_), None) => {
            let what =
                "`proxy_user` requires `proxy_secret`, the name of the secret with the password";
            return Err(("proxy_user", what.to_owned()));
        }
        (None, Some(_)) => {
            let what = "`proxy_secret` requires `proxy_user`, the user at the proxy";
            return Err(("proxy_secret", what.to_owned()));
        }
    };
    let is_plain = |c: char| !c.is_control() && c != ':';
    if user.is_empty() || user.len() > USER_MAX || !user.chars().all(is_plain) {
        let what = format!(
            "`proxy_user` must be 1 to {USER_MAX} bytes without `:` and control characters"
        );
        return Err(("proxy_user", what));
    }
    let secret = find(name).map_err(|what| ("proxy_secret", what))?;
    let memory = Arc::clone(memory);
    Ok(secret.map(|secret| Login { user: user.clone(), secret, memory }))
}
