//! Submits the published checkpoints of one log to its witnesses, adds their signature lines to the checkpoints, and
//! stores the lines on disk.
//!
//! An action never fails because of a witness, and waits only for witnesses that answered in time when they were last
//! asked.

mod client;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use deed_spec::note::{self, Checkpoint};
use deed_system::clock::Clock;
use tokio::sync::watch;

use self::board::{CosignatureBoard, Task, Tree};
use self::client::{Refusal, WitnessClient};
use super::{Log, Shared};
use crate::log::witnesses::Witnesses;

mod board;

/// The state shared by the threads of the witnesses and the tasks that wait for cosignatures.
#[derive(Debug)]
pub(super) struct WitnessPanel {
    origin: String,
    witnesses: Arc<Witnesses>,
    board: Mutex<CosignatureBoard>,
    /// Wakes the threads of the witnesses when there is a checkpoint to submit or when they must end.
    work: Condvar,
    /// Notifies waiting tasks that a witness has answered.
    told: watch::Sender<u64>,
    log: Arc<Mutex<Log>>,
    shared: Arc<Shared>,
    keeping: Mutex<()>,
}

/// The threads of the witnesses end when the last handle of the publisher is dropped.
#[derive(Debug)]
pub(super) struct Watch(Arc<WitnessPanel>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.board().stopped = true;
        self.0.work.notify_all();
    }
}

/// Whether a witness cosigns the checkpoints of one log in time, and whether it objects to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub witness: String,
    /// Whether the witness answered in time when it was last asked.
    pub prompt: bool,
    /// The objection of the witness to the log, if any.
    pub alarm: Option<String>,
}

/// Starts a thread for each witness; `None` if there are no witnesses.
pub(super) fn start(
    witnesses: &Arc<Witnesses>,
    log: &Arc<Mutex<Log>>,
    shared: &Arc<Shared>,
    clock: &Clock,
) -> Option<Watch> {
    if witnesses.all.is_empty() {
        return None;
    }
    let (origin, checkpoint) = {
        let log = log.lock().unwrap_or_else(PoisonError::into_inner);
        (log.origin().to_owned(), log.checkpoint().map(str::to_owned))
    };
    let board = CosignatureBoard::new(witnesses.all.len(), witnesses.quorum, witnesses.wait);
    let panel = Arc::new(WitnessPanel {
        origin,
        witnesses: Arc::clone(witnesses),
        board: Mutex::new(board),
        work: Condvar::new(),
        told: watch::Sender::new(0),
        log: Arc::clone(log),
        shared: Arc::clone(shared),
        keeping: Mutex::new(()),
    });
    if let Some(note) = checkpoint {
        panel.take_up(&note);
    }
    for (seat, witness) in witnesses.all.iter().enumerate() {
        let courier = WitnessClient::new(witness.clone(), Arc::clone(log), clock.clone());
        let panel = Arc::clone(&panel);
        std::thread::spawn(move || panel.serve(seat, courier));
    }
    Some(Watch(panel))
}

impl Watch {
    /// Reports that the log has a new checkpoint.
    pub(super) fn offer(&self, note: &str) {
        self.0.offer(note);
    }

    /// Waits for the first checkpoint that covers the tree of `note` and has a quorum of cosignatures. If the wait
    /// takes too long, returns `note` with the signature lines that it has so far.
    pub(super) async fn cosigned(&self, note: String) -> String {
        let panel = &self.0;
        let Some(tree) = panel.tree(&note) else { return note };
        let mut told = panel.told.subscribe();
        let end = tokio::time::Instant::now() + panel.witnesses.wait;
        loop {
            let answer = panel.board().answer(&tree);
            if let Some(answer) = answer {
                return answer;
            }
            let changed = tokio::time::timeout_at(end, told.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                let shown = panel.board().give_up(&tree, Instant::now());
                panel.tell();
                return shown;
            }
        }
    }

    pub(super) fn standings(&self) -> Vec<Standing> {
        let board = self.0.board();
        let seats = self.0.witnesses.all.iter().zip(board.seats());
        let standing =
            |(witness, seat): (&crate::log::witnesses::Witness, &board::WitnessState)| Standing {
                witness: witness.name.clone(),
                prompt: seat.is_prompt(),
                alarm: seat.alarm.clone(),
            };
        seats.map(standing).collect()
    }
}

