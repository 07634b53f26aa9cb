//! Runs a cell: starts and kills hosts during one action and collects the results once the action comes to rest. This
//! module does not judge the results.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use deed_tests::client::Answer;
use deed_tests::home::Home;
use deed_tests::host::Host;
use deed_tests::journal;
use deed_tests::record::On;
use deed_tests::record::contracts::Deed;
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK};
use serde_json::Value;

use crate::bench::Bench;
use crate::cell::{Cell, Death, Hit, Place};
use crate::come;
use crate::evidence;
use crate::judge::{Seen, Stood};
use crate::killer::{Late, kill_at};

/// An action comes to rest long before this limit, even if many hosts start at once.
const PATIENCE: Duration = Duration::from_secs(90);
/// After an action comes to rest, the host finishes the work on its log. If a failpoint in the log work is to kill the
/// host, the host is killed within this time.
const LINGER: Duration = Duration::from_secs(3);
/// A request that was sent just before a kill arrives within this time or never.
const IN_FLIGHT: Duration = Duration::from_millis(200);

/// One action, as its agent sees it.
pub(crate) struct Subject<'a> {
    bench: &'a Bench,
    home: Home,
    deed: Deed,
    item: String,
    id: Option<String>,
    /// Checkpoints that were public at a kill.
    since: Vec<PathBuf>,
    complaints: Vec<String>,
}

/// How the run of a host ended.
enum End {
    Rested(Value),
    Died,
}

/// Runs a cell in its own directory, which is removed afterwards.
pub(crate) fn run(bench: &Bench, cell: &Cell) -> Result<Seen> {
    let mut subject = Subject::new(bench, cell.deed, cell.served)?;
    subject.lives(cell).map_err(|e| format!("{cell}: {e}").into())
}

/// The failpoints that a host passes during this action when it is not killed.
pub(crate) fn trace(bench: &Bench, deed: Deed, served: bool) -> Result<Vec<String>> {
    let mut subject = Subject::new(bench, deed, served)?;
    let passed = subject.home.dir.join("trace-0");
    match subject.live(None, &passed, None)? {
        End::Rested(_) => drop(subject.home.ends_within(LINGER / 6)?),
        End::Died => return Err("the host died, and nothing was to kill it".into()),
    }
    let lines = lines(&passed);
    if lines.is_empty() {
        return Err("the host has no failpoints; build the whole workspace with its tests".into());
    }
    Ok(lines)
}

impl<'a> Subject<'a> {
    fn new(bench: &'a Bench, deed: Deed, served: bool) -> Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let item = format!("item-{number}-{}", deed.contract().replace(['.', '_'], "-"));
        let home = bench.fresh(served)?;
        Ok(Self { bench, home, deed, item, id: None, since: vec![], complaints: vec![] })
    }

    fn lives(&mut self, cell: &Cell) -> Result<Seen> {
        let traces = ["trace-1", "trace-2", "trace-3"].map(|name| self.home.dir.join(name));
        let (hit, place) = match &cell.death {
            Death::Hit(hit) => (Some(hit), None),
            Death::Exchange { write, place } => (None, Some((*write, *place))),
        };
        let late = Late::default();
        let mut end = self.live(hit, &traces[0], place.map(|place| (place, &late)))?;
        let (mut deaths, acknowledged) = (vec![], self.id.clone());
        if let End::Died = end {
            deaths.push(self.stood(&traces[..1], place)?);
            if hit.is_some_and(|hit| hit.name.starts_with("log.")) {
                self.enrol()?;
            }
            end = self.live(cell.again.as_ref(), &traces[1], None)?;
        }
        if let End::Died = end {
            deaths.push(self.stood(&traces[..2], place)?);
            end = self.live(None, &traces[2], None)?;
        }
        let End::Rested(view) = end else {
            return Err("the host died, and nothing was to kill it".into());
        };
        let second = lines(&traces[1]);
        self.seen(Seen {
            deaths,
            acknowledged,
            overdue: late.is_over(),
            second,
            view,
            ..Seen::default()
        })
    }

    /// Adds everything that can be read once the action rests, and kills the host.
    fn seen(&mut self, seen: Seen) -> Result<Seen> {
        let list = self.home.client(HELPDESK).get("/v1/actions")?.json();
        let actions = list["actions"].as_array().cloned().unwrap_or_default();
        let bundle = self.home.bundle(self.id.as_deref().unwrap_or_default())?;
        self.home.kill()?;
        self.complaints.extend(evidence::complaints(&self.home, &bundle, &self.since)?);
        let applied = self.bench.record.applied(&self.item);
        Ok(Seen { actions, applied, bundle, complaints: self.complaints.clone(), ..seen })
    }

