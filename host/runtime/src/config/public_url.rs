//! `[http] public_url`: the address at which people reach the host. Links that the host gives to agents and people begin
//! with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Uri;

use super::fault::{Fault, Faults, Source};
use super::raw;

const TABLE: &str = "[http]";
/// The beginning of the paths of actions' pages.
pub const PAGES: &str = "/actions/";

/// The beginning of links. Without `public_url`, it is the address of the listener, unless a proxy hides that address
/// or the system has yet to choose the port.
pub(super) fn build(http: &raw::Http, here: &Source, faults: &mut Faults) -> Option<String> {
    let Some(text) = &http.public_url else {
        let is_known = !http.behind_proxy && http.listen.port() != 0;
        return is_known.then(|| format!("http://{}", http.listen));
    };
    let base = base(text);
    if base.is_none() {
        let what = "`public_url` must be https://host or https://host:port (or http with a loopback address or \
                    `localhost`), without a user, path, query or fragment";
        faults.push(here.fault_in(TABLE, "public_url", what));
    }
    base
}

/// The address of the page of an action.
pub fn page(base: &str, action: &str) -> String {
    format!("{base}{PAGES}{action}")
}

/// A warning if people get no links, or get links that the host refuses.
pub(super) fn warn(http: &raw::Http, here: &Source) -> Option<Fault> {
    match &http.public_url {
        None if http.behind_proxy => {
            let what = "`public_url` is not set, so agents and webhooks have no links to the pages of actions; set it \
                        to the address at which people reach the host through the proxy, such as `public_url = \
                        \"https://deed.example.com\"`";
            Some(here.fault_in(TABLE, "behind_proxy", what))
        }
        Some(url) if !http.behind_proxy && has_name(url) => {
            let what = "`public_url` has the name of a machine, but without `behind_proxy` the host refuses requests \
                        whose header `Host` has such a name; set `behind_proxy = true` if a proxy is in front";
            Some(here.fault_in(TABLE, "public_url", what))
        }
        _ => None,
    }
}

/// Scheme, host and port of a URL that has nothing else. The URL is parsed, because a comparison by prefix would accept
/// `http://127.0.0.1@elsewhere.example`.
fn base(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let host = authority.host();
    let port = authority.as_str().strip_prefix(host)?;
    let has_port = port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let is_plain = uri.path() == "/" && uri.query().is_none() && !text.contains(['#', '?']);
    if host.is_empty() || !(port.is_empty() || has_port) || !is_plain {
        return None;
    }
    let fits = scheme == "https" || scheme == "http" && is_local(host);
    fits.then(|| format!("{scheme}://{authority}"))
}

/// Whether only this machine reaches the host under this name.
fn is_local(host: &str) -> bool {
    is_localhost(host) || address(host).is_some_and(|address| address.is_loopback())
}

fn has_name(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(Uri::host);
    host.is_some_and(|host| !is_localhost(host) && address(host).is_none())
}

fn is_localhost(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

/// An IPv6 address is in brackets.
fn address(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_address_and_nothing_else() {
        for (text, expected) in [
            ("https://deed.example.com", "https://deed.example.com"),
            ("https://deed.example.com/", "https://deed.example.com"),
            ("https://deed.example.com:8443", "https://deed.example.com:8443"),
            ("https://192.0.2.1", "https://192.0.2.1"),
            ("http://127.0.0.1:7117/", "http://127.0.0.1:7117"),
            ("http://localhost:7117", "http://localhost:7117"),
            ("http://[::1]:7117", "http://[::1]:7117"),
        ] {
            assert_eq!(base(text).as_deref(), Some(expected), "{text}");
        }
        for bad in [
            "http://deed.example.com",
            "http://192.0.2.1:7117",
            "http://127.0.0.1@elsewhere.example",
            "http://127.0.0.1:7117@elsewhere.example",
            "http://localhost.elsewhere.example",
            "https://user@deed.example.com",
            "https://user:word@deed.example.com",
            "https://deed.example.com/deed",
            "https://deed.example.com/?a=b",
            "https://deed.example.com?a=b",
            "https://deed.example.com?",
            "https://deed.example.com#a",
            "https://deed.example.com/#",
            "https://deed.example.com:x",
            "https://deed.example.com:99999",
            "https://deed.example.com:",
            "https://",
            "https:///x",
            "javascript:alert(1)",
            "ftp://deed.example.com",
            "deed.example.com",
            "/",
            "*",
            "",
        ] {
            assert_eq!(base(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_differs_from_an_address() {
        for (url, expected) in [
            ("https://deed.example.com", true),
            ("https://192.0.2.1:8443", false),
            ("http://localhost:7117", false),
            ("http://[::1]:7117", false),
        ] {
            assert_eq!(has_name(url), expected, "{url}");
        }
    }
}
