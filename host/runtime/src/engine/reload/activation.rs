//! The `activated` statements of a configuration that a running host puts in force.
//!
//! All statements are stored before the first is published. A log gets the statements of actions under way before the
//! activation, so that the statements of a decision under the earlier configuration precede the activation if they are
//! signed already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deed_record::lifecycle::event::Leaf;
use deed_record::lifecycle::status::Status;
use deed_record::statement::envelope::Kind;
use deed_spec::digest::Digest;
use deed_store::log::PublishError;
use deed_store::store::Store;

use crate::config::{Config, Tenant};
use crate::engine::Engine;
use crate::engine::activate::{ActivateError, Activated, leaves};
use crate::engine::error::EngineError;
use crate::engine::key_history::KeyHistoryError;
use crate::engine::stories;
use crate::stage::activation;

/// How long to wait before leaves are offered to a busy publisher again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// The digest of the latest `activated` statement in each log. After a reload that could not write to every log, this
/// may be a later one than the one in force.
#[derive(Debug)]
pub(super) struct Latest(Mutex<Activated>);

impl Latest {
    pub(super) fn new(activated: &Activated) -> Self {
        Self(Mutex::new(activated.clone()))
    }

    fn of(&self, tenant: &str) -> Option<Digest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).copied()
    }

    fn set(&self, tenant: &str, digest: Digest) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        latest.insert(tenant.to_owned(), digest);
    }
}

/// The statement of one tenant: the one that the log has already, or a new one.
enum Statement {
    Logged(Digest),
    New(Digest),
}

impl Engine {
    /// Signs, stores and publishes the activation of each tenant whose configuration differs from the latest activation
    /// in its log. When this function returns, the logs have the activations of all tenants.
    pub(super) async fn activate(&self, config: &Config) -> Result<Activated, ActivateError> {
        let mut statements = BTreeMap::new();
        for (name, tenant) in &config.tenants {
            statements.insert(name.as_str(), self.statement(config, tenant)?);
        }
        let is_new = |(name, statement): (&&str, &Statement)| {
            matches!(statement, Statement::New(_)).then(|| (*name).to_owned())
        };
        let mut under_way =
            self.under_way_leaves(statements.iter().filter_map(is_new).collect()).await?;
        let mut activated = Activated::new();
        for (name, statement) in statements {
            let digest = match statement {
                Statement::Logged(digest) => digest,
                Statement::New(digest) => {
                    let mut leaves = under_way.remove(name).unwrap_or_default();
                    let kind = Kind::Activated.as_str().to_owned();
                    leaves.push(Leaf { kind, payload: digest, index: 0 });
                    self.log(name, leaves).await?;
                    self.reloads.latest.set(name, digest);
                    digest
                }
            };
            activated.insert(name.to_owned(), digest);
        }
        Ok(activated)
    }

    /// Returns the latest activation of the log if it describes this configuration, otherwise a new one, which is stored.
    fn statement(&self, config: &Config, tenant: &Tenant) -> Result<Statement, ActivateError> {
        let now = activation::of(config, tenant, self.clock.now_ms())?;
        if let Some(digest) = self.reloads.latest.of(&tenant.name)
            && self.key_history.activation_of(digest)?.is_some_and(|last| last.is_same(&now))
        {
            return Ok(Statement::Logged(digest));
        }
        let kept = activation::sign(&now, tenant, &self.keys.receipt)?;
        let stored = self.key_history.statements.put(Kind::Activated, &kept);
        Ok(Statement::New(stored.map_err(KeyHistoryError::from)?))
    }

    /// The leaves of the actions of these tenants that are under way, by tenant. The statements of people about actions
    /// that wait are offered to the log when they arrive, so these actions are not read.
    async fn under_way_leaves(
        &self,
        tenants: BTreeSet<String>,
    ) -> Result<BTreeMap<String, Vec<Leaf>>, EngineError> {
        if tenants.is_empty() {
            return Ok(BTreeMap::new());
        }
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || read_leaves(&*store, &tenants)).await?
    }

    /// Appends leaves to the log of a tenant. The leaves are on disk when this function returns. It does not wait for
    /// witnesses: a witness that does not answer must not delay a revocation.
    async fn log(&self, tenant: &str, leaves: Vec<Leaf>) -> Result<(), EngineError> {
        let none = || EngineError::NoLog(tenant.to_owned());
        let publisher = self.publisher(tenant).ok_or_else(none)?;
        loop {
            match publisher.enter(leaves.clone()).await {
                Err(PublishError::Busy) => tokio::time::sleep(BUSY_PAUSE).await,
                other => return Ok(other.map(drop)?),
            }
        }
    }
}

fn read_leaves(
    store: &dyn Store,
    tenants: &BTreeSet<String>,
) -> Result<BTreeMap<String, Vec<Leaf>>, EngineError> {
    let mut found: BTreeMap<String, Vec<Leaf>> = BTreeMap::new();
    for id in store.open_actions()? {
        let Some(row) = store.row(&id)? else { continue };
        let (tenant, status) = (row.summary.tenant, row.summary.status);
        if tenants.contains(&tenant) && status != Status::Waiting.word() {
            found.entry(tenant).or_default().extend(leaves(&stories::story(store, &id)?)?);
        }
    }
    Ok(found)
}
