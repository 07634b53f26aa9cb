//! The only writer of a tenant's log. An idle publisher publishes each request at once; a busy publisher publishes
//! requests in batches.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, TrySendError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use deed_record::lifecycle::event::Leaf;
use deed_spec::merkle::Hash;
use deed_system::clock::Clock;
use tokio::sync::oneshot;

use super::witness::{self, Standing, Watch};
use super::{Log, LogError};
use crate::group_commit::GroupCommit;
use crate::log::witnesses::Witnesses;

/// A handle to the publisher; its thread ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Publisher {
    queue: mpsc::SyncSender<Request>,
    log: Arc<Mutex<Log>>,
    shared: Arc<Shared>,
    watch: Option<Arc<Watch>>,
}

/// The state that readers need without waiting for the disk.
#[derive(Debug, Default)]
pub(super) struct Shared {
    checkpoint: Mutex<Option<String>>,
    /// Whether the log has a newer checkpoint than `checkpoint`.
    behind: AtomicBool,
    /// The first error of the log, after which nothing is published until a restart.
    failed: OnceLock<String>,
}

/// Published leaves with their log indexes, and the first checkpoint that covers all of these leaves.
#[derive(Debug, Clone)]
pub struct PublishedLeaves {
    pub leaves: Vec<Leaf>,
    pub checkpoint: String,
}

#[derive(Debug)]
struct Request {
    leaves: Vec<Leaf>,
    answer: oneshot::Sender<Result<PublishedLeaves, PublishError>>,
}

/// Why leaves were not published. The leaves are in the journal, and the next start publishes those that are missing
/// from the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    #[error("the task that publishes the log has ended; restart the host")]
    Stopped,
    #[error("too many actions wait for the log")]
    Busy,
    #[error("the log accepts no entries: {0}")]
    Log(Arc<LogError>),
}

/// Maximum number of waiting requests. Each request belongs to one action, which waits for the answer.
const QUEUE_MAX: usize = 1_024;
/// Maximum number of actions in one batch, under one checkpoint.
const BATCH_MAX: usize = 256;
/// How long readers of a busy log may have to wait for entries that are already on disk.
const SPREAD_WITHIN: Duration = Duration::from_millis(100);
/// How long the log must be without requests before its entries are settled (written to tiles and synced).
const IDLE: Duration = Duration::from_millis(20);
/// Maximum number of entries that a busy log has on disk but not in its tiles. The limit bounds the work of a start
/// after a crash, which builds the tiles of these entries again.
const SETTLE_AT: usize = 4_096;
/// Maximum number of files that a busy log syncs when it settles. The log needs this limit, because each request for
/// its checkpoint may write more files.
const SETTLE_FILES_AT: usize = 512;

impl Publisher {
    /// Starts the publisher's thread. Once the thread runs, witnesses are asked to cosign every checkpoint, including
    /// the present checkpoint. The more actions are in progress (`crowd`), the more actions one checkpoint covers.
    pub fn start(log: Log, witnesses: &Arc<Witnesses>, clock: &Clock, crowd: &GroupCommit) -> Self {
        let (queue, requests) = mpsc::sync_channel(QUEUE_MAX);
        let shared = Arc::new(Shared::default());
        shared.show(log.checkpoint());
        let log = Arc::new(Mutex::new(log));
        let watch = witness::start(witnesses, &log, &shared, clock).map(Arc::new);
        let (owned, seen, told) = (Arc::clone(&log), Arc::clone(&shared), watch.clone());
        let crowd = crowd.clone();
        std::thread::spawn(move || serve(&owned, &seen, told.as_deref(), &crowd, &requests));
        Self { queue, log, shared, watch }
    }

    /// Appends leaves to the log, and waits for the signed checkpoint and, for a limited time, for the cosignatures of
    /// witnesses. A leaf that is already in the log keeps its index.
    ///
    /// # Errors
    ///
    /// Fails when too many requests wait, the publisher has ended, or the log fails.
    pub async fn publish(&self, leaves: Vec<Leaf>) -> Result<PublishedLeaves, PublishError> {
        let published = self.enter(leaves).await?;
        let Some(watch) = &self.watch else { return Ok(published) };
        let checkpoint = watch.cosigned(published.checkpoint).await;
        Ok(PublishedLeaves { checkpoint, ..published })
    }

