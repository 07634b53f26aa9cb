//! Upstreams of a tenant: the addresses that the host may dial, and what it sends with every request.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_record::action::Idempotency;
use deed_sandbox::upstream::{self, Base, Lookups, Upstream};
use deed_spec::digest::Digest;

mod accepted;
mod addresses;
mod headers;
mod proxy;
mod tls;

pub(super) use self::headers::unallowed;
use super::Builder;
use super::credentials::Secrets;
use super::sigv4;
use super::taken::TAKEN;
use super::wrong::Wrong;
use crate::config::raw;

/// The timeout of an upstream that has no configured timeout.
const UPSTREAM_TIMEOUT_MS: u64 = 10_000;

/// Maximum number of concurrent runs that use an upstream, if none is configured. The default is half of the sandbox's
/// run slots, so that a slow upstream leaves the other half to other upstreams.
const CONCURRENCY: usize = 32;
/// The largest value of `concurrency`: the number of runs that the sandbox has room for.
const CONCURRENCY_MAX: usize = 64;

impl Builder<'_> {
    /// The upstreams without their credentials, and the digest of the TLS roots of each that has its own roots.
    pub(super) fn upstreams(
        &mut self,
        secrets: &Secrets,
    ) -> (BTreeMap<String, Upstream>, BTreeMap<String, Digest>) {
        let (mut upstreams, mut roots) = (BTreeMap::new(), BTreeMap::new());
        for (name, raw) in &self.raw.upstream {
            match self.upstream(name, raw, secrets, &mut roots) {
                Ok(upstream) => {
                    upstreams.insert(name.clone(), upstream);
                }
                Err((needle, what)) => self.fault("upstream", name, needle, &what),
            }
        }
        (upstreams, roots)
    }

    fn upstream(
        &self,
        name: &str,
        raw: &raw::Upstream,
        secrets: &Secrets,
        roots: &mut BTreeMap<String, Digest>,
    ) -> Result<Upstream, Wrong> {
        // The fault does not quote the URL, because the part before the `@` may be a password.
        if raw.base_url.contains('@') {
            let what = "`base_url` has an `@`; user names and passwords belong in a secret";
            return Err(("base_url", what.to_owned()));
        }
        let base = Base::parse(&raw.base_url).map_err(|e| ("base_url", e.to_string()))?;
        let proxy = proxy::proxy(raw, &base, |name| self.secret(name, secrets), self.memory)?;
        let addresses = proxy::addresses_of(raw, &base)?;
        let pem = tls::roots(self.files, raw, &base)?;
        roots.extend(pem.as_ref().map(|pem| (name.to_owned(), Digest::of(pem))));
        let client_certificate = tls::client_certificate(self.files, name, raw, &base)?;
        let tls = base.tls.then(|| {
            upstream::tls_config_as(pem.as_deref(), client_certificate.as_ref())
                .map_err(|e| ("tls_roots", e.to_string()))
        });
        let timeout =
            raw.timeout.map_or(UPSTREAM_TIMEOUT_MS, deed_record::contract::Duration::as_millis);
        if !(10..=120_000).contains(&timeout) {
            return Err(("timeout", "`timeout` must be from 10ms to 2m".to_owned()));
        }
        let concurrency = raw.concurrency.unwrap_or(CONCURRENCY);
        if !(1..=CONCURRENCY_MAX).contains(&concurrency) {
            let what = format!("`concurrency` must be from 1 to {CONCURRENCY_MAX}");
            return Err(("concurrency", what));
        }
        Ok(Upstream {
            name: name.to_owned(),
            base,
            addresses,
            tls: tls.transpose()?,
            client_certificate,
            proxy,
            timeout: Duration::from_millis(timeout),
            concurrency,
            lookups: Lookups::default(),
            headers: headers::own(raw)?,
            accepted: accepted::accepted(raw)?,
            idempotency: raw.idempotency.as_ref().map(|one| idempotency(one, raw)).transpose()?,
            read: None,
            write: None,
        })
    }
}

fn idempotency(promise: &raw::Idempotency, upstream: &raw::Upstream) -> Result<Idempotency, Wrong> {
    let header = promise.header.to_ascii_lowercase();
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    if header.is_empty() || header.len() > 64 || !header.bytes().all(plain) {
        let what =
            "`header` of `idempotency` must be letters, digits and `-`, such as `Idempotency-Key`";
        return Err(("idempotency", what.to_owned()));
    }
    let credentials = upstream.read.iter().chain(&upstream.write);
    let mut names = credentials.flat_map(raw::Credential::header_names);
    let is_used = names.any(|name| name.eq_ignore_ascii_case(&header));
    if TAKEN.contains(&header.as_str()) || sigv4::is_set(&header) || is_used {
        let what = format!("`{header}` is used for something else; name another header");
        return Err(("idempotency", what));
    }
    let window_ms = promise.window.as_millis();
    if window_ms < 60_000 {
        return Err((
            "idempotency",
            "`window` of `idempotency` must be from 1m to 720h".to_owned(),
        ));
    }
    Ok(Idempotency { header, window_ms })
}
