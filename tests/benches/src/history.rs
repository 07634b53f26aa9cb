//! Writes a history into a served directory that no host has open. The history consists of the requested number of
//! actions, each of which copies the records and log leaves of an action that has ended in this directory.
//!
//! The journal's and the log's own code writes the history. Each copy has a new id, item, times, key and leaves. The
//! content of its signed envelopes and the leaf indices in its records are copied unchanged. A host does not read the
//! envelopes and leaf indices while it serves, but `deed journal check` reports each of them as wrong.

mod model;

use std::fs;
use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use deed_host::config::{self, keys};
use deed_record::lifecycle::event::entry;
use deed_spec::digest::Digest;
use deed_spec::note::LogKey;
use deed_store::journal::{self, Journal};
use deed_store::log::Log;
use deed_store::store::{Append, Store as _};
use deed_tests::services::Result;
use tokio::task::JoinSet;

pub use self::model::{ITEM_LENGTH, item};
use self::model::{Model, New};

/// The number of actions that are written concurrently. The records of these actions interleave as in a busy host. All
/// records of one action are queued at once, so that the journal's commit groups are full.
const ABREAST: usize = 64;
/// The number of leaves that are appended at once.
const LEAVES: usize = 16_384;
/// The age of the oldest and of the newest action, in milliseconds.
const OLDEST_MS: i64 = 30 * 24 * 60 * 60 * 1000;
const NEWEST_MS: i64 = 60 * 60 * 1000;

/// The result of writing a history.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    pub actions: u64,
    pub records: u64,
    pub leaves: u64,
    pub seconds: f64,
    /// Bytes below `state/segments`, `state/index` and `state/log`, including earlier content.
    pub journal: u64,
    pub index: u64,
    pub log: u64,
}

impl Written {
    /// Disk space per action in bytes.
    pub fn each(&self) -> u64 {
        (self.journal + self.index + self.log).checked_div(self.actions).unwrap_or_default()
    }
}

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { actions, records, leaves, seconds, journal, index, log } = *self;
        let each = |bytes: u64| bytes.checked_div(actions).unwrap_or_default();
        write!(
            f,
            "{actions} actions with {records} records and {leaves} leaves in {seconds:.1} s; bytes per action: \
             journal {}, index {}, log {}; in all {} MiB",
            each(journal),
            each(index),
            each(log),
            (journal + index + log) >> 20
        )
    }
}

/// Adds this many actions to the directory. Fails when no action has ended in the directory.
pub fn write(dir: &Path, actions: u64) -> Result<Written> {
    let state = dir.join("state");
    let models = Arc::new(model::models(&state)?);
    let (tenant, _) = models.first().ok_or("no action has ended here yet")?.owner();
    let leaves_before = leaves(dir, tenant)?.size();
    let began = Instant::now();
    let runtime = tokio::runtime::Runtime::new()?;
    let journal = journal::open(&state)?;
    // New ids and keys are derived from this time, so that they differ from those of an earlier generated history.
    let now_ms = i64::try_from(now().as_millis())?;
    let records = runtime.block_on(fill(&journal, &models, actions, now_ms))?;
    // Syncs once and waits until the sync has finished.
    journal.close();
    if let Some(why) = journal.failed() {
        return Err(why.to_string().into());
    }
    drop(journal);
    let mut log = leaves(dir, tenant)?;
    append(&mut log, &models, actions, now_ms)?;
    let leaves = log.size() - leaves_before;
    drop(log);
    let size = |part: &str| size(&state.join(part));
    Ok(Written {
        actions,
        records,
        leaves,
        seconds: began.elapsed().as_secs_f64(),
        journal: size("segments")?,
        index: size("index")?,
        log: size("log")?,
    })
}

/// Returns the number of written records.
async fn fill(
    journal: &Journal,
    models: &Arc<Vec<Model>>,
    actions: u64,
    now_ms: i64,
) -> Result<u64> {
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks: JoinSet<Result<u64>> = JoinSet::new();
    for _ in 0..ABREAST {
        let (journal, models, next) = (journal.clone(), Arc::clone(models), Arc::clone(&next));
        tasks.spawn(async move {
            let mut records = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= actions {
                    return Ok(records);
                }
                let Some(model) = of(&models, number) else { return Ok(records) };
                let new = New::of(now_ms, number, at_ms(now_ms, number, actions))?;
                let appends: Vec<_> = model.appends(&new).collect();
                records += appends.len() as u64;
                together(&journal, appends).await?;
            }
        });
    }
    let mut records = 0;
    while let Some(done) = tasks.join_next().await {
        records += done??;
    }
    Ok(records)
}

/// Queues all appends in order before it waits for the first one.
async fn together(journal: &Journal, appends: Vec<Append>) -> Result<()> {
    let mut waiting: Vec<_> =
        appends.into_iter().map(|append| Box::pin(journal.append(append))).collect();
    poll_fn(|context| {
        let mut at = 0;
        while let Some(one) = waiting.get_mut(at) {
            match one.as_mut().poll(context) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(_)) => drop(waiting.remove(at)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
            }
        }
        if waiting.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

fn append(log: &mut Log, models: &[Model], actions: u64, now_ms: i64) -> Result<()> {
    let mut entries = Vec::with_capacity(LEAVES);
    for number in 0..actions {
        let Some(model) = of(models, number) else { return Ok(()) };
        for (at, kind) in model.leaves().iter().enumerate() {
            let word = format!("history {now_ms} {number} {at}");
            entries.push(entry(kind, &Digest::of(word.as_bytes())));
        }
        if entries.len() >= LEAVES {
            log.append(&entries)?;
            entries.clear();
        }
    }
    if !entries.is_empty() {
        log.append(&entries)?;
    }
    Ok(())
}

fn of(models: &[Model], number: u64) -> Option<&Model> {
    let at = number.checked_rem(models.len() as u64)?;
    models.get(usize::try_from(at).ok()?)
}

/// The time of an action. The times are evenly spaced from the oldest to the newest action.
fn at_ms(now_ms: i64, number: u64, actions: u64) -> i64 {
    let part = i128::from(OLDEST_MS - NEWEST_MS) * i128::from(number) / i128::from(actions.max(1));
    now_ms - OLDEST_MS + i64::try_from(part).unwrap_or_default()
}

fn leaves(dir: &Path, tenant: &str) -> Result<Log> {
    let config = config::load(dir).map_err(|faults| faults.to_string())?;
    let origin = format!("{}/{tenant}", config.log_origin);
    let key = LogKey::new(&origin, keys::load(dir)?.log)?;
    Ok(Log::open(&dir.join("state/log").join(tenant), &origin, key)?)
}

/// The total size of all files below a directory, in bytes.
fn size(path: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { size(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}

fn now() -> std::time::Duration {
    #[expect(clippy::disallowed_methods, reason = "no clock of a host is here to be asked")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}
