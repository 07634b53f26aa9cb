//! Secrets of a tenant, and the credentials of its upstreams: where each value comes from, and the slot in which the
//! host sends it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deed_record::action::Slot;
use deed_sandbox::credentials::{SECRET_MIN, Source, Stored};
use deed_sandbox::upstream::{Credential, Upstream};
use hyper::header::HeaderName;

use super::Builder;
use super::sigv4;
use super::taken::TAKEN;
use super::wrong::Wrong;
use crate::config::{raw, secret};

/// The secrets of a tenant by name; a secret with a fault is missing.
pub(super) type Secrets = BTreeMap<String, Arc<Stored>>;
/// The tokens of a tenant by name; a token with a fault is missing.
pub(super) type Tokens = BTreeMap<String, Source>;

/// Headers in which a credential may be sent although the host itself sets them ([`TAKEN`]).
const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];

impl Builder<'_> {
    pub(super) fn secrets(&mut self) -> Secrets {
        let mut secrets = BTreeMap::new();
        for (name, raw) in &self.raw.secret {
            match secret::stored(name, self.files, &raw.source()) {
                Ok(secret) => {
                    self.memory.learn(secret.in_force().iter(), None);
                    secrets.insert(name.clone(), Arc::new(secret));
                }
                Err(what) => self.fault("secret", name, "", &what),
            }
        }
        secrets
    }

    /// The upstreams with their credentials.
    pub(super) fn credentials(
        &mut self,
        reached: BTreeMap<String, Upstream>,
        secrets: &Secrets,
        tokens: &Tokens,
    ) -> BTreeMap<String, Arc<Upstream>> {
        let mut upstreams = BTreeMap::new();
        for (name, upstream) in reached {
            let Some(raw) = self.raw.upstream.get(&name) else { continue };
            let read = self.credential(raw.read.as_ref(), "read", (secrets, tokens));
            let write = self.credential(raw.write.as_ref(), "write", (secrets, tokens));
            match read.and_then(|read| Ok((read, write?))) {
                Ok((read, write)) => {
                    upstreams.insert(name, Arc::new(Upstream { read, write, ..upstream }));
                }
                Err((needle, what)) => self.fault("upstream", &name, needle, &what),
            }
        }
        upstreams
    }

    /// A credential; `None` if there is none, or if what it names has a fault that was reported before.
    fn credential(
        &self,
        raw: Option<&raw::Credential>,
        key: &'static str,
        (secrets, tokens): (&Secrets, &Tokens),
    ) -> Result<Option<Credential>, Wrong> {
        let Some(raw) = raw else { return Ok(None) };
        let wrong = |what: String| (key, what);
        let source = match (&raw.secret, &raw.token) {
            (Some(name), None) => self.secret(name, secrets).map_err(wrong)?.map(Source::Stored),
            (None, Some(name)) => self.token(name, tokens).map_err(wrong)?,
            _ => return Err(wrong(format!("`{key}` must have either `secret` or `token`"))),
        };
        let slot = match (&raw.slot, &raw.token) {
            (Some(slot), _) => slot.clone(),
            (None, Some(_)) => Slot::Bearer,
            (None, None) => {
                return Err(wrong(format!(
                    "`{key}` lacks `slot`; say where the host puts the secret, as in `slot = \"bearer\"`"
                )));
            }
        };
        check_headers(&slot, raw).map_err(wrong)?;
        let mut headers = Vec::with_capacity(raw.headers.len());
        for (header, name) in &raw.headers {
            let Some(secret) = self.secret(name, secrets).map_err(wrong)? else {
                return Ok(None);
            };
            let header = HeaderName::from_bytes(header.as_bytes());
            headers.push((header.map_err(|error| wrong(error.to_string()))?, secret));
        }
        Ok(source.map(|source| Credential { source, slot, headers }))
    }

    /// A secret by its name; `None` if its own table has a fault that says why it cannot be loaded.
    pub(super) fn secret(
        &self,
        name: &str,
        secrets: &Secrets,
    ) -> Result<Option<Arc<Stored>>, String> {
        match secrets.get(name) {
            None if !self.raw.secret.contains_key(name) => {
                Err(format!("secret `{}` is missing; add its [secret] table", shown(name)))
            }
            found => Ok(found.cloned()),
        }
    }

    fn token(&self, name: &str, tokens: &Tokens) -> Result<Option<Source>, String> {
        match tokens.get(name) {
            None if !self.raw.token.contains_key(name) => {
                Err(format!("token `{}` is missing; add its [token] table", shown(name)))
            }
            found => Ok(found.cloned()),
        }
    }
}

/// A text as long as a secret is not shown, because it may be a secret that was written in place of a name.
pub(super) fn shown(name: &str) -> &str {
    if name.len() < SECRET_MIN { name } else { "…" }
}

/// Checks that each value of a credential may be sent in its header, and that no two are sent in the same one. Without
/// this check, the host would refuse each request that needs the credential.
fn check_headers(slot: &Slot, raw: &raw::Credential) -> Result<(), String> {
    if let Slot::Sigv4 { key_id, region, service } = slot {
        sigv4::fits(key_id, region, service)?;
        if let Some(name) = raw.headers.keys().find(|name| sigv4::is_computed(name)) {
            return Err(format!("header `{name}` cannot be set: the signature by `sigv4` sets it"));
        }
    }
    let of_slot = slot.header().map(|name| fits(name, "slot")).transpose()?;
    let mut used = BTreeSet::from([of_slot.unwrap_or_else(|| "authorization".to_owned())]);
    for name in raw.headers.keys() {
        if !used.insert(fits(name, "headers")?) {
            return Err(format!(
                "the header `{}` would have two credentials; send each in a header of its own",
                shown(name)
            ));
        }
    }
    Ok(())
}

/// The lower-case name of a header in which a credential may be sent.
fn fits(name: &str, key: &str) -> Result<String, String> {
    let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err(format!(
            "`{}` of `{key}` is not the name of a header; write one such as `X-Api-Key`",
            shown(name)
        ));
    };
    let header = header.as_str();
    if TAKEN.contains(&header) && !CREDENTIALS.contains(&header) {
        return Err(format!(
            "the host sets the header `{header}` itself; name the header in which the upstream expects the credential"
        ));
    }
    Ok(header.to_owned())
}
