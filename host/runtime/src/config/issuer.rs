//! Issuers: the authorization servers whose access tokens identify agents.
//!
//! Issuers belong to the host and not to a tenant, because a token names its issuer by URL and not a tenant. The entry
//! of an agent names the issuer whose tokens it accepts.

mod agents;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deed_record::action::id;
use deed_sandbox::credentials::Secret;
use deed_system::files::Files;
use hyper::Uri;

pub(super) use self::agents::{check as check_agents, warn};
use super::algorithm::Algorithm;
use super::fault::{Faults, Source};
use super::{notify, raw, secret};

/// An authorization server, and what its access tokens must have.
#[derive(Debug)]
pub struct Issuer {
    /// The name by which agents refer to it.
    pub name: String,
    /// The exact value of the claim `iss`.
    pub url: String,
    /// The value that the claim `aud` must have: the URL of this host.
    pub audience: String,
    pub scope: Option<String>,
    /// The URL of the issuer's keys.
    pub jwks: Option<String>,
    pub introspection: Option<Introspection>,
    /// The claim that names the party for whom the agent acts.
    pub on_behalf_of: Option<String>,
    pub algorithms: BTreeSet<Algorithm>,
}

/// The endpoint that says what a token is (RFC 7662), and the host's credentials for it.
#[derive(Debug)]
pub struct Introspection {
    pub url: String,
    pub client: String,
    pub secret: Arc<Secret>,
}

