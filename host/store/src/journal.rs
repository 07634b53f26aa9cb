//! The journal: a [`Store`] in files. An append returns only when its data is as durable as the caller requested.
//! Written records never change. The index is derived from the records, and is deleted and rebuilt if it does not match
//! them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{Semaphore, oneshot};

use crate::group_commit::GroupCommit;
use crate::store::{
    self, Append, AppendError, Durable, Failure, Filter, Page, PayloadError, Pending, Row, Span,
    Store, Story,
};
pub use compare::compare_index;
pub use error::{OpenError, ReadError};
pub use file::Place;
use file::Reader;
use index::Index;
use payload::Payloads;
pub use payload::{check_payloads, payload_files};
pub use scan::{Extent, Scan, Seen, Wrong, extent, read_at, reserve, scan};
pub use version::{VersionError, version, version_line};
use writer::Command;

mod compare;
mod error;
mod file;
mod index;
mod open;
mod payload;
mod record;
mod replay;
mod scan;
mod version;
mod writer;

#[cfg(test)]
mod tests;

/// Maximum number of appends in the writer's queue; further appends wait.
const ROOM: usize = 1024;

/// Opens the journal in `dir`, or creates one there.
///
/// Removes a torn end, and updates or rebuilds the index. A state directory of a newer version is refused before
/// anything is changed.
///
/// # Errors
///
/// Fails when another process uses `dir`, when a record that was durable is bad (the error names the file and the
/// offset), when the journal ends before the position in its HEAD, and when a file cannot be read or written.
pub fn open(dir: &Path) -> Result<Journal, OpenError> {
    take(dir)?.open()
}

/// Locks `dir`, before any other file in it is read or changed.
///
/// # Errors
///
/// Fails when another process uses `dir`, when the version of `dir` is newer than this program supports, and when `dir`
/// cannot be created.
pub fn take(dir: &Path) -> Result<Hold, OpenError> {
    open::take(dir)
}

/// A locked directory. No other process can use the directory while this value, or the journal that was opened with it,
/// exists.
#[derive(Debug)]
pub struct Hold {
    dir: PathBuf,
    lock: File,
}

impl Hold {
    /// Opens the journal in this directory. Like [`open`], this removes a torn end, and updates or rebuilds the index.
    ///
    /// # Errors
    ///
    /// Fails in the same cases as [`open`].
    pub fn open(self) -> Result<Journal, OpenError> {
        open::open(self)
    }
}

/// A handle to an open journal. Clones share the journal, and dropping the last handle waits for the writer.
#[derive(Debug, Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    sender: Mutex<Option<Sender<Command>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    room: Arc<Semaphore>,
    index: Arc<Index>,
    reader: Reader,
    payloads: Payloads,
    failed: Arc<OnceLock<Failure>>,
    /// The end of the part of the journal that is on disk.
    synced: Arc<Mutex<Place>>,
    crowd: GroupCommit,
    /// Fields are dropped in order. The lock must be the last field, so that no other process opens the journal before
    /// the index is released.
    _lock: Arc<File>,
}

impl Journal {
    /// The number of actions in progress, which the caller sets. The more actions are in progress, the more appends are
    /// committed together.
    pub fn crowd(&self) -> &GroupCommit {
        &self.shared.crowd
    }

    async fn hand(&self, append: Option<Append>) -> Result<u64, AppendError> {
        let room = Arc::clone(&self.shared.room).acquire_owned().await;
        let (reply, answer) = oneshot::channel();
        let command = Command { append, reply, room: room.ok().ok_or(Failure::Closed)? };
        let sent = match hold(&self.shared.sender).as_ref() {
            Some(sender) => sender.send(command).is_ok(),
            None => false,
        };
        if !sent {
            return Err(Failure::Closed.into());
        }
        let stopped = || self.shared.failed.get().cloned().unwrap_or(Failure::Closed);
        answer.await.unwrap_or_else(|_gone| Err(stopped().into()))
    }

    /// The events of one record of an action.
    fn events_at(&self, place: Place, action: &str) -> Result<Vec<Vec<u8>>, ReadError> {
        let record = self.shared.reader.read(place)?;
        if record.envelope.action != action {
            return Err(ReadError::OtherAction { action: action.to_owned() });
        }
        Ok(record.events)
    }

