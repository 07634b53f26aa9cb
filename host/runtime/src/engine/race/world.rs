//! The modelled world of a race: one journal, several drivers, one system of record, and time. This module computes
//! every state that can follow a state.

use std::collections::HashSet;
use std::rc::Rc;

use deed_record::contract::Effect;

use super::driver::{Driver, Pc};
use super::lines::{Book, Lines, What};

/// Number of events of the action before the race begins. With these events, policy has already allowed an attempt of
/// the action.
const BEFORE: u64 = 5;

/// The assumptions of an exploration. `swaps`, `durable`, `waits` and `forgets_effect` are rules of the host; a test
/// turns them off one by one.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is one rule that a test takes away")]
pub(super) struct Rules {
    pub(super) effect: Effect,
    pub(super) drivers: usize,
    pub(super) writes: usize,
    pub(super) crashes: u8,
    pub(super) cuts: u8,
    /// The last tick of the clock. An exchange must end before the tick after its start.
    pub(super) ticks: i64,
    /// Pairs of the actual version and the expected version for which the journal accepts an append.
    pub(super) answers: Rc<HashSet<(u64, u64)>>,
    /// Whether an append is refused if another append came first.
    pub(super) swaps: bool,
    /// Whether the intent of a write is durable before the write is sent.
    pub(super) durable: bool,
    /// Whether an attempt is repeated only when no earlier request can still take effect.
    pub(super) waits: bool,
    /// Whether recovery ignores the effect that the contract declares.
    pub(super) forgets_effect: bool,
    pub(super) book: Rc<Book>,
}

impl Rules {
    pub(super) fn real(effect: Effect, writes: usize, answers: &Rc<HashSet<(u64, u64)>>) -> Self {
        Self {
            effect,
            drivers: 2,
            writes,
            book: Rc::new(Book::of(effect, writes)),
            crashes: 0,
            cuts: 0,
            ticks: 3,
            answers: Rc::clone(answers),
            swaps: true,
            durable: true,
            waits: true,
            forgets_effect: false,
        }
    }
}

/// A request that was sent, and may have arrived at the system of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Flight {
    pub(super) epoch: u64,
    pub(super) ordinal: u8,
    pub(super) deadline: i64,
    pub(super) landed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) journal: Lines,
    /// The number of journal lines that survive a power cut.
    pub(super) durable: usize,
    /// The drivers, sorted so that two worlds that differ only in the order of the drivers are equal.
    pub(super) drivers: Vec<Driver>,
    pub(super) now: i64,
    pub(super) in_flight: Vec<Flight>,
    /// How often each write was applied.
    pub(super) applied: [u8; 2],
    /// How often each attempt was run.
    pub(super) runs: [u8; 4],
    crashes: u8,
    cuts: u8,
    /// The violation that a step caused, if any.
    pub(super) wrong: Option<String>,
}