/// A text by which the faulty line of the issuer's table is found, and what is wrong with that line.
type Wrong = (&'static str, String);

pub(super) fn build(
    files: &Files,
    raw: &raw::Host,
    here: &Source,
    faults: &mut Faults,
) -> BTreeMap<String, Arc<Issuer>> {
    let mut issuers = BTreeMap::new();
    for (name, raw) in &raw.issuer {
        match issuer(files, name, raw) {
            Ok(issuer) => {
                issuers.insert(name.clone(), Arc::new(issuer));
            }
            Err((needle, what)) => faults.push(here.fault_in(&table(name), needle, &what)),
        }
    }
    together(&issuers, here, faults);
    issuers
}

fn table(name: &str) -> String {
    format!("[issuer.{name}]")
}

fn issuer(files: &Files, name: &str, raw: &raw::Issuer) -> Result<Issuer, Wrong> {
    if !id::is_name(name) {
        let what = format!("`{name}` is not a name; use lower-case letters, digits, `_` and `-`");
        return Err(("", what));
    }
    address("url", &raw.url)?;
    address("audience", &raw.audience)?;
    raw.jwks.as_ref().map_or(Ok(()), |url| endpoint("jwks", url))?;
    texts(raw)?;
    let introspection = raw.introspection.as_ref().map(|raw| introspection(files, name, raw));
    if raw.jwks.is_none() && introspection.is_none() {
        let what = "the host cannot check tokens of this issuer; add `jwks` or `introspection`";
        return Err(("", what.to_owned()));
    }
    Ok(Issuer {
        name: name.to_owned(),
        url: raw.url.clone(),
        audience: raw.audience.clone(),
        scope: raw.scope.clone(),
        jwks: raw.jwks.clone(),
        introspection: introspection.transpose()?,
        on_behalf_of: raw.on_behalf_of.clone(),
        algorithms: raw.algorithms.clone().unwrap_or_else(|| Algorithm::ALL.into()),
    })
}

/// Checks a URL that identifies a party. It is compared as a text, so it has no part that could be written otherwise.
fn address(key: &'static str, url: &str) -> Result<(), Wrong> {
    if is_fit(url) && !url.contains('?') {
        return Ok(());
    }
    let what = format!(
        "`{key}` must be https://host/path (or http://127.0.0.1:port/path), without a user, password, query or fragment"
    );
    Err((key, what))
}

fn endpoint(key: &'static str, url: &str) -> Result<(), Wrong> {
    if is_fit(url) {
        return Ok(());
    }
    let what = format!(
        "`{key}` needs a URL https://host/path (or http://127.0.0.1:port/path), without a user, password or fragment"
    );
    Err((key, what))
}

/// Whether the URL is allowed, and can be written between quotes in a header.
fn is_fit(url: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    url.bytes().all(plain) && notify::is_fit(url)
}

fn texts(raw: &raw::Issuer) -> Result<(), Wrong> {
    // RFC 6749 section 3.3.
    let in_scope = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    let is_scope = |text: &String| !text.is_empty() && text.bytes().all(in_scope);
    if !raw.scope.as_ref().is_none_or(is_scope) {
        let what =
            "`scope` must be one scope, of visible ASCII characters without spaces and quotes";
        return Err(("scope", what.to_owned()));
    }
    if raw.on_behalf_of.as_ref().is_some_and(String::is_empty) {
        let what = "`on_behalf_of` must be the name of a claim, such as `sub`";
        return Err(("on_behalf_of", what.to_owned()));
    }
    if raw.algorithms.as_ref().is_some_and(BTreeSet::is_empty) {
        let words = Algorithm::ALL.map(Algorithm::word).join(", ");
        return Err(("algorithms", format!("`algorithms` is empty; use some of {words}")));
    }
    Ok(())
}

fn introspection(
    files: &Files,
    name: &str,
    raw: &raw::Introspection,
) -> Result<Introspection, Wrong> {
    endpoint("introspection", &raw.url)?;
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    if raw.client.is_empty() || !raw.client.bytes().all(plain) {
        let what =
            "`client` must be the client id of this host, of visible ASCII characters without `:`";
        return Err(("client", what.to_owned()));
    }
    let secret = secret::load(&secret::of_issuer(name), files, &raw.secret);
    let secret = Arc::new(secret.map_err(|what| ("introspection", what))?);
    Ok(Introspection { url: raw.url.clone(), client: raw.client.clone(), secret })
}

/// Checks what all issuers must have in common.
fn together(issuers: &BTreeMap<String, Arc<Issuer>>, here: &Source, faults: &mut Faults) {
    for (one, other) in issuers.values().zip(issuers.values().skip(1)) {
        if one.audience != other.audience {
            let what = format!(
                "`audience` of `{}` and `{}` differ; the host is one resource, so write the same URL for all issuers",
                one.name, other.name
            );
            faults.push(here.fault_in(&table(&other.name), "audience", &what));
        }
    }
    let mut by_url: BTreeMap<&str, &str> = BTreeMap::new();
    for issuer in issuers.values() {
        if let Some(first) = by_url.insert(&issuer.url, &issuer.name) {
            let what = format!(
                "`{first}` and `{}` have the same `url`; keep one table, which agents of several tenants can name",
                issuer.name
            );
            faults.push(here.fault_in(&table(&issuer.name), "url", &what));
        }
    }
    let mut asking = issuers.values().filter(|one| one.introspection.is_some());
    if let (Some(first), Some(second)) = (asking.next(), asking.next()) {
        let what = format!(
            "`{}` and `{}` have `introspection`; a token need not say which issuer it is from, so the host would show \
             the tokens of one to the other: keep one, and use `jwks` for the others",
            first.name, second.name
        );
        faults.push(here.fault_in(&table(&second.name), "introspection", &what));
    }
}

impl Issuer {
    /// The URL of the document that describes this host as a protected resource (RFC 9728 section 3.1): the well-known
    /// path comes before the path of the audience.
    pub fn metadata_url(&self) -> String {
        let uri: Uri = self.audience.parse().unwrap_or_default();
        let path = uri.path().trim_end_matches('/');
        let origin = self.audience.trim_end_matches('/');
        let origin = origin.strip_suffix(path).unwrap_or(origin);
        format!("{origin}/.well-known/oauth-protected-resource{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_identifies_one_party() {
        for good in ["https://login.example.com", "https://h/realms/a/", "http://127.0.0.1:9/mcp"] {
            assert!(address("url", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "login.example.com",
            "http://login.example.com",
            "https://login.example.com?tenant=a",
            "https://login.example.com#a",
            "https://login.example.com/\"a",
            "https://login.example.com/a b",
            "https://user@login.example.com",
        ] {
            assert!(address("url", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_metadata_of_a_resource_has_the_well_known_path_before_its_own() {
        let of = |audience: &str| {
            let issuer = Issuer {
                name: "corp".to_owned(),
                url: "https://login.example.com".to_owned(),
                audience: audience.to_owned(),
                scope: None,
                jwks: None,
                introspection: None,
                on_behalf_of: None,
                algorithms: BTreeSet::new(),
            };
            issuer.metadata_url()
        };
        let known = "/.well-known/oauth-protected-resource";
        assert_eq!(of("https://d.example/mcp"), format!("https://d.example{known}/mcp"));
        assert_eq!(of("https://d.example"), format!("https://d.example{known}"));
        assert_eq!(of("https://d.example/"), format!("https://d.example{known}"));
        assert_eq!(
            of("https://d.example:8443/a/mcp"),
            format!("https://d.example:8443{known}/a/mcp")
        );
    }
}
