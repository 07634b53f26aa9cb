//! Why an upstream did not accept the host's client certificate, or requires one, as far as its answer or a TLS alert
//! shows it.
//!
//! The texts are fixed, except for the path and the date of the certificate. They have no effect on an outcome.

use std::error::Error;
use std::io;

use rustls::AlertDescription;

use super::ClientCertificate;

/// How many bytes of an answer are searched.
const SEARCHED: usize = 4 << 10;
/// The titles of the pages that nginx sends with status 400 if a client has no certificate, or one that it does not
/// accept. Other servers end the connection with an alert.
const NGINX: [&str; 2] = [
    "<title>400 No required SSL certificate was sent</title>",
    "<title>400 The SSL certificate error</title>",
];

/// Why a server that answered at all did not accept the certificate; `None` if the answer is another one.
pub(crate) fn of_answer(
    client: Option<&ClientCertificate>,
    status: u16,
    answer: &[u8],
) -> Option<String> {
    let text = String::from_utf8_lossy(answer.get(..SEARCHED).unwrap_or(answer));
    let is_refused = status == 400 && NGINX.iter().any(|title| text.contains(title));
    is_refused.then(|| remedy(client))
}

/// What to correct, if an alert ended the connection and can be about the certificate of the host.
pub(crate) fn of_error(
    client: Option<&ClientCertificate>,
    error: &(dyn Error + 'static),
) -> Option<String> {
    let alert = alert(error)?;
    let is_required = alert == AlertDescription::CertificateRequired;
    match client {
        Some(_) if is_required || is_about_certificate(alert) => Some(remedy(client)),
        None if is_required => Some(remedy(client)),
        // In TLS 1.2, there is no alert of its own for a missing certificate.
        None if alert == AlertDescription::HandshakeFailure => {
            Some(format!("if it requires a client certificate, {SET}"))
        }
        _ => None,
    }
}

const SET: &str = "set `client_certificate` and `client_key`";

fn remedy(client: Option<&ClientCertificate>) -> String {
    let Some(client) = client else {
        return format!("it requires a client certificate; {SET}");
    };
    let (path, (until, days)) = (client.path(), client.expires());
    if days < 0 {
        return format!("the client certificate in `{path}` expired at {until}; renew it");
    }
    format!(
        "it does not accept the client certificate in `{path}`, which expires at {until}; let it trust the authority of \
         the certificate, or replace the files of `client_certificate` and `client_key`"
    )
}

/// Whether a server that asked for a certificate sends this alert if it does not accept it (RFC 8446 section 6.2). A
/// server that accepts every certificate sends none of them.
fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

/// The alert that ended a connection, from the error of the connection or from one that it caused.
fn alert(error: &(dyn Error + 'static)) -> Option<AlertDescription> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let inner = inner.and_then(|one| one.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = inner {
            return Some(*alert);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(alert: AlertDescription) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, rustls::Error::AlertReceived(alert))
    }

    #[test]
    fn a_server_that_requires_a_certificate_is_told_by_its_page_or_its_alert() {
        let page =
            b"<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>";
        let said = of_answer(None, 400, page).unwrap();
        assert!(said.contains("requires a client certificate; set `client_certificate`"), "{said}");
        assert_eq!(of_answer(None, 403, page), None);
        assert_eq!(of_answer(None, 400, b"No required SSL certificate was sent"), None);
        let alert = received(AlertDescription::CertificateRequired);
        assert_eq!(of_error(None, &alert), Some(said));
        let said = of_error(None, &received(AlertDescription::HandshakeFailure)).unwrap();
        assert!(said.starts_with("if it requires a client certificate"), "{said}");
    }

    #[test]
    fn other_errors_are_not_about_the_certificate() {
        for error in [
            received(AlertDescription::ProtocolVersion),
            received(AlertDescription::UnknownCA),
            io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError),
            io::Error::from(io::ErrorKind::ConnectionReset),
        ] {
            assert_eq!(of_error(None, &error), None, "{error}");
        }
    }
}
