//! Configuration of webhooks: which URLs are allowed, and the secrets with which the host signs each message.

use std::collections::BTreeSet;
use std::sync::Arc;

use deed_system::files::Files;
use hyper::Uri;

use super::fault::{Faults, Source};
use super::webhook::{Webhook, WebhookEvent, WebhookSecret};
use super::{Notify, raw, secret};

/// A text by which the faulty line of the table is found, and what is wrong with that line.
pub(super) type Wrong = (&'static str, String);

/// The table of the host's own webhook.
const TABLE: &str = "[notify]";

pub(super) fn build(
    files: &Files,
    raw: &raw::Host,
    here: &Source,
    faults: &mut Faults,
) -> Option<Notify> {
    let notify = raw.notify.as_ref()?;
    match webhook(files, notify, TABLE, secret::NOTIFY).and_then(|one| Ok((one, events(notify)?))) {
        Ok((webhook, events)) => Some(Notify { webhook: Arc::new(webhook), events }),
        Err((needle, what)) => {
            faults.push(here.fault_in(TABLE, needle, &what));
            None
        }
    }
}

fn events(raw: &raw::Notify) -> Result<BTreeSet<WebhookEvent>, Wrong> {
    let Some(events) = &raw.events else { return Ok(WebhookEvent::FOR_PEOPLE.into()) };
    if events.is_empty() {
        let what = "`events` is empty, so nothing would be sent; name an event, or remove [notify]";
        return Err(("events", what.to_owned()));
    }
    Ok(events.clone())
}

/// Checks that the people of a tenant are told again while they can still answer.
pub(super) fn check_times(raw: &raw::Host, here: &Source, faults: &mut Faults) {
    let answers_ms = raw.approval.expires.as_millis();
    for (name, tenant) in &raw.tenant {
        let Some(notify) = &tenant.notify else { continue };
        let remind = notify.remind.map(|time| ("remind", time));
        let escalate = notify.escalate.as_ref().map(|one| ("escalate", one.after));
        for (field, time) in remind.into_iter().chain(escalate) {
            if !(1_000..answers_ms).contains(&time.as_millis()) {
                let what = format!(
                    "the time in `{field}` must be at least 1s, and shorter than the time for answers, which is \
                     `expires` under [approval]"
                );
                faults.push(here.fault_in(&format!("[tenant.{name}.notify]"), field, &what));
            }
        }
    }
}

/// Builds the receiver that a table describes. `name` is the name of its secret. Fails with the first fault.
pub(super) fn webhook(
    files: &Files,
    raw: &raw::Notify,
    table: &str,
    name: &str,
) -> Result<Webhook, Wrong> {
    if !is_fit(&raw.url) {
        let what = format!(
            "`url` under {table} must be https://host/path (or http://127.0.0.1:port/path), without a user, password \
             or fragment"
        );
        return Err(("url", what));
    }
    let load = |name: &str, from: &raw::SecretFrom| {
        secret::load(name, files, from).and_then(WebhookSecret::new)
    };
    let present = load(name, &raw.secret).map_err(|what| ("secret", what))?;
    let previous = raw.previous.as_ref().map(|from| load(&secret::previous(name), from));
    let previous = previous.transpose().map_err(|what| ("previous", what))?;
    if previous.as_ref().is_some_and(|one| one.key() == present.key()) {
        let what = format!("`previous` under {table} is the same secret as `secret`; remove it");
        return Err(("previous", what));
    }
    Ok(Webhook { url: raw.url.clone(), secret: present, previous })
}

/// Whether the URL is allowed. The URL is parsed, because a comparison by prefix would accept
/// `http://127.0.0.1:80@elsewhere.example`, which begins like a loopback URL.
pub(super) fn is_fit(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    if authority.as_str().contains('@') || url.contains('#') || authority.host().is_empty() {
        return false;
    }
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => authority.host() == "127.0.0.1" && authority.port_u16().is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_goes_where_it_says() {
        for good in ["https://hooks.example/x", "https://h:8443/x?y=z", "http://127.0.0.1:8080/x"] {
            assert!(is_fit(good), "{good}");
        }
        for bad in [
            "http://hooks.example/x",
            "http://127.0.0.1/x",
            "http://127.0.0.1:80@hooks.example/x",
            "http://127.0.0.1:x@hooks.example/x",
            "http://127.0.0.1.hooks.example:80/x",
            "https://user:password@hooks.example/x",
            "https://hooks.example/x#y",
            "https://",
            "https:///x",
            "ftp://hooks.example",
            "",
        ] {
            assert!(!is_fit(bad), "{bad}");
        }
    }
}
