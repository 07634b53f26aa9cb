//! The relying party of a passkey: the domain for which the authenticator made the key, and the origins of the pages
//! on which a person may use it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::fault::{Fault, quoted};

/// How many origins a passkey may have.
const ORIGINS_MAX: usize = 8;

/// The longest domain name.
const DOMAIN_MAX: usize = 253;

/// Where a passkey may be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelyingParty {
    /// The RP ID, such as `example.org`.
    pub rp_id: String,
    /// Origins of pages, such as `https://deed.example.org`.
    pub origins: BTreeSet<String>,
}

impl RelyingParty {
    /// Checks that a browser could make an assertion for this RP ID on each of the origins.
    ///
    /// # Errors
    ///
    /// Fails when the RP ID is not a domain, or an origin is missing or does not belong to it.
    pub fn check(&self) -> Result<(), Fault> {
        if !is_domain(&self.rp_id) {
            return Err(Fault::RpIdForm(quoted(&self.rp_id)));
        }
        if !(1..=ORIGINS_MAX).contains(&self.origins.len()) {
            return Err(Fault::Origins(self.origins.len()));
        }
        match self.origins.iter().find(|origin| !self.has(origin)) {
            None => Ok(()),
            Some(origin) => {
                Err(Fault::OriginForm { origin: quoted(origin), rp_id: self.rp_id.clone() })
            }
        }
    }

    /// Whether a text is the origin of a page with this RP ID: the serialization of RFC 6454, with `http` only for
    /// `localhost`.
    fn has(&self, origin: &str) -> bool {
        let secure = origin.strip_prefix("https://");
        let Some(rest) = secure.or_else(|| origin.strip_prefix("http://")) else { return false };
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        };
        let default = if secure.is_some() { 443 } else { 80 };
        let is_local = host == "localhost" || host.ends_with(".localhost");
        let is_below =
            || host.strip_suffix(self.rp_id.as_str()).is_some_and(|start| start.ends_with('.'));
        port.is_none_or(|port| is_port(port, default))
            && (secure.is_some() || is_local)
            && is_domain(host)
            && (host == self.rp_id || is_below())
    }
}

/// Whether a text is a port as browsers write it: without leading zeros, and not the default of the scheme.
fn is_port(text: &str, default: u16) -> bool {
    text.parse::<u16>().is_ok_and(|port| port != default && port.to_string() == text && port != 0)
}

/// Whether a text is a domain name in lower case. An IP address is none, because its last label is a number.
fn is_domain(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(is_letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= DOMAIN_MAX
        && text.split('.').all(is_label)
        && !last.chars().all(|c| c.is_ascii_digit())
}
