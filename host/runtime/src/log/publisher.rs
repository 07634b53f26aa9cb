//! The one writer of a tenant's log: at once when idle, in batches when busy.

use std::sync::mpsc::TrySendError;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};

use deed_record::event::Leaf;
use deed_record::merkle::Hash;
use tokio::sync::oneshot;

use super::{Log, LogError};

/// A handle to the publisher; its thread ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Publisher {
    queue: mpsc::SyncSender<Request>,
    log: Arc<Mutex<Log>>,
    shared: Arc<Shared>,
}

/// What readers need without waiting for the disk.
#[derive(Debug, Default)]
struct Shared {
    checkpoint: Mutex<Option<String>>,
    /// The first error of the log: after it, nothing is published until a restart.
    failed: OnceLock<String>,
}

/// Leaves with their index, under the first checkpoint that covers them all.
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

/// Why leaves were not published. The journal has them; the next start publishes what is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    #[error("the log's publisher has ended; restart the host")]
    Stopped,
    #[error("too many actions wait for the log")]
    Busy,
    #[error("the log takes no entries: {0}")]
    Log(String),
}

/// How many requests may wait; each is one action, and its driver waits for the answer.
const QUEUE_MAX: usize = 1_024;
/// How many actions one checkpoint covers at most.
const BATCH_MAX: usize = 256;

impl Publisher {
    pub fn start(log: Log) -> Self {
        let (queue, requests) = mpsc::sync_channel(QUEUE_MAX);
        let shared = Arc::new(Shared::default());
        shared.show(log.checkpoint());
        let log = Arc::new(Mutex::new(log));
        let (owned, seen) = (Arc::clone(&log), Arc::clone(&shared));
        std::thread::spawn(move || serve(&owned, &seen, &requests));
        Self { queue, log, shared }
    }

    /// Puts leaves into the log and waits for the signed checkpoint. Leaves that are there already keep their index.
    pub async fn publish(&self, leaves: Vec<Leaf>) -> Result<PublishedLeaves, PublishError> {
        let (answer, published) = oneshot::channel();
        self.queue.try_send(Request { leaves, answer }).map_err(|e| match e {
            TrySendError::Full(_) => PublishError::Busy,
            TrySendError::Disconnected(_) => PublishError::Stopped,
        })?;
        published.await.map_err(|_| PublishError::Stopped)?
    }

    /// Hands leaves over without waiting for them. A busy publisher takes none: whoever needs their
    /// places publishes them again.
    pub fn offer(&self, leaves: Vec<Leaf>) {
        let (answer, _) = oneshot::channel();
        if self.queue.try_send(Request { leaves, answer }).is_err() {
            tracing::debug!("the log is busy; these leaves come with the action's end");
        }
    }

    /// The inclusion proof of a leaf in the tree of this size.
    pub fn prove(&self, index: u64, size: u64) -> Result<Vec<Hash>, LogError> {
        self.lock().prove(index, size)
    }

    /// The latest signed checkpoint.
    pub fn checkpoint(&self) -> Option<String> {
        self.shared.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why nothing is published any more. The host ends then: no action may run that cannot be logged.
    pub fn failed(&self) -> Option<&str> {
        self.shared.failed.get().map(String::as_str)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn show(&self, checkpoint: Option<&str>) {
        *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) =
            checkpoint.map(str::to_owned);
    }
}

fn serve(log: &Mutex<Log>, shared: &Shared, requests: &mpsc::Receiver<Request>) {
    while let Ok(first) = requests.recv() {
        let mut batch = vec![first];
        batch.extend(requests.try_iter().take(BATCH_MAX - 1));
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        let result = append(&mut log, &batch);
        shared.show(log.checkpoint());
        drop(log);
        if let Err(error) = &result {
            // Only the first error is kept: what follows comes of it.
            shared.failed.get_or_init(|| error.to_string());
        }
        for request in batch {
            let answer = result
                .clone()
                .and_then(|(checkpoint, find)| place(request.leaves, checkpoint, &find));
            if request.answer.send(answer).is_err() {
                tracing::debug!("nobody waits for this checkpoint any more");
            }
        }
    }
}

type Places = std::collections::BTreeMap<Vec<u8>, u64>;

fn append(log: &mut Log, batch: &[Request]) -> Result<(String, Places), PublishError> {
    let entries = || batch.iter().flat_map(|r| &r.leaves).map(Leaf::entry);
    let mut fresh: Vec<Vec<u8>> = Vec::new();
    for entry in entries() {
        if log.index_of(&entry).is_none() && !fresh.contains(&entry) {
            fresh.push(entry);
        }
    }
    let checkpoint = if fresh.is_empty() {
        log.checkpoint().map(str::to_owned).ok_or(PublishError::Stopped)?
    } else {
        log.append(&fresh).map_err(|e| PublishError::Log(e.to_string()))?.checkpoint
    };
    let places =
        entries().filter_map(|entry| log.index_of(&entry).map(|index| (entry, index))).collect();
    Ok((checkpoint, places))
}

fn place(
    leaves: Vec<Leaf>,
    checkpoint: String,
    places: &Places,
) -> Result<PublishedLeaves, PublishError> {
    let at = |leaf: Leaf| {
        let index = places.get(&leaf.entry()).copied().ok_or(PublishError::Stopped)?;
        Ok(Leaf { index, ..leaf })
    };
    Ok(PublishedLeaves {
        leaves: leaves.into_iter().map(at).collect::<Result<_, PublishError>>()?,
        checkpoint,
    })
}
