//! The proxy through which the host reaches an upstream, as the operator configured it.
//!
//! The proxy resolves the upstream's name. TLS is between the host and the upstream, so the proxy sees the name and the
//! port, but no part of a request or an answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_record::action::ProxyRef;
use zeroize::Zeroizing;

use super::{AddressClass, Base, Lookups};
use crate::credentials::{Memory, Secret, Stored};

/// An HTTP proxy that the host asks for a tunnel (RFC 9110 section 9.3.6).
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `http`, without a path.
    pub base: Base,
    /// Classes of addresses of the proxy to which the host may connect.
    pub addresses: BTreeSet<AddressClass>,
    pub lookups: Lookups,
    pub login: Option<Login>,
}

impl Proxy {
    /// The proxy as a binding records it.
    pub fn reference(&self) -> ProxyRef {
        let source = self.login.as_ref().and_then(|login| login.secret.source());
        ProxyRef {
            url: self.base.to_string(),
            addresses: AddressClass::names(&self.addresses),
            user: self.login.as_ref().map(|login| login.user.clone()),
            secret: self.login.as_ref().map(|login| login.secret.name().to_owned()),
            secret_source: source.map(str::to_owned),
        }
    }
}

/// The user and the password with which the host identifies itself to a proxy (RFC 7617).
#[derive(Clone, Debug)]
pub struct Login {
    pub user: String,
    pub secret: Arc<Stored>,
    /// The memory of the tenant, which gets the password before it is sent: the file may have changed since the run
    /// began, and the proxy may belong to a token endpoint that the run does not know.
    pub memory: Arc<Memory>,
}

impl Login {
    /// The credentials in base64, as they are sent with this password. The memory of the tenant knows the password and
    /// the credentials when this function returns.
    pub(crate) fn pair(&self, secret: &Arc<Secret>) -> Zeroizing<String> {
        let pair = Zeroizing::new(format!("{}:{}", self.user, secret.reveal()));
        let coded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        // The longest passwords make a pair that is longer than a secret may be. The memory then has the password.
        let sent = Secret::new(secret.name(), coded.as_bytes()).ok().map(Arc::new);
        self.memory.learn(std::iter::once(secret).chain(&sent), None);
        coded
    }
}