impl World {
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            journal: Lines::default(),
            durable: 0,
            drivers: vec![Driver::default(); rules.drivers],
            now: 1,
            in_flight: vec![],
            applied: [0; 2],
            runs: [0; 4],
            crashes: rules.crashes,
            cuts: rules.cuts,
            wrong: None,
        }
    }

    /// Returns every possible next step with the state that results from it.
    pub(super) fn steps(&self, rules: &Rules) -> Vec<(String, Self)> {
        let mut next = Vec::new();
        for at in 0..self.drivers.len() {
            // Drivers in the same state have the same steps, so only the first of them is used.
            if at > 0 && self.drivers[at] == self.drivers[at - 1] {
                continue;
            }
            for (step, world) in super::driver::steps(self, at, rules) {
                next.push((format!("driver {at} {step}"), world));
            }
            if self.crashes > 0 && self.drivers[at].pc != Pc::Read {
                let mut world = self.clone();
                world.crashes -= 1;
                world.drivers[at] = Driver::default();
                next.push((format!("driver {at} crashes"), world));
            }
        }
        next.extend(self.of_the_outside(rules));
        for (_, world) in &mut next {
            world.drivers.sort();
            world.in_flight.sort();
        }
        next
    }

    fn of_the_outside(&self, rules: &Rules) -> Vec<(String, Self)> {
        let mut next = Vec::new();
        if self.now < rules.ticks {
            let mut world = self.clone();
            world.now += 1;
            // A request that did not arrive before its deadline never arrives.
            world.in_flight.retain(|flight| flight.landed || world.now < flight.deadline);
            next.push((format!("it is {}", world.now), world));
        }
        for (at, flight) in self.in_flight.iter().enumerate().filter(|(_, flight)| !flight.landed) {
            let mut world = self.clone();
            world.in_flight[at].landed = true;
            world.land(flight.ordinal, rules.effect);
            next.push((format!("write {} of epoch {} lands", flight.ordinal, flight.epoch), world));
        }
        if self.cuts > 0 {
            for kept in self.durable..=rules.book.length(self.journal) {
                let mut world = self.clone();
                world.cuts -= 1;
                world.journal = rules.book.first(self.journal, kept);
                world.drivers.fill(Driver::default());
                next.push((format!("the power is cut, {kept} lines are left"), world));
            }
        }
        next
    }

    /// An upstream that knows idempotency keys applies a repeated write only once.
    fn land(&mut self, ordinal: u8, effect: Effect) {
        let count = &mut self.applied[usize::from(ordinal)];
        if effect != Effect::Keyed || *count == 0 {
            *count += 1;
        }
    }

    /// The state that an observation of the system of record shows.
    pub(super) fn shown(&self, effect: Effect) -> [u8; 2] {
        match effect {
            Effect::Idempotent => self.applied.map(|count| count.min(1)),
            Effect::Keyed | Effect::Observable => self.applied,
            Effect::Opaque => [0; 2],
        }
    }

    /// Models an append, which is accepted or refused as the real journal would do.
    pub(super) fn append(
        &mut self,
        at: usize,
        what: Vec<What>,
        durable: bool,
        rules: &Rules,
    ) -> bool {
        let view = self.drivers[at].view;
        let version = |lines| BEFORE + rules.book.length(lines) as u64;
        if rules.swaps && !rules.answers.contains(&(version(self.journal), version(view))) {
            return false;
        }
        for what in what {
            self.drivers[at].view = rules.book.with(self.drivers[at].view, what.clone());
            self.journal = rules.book.with(self.journal, what);
        }
        if durable {
            self.durable = rules.book.length(self.journal);
        }
        true
    }

    /// Returns the violation if this state breaks a rule that must hold in every state.
    pub(super) fn violation(&self, rules: &Rules) -> Option<String> {
        if let Some(wrong) = &self.wrong {
            return Some(wrong.clone());
        }
        if let Some(n) = self.runs.iter().position(|count| *count > 1) {
            return Some(format!("attempt {n} ran twice"));
        }
        let sending = self.drivers.iter().filter_map(|driver| driver.can_write(self.now));
        let flying = self.in_flight.iter().filter(|flight| !flight.landed).map(|f| f.epoch);
        let writers: HashSet<u64> = sending.chain(flying).collect();
        if writers.len() > 1 {
            return Some(format!("two can write: epochs {writers:?}"));
        }
        let most = self.applied_most();
        if rules.effect != Effect::Idempotent && most > 1 {
            return Some(format!("a write was applied {most} times"));
        }
        let all = self.applied.iter().take(rules.writes).all(|count| *count > 0);
        let verified = |what: &What| *what == What::Judged { outcome: 0 };
        (!all && rules.book.any(self.journal, verified)).then(|| "verified, and was not".to_owned())
    }

    pub(super) fn attempts(&self) -> u32 {
        self.runs.iter().map(|count| u32::from(*count)).sum()
    }

    pub(super) fn applied_most(&self) -> u8 {
        self.applied.iter().copied().max().unwrap_or(0)
    }
}
