//! The only writer of the journal. The writer writes the appends in its queue as one group with one fdatasync, applies
//! them to the index, and then answers all appends of the group.
//!
//! After a disk error, the writer never writes again, because the content of the disk is unknown and a second fsync can
//! report success for pages that are lost. A panic also stops the writer permanently, and all waiting callers get the
//! error.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use deed_system::failpoint;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::file::{MAX_BODY, Place, Segments};
use super::index::{Applied, Index, Staged};
use super::record::{self, Framed};
use crate::group_commit::GroupCommit;
use crate::store::{Append, AppendError, Failure, Unfit};

/// Maximum number of appends in one group.
const GROUP: usize = 256;

/// After this time without a new command, appends that were made without `durable` are synced too.
const LAZY: Duration = Duration::from_millis(50);

/// Bytes of events after which a group accepts no further append.
const GROUP_BYTES: usize = 8 << 20;

/// An append that waits, its permit for the queue, and the channel for its answer.
#[derive(Debug)]
pub(super) struct Command {
    /// `None` for a sync without an append.
    pub(super) append: Option<Append>,
    pub(super) reply: oneshot::Sender<Result<u64, AppendError>>,
    pub(super) room: OwnedSemaphorePermit,
}

/// The state of the writer thread.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) segments: Segments,
    pub(super) index: Arc<Index>,
    pub(super) failed: Arc<OnceLock<Failure>>,
    /// Number of the last record that was written.
    pub(super) seq: u64,
    /// Number of the last record that is on disk together with all records before it.
    pub(super) durable: u64,
    /// The end of the records that are on disk, for readers.
    pub(super) synced: Arc<Mutex<Place>>,
    pub(super) crowd: GroupCommit,
    /// Fields are dropped in order. The lock must be the last field, so that no other process opens the journal before
    /// segments and index are released.
    pub(super) lock: Arc<File>,
}

/// A checked group: its records, and an answer for every append.
struct Group<'a> {
    staged: Staged<'a>,
    bodies: Vec<Vec<u8>>,
    /// The id of the action of each body.
    actions: Vec<String>,
    answers: Vec<Result<u64, AppendError>>,
    durable: bool,
    /// Number of the last record that was durable before this group.
    before: u64,
}

impl Writer {
    /// Runs until every sender is dropped and the queue is empty.
    pub(super) fn run(mut self, queue: &Receiver<Command>) {
        let mut last = Instant::now();
        while let Some(first) = self.next(queue) {
            self.crowd.gather(&mut last);
            let commands = drain(first, queue);
            let (appends, replies): (Vec<_>, Vec<_>) = commands
                .into_iter()
                .map(|Command { append, reply, room }| (append, (reply, room)))
                .unzip();
            let answers = self.answer(appends);
            for ((reply, room), answer) in replies.into_iter().zip(answers) {
                drop(room);
                if reply.send(answer).is_err() {
                    tracing::debug!("no caller waits for the answer to this append any more");
                }
            }
        }
        if self.failed.get().is_none() {
            self.guarded(Self::finish).unwrap_or_default();
        }
    }

