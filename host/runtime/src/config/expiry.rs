//! What expires when, as far as the host knows: secrets whose end the operator declares, certificates, and tokens that
//! the host holds.

use std::collections::BTreeMap;

use deed_sandbox::upstream::Credential;

use super::tenant::Tenant;

/// How many days before the end the operator is warned.
pub(super) const DUE_DAYS: i64 = 14;
/// The same for a client certificate, which others must issue.
pub(super) const CERTIFICATE_DUE_DAYS: i64 = 30;
const DAY_MS: i64 = 24 * 3_600_000;

/// Something that is not valid any more after a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    pub kind: ExpiryKind,
    /// The name of the secret or token, the upstream of the certificate, or the id of an agent's token.
    pub name: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpiryKind {
    Secret,
    ClientCertificate,
    TlsRoots,
    /// A token that the host holds.
    Token,
    /// A token of an agent.
    AgentToken,
}

impl ExpiryKind {
    /// The name in metrics and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::ClientCertificate => "client_certificate",
            Self::TlsRoots => "tls_roots",
            Self::Token => "token",
            Self::AgentToken => "agent_token",
        }
    }
}

impl Expiry {
    /// In how many whole days it expires; negative if it has expired.
    pub fn days(&self, now_ms: i64) -> i64 {
        self.at_ms.saturating_sub(now_ms).div_euclid(DAY_MS)
    }

    /// Whether the operator should renew it: it has expired or expires soon. The host itself renews its tokens.
    pub fn is_due(&self, now_ms: i64) -> bool {
        let days = match self.kind {
            ExpiryKind::Token => return false,
            ExpiryKind::ClientCertificate => CERTIFICATE_DUE_DAYS,
            ExpiryKind::Secret | ExpiryKind::TlsRoots | ExpiryKind::AgentToken => DUE_DAYS,
        };
        self.days(now_ms) < days
    }
}

impl Tenant {
    /// What the host uses for this tenant and knows to expire, by kind and name. There is at most one entry for each
    /// secret, token and upstream of the configuration.
    pub fn expiries(&self) -> Vec<Expiry> {
        let named = |kind, ends: &BTreeMap<String, i64>| -> Vec<Expiry> {
            ends.iter()
                .map(|(name, at_ms)| Expiry { kind, name: name.clone(), at_ms: *at_ms })
                .collect()
        };
        [
            named(ExpiryKind::Secret, &self.secrets_end),
            named(ExpiryKind::ClientCertificate, &self.client_certificates_end()),
            named(ExpiryKind::TlsRoots, &self.roots_end),
            named(ExpiryKind::Token, &self.tokens_end()),
        ]
        .concat()
    }

    fn client_certificates_end(&self) -> BTreeMap<String, i64> {
        let ends = self.upstreams.iter().filter_map(|(name, upstream)| {
            Some((name.clone(), upstream.client_certificate.as_ref()?.expires_ms()))
        });
        ends.collect()
    }

    /// When the tokens expire that the host holds now. Several upstreams can use one token.
    fn tokens_end(&self) -> BTreeMap<String, i64> {
        let credentials = self.upstreams.values().flat_map(|one| one.read.iter().chain(&one.write));
        let end = |one: &Credential| Some((one.source.name().to_owned(), one.source.expires_ms()?));
        credentials.filter_map(end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expires_within_a_day_has_no_whole_day_left() {
        let expiry = |at_ms| Expiry { kind: ExpiryKind::Secret, name: "pin".to_owned(), at_ms };
        for (at_ms, days) in [(DAY_MS * 14, 14), (DAY_MS * 14 - 1, 13), (0, 0), (-1, -1)] {
            assert_eq!(expiry(at_ms).days(0), days, "{at_ms}");
        }
        assert_eq!(expiry(i64::MAX).days(-1), i64::MAX / DAY_MS);
    }

    #[test]
    fn a_secret_is_due_two_weeks_before_its_end_and_a_token_of_the_host_never() {
        let is_due =
            |kind, days| Expiry { kind, name: "one".to_owned(), at_ms: days * DAY_MS }.is_due(0);
        assert!(is_due(ExpiryKind::Secret, 13) && !is_due(ExpiryKind::Secret, 14));
        assert!(is_due(ExpiryKind::ClientCertificate, 29));
        assert!(!is_due(ExpiryKind::ClientCertificate, 30));
        assert!(is_due(ExpiryKind::TlsRoots, -1) && !is_due(ExpiryKind::Token, -1));
    }
}
