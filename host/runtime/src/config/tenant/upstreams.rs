//! Secrets and upstreams of a tenant: the addresses that the host may dial, and the slot in which it sends each
//! credential.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use deed_record::action::{Idempotency, Slot};
use deed_sandbox::credentials::{SECRET_MIN, Secret};
use deed_sandbox::upstream::{self, AddressClass, Base, Credential, Lookups, Upstream, classify};
use deed_spec::digest::Digest;
use deed_system::files::PEM_MAX;
use hyper::header::HeaderName;

mod accepted;
mod headers;

pub(super) use self::headers::unallowed;
use super::Builder;
use crate::config::{raw, secret};

/// The timeout of an upstream that has no configured timeout.
const UPSTREAM_TIMEOUT_MS: u64 = 10_000;

/// Maximum number of concurrent runs that use an upstream, if none is configured. The default is half of the sandbox's
/// run slots, so that a slow upstream leaves the other half to other upstreams.
const CONCURRENCY: usize = 32;
/// The largest value of `concurrency`: the number of runs that the sandbox has room for.
const CONCURRENCY_MAX: usize = 64;

type Secrets = BTreeMap<String, Arc<Secret>>;
/// A text by which the faulty line of `deed.toml` is found, and what is wrong with that line.
type Wrong = (&'static str, String);

impl Builder<'_> {
    pub(super) fn secrets(&mut self) -> Secrets {
        let mut secrets = BTreeMap::new();
        for (name, raw) in &self.raw.secret {
            match secret::load(name, self.files, raw) {
                Ok(secret) => {
                    secrets.insert(name.clone(), Arc::new(secret));
                }
                Err(what) => self.fault("secret", name, "", &what),
            }
        }
        secrets
    }

    pub(super) fn upstreams(
        &mut self,
        secrets: &Secrets,
    ) -> (BTreeMap<String, Arc<Upstream>>, BTreeMap<String, Digest>) {
        let (mut upstreams, mut roots) = (BTreeMap::new(), BTreeMap::new());
        for (name, raw) in &self.raw.upstream {
            match self.upstream(name, raw, secrets, &mut roots) {
                Ok(upstream) => {
                    upstreams.insert(name.clone(), Arc::new(upstream));
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
        let addresses = addresses(&raw.addresses)?;
        reachable(&base, &addresses)?;
        let pem = match &raw.tls_roots {
            None => None,
            Some(path) => {
                let read = self.files.bytes(path, PEM_MAX);
                Some(read.map_err(|e| ("tls_roots", e.to_string()))?)
            }
        };
        if let Some(pem) = &pem {
            roots.insert(name.to_owned(), Digest::of(pem));
        }
        let tls = match (base.tls, pem) {
            (true, pem) => Some(
                upstream::tls_config(pem.as_deref()).map_err(|e| ("tls_roots", e.to_string()))?,
            ),
            (false, Some(_)) => {
                return Err(("tls_roots", "`tls_roots` requires an https base_url".to_owned()));
            }
            (false, None) => None,
        };
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
            tls,
            timeout: Duration::from_millis(timeout),
            concurrency,
            lookups: Lookups::default(),
            headers: headers::own(raw)?,
            accepted: accepted::accepted(raw)?,
            idempotency: raw.idempotency.as_ref().map(|one| idempotency(one, raw)).transpose()?,
            read: self.credential(raw.read.as_ref(), "read", secrets)?,
            write: self.credential(raw.write.as_ref(), "write", secrets)?,
        })
    }

    fn credential(
        &self,
        raw: Option<&raw::Credential>,
        key: &'static str,
        secrets: &Secrets,
    ) -> Result<Option<Credential>, Wrong> {
        let Some(raw) = raw else { return Ok(None) };
        fits(&raw.slot).map_err(|what| (key, what))?;
        match secrets.get(&raw.secret) {
            Some(secret) => {
                Ok(Some(Credential { secret: Arc::clone(secret), slot: raw.slot.clone() }))
            }
            // No fault is reported here, because the secret's own table already has a fault that says why the secret
            // cannot be loaded.
            None if self.raw.secret.contains_key(&raw.secret) => Ok(None),
            None => {
                // A text as long as a secret is not shown, because it may be a secret that was written in place of its
                // name.
                let named = if raw.secret.len() < SECRET_MIN { raw.secret.as_str() } else { "…" };
                Err((key, format!("secret `{named}` is missing; add its [secret] table")))
            }
        }
    }
}

fn addresses(names: &[String]) -> Result<BTreeSet<AddressClass>, Wrong> {
    let class = |name: &String| match name.as_str() {
        "public" => Ok(AddressClass::Public),
        "private" => Ok(AddressClass::Private),
        "loopback" => Ok(AddressClass::Loopback),
        other => Err((
            "addresses",
            format!("`{other}` is not an address class; use public, private or loopback"),
        )),
    };
    if names.is_empty() {
        return Err((
            "addresses",
            "`addresses` is empty; name public, private or loopback".to_owned(),
        ));
    }
    names.iter().map(class).collect()
}

/// Whether the host may dial the IP address in the base URL. A host name is resolved and checked when the host dials
/// it.
fn reachable(base: &Base, allowed: &BTreeSet<AddressClass>) -> Result<(), Wrong> {
    let Some(address) = base.address() else { return Ok(()) };
    let Some(class) = classify(address) else {
        let what = format!(
            "`base_url` is `{base}`, an address that the host never connects to (link-local, metadata, multicast or \
             reserved); name the upstream's own address"
        );
        return Err(("base_url", what));
    };
    if allowed.contains(&class) {
        return Ok(());
    }
    let (class, names) = (class.as_str(), allowed.iter().map(|one| one.as_str()));
    let what = format!(
        "`base_url` is `{base}`, a {class} address, but `addresses` allows only {}; add `\"{class}\"` to `addresses`, \
         or correct `base_url`",
        names.collect::<Vec<_>>().join(" and ")
    );
    Err(("addresses", what))
}

/// Headers that the host itself sets, or that belong to the connection (RFC 9110, RFC 9112).
const TAKEN: [&str; 15] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "if-match",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Headers in which a credential may be sent although the host itself sets them ([`TAKEN`]).
const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];

/// Checks that a credential may be sent in this header. Without this check, the host would refuse each request that
/// needs the credential.
fn fits(slot: &Slot) -> Result<(), String> {
    let name = match slot {
        Slot::Header { name } => name,
        Slot::Bearer | Slot::Basic { .. } => return Ok(()),
    };
    // A text as long as a secret is not shown, because it may be a secret that was written in place of the name.
    let shown = if name.len() < SECRET_MIN { name.as_str() } else { "…" };
    let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err(format!(
            "`{shown}` of `slot` is not the name of a header; write one such as `X-Api-Key`"
        ));
    };
    let header = header.as_str();
    if TAKEN.contains(&header) && !CREDENTIALS.contains(&header) {
        return Err(format!(
            "the host sets the header `{header}` itself; name the header in which the upstream expects the credential"
        ));
    }
    Ok(())
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
    let holds = |one: &raw::Credential| match &one.slot {
        Slot::Header { name } => name.eq_ignore_ascii_case(&header),
        Slot::Bearer | Slot::Basic { .. } => false,
    };
    if TAKEN.contains(&header.as_str()) || credentials.into_iter().any(holds) {
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
