//! TLS of an upstream: the authorities that the host trusts, and the certificate with which the host identifies itself.

use std::sync::Arc;

use deed_sandbox::upstream::Base;
use deed_sandbox::upstream::client_certificate::{ClientCertificate, ClientError, Paths};
use deed_system::files::{Files, PEM_MAX};

use super::Wrong;
use crate::config::{raw, secret};

/// The PEM file with the only trusted authorities.
pub(super) fn roots(
    files: &Files,
    raw: &raw::Upstream,
    base: &Base,
) -> Result<Option<Vec<u8>>, Wrong> {
    let Some(path) = &raw.tls_roots else { return Ok(None) };
    if !base.tls {
        return Err(("tls_roots", "`tls_roots` requires an https base_url".to_owned()));
    }
    let read = files.bytes(path, PEM_MAX).map_err(|e| ("tls_roots", e.to_string()))?;
    Ok(Some(read))
}

/// The certificate of the host. Fails when the files are not a pair that can be used now.
pub(super) fn client_certificate(
    files: &Files,
    name: &str,
    raw: &raw::Upstream,
    base: &Base,
) -> Result<Option<Arc<ClientCertificate>>, Wrong> {
    let (key, paths) = match (&raw.client_certificate, &raw.client_key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => {
            (key, Paths { certificate: certificate.clone(), key: key.clone() })
        }
        (Some(_), None) => {
            let what = "`client_certificate` requires `client_key`, the file with its private key";
            return Err(("client_certificate", what.to_owned()));
        }
        (None, Some(_)) => {
            let what = "`client_key` requires `client_certificate`, the file with the certificate";
            return Err(("client_key", what.to_owned()));
        }
    };
    if !base.tls {
        let what = "`client_certificate` requires an https base_url";
        return Err(("client_certificate", what.to_owned()));
    }
    if secret::is_taken(key) {
        let what = format!(
            "`client_key` is `{key}`, which is reserved for other files; name a file below `secrets/`"
        );
        return Err(("client_key", what));
    }
    let opened = ClientCertificate::open(name, files, paths);
    opened.map(|one| Some(Arc::new(one))).map_err(|e| (field(&e), e.to_string()))
}

/// The field of `deed.toml` that names the file at fault.
fn field(error: &ClientError) -> &'static str {
    match error {
        ClientError::Key(_) | ClientError::NoKey(_) => "client_key",
        ClientError::Certificate(_)
        | ClientError::NoCertificate(_)
        | ClientError::Mismatch { .. }
        | ClientError::Unfit { .. }
        | ClientError::NoDate(_)
        | ClientError::Expired { .. } => "client_certificate",
    }
}
