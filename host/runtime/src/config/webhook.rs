//! A receiver of webhooks: its URL, the secrets that sign what the host sends there, and the types of events (Standard
//! Webhooks 1.0.0).

use std::fmt;
use std::ops::RangeInclusive;

use data_encoding::BASE64;
use deed_sandbox::credentials::Secret;
use deed_spec::digest::Digest;
use serde::Deserialize;
use zeroize::Zeroizing;

/// The start of a secret in the form of Standard Webhooks; the rest is the key in base64.
const PREFIX: &str = "whsec_";
/// The length of a key in the form of Standard Webhooks, in bytes.
const KEY_BYTES: RangeInclusive<usize> = 24..=64;

/// What a webhook reports. The same texts are in `deed.toml` and in the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum WebhookEvent {
    /// People are asked to approve the action.
    #[serde(rename = "action.waiting")]
    Waiting,
    /// The request for approval expires soon.
    #[serde(rename = "action.expiring")]
    Expiring,
    /// The action has its final outcome.
    #[serde(rename = "action.ended")]
    Ended,
    /// The action ended, and its outcome is not known.
    #[serde(rename = "action.indeterminate")]
    Indeterminate,
    /// Only an operator can settle the outcome.
    #[serde(rename = "action.escalated")]
    Escalated,
}

impl WebhookEvent {
    /// The default of `events` under `[notify]`: the events after which people have to act.
    pub const FOR_PEOPLE: [Self; 4] =
        [Self::Waiting, Self::Expiring, Self::Indeterminate, Self::Escalated];
    /// The events that an agent's own webhook reports.
    pub const FOR_AGENTS: [Self; 2] = [Self::Ended, Self::Indeterminate];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "action.waiting",
            Self::Expiring => "action.expiring",
            Self::Ended => "action.ended",
            Self::Indeterminate => "action.indeterminate",
            Self::Escalated => "action.escalated",
        }
    }
}

/// A receiver of webhooks.
#[derive(Debug)]
pub struct Webhook {
    pub url: String,
    pub secret: WebhookSecret,
    /// The secret before a change. The host signs with both until the operator removes this one.
    pub previous: Option<WebhookSecret>,
}

impl Webhook {
    /// Whether both are the same receiver with the same secrets.
    pub fn is_same(&self, other: &Self) -> bool {
        let keys =
            |one: &Self| one.secrets().map(|secret| Digest::of(secret.key())).collect::<Vec<_>>();
        self.url == other.url && keys(self) == keys(other)
    }

    /// The secrets that sign a message; the present one is first.
    pub fn secrets(&self) -> impl Iterator<Item = &WebhookSecret> {
        std::iter::once(&self.secret).chain(&self.previous)
    }
}

/// A secret of a webhook, and the key that it stands for. `Debug` prints neither.
pub struct WebhookSecret {
    secret: Secret,
    key: Zeroizing<Vec<u8>>,
}

impl WebhookSecret {
    /// Reads the key: the base64 after `whsec_`, or the bytes of any other text. Fails when `whsec_` is followed by
    /// something else than a key. The error does not contain the secret.
    pub(super) fn new(secret: Secret) -> Result<Self, String> {
        let key = match secret.reveal().strip_prefix(PREFIX) {
            None => Zeroizing::new(secret.reveal().as_bytes().to_vec()),
            Some(text) => decoded(text).ok_or_else(|| {
                format!(
                    "secret `{}`: `{PREFIX}` must be followed by the base64 of {} to {} bytes, with padding; correct \
                     it, or use a text that does not begin with `{PREFIX}`",
                    secret.name(),
                    KEY_BYTES.start(),
                    KEY_BYTES.end()
                )
            })?,
        };
        Ok(Self { secret, key })
    }

    /// The text of the secret, for comparisons with other secrets.
    pub fn reveal(&self) -> &str {
        self.secret.reveal()
    }

    /// The key of the HMAC.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.secret, f)
    }
}

fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let key = Zeroizing::new(BASE64.decode(text.as_bytes()).ok()?);
    KEY_BYTES.contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer as _;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;

    fn secret(text: &str) -> Result<WebhookSecret, String> {
        WebhookSecret::new(Secret::new("notify", text.as_bytes()).unwrap())
    }

    #[test]
    fn an_event_has_the_same_text_in_the_file_and_in_messages() {
        use WebhookEvent::{Ended, Escalated, Expiring, Indeterminate, Waiting};
        for event in [Waiting, Expiring, Ended, Indeterminate, Escalated] {
            let text: StrDeserializer<'_, Error> = event.as_str().into_deserializer();
            assert_eq!(WebhookEvent::deserialize(text), Ok(event));
        }
    }

    #[test]
    fn a_secret_is_a_key_in_base64_or_any_other_text() {
        assert_eq!(secret("a-text-of-some-length").unwrap().key(), b"a-text-of-some-length");
        let key = format!("whsec_{}", BASE64.encode(&[7; 32]));
        assert_eq!(secret(&key).unwrap().key(), [7; 32]);
        for bad in [
            format!("whsec_{}", BASE64.encode(&[7; 23])),
            format!("whsec_{}", BASE64.encode(&[7; 65])),
            key.trim_end_matches('=').to_owned(),
            key.replace('B', "-"),
            "whsec_0123456789".to_owned(),
        ] {
            let why = secret(&bad).unwrap_err();
            assert!(why.contains("base64 of 24 to 64 bytes") && !why.contains(&bad), "{why}");
        }
    }

    #[test]
    fn neither_form_of_a_secret_is_printed() {
        let shown = format!("{:?}", secret("a-text-of-some-length").unwrap());
        assert!(!shown.contains("a-text") && !shown.contains("97"), "{shown}");
    }
}
