//! The configuration in force, with everything that is made from it.
//!
//! The value never changes: a reload replaces it as a whole. Code takes the value once, and uses only this value for one
//! request or one step of an action, so that no part of a decision is from another configuration.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use deed_sandbox::Adapter;
use deed_spec::digest::Digest;

use super::Engine;
use super::reach::KnownReach;
use crate::config::{Config, Issuer, Tenant, TokenFolder};
use crate::stage::notify::Notifier;

/// The configuration that is in force.
#[derive(Debug)]
pub struct Current {
    pub(super) config: Config,
    /// Loaded adapters by the digest of their bytes.
    pub(super) adapters: BTreeMap<Digest, Adapter>,
    /// The payload digest of the `activated` statement of each tenant. The statements are in the logs.
    pub(super) activated: BTreeMap<String, Digest>,
    pub(super) reach: KnownReach,
    pub(super) notifier: Notifier,
}

impl Current {
    /// The configured tenants, by name.
    pub fn tenants(&self) -> &BTreeMap<String, Arc<Tenant>> {
        &self.config.tenants
    }

    /// The configured issuers of access tokens, by name.
    pub fn issuers(&self) -> &BTreeMap<String, Arc<Issuer>> {
        &self.config.issuers
    }

    /// The token files of agents.
    pub fn tokens(&self) -> &TokenFolder {
        &self.config.tokens
    }

    pub(super) fn tenant(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.config.tenants.get(name)
    }
}

/// The place of the configuration in force.
#[derive(Debug)]
pub(super) struct InForce(RwLock<Arc<Current>>);

impl InForce {
    pub(super) fn new(first: Current) -> Self {
        Self(RwLock::new(Arc::new(first)))
    }

    pub(super) fn get(&self) -> Arc<Current> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, next: Arc<Current>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

/// A value that is made from the configuration in force. It is made again when it is needed under another configuration,
/// so nobody has to be told about a reload.
#[derive(Debug)]
pub struct Derived<T>(RwLock<(Arc<Current>, Arc<T>)>);

impl<T> Derived<T> {
    /// A value that was made from this configuration.
    pub fn new(of: Arc<Current>, first: T) -> Self {
        Self(RwLock::new((of, Arc::new(first))))
    }

    /// The value for the configuration in force. `next` makes it from the configuration and the last value.
    pub fn get(&self, engine: &Engine, next: impl FnOnce(&Arc<Current>, &T) -> T) -> Arc<T> {
        let known = self.known(&engine.current());
        known.unwrap_or_else(|| self.make(engine, next))
    }

    fn known(&self, current: &Arc<Current>) -> Option<Arc<T>> {
        let place = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::ptr_eq(&place.0, current).then(|| Arc::clone(&place.1))
    }

    fn make(&self, engine: &Engine, next: impl FnOnce(&Arc<Current>, &T) -> T) -> Arc<T> {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have made the value while this thread waited for the lock.
        let current = engine.current();
        if !Arc::ptr_eq(&place.0, &current) {
            let value = Arc::new(next(&current, &place.1));
            *place = (current, value);
        }
        Arc::clone(&place.1)
    }
}