impl WitnessPanel {
    fn board(&self) -> MutexGuard<'_, CosignatureBoard> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tree in a signed note of this log, and the note without the signature lines of witnesses.
    fn tree(&self, text: &str) -> Option<Tree> {
        let note = note::only(text, &self.origin).ok()?;
        let (body, _) = note.split_once("\n\n")?;
        let Checkpoint { size, .. } = Checkpoint::parse(&format!("{body}\n")).ok()?;
        Some(Tree { size, note })
    }

    fn offer(&self, note: &str) {
        if let Some(tree) = self.tree(note) {
            self.board().offer(tree, Instant::now());
            self.tell();
        }
    }

    /// Takes over the signature lines of witnesses that this checkpoint already has from an earlier run of the host.
    fn take_up(&self, text: &str) {
        self.offer(text);
        let Some(tree) = self.tree(text) else { return };
        let now = Instant::now();
        for (seat, witness) in self.witnesses.all.iter().enumerate() {
            if let Ok(Some(found)) = note::cosignature(text, &witness.key) {
                self.board().signed(seat, &tree, found.line.to_owned(), now, now);
            }
        }
    }

    fn tell(&self) {
        self.work.notify_all();
        self.told.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn serve(&self, seat: usize, mut courier: WitnessClient) {
        while let Some(tree) = self.next(seat) {
            let started = Instant::now();
            let result = courier.submit(&tree);
            self.settle(seat, &tree, started, result);
        }
    }

    /// Waits until there is a tree to submit to this witness; `None` when the thread must end.
    fn next(&self, seat: usize) -> Option<Tree> {
        let mut board = self.board();
        while !board.stopped {
            board = match board.task(seat, Instant::now()) {
                Task::Submit(tree) => return Some(tree),
                Task::Sleep(None) => self.work.wait(board).unwrap_or_else(PoisonError::into_inner),
                Task::Sleep(Some(pause)) => {
                    let woken = self.work.wait_timeout(board, pause);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        None
    }

    fn settle(&self, seat: usize, tree: &Tree, started: Instant, said: Result<String, Refusal>) {
        let mut board = self.board();
        let now = Instant::now();
        self.report(seat, board.seats().get(seat), said.as_ref().err());
        let counts = match said {
            Ok(line) => board.signed(seat, tree, line, started, now),
            Err(Refusal::Failed(_)) => {
                let alarm = board.seats().get(seat).and_then(|seat| seat.alarm.clone());
                board.failed(seat, alarm, now);
                false
            }
            Err(Refusal::Alarm(why)) => {
                board.failed(seat, Some(why), now);
                false
            }
        };
        drop(board);
        self.tell();
        if counts {
            self.keep();
        }
    }

    /// Logs, for the operator, that a witness has failed, objects to the log or works again. A repeated failure is
    /// logged only once.
    fn report(&self, seat: usize, before: Option<&board::WitnessState>, refusal: Option<&Refusal>) {
        let witness = self.witnesses.all.get(seat).map_or("", |witness| witness.name.as_str());
        let log = &self.origin;
        let was_well = before.is_none_or(board::WitnessState::is_well);
        let known = |why| before.is_some_and(|seat| seat.alarm.as_deref() == Some(why));
        match refusal {
            Some(Refusal::Alarm(why)) if !known(why.as_str()) => {
                tracing::error!(%log, witness, why, "a witness contradicts this log");
            }
            Some(Refusal::Failed(why)) if was_well => {
                tracing::warn!(%log, witness, why, "a witness did not cosign; the request is repeated");
            }
            None if !was_well => tracing::info!(%log, witness, "the witness cosigns again"),
            _ => {}
        }
    }

    /// Stores the newest signature lines with their checkpoint. If a crash loses the lines, the witnesses return them
    /// again.
    fn keep(&self) {
        // Only one thread at a time stores lines. The thread stores the lines that are the newest at that moment.
        let _one = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(note) = self.board().cosigned().map(str::to_owned) else { return };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match log.cosign(&note) {
            // The cosigned checkpoint is not the newest one, so the published checkpoint stays.
            Ok(false) => {}
            Ok(true) => self.shared.show(log.checkpoint()),
            Err(error) => {
                tracing::warn!(log = %self.origin, %error, "cosignatures could not be stored");
                self.shared.fail(log.failed());
            }
        }
    }
}
