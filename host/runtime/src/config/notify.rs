//! Configuration of the webhook: its URL, and the secret with which the host signs each notification.

use std::sync::Arc;

use deed_system::files::Files;
use hyper::Uri;

use super::fault::{Faults, Source};
use super::{Notify, raw, secret};

pub(super) fn build(
    files: &Files,
    raw: &raw::Host,
    here: &Source,
    faults: &mut Faults,
) -> Option<Notify> {
    let notify = raw.notify.as_ref()?;
    if !is_fit(&notify.url) {
        let what = "`url` under [notify] must be https://host/path (or http://127.0.0.1:port/path), without a user, \
                    password or fragment";
        faults.push(here.fault_in("[notify]", "url", what));
    }
    match secret::load(secret::NOTIFY, files, &notify.secret) {
        Ok(secret) => Some(Notify { url: notify.url.clone(), secret: Arc::new(secret) }),
        Err(what) => {
            faults.push(here.fault("[notify]", &what));
            None
        }
    }
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
