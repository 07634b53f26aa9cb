//! The rules of the fault matrix: they derive every correct end of an action from its effect and the calls that fail.
//! The rules are derived from the design and not from the host's code. The rules model attempts, observations and
//! effects, but not the journal.

use std::collections::BTreeSet;

use deed_tests::record::contracts::Kind;
use deed_tests::record::{Fault, Lands, On};

/// The properties of an action.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    /// Writes in one attempt, 1 or 2.
    pub(crate) writes: usize,
    /// The number of attempts that the contract allows.
    pub(crate) attempts: usize,
}

/// One call of an action. Reads and writes are numbered separately, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// Read 0 is the observation before the writes. If read 0 does not fail, read 1 is the first observation after the
    /// writes.
    Read(usize),
    Write(usize),
}

impl Site {
    /// The kind of request on this item, and the number of such requests that precede this call.
    pub(crate) fn on(self, item: &str) -> (On, usize) {
        match self {
            Self::Read(n) => (On::reads(item), n),
            Self::Write(n) => (On::writes(item), n),
        }
    }
}

/// A call and the fault that it meets.
pub(crate) type Meets = (Site, Fault);

/// The outcome of an action, and how often each of its writes has taken effect by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) outcome: &'static str,
    pub(crate) effects: [usize; 2],
}

/// Every correct end.
pub(crate) fn ends(subject: Subject, faults: &[Meets]) -> BTreeSet<End> {
    let mut found = BTreeSet::new();
    // If the observation before the writes fails, the host repeats it. Each repetition counts as one more read.
    match (0..LOOKS).find(|read| fault(faults, Site::Read(*read)).is_none()) {
        None => drop(found.insert(End { outcome: "failed", effects: [0; 2] })),
        Some(good) => {
            Way { subject, faults, after: good + 1, ..Way::default() }.attempt(1, &mut found);
        }
    }
    found
}

/// How often the host tries the first observation before it gives up an action that has sent nothing.
const LOOKS: usize = 4;

/// Every correct end if connections are refused from this call on, so that no part of the call was sent. Whether the
/// upstream accepts connections again for the next attempt depends on timing.
pub(crate) fn refused(subject: Subject, site: Site) -> BTreeSet<End> {
    let all = if subject.writes == 2 { [1, 1] } else { [1, 0] };
    let seen = if subject.kind == Kind::Opaque { "mismatch" } else { "verified" };
    let whole = End { outcome: seen, effects: all };
    let never = match site {
        // The host repeats the first observation a few times, so the observation either succeeds in the end or fails
        // every time.
        Site::Read(0) => return [whole, End { outcome: "failed", effects: [0; 2] }].into(),
        Site::Read(_) => return [whole].into(),
        Site::Write(0) => End { outcome: "failed", effects: [0; 2] },
        Site::Write(_) => End { outcome: "mismatch", effects: [1, 0] },
    };
    let again = (subject.attempts > 1).then_some(whole);
    again.into_iter().chain([never]).collect()
}

fn fault(faults: &[Meets], site: Site) -> Option<Fault> {
    faults.iter().find(|(at, _)| *at == site).map(|(_, fault)| *fault)
}

/// One possible course of the attempts, followed to its end.
#[derive(Clone, Copy)]
struct Way<'a> {
    subject: Subject,
    faults: &'a [Meets],
    effects: [usize; 2],
    /// Writes that some attempt completed with a success answer.
    done: [bool; 2],
    /// Writes that some attempt left without an answer.
    open: [bool; 2],
    sent: usize,
    /// The number of the first read after the writes.
    after: usize,
}

impl Default for Way<'_> {
    fn default() -> Self {
        let subject = Subject { kind: Kind::Set, writes: 1, attempts: 1 };
        let (done, open) = ([false; 2], [false; 2]);
        Self { subject, faults: &[], effects: [0; 2], done, open, sent: 0, after: 1 }
    }
}

/// The result of an observation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Nothing,
    Unchanged,
    Holds,
    Partly,
}

impl Way<'_> {
    /// The attempt sends the writes that are not done. When all are sent or one of them gets no answer, the host
    /// observes the state.
    fn attempt(mut self, n: usize, found: &mut BTreeSet<End>) {
        let mut hindered = false;
        for slot in 0..self.subject.writes {
            if self.done[slot] {
                continue;
            }
            let fault = fault(self.faults, Site::Write(self.sent));
            self.sent += 1;
            hindered = fault.is_some();
            if fault.is_none_or(|fault| fault.lands == Lands::Before) {
                self.land(slot);
            }
            if hindered {
                self.open[slot] = true;
                break;
            }
            self.done[slot] = true;
        }
        let fails = n == 1 && fault(self.faults, Site::Read(self.after)).is_some();
        // While a write may still take effect, the host repeats its observation. Which observation is the last depends
        // on timing.
        if fails {
            self.judge(n, hindered, Look::Nothing, found);
        }
        if !fails || hindered {
            self.judge(n, hindered, self.look(), found);
        }
    }

    fn judge(self, n: usize, hindered: bool, look: Look, found: &mut BTreeSet<End>) {
        let outcome = self.outcome(look);
        let settled = ["verified", "denied"].contains(&outcome);
        if !settled && hindered && n < self.subject.attempts && self.may_follow(look) {
            return self.attempt(n + 1, found);
        }
        // Once no call fails any more, another observation settles an open outcome.
        let last = if outcome == "indeterminate" { self.outcome(self.look()) } else { outcome };
        found.insert(End { outcome: last, effects: self.effects });
    }

    /// A write with an idempotency key takes effect only once, and so does a write that sets a value.
    fn land(&mut self, slot: usize) {
        let once = matches!(self.subject.kind, Kind::Set | Kind::Keyed | Kind::Create);
        if !once || self.effects[slot] == 0 {
            self.effects[slot] += 1;
        }
    }

    fn look(self) -> Look {
        let shown = self.effects.iter().take(self.subject.writes).filter(|count| **count > 0);
        match shown.count() {
            _ if self.subject.kind == Kind::Opaque => Look::Unchanged,
            // What was created is read under the id in the answer.
            _ if self.subject.kind == Kind::Create && self.open[0] && !self.done[0] => {
                Look::Nothing
            }
            0 => Look::Unchanged,
            all if all == self.subject.writes => Look::Holds,
            _ => Look::Partly,
        }
    }

    /// The outcome table, written from the design.
    fn outcome(self, look: Look) -> &'static str {
        match look {
            Look::Nothing => "indeterminate",
            Look::Holds => "verified",
            Look::Partly => "mismatch",
            Look::Unchanged if self.done.contains(&true) => "mismatch",
            Look::Unchanged => match self.subject.kind {
                Kind::Set | Kind::Add | Kind::Find | Kind::Delete => "failed",
                Kind::Keyed | Kind::Opaque | Kind::Create => "indeterminate",
            },
        }
    }

    /// Whether an open write may be sent again.
    fn may_follow(self, look: Look) -> bool {
        let open = (0..2).any(|slot| self.open[slot] && !self.done[slot]);
        !open
            || match self.subject.kind {
                Kind::Set | Kind::Keyed | Kind::Create => true,
                Kind::Add | Kind::Find | Kind::Delete => {
                    look == Look::Unchanged && !self.done.contains(&true)
                }
                Kind::Opaque => false,
            }
    }
}
