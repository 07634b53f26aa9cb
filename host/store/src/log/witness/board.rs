//! State machine of the witnesses. It records which checkpoint the witnesses are asked to cosign, and what they have
//! answered. This module never waits, reads no clock and does no I/O.
//!
//! All witnesses are asked to cosign the same checkpoint, the target, so that a quorum agrees on one checkpoint while
//! the log grows. When the target has its quorum of cosignatures, or cannot get the quorum in time, the newest
//! checkpoint becomes the target.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A checkpoint that has only the log's own signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) size: u64,
    pub(super) note: String,
}

#[derive(Debug)]
pub(super) struct CosignatureBoard {
    quorum: usize,
    wait: Duration,
    seats: Vec<WitnessState>,
    newest: Option<Tree>,
    target: Option<Target>,
    /// The latest tree that a quorum has cosigned, with the signature lines.
    best: Option<Tree>,
    /// The latest tree that any witness has cosigned, with the signature lines so far.
    cosigned: Option<Tree>,
    pub(super) stopped: bool,
}

/// What is known about one witness of this log.
#[derive(Debug, Clone, Default)]
pub(super) struct WitnessState {
    /// Whether the witness failed or was slow when it was last asked. If so, no task waits for this witness.
    late: bool,
    failures: u32,
    retry_at: Option<Instant>,
    /// The objection of the witness to the log. Only a forked or rolled-back log, or a dishonest witness, can cause an
    /// objection.
    pub(super) alarm: Option<String>,
}

#[derive(Debug)]
struct Target {
    tree: Tree,
    since: Instant,
    /// Signature lines by the seat (the number) of the witness.
    lines: BTreeMap<usize, String>,
}

/// The next task for the thread of a witness.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Task {
    Submit(Tree),
    Sleep(Option<Duration>),
}

/// The pause after the first failure. The pause doubles with every further failure, up to the maximum.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(1);

impl CosignatureBoard {
    pub(super) fn new(seats: usize, quorum: usize, wait: Duration) -> Self {
        let seats = vec![WitnessState::default(); seats];
        Self {
            quorum,
            wait,
            seats,
            newest: None,
            target: None,
            best: None,
            cosigned: None,
            stopped: false,
        }
    }

    pub(super) fn seats(&self) -> &[WitnessState] {
        &self.seats
    }

    /// Reports that the log has grown to this tree.
    pub(super) fn offer(&mut self, tree: Tree, now: Instant) {
        self.newest = Some(tree);
        self.advance(now);
    }

    pub(super) fn task(&self, seat: usize, now: Instant) -> Task {
        let Some(target) = self.target.as_ref().filter(|t| !t.lines.contains_key(&seat)) else {
            return Task::Sleep(None);
        };
        let retry_at = self.seats.get(seat).and_then(|seat| seat.retry_at);
        match retry_at.and_then(|at| at.checked_duration_since(now)).filter(|d| !d.is_zero()) {
            Some(pause) => Task::Sleep(Some(pause)),
            None => Task::Submit(target.tree.clone()),
        }
    }

    /// Records that a witness has signed this tree with the signature line `line`. Returns whether the line counts for
    /// the target.
    pub(super) fn signed(
        &mut self,
        seat: usize,
        tree: &Tree,
        line: String,
        started: Instant,
        now: Instant,
    ) -> bool {
        if let Some(seat) = self.seats.get_mut(seat) {
            let late = now.saturating_duration_since(started) > self.wait;
            *seat = WitnessState { late, ..WitnessState::default() };
        }
        let target = self.target.as_mut().filter(|target| target.tree == *tree);
        let counts = target.is_some();
        if let Some(target) = target {
            target.lines.insert(seat, line);
            let cosigned = Tree { size: tree.size, note: target.note() };
            if target.lines.len() >= self.quorum {
                self.best = Some(cosigned.clone());
            }
            self.cosigned = Some(cosigned);
        }
        self.advance(now);
        counts
    }

    /// Records that a witness returned no signature line. The witness is asked again after a pause.
    pub(super) fn failed(&mut self, seat: usize, alarm: Option<String>, now: Instant) {
        if let Some(seat) = self.seats.get_mut(seat) {
            let pause = PAUSE.saturating_mul(1 << seat.failures.min(6)).min(PAUSE_MAX);
            let failures = seat.failures.saturating_add(1);
            *seat = WitnessState { late: true, failures, retry_at: now.checked_add(pause), alarm };
        }
        self.advance(now);
    }

    /// The signed note to return to a task that waits for this tree; `None` while a quorum can still be reached in
    /// time.
    pub(super) fn answer(&self, tree: &Tree) -> Option<String> {
        if let Some(best) = self.best.as_ref().filter(|best| best.size >= tree.size) {
            return Some(best.note.clone());
        }
        let covers = self.target.as_ref().filter(|target| target.tree.size >= tree.size);
        let hopeful = covers.map_or_else(|| self.prompt(None), |target| self.prompt(Some(target)));
        (hopeful < self.quorum).then(|| self.shown(tree))
    }

    /// Ends the wait for a quorum on this tree. Witnesses that have not answered count as late from then on.
    pub(super) fn give_up(&mut self, tree: &Tree, now: Instant) -> String {
        let answered = |target: &Target, seat: &usize| target.lines.contains_key(seat);
        for (place, seat) in self.seats.iter_mut().enumerate() {
            seat.late |= !self.target.as_ref().is_some_and(|target| answered(target, &place));
        }
        self.advance(now);
        self.shown(tree)
    }

    /// The latest checkpoint that any witness has cosigned, with all of its signature lines.
    pub(super) fn cosigned(&self) -> Option<&str> {
        self.cosigned.as_ref().map(|tree| tree.note.as_str())
    }

    /// The note of this tree with the signature lines that it has so far.
    fn shown(&self, tree: &Tree) -> String {
        let target = self.target.as_ref().filter(|target| target.tree == *tree);
        target.map_or_else(|| tree.note.clone(), Target::note)
    }

    /// How many witnesses have cosigned the target or may cosign it soon.
    fn prompt(&self, target: Option<&Target>) -> usize {
        let signed = |seat: &usize| target.is_some_and(|target| target.lines.contains_key(seat));
        let seats = self.seats.iter().enumerate();
        seats.filter(|(place, seat)| signed(place) || !seat.late).count()
    }

    /// Makes the newest tree the target when the present target has reached its quorum or will not reach its quorum in
    /// time.
    fn advance(&mut self, now: Instant) {
        let Some(newest) = self.newest.as_ref() else { return };
        let stays = self.target.as_ref().is_some_and(|target| {
            let waiting = target.lines.len() < self.quorum
                && self.prompt(Some(target)) >= self.quorum
                && now.saturating_duration_since(target.since) < self.wait;
            target.tree == *newest || waiting
        });
        if !stays {
            self.target = Some(Target { tree: newest.clone(), since: now, lines: BTreeMap::new() });
        }
    }
}

impl Target {
    fn note(&self) -> String {
        self.lines.values().fold(self.tree.note.clone(), |note, line| note + line)
    }
}

impl WitnessState {
    /// Whether the witness answered in time when it was last asked.
    pub(super) fn is_prompt(&self) -> bool {
        !self.late
    }

    /// Whether the witness cosigned when it was last asked, even if it was late.
    pub(super) fn is_well(&self) -> bool {
        self.failures == 0 && self.alarm.is_none()
    }
}

#[cfg(test)]
mod tests;
