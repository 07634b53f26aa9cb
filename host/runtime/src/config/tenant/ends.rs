//! When secrets and TLS roots of a tenant expire, and the requests that try its credentials.

use std::collections::BTreeMap;

use deed_record::exchange::Rendered;
use deed_sandbox::upstream;
use deed_system::files::PEM_MAX;

use super::Builder;
use crate::config::moment;
use crate::config::test_request::test_request;

impl Builder<'_> {
    /// When each secret expires of which the operator declares it.
    pub(super) fn secrets_end(&mut self) -> BTreeMap<String, i64> {
        let mut ends = BTreeMap::new();
        for (name, raw) in &self.raw.secret {
            let Some(text) = &raw.expires else { continue };
            match moment::parse(text) {
                Some(at_ms) => {
                    ends.insert(name.clone(), at_ms);
                }
                None => self.fault("secret", name, "expires", NO_TIME),
            }
        }
        ends
    }

    /// When the last certificate in `tls_roots` of each upstream expires. A file that cannot be read was reported
    /// before.
    pub(super) fn roots_end(&self) -> BTreeMap<String, i64> {
        let ends = self.raw.upstream.iter().filter_map(|(name, raw)| {
            let pem = self.files.bytes(raw.tls_roots.as_ref()?, PEM_MAX).ok()?;
            Some((name.clone(), upstream::last_expiry_ms(&pem)?))
        });
        ends.collect()
    }

    /// The request that `deed upstream test` sends to each upstream that has one.
    pub(super) fn tests(&mut self) -> BTreeMap<String, Rendered> {
        let mut tests = BTreeMap::new();
        for (name, raw) in &self.raw.upstream {
            let Some(text) = &raw.test else { continue };
            match test_request(name, text) {
                Ok(request) => {
                    tests.insert(name.clone(), request);
                }
                Err(why) => self.fault("upstream", name, "test =", &format!("`test`: {why}")),
            }
        }
        tests
    }
}

const NO_TIME: &str = "`expires` is not a time; write a date such as `2027-03-01`, or a time in UTC such as \
                       `2027-03-01T09:00:00Z`";
