//! `[tenant.NAME.notify]`: how the people of a tenant are notified.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use deed_record::contract::Duration;
use deed_sandbox::upstream::tls_config;
use deed_spec::digest::Digest;
use deed_system::files::PEM_MAX;
use tokio_rustls::rustls::pki_types::ServerName;

use super::Builder;
use super::credentials::{Secrets, shown};
use super::wrong::Wrong;
use crate::config::address::Address;
use crate::config::channels::{Channels, Chat, Escalate, MailLogin, Relay};
use crate::config::raw::SmtpTls;
use crate::config::{notify, raw};

/// The longest name of a user of a relay.
const USER_MAX: usize = 255;

impl Builder<'_> {
    pub(super) fn channels(&mut self, secrets: &Secrets) -> Channels {
        let tenant = self.raw;
        let Some(notify) = &tenant.notify else { return Channels::default() };
        if notify.smtp.is_none() && notify.chat.is_none() {
            let what = "the table has neither `smtp` nor `chat`, so nobody would be told; add one, or remove the table";
            self.or_fault::<()>("notify", Err(("notify", what.to_owned())));
        }
        let mail = notify.smtp.as_ref().map(|smtp| self.relay(smtp, secrets)).transpose();
        let chat = notify.chat.as_ref().map(|chat| self.chat(chat, secrets)).transpose();
        let escalate = notify.escalate.as_ref().map(|one| escalate(one, tenant)).transpose();
        Channels {
            mail: self.or_fault("smtp", mail).map(Arc::new),
            chat: self.or_fault("chat", chat).map(Arc::new),
            remind_ms: notify.remind.map(Duration::as_signed),
            escalate: self.or_fault("escalate", escalate),
        }
    }

    /// Reports a fault of this entry of the table.
    fn or_fault<T>(&mut self, entry: &str, found: Result<Option<T>, Wrong>) -> Option<T> {
        match found {
            Ok(found) => found,
            Err((needle, what)) => {
                let table = format!("[tenant.{}.notify]", self.name);
                let own = format!("[tenant.{}.notify.{entry}]", self.name);
                let table = if self.here.text.contains(&own) { own } else { table };
                let fault = self.here.fault_in(&table, needle, &what);
                self.faults.push(fault);
                None
            }
        }
    }

    fn relay(&self, raw: &raw::Smtp, secrets: &Secrets) -> Result<Relay, Wrong> {
        let name = ServerName::try_from(raw.host.clone()).map_err(|_invalid| {
            ("host", "`host` of `smtp` must be a host name or an IP address".to_owned())
        })?;
        let from = Address::parse(&raw.from).ok_or_else(|| {
            (
                "from",
                "`from` of `smtp` must be an e-mail address, such as `deed@example.com`".to_owned(),
            )
        })?;
        let tls = raw.tls.unwrap_or(SmtpTls::Starttls);
        check_tls(raw, tls)?;
        let roots = raw.tls_roots.as_ref().map(|path| self.files.bytes(path, PEM_MAX)).transpose();
        let roots = roots.map_err(|e| ("tls_roots", e.to_string()))?;
        let config = tls_config(roots.as_deref()).map_err(|e| ("tls_roots", e.to_string()))?;
        Ok(Relay {
            host: raw.host.clone(),
            port: raw.port.unwrap_or(port(tls)),
            tls,
            config,
            name,
            roots: roots.as_deref().map(Digest::of),
            from,
            login: self.login(raw, secrets)?,
        })
    }

    /// The login; `None` if there is none, or if its secret has a fault that was reported before.
    fn login(&self, raw: &raw::Smtp, secrets: &Secrets) -> Result<Option<MailLogin>, Wrong> {
        let (user, secret) = match (&raw.user, &raw.secret) {
            (None, None) => return Ok(None),
            (Some(user), Some(secret)) => (user, secret),
            _ => {
                let what = "`smtp` must have both `user` and `secret`, or neither of them";
                return Err(("smtp", what.to_owned()));
            }
        };
        if user.is_empty() || user.len() > USER_MAX || user.chars().any(char::is_control) {
            let what =
                "`user` of `smtp` must be a text of 1 to 255 bytes without control characters";
            return Err(("user", what.to_owned()));
        }
        let secret = self.secret(secret, secrets).map_err(|what| ("secret", what))?;
        Ok(secret.map(|secret| MailLogin { user: user.clone(), secret }))
    }

    fn chat(&self, raw: &raw::Chat, secrets: &Secrets) -> Result<Chat, Wrong> {
        if !notify::is_fit(&raw.url) {
            let what = "`url` of `chat` must be https://host/path (or http://127.0.0.1:port/path), without a user, \
                        password or fragment";
            return Err(("url", what.to_owned()));
        }
        if raw.secret.is_some() && !raw.url.ends_with('/') {
            let what = "`url` of `chat` must end with `/`, because `secret` follows it";
            return Err(("url", what.to_owned()));
        }
        let secret = raw.secret.as_ref().map(|name| self.secret(name, secrets)).transpose();
        let secret = secret.map_err(|what| ("secret", what))?.flatten();
        let chat = Chat { url: raw.url.clone(), secret, format: raw.format };
        if !chat.is_whole() {
            let what = "the secret of `chat` is not the rest of a URL; store what follows `url` in the URL of the \
                        webhook";
            return Err(("secret", what.to_owned()));
        }
        Ok(chat)
    }
}

/// The port of a relay if `deed.toml` names none (RFC 6409, RFC 8314).
fn port(tls: SmtpTls) -> u16 {
    match tls {
        SmtpTls::Starttls => 587,
        SmtpTls::Implicit => 465,
        SmtpTls::None => 25,
    }
}

fn check_tls(raw: &raw::Smtp, tls: SmtpTls) -> Result<(), Wrong> {
    if raw.port == Some(0) {
        return Err(("port", "`port` of `smtp` must be from 1 to 65535".to_owned()));
    }
    if tls != SmtpTls::None {
        return Ok(());
    }
    let address: Result<IpAddr, _> = raw.host.parse();
    if !address.is_ok_and(|address| address.is_loopback()) {
        let what = "`tls = \"none\"` of `smtp` is only allowed for a relay at 127.0.0.1 or ::1; use `starttls` or \
                    `implicit`";
        return Err(("tls", what.to_owned()));
    }
    if raw.tls_roots.is_some() {
        return Err(("tls_roots", "`tls_roots` of `smtp` has no effect without TLS".to_owned()));
    }
    Ok(())
}

fn escalate(raw: &raw::Escalate, tenant: &raw::Tenant) -> Result<Escalate, Wrong> {
    let is_role = |name: &String| tenant.person.values().any(|one| one.roles.contains(name));
    let is_known = |name: &&String| tenant.person.contains_key(*name) || is_role(name);
    if raw.to.is_empty() {
        let what = "`to` of `escalate` is empty; name a role or a person";
        return Err(("to", what.to_owned()));
    }
    if let Some(name) = raw.to.iter().find(|name| !is_known(name)) {
        let what = format!(
            "`{}` in `to` of `escalate` is neither a person nor a role that a person has",
            shown(name)
        );
        return Err(("to", what));
    }
    let to: BTreeSet<String> = raw.to.iter().cloned().collect();
    Ok(Escalate { after_ms: raw.after.as_signed(), to })
}
