//! The checks against DNS rebinding, for the routes that a browser could be made to call. A web page on another site
//! must not reach a host on the user's machine.
//!
//! A page reaches a loopback address under a name of its own by changing what the name resolves to. Such a request has
//! that name in `Host`, so the host accepts only addresses and `localhost` there. Behind a proxy, the name is public,
//! and the proxy checks it.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode};

use crate::api::problem::Problem;
use crate::config::public_url;

/// Checks the headers `Host` and `Origin` of a request.
pub(crate) fn check(headers: &HeaderMap, behind_proxy: bool) -> Result<(), Problem> {
    let host = host(headers, behind_proxy)?;
    match one(headers, ORIGIN)? {
        Some(origin) if !is_same(origin, host) => Err(refused("`Origin` is another site")),
        _ => Ok(()),
    }
}

/// Like [`check`], for requests from pages at `public_url`. The origin must be that of this address, with its scheme.
/// It is not compared with `Host`, which a proxy may change.
pub(crate) fn check_public(
    headers: &HeaderMap,
    behind_proxy: bool,
    url: &str,
) -> Result<(), Problem> {
    host(headers, behind_proxy)?;
    match one(headers, ORIGIN)? {
        Some(origin) if public_url::origin(url).is_none_or(|own| own != *origin) => {
            Err(refused("`Origin` is not that of `public_url`; open the page at `public_url`"))
        }
        _ => Ok(()),
    }
}

/// The checked value of `Host`.
fn host(headers: &HeaderMap, behind_proxy: bool) -> Result<&str, Problem> {
    let host = one(headers, HOST)?.ok_or_else(|| refused("the request has no `Host`"))?;
    if behind_proxy || is_address(host) {
        Ok(host)
    } else {
        Err(refused("`Host` must be an IP address or `localhost`"))
    }
}

fn refused(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "the request comes from elsewhere", detail)
}

/// The value of a header that may occur only once.
fn one(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Problem> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| refused("`Host` and `Origin` must be visible ASCII characters")),
        (Some(_), Some(_)) => Err(refused("`Host` or `Origin` occurs twice")),
    }
}

/// Whether the host of an authority is an IP address or `localhost`. No other party controls what these resolve to.
fn is_address(authority: &str) -> bool {
    let Ok(parsed) = authority.parse::<Authority>() else { return false };
    let name = parsed.host();
    let rest = authority.strip_prefix(name).map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    if !rest.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok()) {
        return false;
    }
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok()
        || inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
}

/// Whether an origin is the one to which the request was sent.
fn is_same(origin: &str, host: &str) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn verdict(host: &str, origin: Option<&str>, behind_proxy: bool) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        check(&headers, behind_proxy).is_ok()
    }

    #[test]
    fn only_addresses_and_localhost_name_a_host_without_a_proxy() {
        for good in ["127.0.0.1:7117", "localhost:7117", "LOCALHOST", "[::1]:7117", "192.0.2.1"] {
            assert!(verdict(good, None, false), "{good}");
        }
        for bad in [
            "evil.example",
            "evil.example:7117",
            "localhost.evil.example",
            "127.0.0.1.evil.example:7117",
            "127.0.0.1@evil.example",
            "evil.example@127.0.0.1",
            "localhost:x",
            "localhost:99999",
            "",
        ] {
            assert!(!verdict(bad, None, false), "{bad}");
        }
        assert!(verdict("deed.example.com", None, true));
    }

    #[test]
    fn an_origin_is_the_hosts_own() {
        let host = "127.0.0.1:7117";
        assert!(verdict(host, Some("http://127.0.0.1:7117"), false));
        for bad in ["http://evil.example", "http://127.0.0.1:8080", "null", "", "127.0.0.1:7117"] {
            assert!(!verdict(host, Some(bad), false), "{bad}");
        }
        assert!(verdict("deed.example.com", Some("https://deed.example.com"), true));
        assert!(!verdict("deed.example.com", Some("https://evil.example"), true));
    }

    #[test]
    fn an_origin_is_that_of_the_public_url_with_its_scheme() {
        let verdict = |host: &'static str, origin: &'static str, url: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            check_public(&headers, true, url).is_ok()
        };
        let own = "https://deed.example.com";
        for host in ["deed.example.com", "127.0.0.1:7117"] {
            assert!(verdict(host, own, own));
            for same in [":443", ":443/deed", "/deed"] {
                assert!(verdict(host, own, &format!("{own}{same}")), "{same}");
            }
            for bad in
                ["http://deed.example.com", "https://evil.example", "http://127.0.0.1:7117", "null"]
            {
                assert!(!verdict(host, bad, own), "{bad}");
            }
        }
        assert!(!verdict("a", own, "https://deed.example.com:8443"));
    }

    #[test]
    fn a_header_occurs_once() {
        let mut headers = HeaderMap::new();
        assert!(check(&headers, false).is_err());
        headers.append(HOST, HeaderValue::from_static("127.0.0.1"));
        assert!(check(&headers, false).is_ok());
        headers.append(HOST, HeaderValue::from_static("127.0.0.1"));
        assert!(check(&headers, false).is_err());
    }
}