    /// Like [`Publisher::publish`], but does not wait for witnesses. The leaves are on disk when this function returns,
    /// and witnesses are asked to cosign the checkpoint as usual.
    ///
    /// # Errors
    ///
    /// Fails as [`Publisher::publish`] does.
    pub async fn enter(&self, leaves: Vec<Leaf>) -> Result<PublishedLeaves, PublishError> {
        let (answer, published) = oneshot::channel();
        self.queue.try_send(Request { leaves, answer }).map_err(|e| match e {
            TrySendError::Full(_) => PublishError::Busy,
            TrySendError::Disconnected(_) => PublishError::Stopped,
        })?;
        published.await.map_err(|_| PublishError::Stopped)?
    }

    /// The state of each witness of this log.
    pub fn witnesses(&self) -> Vec<Standing> {
        self.watch.as_ref().map(|watch| watch.standings()).unwrap_or_default()
    }

    /// Submits leaves without waiting for the result. A busy publisher drops these leaves, so a caller that needs their
    /// log indexes must publish them again.
    pub fn offer(&self, leaves: Vec<Leaf>) {
        let (answer, _) = oneshot::channel();
        if self.queue.try_send(Request { leaves, answer }).is_err() {
            tracing::debug!("the log is busy; these leaves are appended at the end of the action");
        }
    }

    /// The inclusion proof of a leaf in the tree of this size.
    ///
    /// # Errors
    ///
    /// Fails when `index` or `size` is out of range, or a tile cannot be read.
    pub fn prove(&self, index: u64, size: u64) -> Result<Vec<Hash>, LogError> {
        self.lock().prove(index, size)
    }

    /// The latest signed checkpoint. The checkpoint covers every request that was answered before the call, and is in
    /// the published files when the call returns. The call may wait for the disk.
    pub fn checkpoint(&self) -> Option<String> {
        if self.is_behind() {
            let mut log = self.lock();
            // Of several callers that wait for the lock, only the first writes the files.
            if self.is_behind()
                && let Err(error) = show(&mut log, &self.shared)
            {
                self.shared.failed.get_or_init(|| error.to_string());
            }
        }
        self.shared.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the entries of an answered request are not in the published files yet.
    pub fn is_behind(&self) -> bool {
        self.shared.behind.load(Ordering::Acquire)
    }

    /// Why the log accepts no more entries, if it has failed. If the log has failed, the host ends, because an action
    /// that cannot be logged must not run.
    pub fn failed(&self) -> Option<&str> {
        self.shared.failed.get().map(String::as_str)
    }

    /// Settles the log, as an idle publisher does. An orderly stop of the host calls this function, so that the log is
    /// settled afterwards.
    pub fn settle(&self) {
        settle(&self.log, &self.shared);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Keeps only the first error, because later errors are consequences of the first one.
    pub(super) fn fail(&self, why: Option<&str>) {
        why.map(|why| self.failed.get_or_init(|| why.to_owned()));
    }

    pub(super) fn show(&self, checkpoint: Option<&str>) {
        *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) =
            checkpoint.map(str::to_owned);
        self.behind.store(false, Ordering::Release);
    }
}

fn serve(
    log: &Mutex<Log>,
    shared: &Shared,
    watch: Option<&Watch>,
    crowd: &GroupCommit,
    requests: &mpsc::Receiver<Request>,
) {
    let (mut seen, mut last): (Option<Instant>, _) = (None, Instant::now());
    while let Some((first, rested)) = next(requests, || settle(log, shared)) {
        crowd.gather(&mut last);
        let mut batch = vec![first];
        batch.extend(requests.try_iter().take(BATCH_MAX - 1));
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut result = append(&mut log, &batch);
        // The entries of a single request become visible to readers of the files at once. The entries of a stream of
        // requests become visible at intervals.
        if result.is_ok() && (rested || seen.is_none_or(|seen| seen.elapsed() >= SPREAD_WITHIN)) {
            result = result.and_then(|entered| show(&mut log, shared).map(|()| entered));
            seen = Some(Instant::now());
        } else {
            shared.behind.store(true, Ordering::Release);
        }
        drop(log);
        if let (Ok(entered), Some(watch)) = (&result, watch) {
            watch.offer(&entered.checkpoint);
        }
        answer(shared, batch, result);
    }
}

/// Waits for the next request, and returns it together with whether the log was idle before. If no request arrives for
/// a moment, the log is settled, and the wait continues.
fn next(requests: &mpsc::Receiver<Request>, settle: impl Fn()) -> Option<(Request, bool)> {
    match requests.recv_timeout(IDLE) {
        Ok(request) => Some((request, false)),
        Err(RecvTimeoutError::Timeout) => {
            settle();
            requests.recv().ok().map(|request| (request, true))
        }
        Err(RecvTimeoutError::Disconnected) => {
            settle();
            None
        }
    }
}

fn settle(log: &Mutex<Log>, shared: &Shared) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.failed.get().is_some() {
        return;
    }
    match log.settle() {
        Ok(()) => shared.show(log.checkpoint()),
        Err(error) => {
            shared.failed.get_or_init(|| error.to_string());
        }
    }
}

