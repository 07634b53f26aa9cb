//! Opens the logs of all tenants when the host starts, then activates the configuration in each log. The logs and the
//! journal are opened in parallel, because opening each of them reads much data. All logs are open before the host
//! writes to the first log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;

use deed_spec::note::LogKey;
use deed_store::group_commit::GroupCommit;
use deed_store::journal::{Hold, Journal};
use deed_store::log::{Log, Publisher};
use deed_store::store::Filter;
use deed_system::clock::Clock;

use super::start::StartError;
use crate::config::Config;
use crate::config::keys::Keys;
use crate::engine::activate::{Activated, Starting};
use crate::engine::key_history::KeyHistory;

/// Logs by tenant.
type Logs = BTreeMap<String, Log>;
pub(crate) type Publishers = BTreeMap<String, Publisher>;

/// Opens the journal and every existing log. Fails when the journal or a log cannot be opened, or when the host's keys
/// are not the keys that are valid in a log.
pub(crate) fn open(
    hold: Hold,
    config: &Config,
    keys: &Keys,
    key_history: &KeyHistory,
) -> Result<(Journal, Logs), StartError> {
    thread::scope(|scope| {
        let logs = scope.spawn(|| -> Result<Logs, StartError> {
            let there = config.tenants.keys().filter(|tenant| is_there(&folder(config, tenant)));
            there
                .map(|tenant| Ok((tenant.clone(), log(config, keys, key_history, tenant)?)))
                .collect()
        });
        let journal = hold.open();
        let logs = logs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((journal?, logs?))
    })
}

/// Creates missing logs where a new log is allowed, activates the configuration in each log, and starts the publishers.
/// Fails when a tenant's log was lost, a log cannot be opened, or an activation cannot be logged.
pub(crate) fn publishers(
    starting: &Starting<'_>,
    mut logs: Logs,
    clock: &Clock,
    group_commit: &GroupCommit,
) -> Result<(Publishers, Activated), StartError> {
    let Starting { config, keys, key_history, .. } = *starting;
    for tenant in
        config.tenants.keys().filter(|tenant| !logs.contains_key(*tenant)).collect::<Vec<_>>()
    {
        may_begin(starting, tenant)?;
        logs.insert(tenant.clone(), log(config, keys, key_history, tenant)?);
    }
    let (mut publishers, mut activated) = (BTreeMap::new(), BTreeMap::new());
    for (name, mut log) in logs {
        let Some(tenant) = config.tenants.get(&name) else { continue };
        activated.insert(name.clone(), starting.activate(tenant, &mut log)?);
        publishers.insert(name, Publisher::start(log, &config.witnesses, clock, group_commit));
    }
    Ok((publishers, activated))
}

fn folder(config: &Config, tenant: &str) -> PathBuf {
    config.dir.join("state/log").join(tenant)
}

fn is_there(dir: &Path) -> bool {
    dir.join("HEAD").exists() || dir.join("TAIL").exists()
}

/// Checks that a new log may be created for a tenant. The host logs the activated configuration before it accepts
/// proposals, so a tenant that has actions but no log has lost its log. A new log would be a fork.
fn may_begin(starting: &Starting<'_>, tenant: &str) -> Result<(), StartError> {
    let acted = starting.store.list(tenant, &Filter::default(), 1)?;
    acted.into_iter().next().map_or(Ok(()), |(action, _)| {
        let folder = folder(starting.config, tenant);
        Err(StartError::LogMissing { folder, action, tenant: tenant.to_owned() })
    })
}

fn log(
    config: &Config,
    keys: &Keys,
    key_history: &KeyHistory,
    tenant: &str,
) -> Result<Log, StartError> {
    let origin = format!("{}/{tenant}", config.log_origin);
    let key = LogKey::new(&origin, keys.log.clone())?;
    let retired = key_history.retired(tenant, &origin)?;
    let log = Log::open_rotated(&folder(config, tenant), &origin, key, &retired)?;
    key_history.check_present(tenant, log.history(), keys)?;
    Ok(log)
}
