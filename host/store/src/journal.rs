//! The journal: takes events of actions, gives back their story, and answers an append only when it
//! is where the caller asked for it to be. It never changes what it wrote; the index beside it is a
//! copy that is thrown away and made again whenever it does not fit.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, oneshot};

use crate::group_commit::Crowd;
pub use compare::compare_index;
pub use durable::Durable;
pub use error::{AppendError, OpenError, PayloadError, ReadError};
pub use file::Place;
use file::Reader;
use index::Index;
use payload::Payloads;
pub use payload::{check_payloads, payload_files};
pub use survey::{Extent, Seen, Survey, Wrong, extent, read_at, reserve, survey};
pub use version::{VersionError, version, version_line};
use writer::Command;

mod compare;
mod durable;
mod error;
mod file;
mod index;
mod open;
mod payload;
mod record;
mod replay;
mod survey;
mod version;
mod writer;

#[cfg(test)]
mod tests;

/// Appends that may wait for the writer; more wait for their turn without being queued.
const ROOM: usize = 1024;

/// Opens the journal in `dir`, or begins one there.
///
/// Cuts a torn record at the very end, and brings the index up to the journal or rebuilds it. A bad
/// record with good ones after it is an error that names the file and the offset, and so is a journal that
/// ends before its HEAD says. A state of a newer version is refused before anything is touched.
pub fn open(dir: &Path) -> Result<Journal, OpenError> {
    take(dir)?.open()
}

/// Makes sure that no other process works in `dir`, before anything in it is read or changed.
pub fn take(dir: &Path) -> Result<Hold, OpenError> {
    open::take(dir)
}

/// A directory that is ours alone while this lives, or the journal that is opened with it.
#[derive(Debug)]
pub struct Hold {
    dir: PathBuf,
    lock: File,
}

impl Hold {
    /// Opens the journal that is here, as [`open`] does.
    pub fn open(self) -> Result<Journal, OpenError> {
        open::open(self)
    }
}

/// A handle on an open journal; clones share it. The last one to go waits for the writer.
#[derive(Debug, Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

/// Events to be appended to one action, and what the index must know about it then.
#[derive(Debug, Clone)]
pub struct Append {
    pub action: String,
    /// The version that the caller saw: how many events the action has. 0 for a new one.
    pub expect: u64,
    /// JSON bytes, kept as they are. At least one.
    pub events: Vec<Vec<u8>>,
    pub summary: Summary,
    pub claim: Option<Claim>,
    /// Words that can be used once, ever (approvals).
    pub nonces: Vec<String>,
    /// Whether the answer must wait until this, and all before it, is on disk.
    pub durable: bool,
}

/// What is known about an action without reading its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    pub tenant: String,
    pub agent: String,
    pub contract: String,
    pub resource: String,
    pub status: String,
    pub ended: bool,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Trace id of the proposal, where the caller sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// An idempotency key, taken by an action for seven days from `at_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub tenant: String,
    pub agent: String,
    pub key: String,
    /// Of the canonical body that came with the key: 64 hex digits.
    pub body_sha256: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// What actions must be to be listed; nothing at all takes every one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub agent: Option<String>,
    pub status: Option<String>,
    pub resource: Option<String>,
    pub trace: Option<String>,
    /// Unix milliseconds: whatever happened last to the action happened then or later.
    pub since_ms: Option<i64>,
}

impl Filter {
    fn takes(&self, row: &Row) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        let Summary { agent, resource, status, at_ms, trace, .. } = &row.summary;
        is(&self.agent, agent)
            && is(&self.status, status)
            && is(&self.resource, resource)
            && (self.trace.is_none() || self.trace == *trace)
            && self.since_ms.is_none_or(|since_ms| *at_ms >= since_ms)
    }
}

/// An action as the index has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub version: u64,
    pub summary: Summary,
}

/// The version of an action and its events, oldest first.
pub type Story = (u64, Vec<Vec<u8>>);

#[derive(Debug)]
struct Shared {
    sender: Mutex<Option<Sender<Command>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    room: Arc<Semaphore>,
    index: Arc<Index>,
    reader: Reader,
    payloads: Payloads,
    failed: Arc<OnceLock<String>>,
    /// Where what is on disk ends.
    synced: Arc<Mutex<Place>>,
    crowd: Crowd,
    /// Last, so that nobody opens the journal before the index is let go.
    _lock: Arc<File>,
}

