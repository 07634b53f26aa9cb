//! What a cell is: an action, where the host dies under it, and where it dies once more while it recovers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use deed_tests::record::Point;
use deed_tests::record::desk::Deed;

/// One run of one action under one death or two.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) deed: Deed,
    /// Whether this directory was served before; else the host dies at its very first start.
    pub(crate) served: bool,
    pub(crate) death: Death,
    /// The host dies there while it recovers.
    pub(crate) again: Option<Hit>,
}

/// Where the host dies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Death {
    /// At one of its own failpoints.
    Hit(Hit),
    /// While a write's exchange is at a point that the record knows.
    Exchange { write: usize, place: Place },
}

/// The `k`-th time that a failpoint is hit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    pub(crate) name: String,
    pub(crate) k: usize,
}

/// Where the record stands when the host dies, and what it does then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The whole request is here; it is never applied.
    ReceivedAndLost,
    /// The whole request is here, and is applied while the host starts again.
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

    /// How long after the host's death the request takes effect, where it has not before.
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

/// Well before the deadline of the exchange, and long after the host is back.
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

/// Every cell of one death for this action, out of the trace of a run without any.
pub(crate) fn cells(deed: Deed, trace: &[String]) -> Vec<Cell> {
    let cell = |death| Cell { deed, served: true, death, again: None };
    let exchange = |write| Place::ALL.map(|place| Death::Exchange { write, place });
    let hits = hits(trace).into_iter().map(Death::Hit);
    hits.chain((0..deed.writes).flat_map(exchange)).map(cell).collect()
}

/// Every cell of a death at the first start of all, out of what such a host passes before an action is there.
pub(crate) fn first_starts(deed: Deed, trace: &[String]) -> Vec<Cell> {
    let before = hits(trace).into_iter().take_while(|hit| !hit.name.starts_with("journal.write"));
    before.map(|hit| Cell { deed, served: false, death: Death::Hit(hit), again: None }).collect()
}

/// What is out of order in a run without a death: an intent that is not on disk when its write is about to
/// leave, an end that is not written when the adapter goes on (the next intent, or the receipt, is synced behind it).
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
        vec![format!("the host goes through {found:?}, not through {wanted:?}")]
    }
}

/// The lines of a trace, each with how often its name has come by then.
pub(crate) fn hits(trace: &[String]) -> Vec<Hit> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let hit = |name: &str, k: &mut usize| {
        *k += 1;
        Hit { name: name.to_owned(), k: *k }
    };
    trace.iter().map(|name| hit(name, seen.entry(name).or_default())).collect()
}
