//! Determines the moment of a backup: the sizes that all logs of a directory had at one moment, while the host may run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deed_spec::note::VerifierKey;
use deed_store::log::{self, Glance, LogError, Snapshot};
use ed25519_dalek::VerifyingKey;

use super::BackupError;
use crate::config::{self, keys};
use crate::engine::key_history::KeyHistory;

/// The maximum number of attempts to find a moment at which all sizes are known, and the pause between two attempts.
const LOOKS: u32 = 500;
const PAUSE: Duration = Duration::from_millis(3);

pub(super) type Snapshots = BTreeMap<String, Snapshot>;

/// The sizes of all logs at one moment. Each attempt reads every log three times. Logs only grow, so a log with the
/// same size in the first and third reading had that size during the whole second reading. At most one log may have
/// grown between the readings: when its size was read in the second reading, the sizes of all other logs were valid
/// too. Fails when a log cannot be read or the logs do not stop growing.
pub(super) fn moment(dir: &Path) -> Result<Snapshots, BackupError> {
    let signed = Signed::of(dir)?;
    let mut last = None;
    for _ in 0..LOOKS {
        let [first, second, third] = [signed.look()?, signed.look()?, signed.look()?];
        let moved = |tenant: &&String| {
            let size = |all: &Glances| all.get(*tenant).map(Glance::said_size);
            size(&first) != size(&second) || size(&second) != size(&third)
        };
        if second.keys().filter(moved).count() <= 1 {
            match signed.snapshots(&second) {
                Ok(snapshots) => return Ok(snapshots),
                // The host changed a log while its files were read one after the other.
                Err(error @ BackupError::Log { .. }) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        std::thread::sleep(PAUSE);
    }
    Err(last.unwrap_or(BackupError::Restless))
}

type Glances = BTreeMap<String, Glance>;

/// The keys and names for checking that this host signed a log.
struct Signed {
    logs: PathBuf,
    tenants: Vec<String>,
    origin: String,
    key: VerifyingKey,
    past: Option<KeyHistory>,
}

impl Signed {
    fn of(dir: &Path) -> Result<Self, BackupError> {
        let origin = config::outline(dir).map_err(BackupError::Config)?.log_origin;
        let [receipt, key] = keys::public(dir)?;
        let past = KeyHistory::look(dir, receipt)?;
        let tenants = crate::maintenance::rotate::tenants(dir).map_err(BackupError::Logs)?;
        Ok(Self { logs: dir.join("state/log"), tenants, origin, key, past })
    }

    fn look(&self) -> Result<Glances, BackupError> {
        let mut all = Glances::new();
        for tenant in &self.tenants {
            let found = log::glance(&self.logs.join(tenant));
            all.insert(tenant.clone(), found.map_err(of_log(tenant))?);
        }
        Ok(all)
    }

    fn snapshots(&self, glances: &Glances) -> Result<Snapshots, BackupError> {
        let mut all = Snapshots::new();
        for (tenant, glance) in glances {
            let name = format!("{}/{tenant}", self.origin);
            let bad =
                |e: &dyn std::fmt::Display| BackupError::Origin(tenant.clone(), e.to_string());
            let key = VerifierKey::new(&name, self.key).map_err(|e| bad(&e))?;
            let retired = self.past.as_ref().map(|past| past.retired(tenant, &name)).transpose()?;
            let found = glance.snapshot(&key, &retired.unwrap_or_default());
            all.extend(found.map_err(of_log(tenant))?.map(|snapshot| (tenant.clone(), snapshot)));
        }
        Ok(all)
    }
}

pub(super) fn of_log(tenant: &str) -> impl FnOnce(LogError) -> BackupError {
    let tenant = tenant.to_owned();
    move |source| BackupError::Log { tenant, source }
}