impl Journal {
    /// Appends, if the action still has `expect` events, the key is free and the nonces are unused.
    ///
    /// Gives the new version. The checks are made by the one writer, so of two racing appends one
    /// loses. Dropping the future does not take back what was handed over already.
    pub async fn append(&self, append: Append) -> Result<u64, AppendError> {
        self.hand(Some(append)).await
    }

    /// Where to say how many actions are under way: the more, the more of their appends are committed together.
    pub fn crowd(&self) -> &Crowd {
        &self.shared.crowd
    }

    /// Waits until every append that was answered before is on disk.
    pub async fn sync(&self) -> Result<(), AppendError> {
        self.hand(None).await.map(drop)
    }

    /// Waits until all that is told of an action is on disk.
    pub async fn sync_action(&self, action: &str) -> Result<(), AppendError> {
        let places = self.shared.index.places(action);
        let last = places.map_err(|error| AppendError::Refused(error.to_string()))?.pop();
        if last.is_some_and(|last| last < *hold(&self.shared.synced)) {
            return Ok(());
        }
        self.sync().await
    }

    async fn hand(&self, append: Option<Append>) -> Result<u64, AppendError> {
        let room = Arc::clone(&self.shared.room).acquire_owned().await;
        let (reply, answer) = oneshot::channel();
        let command = Command { append, reply, room: room.ok().ok_or_else(closed)? };
        let sent = match hold(&self.shared.sender).as_ref() {
            Some(sender) => sender.send(command).is_ok(),
            None => false,
        };
        if !sent {
            return Err(closed());
        }
        answer.await.unwrap_or_else(|_gone| Err(closed()))
    }

    /// The version and the events of an action, oldest first; `None` when there is no such action.
    pub fn events(&self, action: &str) -> Result<Option<Story>, ReadError> {
        let mut events = Vec::new();
        for place in self.shared.index.places(action)? {
            let record = self.shared.reader.read(place)?;
            if record.envelope.action != action {
                return Err(ReadError::OtherAction { action: action.to_owned() });
            }
            events.extend(record.events);
        }
        Ok((!events.is_empty()).then_some((events.len() as u64, events)))
    }

    /// The index row of an action.
    pub fn row(&self, action: &str) -> Result<Option<Row>, ReadError> {
        Ok(self.shared.index.row(action)?)
    }

    /// At most `limit` actions of a tenant that pass `filter`, the greatest (newest) ids first.
    pub fn list(
        &self,
        tenant: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(String, Row)>, ReadError> {
        Ok(self.shared.index.list(tenant, filter, limit)?)
    }

    /// The latest time of any record, Unix milliseconds; 0 without any.
    pub fn latest_ms(&self) -> i64 {
        self.shared.index.latest_ms()
    }

    /// The actions that have not ended, oldest id first.
    pub fn open_actions(&self) -> Result<Vec<String>, ReadError> {
        Ok(self.shared.index.open_actions()?)
    }

    /// The action that holds an idempotency key at `now_ms`, and the digest of its body.
    pub fn key(
        &self,
        tenant: &str,
        agent: &str,
        key: &str,
        now_ms: i64,
    ) -> Result<Option<(String, String)>, ReadError> {
        let holder = self.shared.index.holder(tenant, agent, key)?;
        let live = holder.filter(|holder| holder.is_live(now_ms));
        Ok(live.map(|holder| (holder.action, holder.body_sha256)))
    }

    /// Keeps bytes under their SHA-256 and gives it as 64 hex digits; they are on disk then.
    pub fn put_payload(&self, bytes: &[u8]) -> Result<String, PayloadError> {
        self.shared.payloads.put(bytes)
    }

    /// The bytes with this SHA-256 (64 lower-case hex digits), checked; `None` when not kept.
    pub fn payload(&self, hex: &str) -> Result<Option<Vec<u8>>, PayloadError> {
        self.shared.payloads.get(hex)
    }

    /// Why the journal refuses everything, once an error of the disk stopped it. The host exits.
    pub fn failed(&self) -> Option<&str> {
        self.shared.failed.get().map(String::as_str)
    }

    /// Takes no more appends, finishes those that wait, syncs, and waits for all that.
    pub fn close(&self) {
        self.shared.close();
    }
}

impl Shared {
    fn close(&self) {
        drop(hold(&self.sender).take());
        if let Some(thread) = hold(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer died; the next start recovers");
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

fn closed() -> AppendError {
    AppendError::Failed("the journal is closed".to_owned())
}

/// The lock's value, also after a panic elsewhere: an `Option` is never half changed.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
