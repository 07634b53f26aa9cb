//! Starts the drivers of actions that wait for people, if a reload changed what their approval covers. Such an action
//! ends at once, as after a restart, and does not wait for an approval that could not count.

use std::collections::BTreeSet;
use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::lifecycle::status::Status;
use deed_store::store::Store;

use crate::config::Granted;
use crate::engine::Engine;
use crate::engine::current::Current;
use crate::engine::error::EngineError;

/// Contracts by tenant and name.
type Touched = BTreeSet<(String, String)>;

impl Engine {
    pub(super) fn wake_waiting(self: &Arc<Self>, before: &Current, now: &Current) {
        let touched = touched(before, now);
        if touched.is_empty() {
            return;
        }
        let engine = Arc::clone(self);
        tokio::spawn(async move {
            let store = Arc::clone(&engine.store);
            let found = tokio::task::spawn_blocking(move || waiting(&*store, &touched)).await;
            match found.map_err(EngineError::from).and_then(|found| found) {
                Ok(ids) => engine.take_up(ids.into_iter().map(|id| (id, None)).collect()).await,
                Err(error) => {
                    tracing::error!(%error, "actions that wait for people cannot be read; each of them is \
                                                       checked when its approval arrives or expires");
                }
            }
        });
    }
}

/// The contracts that were granted before, and whose contract, adapter or way to an upstream may differ now.
fn touched(before: &Current, now: &Current) -> Touched {
    let mut touched = Touched::new();
    for (name, tenant) in before.tenants() {
        // A token can depend on another upstream than that of the contract, so all contracts of the tenant are touched.
        let (was, is) = (&before.config.parts, &now.config.parts);
        let same_routes =
            was.other_upstreams(is, name).is_empty() && was.other_secrets(is, name).is_empty();
        let grants = now.tenants().get(name).map(|tenant| &tenant.grants);
        for (contract, was) in &tenant.grants {
            let is = grants.and_then(|grants| grants.get(contract));
            if !(same_routes && is.is_some_and(|is| is_same(was, is))) {
                touched.insert((name.clone(), contract.clone()));
            }
        }
    }
    touched
}

fn is_same(was: &Granted, is: &Granted) -> bool {
    (was.digest, was.adapter, &was.upstreams) == (is.digest, is.adapter, &is.upstreams)
        && folders(was).eq(folders(is))
}

/// The folders in which created secrets are stored, which an approval covers.
fn folders(granted: &Granted) -> impl Iterator<Item = (&String, &str)> {
    granted.vaults.iter().map(|(name, vault)| (name, vault.folder()))
}

/// The actions that wait for people under one of these contracts.
fn waiting(store: &dyn Store, touched: &Touched) -> Result<Vec<ActionId>, EngineError> {
    let mut found = Vec::new();
    for id in store.open_actions()? {
        let Some(row) = store.row(&id)? else { continue };
        let summary = row.summary;
        let waits = summary.status == Status::Waiting.word();
        if waits && touched.contains(&(summary.tenant, summary.contract)) {
            found.push(id.parse()?);
        }
    }
    Ok(found)
}
