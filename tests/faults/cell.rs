//! Runs one action with faults and judges whether its result is correct.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use deed_tests::client::Client;
use deed_tests::record::{Fault, How, Lands};
use deed_tests::services::Result;
use deed_tests::world::BOB;
use deed_verify::{Trust, Verdict, verify};
use serde_json::Value;

use crate::rules::{End, Meets, Site, WRITES};

/// How long to wait for the end of an action, which is far longer than any action takes. An action that has not ended
/// by then counts as lost.
const PATIENCE: Duration = Duration::from_secs(150);
/// How long to wait for an open outcome that a later observation must settle.
const SETTLES: Duration = Duration::from_mins(1);

/// The counts of an action's writes in the system of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    /// How often each write was applied.
    pub(crate) applied: [usize; WRITES],
    /// How often each write had an effect.
    pub(crate) effects: [usize; WRITES],
}

/// The result of one action.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The place of the fault, as shown in the table.
    pub(crate) row: String,
    pub(crate) column: String,
    pub(crate) status: String,
    pub(crate) counted: Counted,
    pub(crate) verdict: Is,
    pub(crate) note: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    Right,
    Twice,
    Lost,
    Wrong,
}

impl Found {
    /// The result of an action according to the host, the system of record and the bundle.
    pub(crate) fn of(
        view: &Result<Value>,
        person: &Client,
        trust: &Trust,
        counted: Counted,
        writes: usize,
        right: &BTreeSet<End>,
    ) -> Self {
        let word = |view: &Value, name: &str| view[name].as_str().unwrap_or("-").to_owned();
        let proof = view.as_ref().map_or(Ok(()), |view| proven(person, &word(view, "id"), trust));
        let (verdict, note) = is(view, &proof, counted, writes, right);
        let status = view.as_ref().map_or("-".to_owned(), |view| word(view, "status"));
        let (row, column) = (String::new(), String::new());
        Self { row, column, status, counted, verdict, note }
    }
}

