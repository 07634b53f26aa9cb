//! The plan of the random walk of `make soak`. Every step is chosen by random numbers that depend only on the seed.

use std::time::Duration;

use deed_tests::record::contracts::{Deed, Kind};
use deed_tests::record::{Fault, How, Lands};
use deed_tests::rng::Rng;

/// One step of the random walk.
#[derive(Debug)]
pub(crate) enum Step {
    Propose(Box<Plan>),
    Pause(Duration),
    /// The host gets SIGKILL in the middle of its work.
    Kill,
    /// The host gets SIGTERM and must stop in order.
    Stop,
    /// The system clock jumps by this many milliseconds.
    Jump(i64),
}

/// One action: its proposal, which of its calls fails, and what people do about it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) number: usize,
    pub(crate) deed: Deed,
    /// The action only reads the item.
    pub(crate) reads: bool,
    pub(crate) item: String,
    pub(crate) agent: usize,
    pub(crate) faults: Vec<Trouble>,
    pub(crate) then: Then,
}

/// Determines which call of an action fails: the first call after `skip` reads or writes of the item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trouble {
    pub(crate) reading: bool,
    pub(crate) skip: usize,
    pub(crate) fault: Fault,
}

/// What people do once the action is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Approve,
    Deny,
    /// A person cancels the action after this time, in any state.
    Cancel(Duration),
}

/// The agents that propose actions.
pub(crate) const AGENTS: usize = 4;

/// The number of items that may be used by several actions. Only kinds of actions whose outcome an observation can
/// determine use shared items.
const SHARED: usize = 24;

pub(crate) struct Walk {
    rng: Rng,
    number: usize,
    /// The mean number of steps between two steps that kill the host.
    kill_every: usize,
}

impl Walk {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), number: 0, kill_every: 45 }
    }

    pub(crate) fn next(&mut self) -> Step {
        let rng = &mut self.rng;
        if rng.one_in(self.kill_every) {
            return Step::Kill;
        }
        if rng.one_in(400) {
            return Step::Stop;
        }
        if rng.one_in(150) {
            return Step::Jump(jump(rng));
        }
        if rng.one_in(8) {
            return Step::Pause(Duration::from_millis(rng.index(120) as u64));
        }
        self.number += 1;
        Step::Propose(Box::new(plan(rng, self.number)))
    }
}

/// The size of a clock jump. The clock usually jumps forward by at most an hour, as after a machine slept, and
/// sometimes back by seconds.
fn jump(rng: &mut Rng) -> i64 {
    let forward = [1_000, 5_000, 60_000, 900_000, 3_600_000];
    if rng.one_in(4) { -5_000 } else { rng.one(&forward).copied().unwrap_or(1_000) }
}

fn plan(rng: &mut Rng, number: usize) -> Plan {
    // A deletion has no value by which the system of record could attribute it to an action.
    let deeds: Vec<Deed> =
        Deed::all().into_iter().filter(|deed| deed.kind != Kind::Delete).collect();
    let deed = deeds[rng.index(deeds.len())];
    let shared = matches!(deed.kind, Kind::Set | Kind::Add) && rng.one_in(3);
    let item =
        if shared { format!("shared-{}", rng.index(SHARED)) } else { format!("own-{number}") };
    let faults =
        if rng.one_in(3) { (0..=rng.index(2)).map(|_| trouble(rng)).collect() } else { vec![] };
    let then = match rng.index(12) {
        0 => Then::Cancel(Duration::from_millis(rng.index(400) as u64)),
        1 => Then::Deny,
        _ => Then::Approve,
    };
    let (agent, reads) = (rng.index(AGENTS), deed.kind == Kind::Set && rng.one_in(4));
    Plan { number, deed, reads, item, agent, faults, then }
}

fn trouble(rng: &mut Rng) -> Trouble {
    let lands = if rng.one_in(2) { Lands::Before } else { Lands::Never };
    let how = rng.one(&How::ALL).copied().unwrap_or(How::Reset);
    Trouble { reading: rng.one_in(3), skip: rng.index(2), fault: Fault { lands, how } }
}

/// The value that an action writes. The value is unique, so that the system of record can attribute the effect to the
/// action.
pub(crate) fn value(number: usize) -> String {
    let digits = number.to_string();
    let letters = digits.bytes().map(|digit| char::from(b'a' + (digit - b'0')));
    std::iter::once('v').chain(letters).collect()
}
