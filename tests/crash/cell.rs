//! The definition of a cell of the crash matrix: an action, the point of the action at which the host is killed, and
//! the point of the recovery at which the restarted host is killed, if there is one.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use deed_tests::record::Point;
use deed_tests::record::contracts::Deed;

/// One run of one action with one or two kills of the host.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) deed: Deed,
    /// Whether the directory was served before. If not, the host is killed during its very first start.
    pub(crate) served: bool,
    pub(crate) death: Death,
    /// The point at which the host is killed during recovery.
    pub(crate) again: Option<Hit>,
}

/// Where the host is killed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Death {
    /// The host is killed at one of its own failpoints.
    Hit(Hit),
    /// The host is killed while the system of record holds the exchange of a write at this point.
    Exchange { write: usize, place: Place },
}

/// The `k`-th hit of a failpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    pub(crate) name: String,
    pub(crate) k: usize,
}

/// The state of the exchange when the host is killed, and what the system of record does afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The complete request has arrived; it is never applied.
    ReceivedAndLost,
    /// The complete request has arrived and is applied while the host starts again.
    ReceivedAndLate,
    Applied,
    Answering,
    Answered,
}

impl Place {
    pub(crate) const ALL: [Self; 5] = [
        Self::ReceivedAndLost,
        Self::ReceivedAndLate,
        Self::Applied,
        Self::Answering,
        Self::Answered,
    ];

    pub(crate) fn point(self) -> Point {
        match self {
            Self::ReceivedAndLost | Self::ReceivedAndLate => Point::Received,
            Self::Applied => Point::Applied,
            Self::Answering => Point::Answering,
            Self::Answered => Point::Answered,
        }
    }

    /// How long after the kill the request takes effect, if it did not take effect before.
    pub(crate) fn late(self) -> Option<Duration> {
        (self == Self::ReceivedAndLate).then_some(LATE)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::ReceivedAndLost => "after request, lost",
            Self::ReceivedAndLate => "after request, lands late",
            Self::Applied => "applied, no answer",
            Self::Answering => "mid-response",
            Self::Answered => "after response",
        }
    }
}

/// The delay of a request that takes effect late: well before the deadline of its exchange, but long after the host has
/// started again.
const LATE: Duration = Duration::from_millis(600);

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hit(hit) => hit.fmt(f),
            Self::Exchange { write, place } => {
                write!(f, "write {}: {}", write + 1, place.as_str())
            }
        }
    }
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.name, self.k)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = if self.served { "" } else { "first start: " };
        write!(f, "{} at {first}{}", self.deed.contract(), self.death)?;
        self.again.as_ref().map_or(Ok(()), |again| write!(f, ", then at {again}"))
    }
}

/// Every cell in which the host is killed once during this action. The points of the kills come from the trace of a run
/// without a kill.
pub(crate) fn cells(deed: Deed, trace: &[String]) -> Vec<Cell> {
    let cell = |death| Cell { deed, served: true, death, again: None };
    let exchange = |write| Place::ALL.map(|place| Death::Exchange { write, place });
    let hits = hits(trace).into_iter().map(Death::Hit);
    hits.chain((0..deed.writes).flat_map(exchange)).map(cell).collect()
}

/// Every cell in which the host is killed during its very first start. The points of the kills come from the trace of a
/// host that starts before any action exists.
pub(crate) fn first_starts(deed: Deed, trace: &[String]) -> Vec<Cell> {
    let before = hits(trace).into_iter().take_while(|hit| !hit.name.starts_with("journal.write"));
    before.map(|hit| Cell { deed, served: false, death: Death::Hit(hit), again: None }).collect()
}

/// Returns the events that are out of order in the trace of a run without a kill. An intent must be on disk before its
/// write is sent. The end of an exchange must be written to the journal before the adapter continues, and synced before
/// the next intent or the receipt.
pub(crate) fn disorder(trace: &[String], writes: usize) -> Vec<String> {
    let step = [
        "journal.sync.after/write_intended",
        "exchange.write.connect.before",
        "journal.write.after/write_ended",
    ];
    let wanted: Vec<&str> = (0..writes)
        .flat_map(|_| step)
        .chain(["journal.write.after/attempt_ended+observe_started.post"])
        .collect();
    let found: Vec<&str> =
        trace.iter().map(String::as_str).filter(|name| wanted.contains(name)).collect();
    if found == wanted {
        vec![]
    } else {
        vec![format!("the host passes {found:?} instead of {wanted:?}")]
    }
}

/// The lines of a trace, each with the number of times that its name has occurred so far.
pub(crate) fn hits(trace: &[String]) -> Vec<Hit> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let hit = |name: &str, k: &mut usize| {
        *k += 1;
        Hit { name: name.to_owned(), k: *k }
    };
    trace.iter().map(|name| hit(name, seen.entry(name).or_default())).collect()
}
