//! The first difference between a recorded run and its repetition.
//!
//! Times are not compared, and neither are data that were not visible to the adapter. Nothing is compared after the
//! point where a timeout ended the original run.

use std::collections::BTreeSet;

use deed_record::contract::Contract;
use deed_record::exchange::Exchange;
use deed_record::exchange::claim::Claim;
use deed_record::lifecycle::event::Attempt;
use deed_record::lifecycle::observation::Observation;
use deed_record::plan::{Plan, Rehearsal};
use deed_spec::json;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Difference, Line, Part, Recorded, Status};

/// The results of a run that must be the same when the run is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub exchanges: Vec<Exchange>,
    /// The texts with which requests outside the grant were refused.
    pub refused: Vec<String>,
    /// The observed states as one object, by name.
    pub state: Value,
    pub derived: BTreeSet<String>,
    /// `None` if the run was not started.
    pub claim: Option<Claim>,
    /// Whether an observation can be used for a judgement. The reason why an observation cannot be used is not
    /// compared, because its text depends on the release of the host.
    pub is_usable: bool,
    /// The plan, if the run is a rehearsal that ended with one.
    pub plan: Option<Plan>,
}

impl Seen {
    /// The results of an observation. The contract defines which states an observation must show.
    pub fn of_look(look: &Observation, contract: &Contract) -> Self {
        Self {
            exchanges: look.exchanges.clone(),
            refused: look.refused.clone(),
            state: look.value(),
            derived: look.derived.clone(),
            claim: look.claim.clone(),
            is_usable: look.unusable(contract).is_none(),
            plan: None,
        }
    }
}

impl From<&Attempt> for Seen {
    fn from(attempt: &Attempt) -> Self {
        Self {
            exchanges: attempt.exchanges.clone(),
            refused: attempt.refused.clone(),
            state: json!({}),
            derived: BTreeSet::new(),
            claim: Some(attempt.claim.clone()),
            is_usable: true,
            plan: None,
        }
    }
}

impl From<&Rehearsal> for Seen {
    fn from(rehearsal: &Rehearsal) -> Self {
        Self {
            exchanges: rehearsal.exchanges.clone(),
            refused: rehearsal.refused.clone(),
            state: json!({}),
            derived: BTreeSet::new(),
            claim: Some(rehearsal.claim.clone()),
            is_usable: true,
            plan: rehearsal.plan.clone(),
        }
    }
}

/// Why a comparison ends before the end of the run.
enum Halt {
    Differs(Box<Difference>),
    /// The rest of the recorded or repeated run is not known, for the given reason.
    Unknown(String),
}

/// Compares a repeated run with the recorded run.
pub fn compare(recorded: &Recorded, again: &Seen) -> Line {
    let (status, detail, difference) = match walk(&recorded.seen, again) {
        Ok(()) => (Status::Same, summary(again), None),
        Err(Halt::Unknown(why)) => (Status::NotReplayed, why, None),
        Err(Halt::Differs(found)) => {
            let detail = format!("the first difference is in {}", found.place);
            (Status::Different, detail, Some(*found))
        }
    };
    Line { run: recorded.name.clone(), status, detail, difference }
}

impl Recorded {
    /// The report on a recorded run that cannot be repeated; `None` if the run can be repeated.
    pub fn no_run(&self) -> Option<Line> {
        if self.part == Part::OtherPlan {
            let detail = "the attempt followed an earlier plan, which is not in the bundle";
            let (run, detail) = (self.name.clone(), detail.to_owned());
            return Some(Line { run, status: Status::NotReplayed, detail, difference: None });
        }
        let why = match self.seen.claim {
            Some(Claim::Lost) => "the host stopped during the run, so its results are not known",
            None => "the run was not started, or its record does not say how it ended",
            Some(_) => return None,
        };
        let (run, detail) = (self.name.clone(), why.to_owned());
        Some(Line { run, status: Status::NotReplayed, detail, difference: None })
    }
}

const CLOCK: &str = "its time limit stopped the run; both runs are the same up to then";
const CLOCK_NOW: &str = "now its time limit stopped the run; both runs are the same up to then";

