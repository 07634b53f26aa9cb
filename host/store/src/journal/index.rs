//! The index of the journal, in one sled tree: the latest row of each action, the positions of its records, the lists
//! of actions, and the holders of idempotency keys. All data of the index comes from the journal. An index that does
//! not open or does not match the journal is deleted and rebuilt. A rebuild can be necessary after a crash, because
//! sled's flush is not an fsync.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sled::IVec;

use super::file::{Hash, Place};
use crate::store::{CLAIM_LIFE_MS, Row};
pub(super) use key::action_of;
use recent::Recent;
pub(super) use staged::Staged;
use stored::Stored;

mod key;
mod list;
mod recent;
mod staged;
mod stored;

/// Bytes of the index that sled keeps in memory. The limit is set because sled's default is a gigabyte.
const CACHE_BYTES: u64 = 64 << 20;

/// Number of retries, and the pause between them, while another handle still has the index open.
const OPEN_RETRIES: u32 = 20;
const OPEN_PAUSE: Duration = Duration::from_millis(25);

/// Version of the format of keys and values. An index of another format is rebuilt.
const FORM: u8 = 2;

/// The open index.
#[derive(Debug)]
pub(super) struct Index {
    db: sled::Db,
    /// Changes that were not passed to sled yet.
    recent: RwLock<Recent>,
    /// The latest time of any record, Unix milliseconds.
    latest_ms: AtomicI64,
}

/// The last record that the index contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Applied {
    pub(super) place: Place,
    pub(super) hash: Hash,
}

/// The holder of an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Holder {
    pub(super) action: String,
    pub(super) body_sha256: String,
    pub(super) at_ms: i64,
}

impl Holder {
    pub(super) fn is_live(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.at_ms) < CLAIM_LIFE_MS
    }
}

impl Index {
    /// Opens or creates the index in `dir`, and returns the last record that it contains.
    pub(super) fn open(dir: &Path) -> Result<(Self, Option<Applied>), IndexError> {
        remove_torn_snapshots(dir)?;
        // Sled can panic on a damaged file, which must not stop the host.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let db = open_sled(dir)?;
            let applied = db.get(key::applied())?;
            Ok::<_, IndexError>((db, applied))
        }));
        let (db, applied) = opened.unwrap_or(Err(IndexError::Panic))?;
        let (applied, latest_ms) = match applied {
            Some(bytes) => Applied::decode(&bytes).map(|(to, ms)| (Some(to), ms)),
            None => db.is_empty().then_some((None, 0)),
        }
        .ok_or(IndexError::Value)?;
        Ok((Self { db, recent: RwLock::default(), latest_ms: AtomicI64::new(latest_ms) }, applied))
    }

    /// Deletes the whole index.
    pub(super) fn wipe(dir: &Path) -> Result<(), IndexError> {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Passes all data of sled to the operating system, so that the next start has little to replay.
    pub(super) fn flush(&self) -> Result<(), IndexError> {
        self.db.flush()?;
        Ok(())
    }

    /// Every key and value, in the order of the keys.
    pub(super) fn rows(&self) -> impl Iterator<Item = Result<(IVec, IVec), IndexError>> + use<> {
        self.db.iter().map(|item| Ok(item?))
    }

    /// The latest time of any record; 0 if there are no records.
    pub(super) fn latest_ms(&self) -> i64 {
        self.latest_ms.load(Ordering::Relaxed)
    }

    fn passed(&self, at_ms: i64) {
        self.latest_ms.fetch_max(at_ms, Ordering::Relaxed);
    }

    pub(super) fn row(&self, action: &str) -> Result<Option<Row>, IndexError> {
        let recent = self.recent();
        if let Some(newest) = recent.rows.get(action) {
            return Ok(Some(newest.row.clone()));
        }
        Ok(self.settled(action)?.map(|stored| stored.row))
    }

    fn stored(&self, action: &str) -> Result<Option<Stored>, IndexError> {
        let recent = self.recent();
        recent
            .rows
            .get(action)
            .map_or_else(|| self.settled(action), |newest| Ok(Some(newest.clone())))
    }

    /// The row of an action as stored in sled.
    fn settled(&self, action: &str) -> Result<Option<Stored>, IndexError> {
        self.db.get(key::row(action))?.map(|bytes| Stored::decode(&bytes)).transpose()
    }

    /// Locks the recent changes even if another thread panicked, because a panic leaves only complete changes.
    fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent_mut(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn holder(
        &self,
        tenant: &str,
        agent: &str,
        word: &str,
    ) -> Result<Option<Holder>, IndexError> {
        self.bytes(&key::claim(tenant, agent, word))?.map(|bytes| value(&bytes)).transpose()
    }

    /// The positions of an action's records, oldest first.
    pub(super) fn places(&self, action: &str) -> Result<Vec<Place>, IndexError> {
        let recent = self.recent();
        if let Some(newest) = recent.rows.get(action) {
            return Ok(newest.places.clone());
        }
        let Some(bytes) = self.db.get(key::row(action))? else { return Ok(Vec::new()) };
        stored::places(&mut &*bytes).ok_or(IndexError::Value)
    }

    pub(super) fn open_actions(&self) -> Result<Vec<String>, IndexError> {
        let open = self.beginning(&key::all_open())?;
        let action = |key: &Vec<u8>| key::last_part(key).ok_or(IndexError::Value);
        let mut open = open.iter().map(action).collect::<Result<Vec<_>, _>>()?;
        open.sort();
        Ok(open)
    }
}

impl Applied {
    /// Encodes the record's position and hash, together with the latest time of any record up to this one.
    fn encode(&self, latest_ms: i64) -> Vec<u8> {
        let Place { segment, offset } = self.place;
        let numbers = [segment.to_be_bytes(), offset.to_be_bytes(), latest_ms.to_be_bytes()];
        [&[FORM], numbers.as_flattened(), &self.hash].concat()
    }

    fn decode(bytes: &[u8]) -> Option<(Self, i64)> {
        let rest = bytes.strip_prefix(&[FORM])?;
        let (segment, rest) = rest.split_first_chunk::<8>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (latest_ms, hash) = rest.split_first_chunk::<8>()?;
        let place =
            Place { segment: u64::from_be_bytes(*segment), offset: u64::from_be_bytes(*offset) };
        let applied = Self { place, hash: hash.try_into().ok()? };
        Some((applied, i64::from_be_bytes(*latest_ms)))
    }
}

/// Why an operation on the index failed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error(transparent)]
    Sled(#[from] sled::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("a value in the index has the format of another version")]
    Value,
    #[error("the index database (sled) panicked on a damaged file")]
    Panic,
}

fn value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, IndexError> {
    Ok(serde_json::from_slice(bytes)?)
}

/// Opens sled, with retries, because sled releases its file only some time after the last handle is dropped.
fn open_sled(dir: &Path) -> sled::Result<sled::Db> {
    let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES);
    for _ in 0..OPEN_RETRIES {
        match config.open() {
            Err(sled::Error::Io(_)) => thread::sleep(OPEN_PAUSE),
            other => return other,
        }
    }
    config.open()
}

/// Removes snapshots that a crash left half written. Sled 0.34 would use a half-written snapshot as the newest one, and
/// then fail to open.
fn remove_torn_snapshots(dir: &Path) -> Result<(), IndexError> {
    if !dir.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