    /// Whether every append to an action is already on disk.
    fn is_synced(&self, action: &str) -> Result<bool, AppendError> {
        let places = self.shared.index.places(action);
        let last = places.map_err(|error| AppendError::Lookup(error.to_string()))?.pop();
        Ok(last.is_some_and(|last| last < *hold(&self.shared.synced)))
    }
}

/// A journal stores records in files. One writer puts a group of appends on disk with one fdatasync. The writer also
/// checks every append, so of two conflicting appends one fails.
impl Store for Journal {
    fn append(&self, append: Append) -> Pending<'_, Result<u64, AppendError>> {
        Box::pin(self.hand(Some(append)))
    }

    fn append_durable(&self, append: Append) -> Pending<'_, Result<Durable, AppendError>> {
        Box::pin(async {
            let (action, event) = Durable::parts_of(&append);
            self.hand(Some(Append { durable: true, ..append })).await?;
            Ok(Durable::new(action, event))
        })
    }

    fn sync(&self) -> Pending<'_, Result<(), AppendError>> {
        Box::pin(async { self.hand(None).await.map(drop) })
    }

    fn sync_action<'a>(&'a self, action: &'a str) -> Pending<'a, Result<(), AppendError>> {
        Box::pin(async {
            if hold(&self.shared.sender).is_none() {
                return Err(Failure::Closed.into());
            }
            if self.is_synced(action)? {
                return Ok(());
            }
            self.sync().await
        })
    }

    fn events(&self, action: &str) -> Result<Option<Story>, store::ReadError> {
        let mut events = Vec::new();
        for place in self.shared.index.places(action)? {
            events.extend(self.events_at(place, action)?);
        }
        Ok((!events.is_empty()).then_some((events.len() as u64, events)))
    }

    /// Reads the first record of the action only.
    fn first_event(&self, action: &str) -> Result<Option<Vec<u8>>, store::ReadError> {
        let first = self.shared.index.places(action)?.into_iter().next();
        let events = first.map(|place| self.events_at(place, action)).transpose()?;
        Ok(events.and_then(|events| events.into_iter().next()))
    }

    fn row(&self, action: &str) -> Result<Option<Row>, store::ReadError> {
        Ok(self.shared.index.row(action)?)
    }

    fn list(
        &self,
        tenant: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(String, Row)>, store::ReadError> {
        Ok(self.shared.index.list(tenant, filter, limit)?)
    }

    fn page(&self, tenant: &str, filter: &Filter, span: &Span) -> Result<Page, store::ReadError> {
        Ok(self.shared.index.page(tenant, filter, span)?)
    }

    fn open_actions(&self) -> Result<Vec<String>, store::ReadError> {
        Ok(self.shared.index.open_actions()?)
    }

    fn latest_ms(&self) -> i64 {
        self.shared.index.latest_ms()
    }

    fn key(
        &self,
        tenant: &str,
        agent: &str,
        key: &str,
        now_ms: i64,
    ) -> Result<Option<(String, String)>, store::ReadError> {
        let holder = self.shared.index.holder(tenant, agent, key)?;
        let live = holder.filter(|holder| holder.is_live(now_ms));
        Ok(live.map(|holder| (holder.action, holder.body_sha256)))
    }

    fn last_claim(
        &self,
        tenant: &str,
        agent: &str,
        key: &str,
    ) -> Result<Option<String>, store::ReadError> {
        Ok(self.shared.index.holder(tenant, agent, key)?.map(|holder| holder.action))
    }

    fn put_payload(&self, bytes: &[u8]) -> Result<String, PayloadError> {
        self.shared.payloads.put(bytes)
    }

    fn payload(&self, hex: &str) -> Result<Option<Vec<u8>>, PayloadError> {
        self.shared.payloads.get(hex)
    }

    fn failed(&self) -> Option<&Failure> {
        self.shared.failed.get()
    }

    fn close(&self) {
        self.shared.close();
    }
}

impl Shared {
    fn close(&self) {
        drop(hold(&self.sender).take());
        if let Some(thread) = hold(&self.thread).take()
            && thread.join().is_err()
        {
            self.failed.get_or_init(writer::panicked);
            tracing::error!("the journal's writer panicked; the next start recovers");
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

/// Locks a value even if another thread panicked, because no value is ever left half changed.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
