//! The table of a tenant about notifications for people.

use deed_record::contract::Duration;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeopleNotify {
    /// The relay for e-mail.
    pub smtp: Option<Smtp>,
    /// The webhook of a chat.
    pub chat: Option<Chat>,
    /// How long before the expiry of a request for approval people are reminded.
    pub remind: Option<Duration>,
    pub escalate: Option<Escalate>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    pub host: String,
    pub port: Option<u16>,
    pub tls: Option<SmtpTls>,
    /// The address of the sender.
    pub from: String,
    /// The user with which the host identifies itself to the relay, and the secret with the password.
    pub user: Option<String>,
    pub secret: Option<String>,
    pub tls_roots: Option<String>,
}

/// How a connection to a relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// The connection begins in clear text, and changes to TLS before anything else is sent (RFC 3207).
    Starttls,
    /// The connection begins with TLS (RFC 8314).
    Implicit,
    /// Never; only for a relay on this machine.
    None,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    pub url: String,
    /// The name of the secret that follows the URL.
    pub secret: Option<String>,
    pub format: ChatFormat,
}

/// The form of the messages that a chat accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatFormat {
    Slack,
    Mattermost,
    Teams,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalate {
    /// The time after the request for approval.
    pub after: Duration,
    /// Names of roles and people.
    pub to: Vec<String>,
}