    /// Runs one operation of the writer. After an error or a panic, the content of the disk and the state of the writer
    /// are unknown, so the writer stops permanently. From then on, only the writer's field `failed` is read.
    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let done = catch_unwind(AssertUnwindSafe(|| work(self)));
        done.unwrap_or_else(|_panic| Err(panicked())).inspect_err(|why| self.fail(why))
    }

    /// Waits for the next command. If no command arrives for a while, the writer syncs appends that were made without
    /// `durable`, and passes their changes to sled.
    fn next(&mut self, queue: &Receiver<Command>) -> Option<Command> {
        if self.failed.get().is_none() {
            match queue.recv_timeout(LAZY) {
                Ok(command) => return Some(command),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    self.guarded(Self::rest).unwrap_or_default();
                }
            }
        }
        queue.recv().ok()
    }

    fn rest(&mut self) -> Result<(), Failure> {
        if self.durable < self.seq {
            self.sync()?;
        }
        self.index.settle().map_err(|error| Failure::Index(error.to_string()))
    }

    fn sync(&mut self) -> Result<(), Failure> {
        self.segments.sync().map_err(|error| Failure::Sync(error.to_string()))?;
        self.durable = self.seq;
        *self.synced.lock().unwrap_or_else(PoisonError::into_inner) = self.segments.end();
        Ok(())
    }

    /// Returns one answer for each append, in the same order.
    pub(super) fn answer(&mut self, appends: Vec<Option<Append>>) -> Vec<Result<u64, AppendError>> {
        let count = appends.len();
        let failed = self.failed.get().cloned();
        let outcome = match failed {
            Some(why) => Err(why),
            None => self.guarded(|writer| writer.commit(appends)),
        };
        outcome.unwrap_or_else(|why| vec![Err(AppendError::Failed(why)); count])
    }

    /// Checks, writes, syncs and indexes a group. Any error in one of these steps stops the writer permanently.
    fn commit(
        &mut self,
        appends: Vec<Option<Append>>,
    ) -> Result<Vec<Result<u64, AppendError>>, Failure> {
        let index = Arc::clone(&self.index);
        let mut group = Group::new(&index, self.durable);
        for append in appends {
            let Some(append) = append else {
                group.durable = true;
                group.answers.push(Ok(self.seq));
                continue;
            };
            let answer = group.add(append, self.seq + 1);
            let answer = answer.map_err(|error| Failure::Index(error.to_string()))?;
            self.seq += u64::from(answer.is_ok());
            group.answers.push(answer);
        }
        if group.bodies.is_empty() {
            if group.durable && self.durable < self.seq {
                self.sync()?;
            }
            return Ok(group.answers);
        }
        failpoint::hit_at("journal.write.before", || record::told(&group.bodies));
        let written = self.segments.write(&group.bodies);
        let written = written.map_err(|error| Failure::Write(error.to_string()))?;
        failpoint::hit_at("journal.write.after", || record::told(&group.bodies));
        if group.durable {
            self.sync()?;
            failpoint::hit_at("journal.sync.after", || record::told(&group.bodies));
        }
        let Some(last) = written.places.last() else {
            return Ok(group.answers);
        };
        let applied = Applied { place: *last, hash: written.hash };
        for (action, place) in group.actions.iter().zip(&written.places) {
            group.staged.place(action, *place);
        }
        group.staged.apply(&applied);
        failpoint::hit_at("journal.index.after", || record::told(&group.bodies));
        if index.is_due(self.durable == self.seq) {
            index.settle().map_err(|error| Failure::Index(error.to_string()))?;
        }
        Ok(group.answers)
    }

    fn fail(&self, why: &Failure) {
        tracing::error!(%why, "the journal accepts no more appends; restart the host to recover");
        if self.failed.set(why.clone()).is_err() {
            tracing::error!("the journal had already stopped");
        }
    }

    /// Syncs all records at the end of the queue, including those that need not be durable.
    fn finish(&mut self) -> Result<(), Failure> {
        self.segments.close().map_err(|error| Failure::Sync(error.to_string()))?;
        if let Err(error) = self.index.settle().and_then(|()| self.index.flush()) {
            tracing::warn!(%error, "the index is not up to date; the next start replays more");
        }
        Ok(())
    }
}

impl<'a> Group<'a> {
    fn new(index: &'a Index, before: u64) -> Self {
        Self {
            staged: Staged::new(index),
            bodies: Vec::new(),
            actions: Vec::new(),
            answers: Vec::new(),
            durable: false,
            before,
        }
    }

    /// Adds an append to the group as record `seq`, or returns why it is refused.
    fn add(
        &mut self,
        append: Append,
        seq: u64,
    ) -> Result<Result<u64, AppendError>, super::index::IndexError> {
        if let Some(refusal) = self.staged.refusal(&append)? {
            return Ok(Err(refusal));
        }
        let version = append.expect + append.events.len() as u64;
        let envelope = Framed {
            seq,
            action: append.action,
            version,
            lengths: append.events.iter().map(Vec::len).collect(),
            summary: append.summary,
            claim: append.claim,
            nonces: append.nonces,
            durable: Some(self.before),
        };
        let body = record::encode(&envelope, &append.events)?;
        if let Some(refusal) = unfit(&append.events, &body) {
            return Ok(Err(refusal));
        }
        self.staged.put(&envelope)?;
        self.bodies.push(body);
        self.actions.push(envelope.action);
        self.durable |= append.durable;
        Ok(Ok(version))
    }
}

/// The failure that callers get after a panic of the writer. The text of the panic is left out, because it may contain
/// data that was to be written.
pub(super) fn panicked() -> Failure {
    Failure::Write("the writer panicked".to_owned())
}

/// Why this append cannot be stored as a record; `None` if it can.
fn unfit(events: &[Vec<u8>], body: &[u8]) -> Option<AppendError> {
    if events.is_empty() {
        return Some(Unfit::NoEvents.into());
    }
    let bytes = body.len();
    (bytes > MAX_BODY).then(|| Unfit::TooLarge { bytes, max: MAX_BODY }.into())
}

/// Takes the first command and as many waiting commands as fit into one group.
pub(super) fn drain(first: Command, queue: &Receiver<Command>) -> Vec<Command> {
    let size = |command: &Command| {
        command.append.iter().flat_map(|append| &append.events).map(Vec::len).sum::<usize>()
    };
    let mut bytes = size(&first);
    let mut commands = vec![first];
    while commands.len() < GROUP && bytes < GROUP_BYTES {
        let Ok(next) = queue.try_recv() else { break };
        bytes += size(&next);
        commands.push(next);
    }
    commands
}
