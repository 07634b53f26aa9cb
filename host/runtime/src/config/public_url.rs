//! `[http] public_url`: the address at which people reach the host. Links that the host gives to agents and people begin
//! with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hyper::Uri;

use super::fault::{Fault, Faults, Source};
use super::raw;

const TABLE: &str = "[http]";
/// The maximum number of bytes of a base path.
const PATH_MAX: usize = 128;
/// What commands remove from the end of an address, because the address of the MCP server ends with it.
const MCP: &str = "mcp";
/// The beginning of the paths of actions' pages.
pub const PAGES: &str = "/actions/";

/// The beginning of links. Without `public_url`, it is the address of the listener, unless a proxy hides that address
/// or the system has yet to choose the port.
pub(super) fn build(http: &raw::Http, here: &Source, faults: &mut Faults) -> Option<String> {
    let base = known(http);
    if let Some(what) = http.public_url.as_ref().and_then(|_| fault(http, base.as_deref())) {
        faults.push(here.fault_in(TABLE, "public_url", what));
    }
    base
}

/// What is wrong with `public_url`, of which this base could be made.
fn fault(http: &raw::Http, base: Option<&str>) -> Option<&'static str> {
    let Some(base) = base else {
        return Some(
            "`public_url` must be https://host or https://host:port (or http with a loopback address or `localhost`), \
             without a user, query or fragment; a base path can follow, as in https://host/deed, of letters, digits, \
             `-`, `_` and `~`, without a `/` at its end, and not ending in `/mcp`",
        );
    };
    let is_served = path(base).is_empty() || http.behind_proxy;
    (!is_served).then_some(
        "`public_url` has a base path, which a proxy must remove from requests; set `behind_proxy = true` if a proxy \
         is in front, or remove the path",
    )
}

/// Like [`build`], for commands that do not check the configuration.
pub(super) fn known(http: &raw::Http) -> Option<String> {
    if let Some(text) = &http.public_url {
        return base(text);
    }
    let is_known = !http.behind_proxy && http.listen.port() != 0;
    is_known.then(|| of_listener(http.listen))
}

/// The address at which people on this machine reach a listener. It has the name `localhost`, because passkeys belong
/// to a name and never to an IP address.
pub fn of_listener(listen: SocketAddr) -> String {
    let is_localhost = listen.ip() == Ipv4Addr::LOCALHOST || listen.ip() == Ipv6Addr::LOCALHOST;
    if is_localhost {
        format!("http://localhost:{}", listen.port())
    } else {
        format!("http://{listen}")
    }
}

/// The origin of the pages of a host at this address, as browsers write it: without the default port, and in lower case.
pub fn origin(base: &str) -> Option<String> {
    let uri: Uri = base.parse().ok()?;
    let (scheme, host) = (uri.scheme_str()?, uri.host()?);
    let default = if scheme == "http" { 80 } else { 443 };
    let port = uri.port_u16().filter(|port| *port != default);
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    Some(format!("{scheme}://{}{port}", host.to_ascii_lowercase()))
}

/// The base path of the address at which people reach the host; empty if it has none. A proxy removes it from requests.
pub fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
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

/// Scheme, host, port and base path of a URL that has nothing else. The URL is parsed, because a comparison by prefix
/// would accept `http://127.0.0.1@elsewhere.example`.
fn base(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let host = authority.host();
    let port = authority.as_str().strip_prefix(host)?;
    let has_port = port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let path = base_path(uri.path())?;
    let is_plain = uri.query().is_none() && !text.contains(['#', '?']);
    if host.is_empty() || !(port.is_empty() || has_port) || !is_plain {
        return None;
    }
    let fits = scheme == "https" || scheme == "http" && is_local(host);
    fits.then(|| format!("{scheme}://{authority}{path}"))
}

/// A path that every program reads alike: nothing in it is encoded, empty or relative.
fn base_path(path: &str) -> Option<&str> {
    if path == "/" {
        return Some("");
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
    let fits = |part: &str| !part.is_empty() && part.bytes().all(is_plain);
    let mut parts = path.strip_prefix('/')?.split('/');
    let is_good = path.len() <= PATH_MAX && parts.clone().all(fits);
    (is_good && parts.next_back() != Some(MCP)).then_some(path)
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
            ("https://deed.example.com/deed", "https://deed.example.com/deed"),
            (
                "https://deed.example.com:8443/a-b/C_1/~d",
                "https://deed.example.com:8443/a-b/C_1/~d",
            ),
            ("https://deed.example.com/mcp/deed", "https://deed.example.com/mcp/deed"),
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
            "https://deed.example.com/deed/",
            "https://deed.example.com//",
            "https://deed.example.com//deed",
            "https://deed.example.com/a//b",
            "https://deed.example.com/deed.html",
            "https://deed.example.com/a/../b",
            "https://deed.example.com/./a",
            "https://deed.example.com/%64eed",
            "https://deed.example.com/a%2fb",
            "https://deed.example.com/a\\b",
            "https://deed.example.com/a;b",
            "https://deed.example.com/a b",
            "https://deed.example.com/\"onload=x",
            "https://deed.example.com/d\u{e9}ed",
            "https://deed.example.com/mcp",
            "https://deed.example.com/deed/mcp",
            "https://deed.example.com/deed?a=b",
            "https://deed.example.com/deed#a",
            "https://user@deed.example.com/deed",
            "http://deed.example.com/deed",
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
        let long = format!("https://deed.example.com/{}", "a".repeat(PATH_MAX));
        assert_eq!(base(&long), None);
    }

    #[test]
    fn an_address_consists_of_its_origin_and_its_base_path() {
        for (origin_of, path_of) in [
            ("https://deed.example.com", ""),
            ("https://deed.example.com:8443", ""),
            ("https://deed.example.com", "/deed"),
            ("https://deed.example.com:8443", "/a/b"),
            ("http://[::1]:7117", "/a"),
        ] {
            let url = format!("{origin_of}{path_of}");
            assert_eq!((origin(&url).as_deref(), path(&url)), (Some(origin_of), path_of));
        }
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (base, expected) in [
            ("https://deed.example.com", "https://deed.example.com"),
            ("https://Deed.Example.com:443", "https://deed.example.com"),
            ("https://deed.example.com:8443", "https://deed.example.com:8443"),
            ("http://localhost:80", "http://localhost"),
            ("http://127.0.0.1:7117", "http://127.0.0.1:7117"),
            ("http://[::1]:7117", "http://[::1]:7117"),
        ] {
            assert_eq!(origin(base).as_deref(), Some(expected), "{base}");
        }
        assert_eq!(origin("deed.example.com"), None);
    }

    /// Only two addresses are those of `localhost`. A browser that looks for it never asks any other one.
    #[test]
    fn a_listener_has_the_name_localhost_only_at_its_addresses() {
        for (listen, expected) in [
            ("127.0.0.1:7117", "http://localhost:7117"),
            ("[::1]:7117", "http://localhost:7117"),
            ("127.0.0.2:7117", "http://127.0.0.2:7117"),
        ] {
            assert_eq!(of_listener(listen.parse().unwrap()), expected);
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