    /// What the journal states about the writes, and which writes have taken effect or will take effect although the
    /// host is dead. Adds a fault if a trace reports an event as written but the journal does not have this event.
    fn stood(&mut self, traces: &[PathBuf], place: Option<(usize, Place)>) -> Result<Stood> {
        thread::sleep(IN_FLIGHT);
        // Everything that is public by now must stay in the log.
        self.since.extend(self.home.keep_checkpoint(&format!("since-{}", traces.len()))?);
        let passed: Vec<String> = traces.iter().flat_map(|trace| lines(trace)).collect();
        let events = journal::events(&self.home.dir)?;
        let lost = come::lost(&passed, &events)?;
        self.complaints.extend(lost.map(|event| format!("`{event}` was written but is missing")));
        let late = place.filter(|(_, place)| place.late().is_some()).map(|(write, _)| write);
        let slots = self.deed.slots().iter().enumerate();
        let landed =
            slots.map(|(n, slot)| late == Some(n) || self.bench.record.times(&self.item, slot) > 0);
        let words = come::words(&events, self.deed.writes)?;
        Ok(Stood { words, landed: landed.collect() })
    }

    /// Runs one host until it is killed or the action rests.
    fn live(
        &mut self,
        hit: Option<&Hit>,
        trace: &Path,
        place: Option<((usize, Place), &Late)>,
    ) -> Result<End> {
        let deadly = hit.map(|hit| format!("{}:{}", hit.name, hit.k)).unwrap_or_default();
        let trace = trace.to_string_lossy();
        let asked = [("DEED_FAILPOINT", deadly.as_str()), ("DEED_FAILPOINT_TRACE", &trace)];
        match self.home.serve_with(&asked) {
            Err(_) if hit.is_some() => return Ok(End::Died),
            served => served?,
        }
        if let (Some(((write, place), late)), Some(host)) = (place, &self.home.host) {
            let stop = self.bench.record.stop(&On::writes(&self.item), write, place.point());
            kill_at(stop, place, host.pid(), late.clone());
        }
        match self.until_rest()? {
            Some(view) if hit.is_some() && self.home.ends_within(LINGER)? => drop(view),
            Some(view) => return Ok(End::Rested(view)),
            None => {}
        }
        self.home.host = None;
        Ok(End::Died)
    }

    /// Polls as an agent does; `None` when the host is dead.
    fn until_rest(&mut self) -> Result<Option<Value>> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let Ok(answer) = self.ask() else {
                if self.home.ends_within(LINGER)? {
                    return Ok(None);
                }
                continue;
            };
            if !matches!(answer.status, 200 | 202) {
                return Err(format!("answered {}: {}", answer.status, answer.json()).into());
            }
            let view = answer.json();
            self.id = view["id"].as_str().map(str::to_owned);
            match view["status"].as_str() {
                // If the host is killed during the approval, the next poll notices that the host is dead.
                Some("waiting") => drop(self.home.approve(&answer.text("/id"), "bob", BOB)?),
                _ if answer.status == 200 => return Ok(Some(view)),
                _ => {}
            }
        }
        let said = self.home.host.as_ref().map(Host::log).unwrap_or_default();
        Err(format!("it does not come to rest; the host says: {said}").into())
    }

    /// Proposes the action under one idempotency key until the host acknowledges it; then reads the action.
    fn ask(&self) -> Result<Answer> {
        let client = self.home.client(HELPDESK);
        let Some(id) = &self.id else {
            let headers = [("prefer", "wait=0"), ("idempotency-key", self.item.as_str())];
            return client.propose(&self.deed.proposal(&self.item), &headers);
        };
        client.rests(id, 5)
    }

    /// Adds another person to the configuration. The next host logs the changed configuration before any other entry,
    /// and every entry that was already public must stay in the log.
    fn enrol(&self) -> Result<()> {
        let mut file = fs::File::options().append(true).open(self.home.dir.join("deed.toml"))?;
        Ok(file.write_all(b"\n[tenant.acme.person.dora]\nroles = [\"helpdesk\"]\n")?)
    }
}

/// A host that was killed on startup may have written no trace.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