/// Proposes an action and waits for its end. Returns the view; fails when the action does not end.
pub(crate) fn carry(
    agent: &Client,
    person: &Client,
    proposal: &Value,
    right: &BTreeSet<End>,
) -> Result<Value> {
    let proposed = agent.propose(proposal, &[("prefer", "wait=30")])?;
    let id = proposed.text("/id");
    if id.is_empty() {
        return Err(format!("{}: {}", proposed.status, proposed.json()).into());
    }
    let stays_open = right.iter().all(|end| end.outcome == "indeterminate");
    let (start, mut open_since) = (Instant::now(), None);
    while start.elapsed() < PATIENCE {
        let view = person.rests(&id, 30)?.json();
        match view["status"].as_str().unwrap_or_default() {
            "pending" | "running" | "waiting" => {}
            "indeterminate" => {
                let since = *open_since.get_or_insert_with(Instant::now);
                if stays_open || since.elapsed() > SETTLES {
                    return Ok(view);
                }
            }
            _ => return Ok(view),
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(format!("{id} has not ended").into())
}

/// Fails when the offline verifier with the public keys disagrees with the host about the action.
fn proven(person: &Client, id: &str, trust: &Trust) -> Result<()> {
    let report = verify(&person.bundle(id)?, Some(trust));
    if report.verdict == Verdict::Verified { Ok(()) } else { Err(format!("{report:#?}").into()) }
}

/// Judges the end of an action.
fn is(
    view: &Result<Value>,
    proof: &Result<()>,
    counted: Counted,
    writes: usize,
    right: &BTreeSet<End>,
) -> (Is, String) {
    if counted.effects.iter().any(|count| *count > 1) {
        return (Is::Twice, format!("{counted:?}"));
    }
    let view = match (view, proof) {
        (Ok(view), Ok(())) => view,
        (Err(error), _) => return (Is::Lost, error.to_string()),
        (_, Err(error)) => return (Is::Lost, format!("its bundle is not verified: {error}")),
    };
    let status = view["status"].as_str().unwrap_or_default();
    if status == "verified" && counted.effects.iter().take(writes).any(|count| *count != 1) {
        return (Is::Wrong, format!("verified, and was not: {counted:?}"));
    }
    let fits = |end: &End| end.outcome == status && end.effects == counted.effects;
    if right.iter().any(fits) {
        return (Is::Right, String::new());
    }
    (Is::Wrong, format!("{status} {counted:?} instead of {right:?}: {}", view["reason"]))
}

/// The short name of a way to fail.
pub(crate) fn word(how: How) -> String {
    match how {
        How::Status(status) => status.to_string(),
        How::Busy(_) => "503".to_owned(),
        How::Limited(_) => "429".to_owned(),
        How::WrongLength => "length".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Describes the call that fails, and whether the call takes effect in spite of the fault.
pub(crate) fn place((site, fault): &Meets) -> String {
    match site {
        Site::Read(0) => "look before".to_owned(),
        Site::Read(_) => "look after".to_owned(),
        Site::Write(n) if fault.lands == Lands::Before => format!("write {} landed", n + 1),
        Site::Write(n) => format!("write {} never", n + 1),
    }
}

/// Clients of a host: the agent and a person.
pub(crate) fn callers(url: &str) -> (Client, Client) {
    (Client::new(url, deed_tests::world::HELPDESK), Client::new(url, BOB))
}

/// Runs every cell, this many at a time. Returns the results in the order of the cells.
pub(crate) fn at_once<C: Sync, R: Send>(
    count: usize,
    cells: &[C],
    run: impl Fn(&C) -> R + Sync,
) -> Vec<R> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..count.min(cells.len()) {
            scope.spawn(|| {
                while let Some((at, cell)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    cells.get(at).map(|cell| (at, cell))
                } {
                    let one = run(cell);
                    found.lock().unwrap().insert(at, one);
                }
            });
        }
    });
    found.into_inner().unwrap().into_values().collect()
}

/// Every fault at every call of an action with this many writes, for these ways to fail.
pub(crate) fn singles(writes: usize, hows: &[How]) -> Vec<Meets> {
    let both = [Lands::Never, Lands::Before];
    let mut sites = vec![(Site::Read(0), Lands::Never)];
    sites.extend((0..writes).flat_map(|n| both.map(|lands| (Site::Write(n), lands))));
    sites.push((Site::Read(1), Lands::Never));
    let with = |(site, lands): &(Site, Lands)| {
        let (site, lands) = (*site, *lands);
        hows.iter().map(move |how| (site, Fault { lands, how: *how })).collect::<Vec<_>>()
    };
    sites.iter().flat_map(with).collect()
}

/// A check of the oracle itself: falsifications of a correct cell must be detected.
pub(crate) fn sees() -> Result<()> {
    let right = BTreeSet::from([End { outcome: "verified", effects: [1, 0, 0] }]);
    let view = |status: &str| Ok(serde_json::json!({"status": status}));
    let counted = |times| Counted { applied: [times, 0, 0], effects: [times, 0, 0] };
    let cases = [
        ("nothing wrong", view("verified"), Ok(()), counted(1), Is::Right),
        ("a second effect", view("verified"), Ok(()), counted(2), Is::Twice),
        ("a lost effect", view("verified"), Ok(()), counted(0), Is::Wrong),
        ("another end", view("failed"), Ok(()), counted(1), Is::Wrong),
        ("no end", Err("it has not ended".into()), Ok(()), counted(1), Is::Lost),
        ("a bundle that is none", view("verified"), Err("no".into()), counted(1), Is::Lost),
    ];
    for (what, view, proof, counted, must) in cases {
        let (found, _) = is(&view, &proof, counted, 1, &right);
        if found != must {
            return Err(format!("{what} is {found:?}, and must be {must:?}").into());
        }
    }
    Ok(())
}
