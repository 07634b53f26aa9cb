//! How people of a tenant are notified: the relay for their e-mail, the webhook of their chat, and when they are told
//! again.

use std::collections::BTreeSet;
use std::sync::Arc;

use deed_sandbox::credentials::Stored;
use deed_spec::digest::Digest;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use super::address::Address;
use super::notify;
use super::raw::{ChatFormat, SmtpTls};

/// The notifications for people of one tenant.
#[derive(Debug, Default)]
pub struct Channels {
    pub mail: Option<Arc<Relay>>,
    pub chat: Option<Arc<Chat>>,
    /// How long before its expiry people are reminded of a request for approval, in milliseconds.
    pub remind_ms: Option<i64>,
    pub escalate: Option<Escalate>,
}

impl Channels {
    /// Whether nobody is notified.
    pub fn is_empty(&self) -> bool {
        self.mail.is_none() && self.chat.is_none()
    }

    /// The secrets of the channels.
    pub fn secrets(&self) -> impl Iterator<Item = &Arc<Stored>> {
        let login = self.mail.as_ref().and_then(|relay| relay.login.as_ref());
        let chat = self.chat.as_ref().and_then(|chat| chat.secret.as_ref());
        login.map(|login| &login.secret).into_iter().chain(chat)
    }
}

/// Who is told when a request for approval has waited for some time.
#[derive(Debug)]
pub struct Escalate {
    /// The time after the request for approval, in milliseconds.
    pub after_ms: i64,
    /// Names of roles and people.
    pub to: BTreeSet<String>,
}

/// A server that accepts e-mail for delivery.
#[derive(Debug)]
pub struct Relay {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    pub config: Arc<ClientConfig>,
    /// The name that the certificate of the relay must have.
    pub name: ServerName<'static>,
    /// The digest of the file with the trusted authorities, if the relay has its own.
    pub roots: Option<Digest>,
    pub from: Address,
    pub login: Option<MailLogin>,
}

/// How the host identifies itself to a relay.
#[derive(Debug)]
pub struct MailLogin {
    pub user: String,
    pub secret: Arc<Stored>,
}

impl Relay {
    /// Whether both are the same relay, reached in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        let login =
            |one: &Self| one.login.as_ref().map(|login| (login.user.clone(), place(&login.secret)));
        (&self.host, self.port, self.tls) == (&other.host, other.port, other.tls)
            && (self.roots, &self.from) == (other.roots, &other.from)
            && login(self) == login(other)
    }
}

/// The webhook of a chat.
#[derive(Debug)]
pub struct Chat {
    pub url: String,
    /// What follows the URL, because the URLs of chats contain a credential.
    pub secret: Option<Arc<Stored>>,
    pub format: ChatFormat,
}

impl Chat {
    /// Whether both are the same webhook.
    pub fn is_same(&self, other: &Self) -> bool {
        let secret = |one: &Self| one.secret.as_ref().map(|secret| place(secret));
        (&self.url, self.format) == (&other.url, other.format) && secret(self) == secret(other)
    }

    /// The whole URL; `None` if the present secret does not complete it.
    pub async fn address(&self) -> Option<Zeroizing<String>> {
        let Some(secret) = &self.secret else { return Some(Zeroizing::new(self.url.clone())) };
        whole(&self.url, secret.current().await.reveal())
    }

    /// Whether the secret that was read last completes the URL.
    pub(super) fn is_whole(&self) -> bool {
        let Some(secret) = &self.secret else { return true };
        whole(&self.url, secret.value().reveal()).is_some()
    }
}

fn whole(url: &str, rest: &str) -> Option<Zeroizing<String>> {
    let whole = Zeroizing::new(format!("{url}{rest}"));
    (rest.bytes().all(|byte| byte.is_ascii_graphic()) && notify::is_fit(&whole)).then_some(whole)
}

/// The name of a secret, and where it is stored.
fn place(secret: &Stored) -> (String, Option<String>) {
    (secret.name().to_owned(), secret.source().map(str::to_owned))
}
