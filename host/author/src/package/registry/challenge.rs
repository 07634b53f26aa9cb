//! How a registry asks for authentication (RFC 9110, and the token protocol of the distribution project).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::json;
use serde_json::Value;
use ureq::http::Uri;

use super::Credentials;
use super::wire::{self, Wire};

/// The largest answer of a token service, and the longest token.
const ANSWER_MAX: u64 = 64 << 10;

/// What a registry asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer(Bearer),
}

/// Where a token can be had, and for what.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bearer {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

impl Challenge {
    /// Reads the header `WWW-Authenticate`; `None` for other schemes and for a header that is not well-formed.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut members = members(rest)?;
        let realm = members.remove("realm")?;
        let (service, scope) = (members.remove("service"), members.remove("scope"));
        Some(Self::Bearer(Bearer { realm, service, scope }))
    }
}

impl Bearer {
    /// The address of the request for a token.
    pub(super) fn url(&self) -> String {
        let mut url = self.realm.clone();
        for (name, value) in [("service", &self.service), ("scope", &self.scope)] {
            if let Some(value) = value {
                url.push(if url.contains('?') { '&' } else { '?' });
                write!(url, "{name}={}", encoded(value)).unwrap_or_default();
            }
        }
        url
    }
}

/// `name="value"` or `name=value`, separated by commas.
fn members(text: &str) -> Option<BTreeMap<String, String>> {
    let (mut found, mut rest) = (BTreeMap::new(), text.trim());
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        rest = after.trim_start_matches([' ', ',']);
    }
    Some(found)
}

/// Percent-encodes a value of a query (RFC 3986).
fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
    }
    out
}

/// The value of `Authorization` for a name and password.
pub(super) fn basic(credentials: &Credentials) -> String {
    let pair = format!("{}:{}", credentials.user, credentials.password);
    format!("Basic {}", STANDARD.encode(pair))
}

/// Asks a token service for a token.
pub(super) fn token(wire: &Wire, uri: &Uri, basic: Option<&str>) -> Result<String, String> {
    let headers: Vec<(&str, &str)> =
        basic.map(|value| ("authorization", value)).into_iter().collect();
    let mut answer = wire.send("GET", uri, &headers, &[])?;
    let status = answer.status().as_u16();
    if status != 200 {
        let reason = wire::reason(&mut answer);
        let remedy = "check DEED_REGISTRY_USER and DEED_REGISTRY_PASSWORD";
        return Err(format!("the token service answered {status}{reason}; {remedy}"));
    }
    let body = wire::read(&mut answer, ANSWER_MAX)?;
    let value = json::parse(&body).map_err(|error| format!("the token service: {error}"))?;
    let member = |name: &str| value.get(name).and_then(Value::as_str);
    let token = member("token").or_else(|| member("access_token")).unwrap_or_default();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the answer of the token service has no token".to_owned());
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_in_both_forms() {
        let header = "Bearer realm=\"https://t.example/token\",service=\"r.example\",scope=\"repository:a/b:pull,push\"";
        let Some(Challenge::Bearer(bearer)) = Challenge::parse(header) else { panic!("no bearer") };
        assert_eq!(
            bearer.url(),
            "https://t.example/token?service=r.example&scope=repository%3Aa%2Fb%3Apull%2Cpush"
        );
        let bare = Challenge::parse("bearer Realm=https://t.example/t?a=1, service=x");
        let Some(Challenge::Bearer(bearer)) = bare else { panic!("no bearer") };
        assert_eq!(bearer.url(), "https://t.example/t?a=1&service=x");
        assert_eq!(Challenge::parse("Basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(Challenge::parse("basic"), Some(Challenge::Basic));
    }

    #[test]
    fn a_challenge_that_is_not_well_formed_is_none() {
        for bad in [
            "",
            "Bearer",
            "Bearer realm",
            "Bearer realm=\"open",
            "Bearer scope=\"x\"",
            "Digest realm=\"x\"",
        ] {
            assert_eq!(Challenge::parse(bad), None, "{bad}");
        }
    }
}
