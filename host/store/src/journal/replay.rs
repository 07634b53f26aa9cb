//! Updates the index to match the journal: one thread reads the records and checks their hash chain, and another thread
//! applies them to the index. Most starts read only one segment. If the index was lost, all segments are read.

use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use super::OpenError;
use super::file::{self, Tail, head, scan};
use super::index::{Applied, Index, IndexError, Staged};
use super::record::Framed;

/// Number of index changes that are applied at once during a replay. The records of an action are mixed with those of
/// hundreds of other actions. With a batch of this size, the records of an action usually change its row only once.
pub(super) const BATCH: usize = 32_768;

/// Number of records in one batch, and number of batches that may wait for the index.
const TOGETHER: usize = 1_024;
const AHEAD: usize = 4;

/// The position of a record, and its data for the index.
type Read = (Applied, Framed);

/// Replays the records that the index lacks; `None` if the journal lacks the last record of the index.
pub(super) fn catch_up(
    index: &Index,
    applied: Option<Applied>,
    segments: &Path,
    head: Option<&Tail>,
) -> Result<Option<Tail>, OpenError> {
    let from = applied.map_or_else(file::first, |applied| applied.place.segment);
    if applied.is_some() && !file::path(segments, from).exists() {
        return Ok(None);
    }
    let staged = Staged::new(index);
    let mut replay = Replay { index, applied, met: applied.is_none(), last: None, staged };
    let tail = thread::scope(|scope| {
        let (sender, records) = mpsc::sync_channel(AHEAD);
        let reading = scope.spawn(move || read(segments, from, head, &sender));
        let taken = records.iter().flatten().try_for_each(|(here, one)| replay.take(here, &one));
        // The reading thread stops once the receiver is dropped.
        drop(records);
        let tail = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken.and(tail)
    })?;
    head.map_or(Ok(()), |head| head::check(segments, head, &tail))?;
    replay.finish().map(|met| met.then_some(tail))
}

/// Reads the records in order, beginning with the segment `from`, and sends each of them.
fn read(
    segments: &Path,
    from: u64,
    head: Option<&Tail>,
    sender: &SyncSender<Vec<Read>>,
) -> Result<Tail, OpenError> {
    let mut ready = Vec::with_capacity(TOGETHER);
    // No caller ever sees this error. The receiver is dropped early only if the index has failed, and then the error of
    // the index is returned.
    let gone = |_| OpenError::Index(IndexError::Value);
    let tail = scan(segments, from, |place, tail, record| {
        if head.is_some_and(|head| head.seq == tail.seq && head.hash != tail.hash) {
            let path = file::path(segments, place.segment);
            return Err(OpenError::Chain { path, offset: place.offset });
        }
        ready.push((Applied { place, hash: tail.hash }, record.envelope));
        if ready.len() >= TOGETHER {
            let full = std::mem::replace(&mut ready, Vec::with_capacity(TOGETHER));
            sender.send(full).map_err(gone)?;
        }
        Ok(())
    })?;
    sender.send(ready).map_err(gone)?;
    Ok(tail)
}

struct Replay<'a> {
    index: &'a Index,
    applied: Option<Applied>,
    /// Whether the last record that the index contains was found.
    met: bool,
    /// The last record that was read.
    last: Option<Applied>,
    staged: Staged<'a>,
}

impl Replay<'_> {
    fn take(&mut self, here: Applied, envelope: &Framed) -> Result<(), OpenError> {
        self.last = Some(here);
        if !self.met {
            self.met = self.applied == Some(here);
            return Ok(());
        }
        self.staged.put(envelope)?;
        self.staged.place(&envelope.action, here.place);
        if self.staged.len() >= BATCH {
            let full = std::mem::replace(&mut self.staged, Staged::new(self.index));
            full.apply(&here);
            self.index.settle()?;
        }
        Ok(())
    }

    /// Applies the remaining changes, and returns whether the index matches the journal.
    fn finish(self) -> Result<bool, OpenError> {
        if let Some(last) = self.last.filter(|_| self.met && self.staged.len() > 0) {
            self.staged.apply(&last);
            self.index.settle()?;
        }
        Ok(self.met)
    }
}