fn walk(recorded: &Seen, again: &Seen) -> Result<(), Halt> {
    exchanges(recorded, again)?;
    let rest = rest(recorded, again);
    match (recorded.is_timed_out(), again.is_timed_out()) {
        // A timeout may stop an adapter at a different place each time, so a difference is not a fault.
        (true, _) => rest.map_err(|_elsewhere| Halt::Unknown(CLOCK.to_owned())),
        (false, true) => Err(Halt::Unknown(CLOCK_NOW.to_owned())),
        (false, false) => rest,
    }
}

fn exchanges(recorded: &Seen, again: &Seen) -> Result<(), Halt> {
    let (first, second) = (&recorded.exchanges, &again.exchanges);
    for n in 0..first.len().max(second.len()) {
        let (expected, got) = (first.get(n), second.get(n));
        if expected.is_none() && recorded.is_timed_out() {
            return Err(Halt::Unknown(CLOCK.to_owned()));
        }
        if got.is_none() && again.is_timed_out() {
            let word = if recorded.is_timed_out() { CLOCK } else { CLOCK_NOW };
            return Err(Halt::Unknown(word.to_owned()));
        }
        let request = |one: Option<&Exchange>| one.map(|one| one.request.clone());
        same(&format!("exchange {n}: request"), &request(expected), &request(got))?;
        let number = |one: Option<&Exchange>| one.map(|one| one.ordinal);
        same(&format!("exchange {n}: number"), &number(expected), &number(got))?;
        if expected.is_some_and(|one| !one.is_concluded()) {
            let why = format!("the run was cut off at exchange {n}; both are the same up to it");
            return Err(Halt::Unknown(why));
        }
    }
    Ok(())
}

fn rest(recorded: &Seen, again: &Seen) -> Result<(), Halt> {
    for n in 0..recorded.refused.len().max(again.refused.len()) {
        same(&format!("refused request {n}"), &recorded.refused.get(n), &again.refused.get(n))?;
    }
    same("state", &recorded.state, &again.state)?;
    same("derived states", &recorded.derived, &again.derived)?;
    if !said_less(recorded.claim.as_ref(), again.claim.as_ref()) {
        same("claim", &recorded.claim, &again.claim)?;
    }
    same("plan", &recorded.plan, &again.plan)?;
    same("whether the look is usable", &recorded.is_usable, &again.is_usable)
}

/// Earlier releases recorded a trap without the adapter's last log line. A recorded trap without the adapter's last log
/// line counts as equal to a trap that differs only by that line.
fn said_less(recorded: Option<&Claim>, again: Option<&Claim>) -> bool {
    let (Some(Claim::Trapped(then)), Some(Claim::Trapped(now))) = (recorded, again) else {
        return false;
    };
    let more = now.strip_prefix(then.as_str()).filter(|_| !then.is_empty());
    more.is_some_and(|more| more.starts_with(Claim::LAST_WORDS))
}

impl Seen {
    fn is_timed_out(&self) -> bool {
        self.claim == Some(Claim::TimedOut)
    }
}

/// Checks that two values are equal. The error contains the first difference between the two values.
fn same<T: Serialize + PartialEq>(place: &str, expected: &T, got: &T) -> Result<(), Halt> {
    if expected == got {
        return Ok(());
    }
    let value = |record: &T| serde_json::to_value(record).unwrap_or_default();
    let (expected, got) = (value(expected), value(got));
    let first = json::diff(&expected, &got).into_iter().next();
    let found = match first {
        Some(change) => Difference {
            place: if change.pointer.is_empty() {
                place.to_owned()
            } else {
                format!("{place} at `{}`", change.pointer)
            },
            expected: change.old.unwrap_or_default(),
            got: change.new.unwrap_or_default(),
        },
        None => Difference { place: place.to_owned(), expected, got },
    };
    Err(Halt::Differs(Box::new(found)))
}

fn summary(seen: &Seen) -> String {
    let states = seen.state.as_object().map_or(0, serde_json::Map::len);
    let (exchanges, refused) = (seen.exchanges.len(), seen.refused.len());
    let plan = seen.plan.as_ref().map(|plan| format!("{} planned write(s), ", plan.writes.len()));
    let plan = plan.unwrap_or_default();
    format!(
        "{exchanges} exchange(s), {refused} refused request(s), {plan}{states} state(s), and how it ended"
    )
}