fn show(log: &mut Log, shared: &Shared) -> Result<(), PublishError> {
    log.spread().map_err(|e| PublishError::Log(Arc::new(e)))?;
    shared.show(log.checkpoint());
    Ok(())
}

/// Answers every request of a batch with the indexes of its own leaves. The indexes are in the order of the leaves.
fn answer(shared: &Shared, batch: Vec<Request>, result: Result<Entered, PublishError>) {
    if let Err(error) = &result {
        // Only the first error is kept, because later errors are consequences of the first one.
        shared.failed.get_or_init(|| error.to_string());
    }
    let (mut places, checkpoint) = match result {
        Ok(entered) => (entered.places.into_iter(), Ok(entered.checkpoint)),
        Err(error) => (Vec::new().into_iter(), Err(error)),
    };
    for request in batch {
        let answer = checkpoint.clone().map(|checkpoint| {
            let placed = request.leaves.into_iter().zip(&mut places);
            let leaves = placed.map(|(leaf, index)| Leaf { index, ..leaf }).collect();
            PublishedLeaves { leaves, checkpoint }
        });
        if request.answer.send(answer).is_err() {
            tracing::debug!("no caller waits for this checkpoint now");
        }
    }
}

/// The result of appending a batch of requests.
struct Entered {
    checkpoint: String,
    /// The log index of each leaf, in the order of the requests.
    places: Vec<u64>,
}

fn append(log: &mut Log, batch: &[Request]) -> Result<Entered, PublishError> {
    let refused = |e: LogError| PublishError::Log(Arc::new(e));
    let (mut places, mut fresh) = (Vec::new(), Vec::new());
    let mut next: HashMap<Vec<u8>, u64> = HashMap::new();
    for entry in batch.iter().flat_map(|request| &request.leaves).map(Leaf::entry) {
        let known = log.index_of(&entry).map_err(refused)?;
        let known = known.or_else(|| next.get(&entry).copied());
        places.push(known.unwrap_or_else(|| {
            let index = log.size() + fresh.len() as u64;
            next.insert(entry.clone(), index);
            fresh.push(entry);
            index
        }));
    }
    if fresh.is_empty() {
        let checkpoint = log.checkpoint().map(str::to_owned).ok_or(PublishError::Stopped)?;
        return Ok(Entered { checkpoint, places });
    }
    let checkpoint = log.enter(&fresh).map_err(refused)?.checkpoint;
    if log.unsettled() >= SETTLE_AT || log.unsettled_files() >= SETTLE_FILES_AT {
        log.settle().map_err(refused)?;
    }
    Ok(Entered { checkpoint, places })
}
