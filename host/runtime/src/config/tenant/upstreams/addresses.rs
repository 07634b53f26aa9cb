//! Classes of addresses to which the host may connect, for an upstream or for its proxy.

use std::collections::BTreeSet;

use deed_sandbox::upstream::{AddressClass, Base, classify};

use super::Wrong;

/// The fields of a URL and of the classes of its addresses.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub(super) url: &'static str,
    pub(super) classes: &'static str,
}

pub(super) fn addresses(names: &[String], of: Fields) -> Result<BTreeSet<AddressClass>, Wrong> {
    let key = of.classes;
    let class = |name: &String| match name.as_str() {
        "public" => Ok(AddressClass::Public),
        "private" => Ok(AddressClass::Private),
        "loopback" => Ok(AddressClass::Loopback),
        other => Err((
            key,
            format!("`{other}` is not an address class; use public, private or loopback"),
        )),
    };
    if names.is_empty() {
        return Err((
            key,
            format!("`{key}` is missing or empty; name public, private or loopback"),
        ));
    }
    names.iter().map(class).collect()
}

/// Whether the host may dial the IP address in the URL. A host name is resolved and checked when the host dials it.
pub(super) fn reachable(
    base: &Base,
    allowed: &BTreeSet<AddressClass>,
    of: Fields,
) -> Result<(), Wrong> {
    let Fields { url, classes } = of;
    let Some(address) = base.address() else { return Ok(()) };
    let Some(class) = classify(address) else {
        let what = format!(
            "`{url}` is `{base}`, an address that the host never connects to (link-local, metadata, multicast or \
             reserved); name the upstream's own address"
        );
        return Err((url, what));
    };
    if allowed.contains(&class) {
        return Ok(());
    }
    let (class, names) = (class.as_str(), allowed.iter().map(|one| one.as_str()));
    let what = format!(
        "`{url}` is `{base}`, a {class} address, but `{classes}` allows only {}; add `\"{class}\"` to `{classes}`, \
         or correct `{url}`",
        names.collect::<Vec<_>>().join(" and ")
    );
    Err((classes, what))
}
