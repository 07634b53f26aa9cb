//! The rules of the fault matrix: they derive every correct end of an action from its effect and the calls that fail.
//! The rules are derived from the design and not from the host's code. The rules model attempts, observations and
//! effects, but not the journal. An action along a plan has the same ends as an action with the same effect without a
//! plan: a plan determines what is sent, and not when it is sent again.

use std::collections::BTreeSet;

use deed_tests::record::contracts::Kind;
use deed_tests::record::{Fault, How, Lands, On};

/// The largest number of writes of an action.
pub(crate) const WRITES: usize = 3;

/// The properties of an action.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    /// Writes in one attempt, at most [`WRITES`].
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
    pub(crate) effects: [usize; WRITES],
}

/// Every correct end.
pub(crate) fn ends(subject: Subject, faults: &[Meets]) -> BTreeSet<End> {
    let mut found = BTreeSet::new();
    // If the observation before the writes fails for a temporary reason, the host repeats it. Each repetition counts as
    // one more read.
    let is_repeated = |read: &usize| fault(faults, Site::Read(*read)).is_some_and(is_temporary);
    let good = (0..LOOKS).find(|read| !is_repeated(read));
    match good.filter(|read| fault(faults, Site::Read(*read)).is_none()) {
        None => drop(found.insert(End { outcome: "failed", effects: [0; WRITES] })),
        Some(good) => {
            Way { subject, faults, after: good + 1, ..Way::default() }.attempt(1, &mut found);
        }
    }
    found
}

/// Whether a repetition of a read that met this fault may succeed. A read that conflicts with the state (409) fails
/// again.
fn is_temporary(fault: Fault) -> bool {
    fault.how != How::Status(409)
}

/// How often the host tries the first observation before it gives up an action that has sent nothing.
const LOOKS: usize = 4;

/// Every correct end if connections are refused from this call on, so that no part of the call was sent. Whether the
/// upstream accepts connections again for the next attempt depends on timing.
pub(crate) fn refused(subject: Subject, site: Site) -> BTreeSet<End> {
    let seen = if subject.kind == Kind::Opaque { "mismatch" } else { "verified" };
    let whole = End { outcome: seen, effects: first(subject.writes) };
    let never = match site {
        // The host repeats the first observation a few times, so the observation either succeeds in the end or fails
        // every time.
        Site::Read(0) => return [whole, End { outcome: "failed", effects: [0; WRITES] }].into(),
        Site::Read(_) => return [whole].into(),
        Site::Write(0) => End { outcome: "failed", effects: [0; WRITES] },
        Site::Write(n) => End { outcome: "mismatch", effects: first(n) },
    };
    let again = (subject.attempts > 1).then_some(whole);
    again.into_iter().chain([never]).collect()
}

/// The first `count` writes have taken effect once.
pub(crate) fn first(count: usize) -> [usize; WRITES] {
    std::array::from_fn(|slot| usize::from(slot < count))
}

fn fault(faults: &[Meets], site: Site) -> Option<Fault> {
    faults.iter().find(|(at, _)| *at == site).map(|(_, fault)| *fault)
}

/// One possible course of the attempts, followed to its end.
#[derive(Clone, Copy)]
struct Way<'a> {
    subject: Subject,
    faults: &'a [Meets],
    effects: [usize; WRITES],
    /// Writes that some attempt completed with a success answer.
    done: [bool; WRITES],
    /// Writes that some attempt left without an answer.
    open: [bool; WRITES],
    sent: usize,
    /// The number of the first read after the writes.
    after: usize,
}

impl Default for Way<'_> {
    fn default() -> Self {
        let subject = Subject { kind: Kind::Set, writes: 1, attempts: 1 };
        let (done, open) = ([false; WRITES], [false; WRITES]);
        Self { subject, faults: &[], effects: [0; WRITES], done, open, sent: 0, after: 1 }
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
        let once = ["idempotent", "keyed"].contains(&self.subject.kind.effect());
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
            Look::Unchanged => match self.subject.kind.effect() {
                "idempotent" | "observable" => "failed",
                _ => "indeterminate",
            },
        }
    }

    /// Whether an open write may be sent again.
    fn may_follow(self, look: Look) -> bool {
        let open = (0..WRITES).any(|slot| self.open[slot] && !self.done[slot]);
        !open
            || match self.subject.kind.effect() {
                "idempotent" | "keyed" => true,
                "observable" => look == Look::Unchanged && !self.done.contains(&true),
                _ => false,
            }
    }
}
