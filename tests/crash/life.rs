//! Lives and deaths of a host under one action: takes a cell, gives everything that is left to look at
//! once the action rests. Never judges what it sees.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use deed_tests::client::{Answer, Client};
use deed_tests::host::{self, Host};
use deed_tests::journal;
use deed_tests::record::On;
use deed_tests::record::desk::Deed;
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK};
use serde_json::Value;

use crate::bench::Bench;
use crate::cell::{Cell, Death, Hit, Place};
use crate::come;
use crate::evidence;
use crate::judge::{Seen, Stood};
use crate::killer::{Late, kill_at};

/// An action rests long before that, also where many hosts start at once.
const PATIENCE: Duration = Duration::from_secs(90);
/// After an action rests its log settles; a host that is to die there does it in this time.
const LINGER: Duration = Duration::from_secs(3);
/// A request that left just before a death arrives in this time or never.
const IN_FLIGHT: Duration = Duration::from_millis(50);

/// One action, from whoever asks for it.
pub(crate) struct Subject<'a> {
    bench: &'a Bench,
    dir: PathBuf,
    deed: Deed,
    item: String,
    id: Option<String>,
}

/// How a life ended.
enum End {
    Rested(Host, Value),
    Died,
}

/// Carries a cell out, in a directory of its own that is gone afterwards.
pub(crate) fn run(bench: &Bench, cell: &Cell) -> Result<Seen> {
    let mut subject = Subject::new(bench, cell.deed, cell.served)?;
    let seen = subject.lives(cell);
    fs::remove_dir_all(&subject.dir)?;
    seen.map_err(|e| format!("{cell}: {e}").into())
}

/// The places that a host passes under this action when nothing kills it.
pub(crate) fn trace(bench: &Bench, deed: Deed, served: bool) -> Result<Vec<String>> {
    let mut subject = Subject::new(bench, deed, served)?;
    let passed = subject.dir.join("trace-0");
    match subject.live(None, &passed, None)? {
        End::Rested(mut host, _) => drop(host.ends_within(LINGER / 6)?),
        End::Died => return Err("the host died, and nothing was to kill it".into()),
    }
    let lines = lines(&passed);
    fs::remove_dir_all(&subject.dir)?;
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
        let dir = bench.fresh(&item, served)?;
        let mut subject = Self { bench, dir, deed, item, id: None };
        subject.dir = subject.dir.canonicalize()?;
        Ok(subject)
    }

    fn lives(&mut self, cell: &Cell) -> Result<Seen> {
        let traces = [self.dir.join("trace-1"), self.dir.join("trace-2")];
        let (hit, place) = match &cell.death {
            Death::Hit(hit) => (Some(hit), None),
            Death::Exchange { write, place } => (None, Some((*write, *place))),
        };
        let late = Late::default();
        let first = self.live(hit, &traces[0], place.map(|place| (place, &late)))?;
        let acknowledged = self.id.clone();
        let (mut deaths, mut complaints, mut end) = (vec![], vec![], first);
        if let End::Died = end {
            deaths.push(self.stood(&traces[..1], place, &mut complaints)?);
            if hit.is_some_and(|hit| hit.name.starts_with("log.")) {
                self.enrol()?;
            }
            end = self.live(cell.again.as_ref(), &traces[1], None)?;
        }
        if let End::Died = end {
            deaths.push(self.stood(&traces, place, &mut complaints)?);
            end = self.live(None, &self.dir.join("trace-3"), None)?;
        }
        let End::Rested(host, view) = end else {
            return Err("the host died, and nothing was to kill it".into());
        };
        let actions = actions(&host)?;
        let bundle = self.bundle(&host)?;
        host.kill()?;
        complaints.extend(evidence::complaints(&self.dir, &bundle)?);
        Ok(Seen {
            deaths,
            acknowledged,
            overdue: late.is_over(),
            second: lines(&traces[1]),
            view,
            actions,
            applied: self.bench.record.applied(&self.item),
            bundle,
            complaints,
        })
    }

    /// What the journal says of the writes, and which have taken effect, or will although the host is dead.
    /// Complains where a host went on as if something were written that is not.
    fn stood(
        &self,
        traces: &[PathBuf],
        place: Option<(usize, Place)>,
        complaints: &mut Vec<String>,
    ) -> Result<Stood> {
        thread::sleep(IN_FLIGHT);
        // What anybody could have fetched by now is what the log must hold for ever. At a first start there is none.
        let since = self.dir.join(format!("since-{}", traces.len()));
        fs::copy(self.dir.join(evidence::LOG).join("checkpoint"), since).ok();
        let passed: Vec<String> = traces.iter().flat_map(|trace| lines(trace)).collect();
        let events = journal::events(&self.dir)?;
        let lost = come::lost(&passed, &events)?;
        complaints.extend(lost.map(|event| format!("`{event}` was written and is not there")));
        let late = place.filter(|(_, place)| place.late().is_some()).map(|(write, _)| write);
        let slots = self.deed.slots().iter().enumerate();
        let landed =
            slots.map(|(n, slot)| late == Some(n) || self.bench.record.times(&self.item, slot) > 0);
        let words = come::words(&events, self.deed.writes)?;
        Ok(Stood { words, landed: landed.collect() })
    }

    /// One host, until it dies or the action rests.
    fn live(
        &mut self,
        hit: Option<&Hit>,
        trace: &Path,
        place: Option<((usize, Place), &Late)>,
    ) -> Result<End> {
        let deadly = hit.map(|hit| format!("{}:{}", hit.name, hit.k)).unwrap_or_default();
        let trace = trace.to_string_lossy();
        let asked = [("DEED_FAILPOINT", deadly.as_str()), ("DEED_FAILPOINT_TRACE", &trace)];
        let mut host = match Host::serve_with(&self.dir, &asked) {
            Ok(host) => host,
            Err(_) if hit.is_some() => return Ok(End::Died),
            Err(error) => return Err(error),
        };
        if let Some(((write, place), late)) = place {
            let stop = self.bench.record.stop(&On::writes(&self.item), write, place.point());
            kill_at(stop, place, host.pid(), late.clone());
        }
        match self.until_rest(&mut host)? {
            Some(view) if hit.is_some() && host.ends_within(LINGER)? => drop(view),
            Some(view) => return Ok(End::Rested(host, view)),
            None => {}
        }
        Ok(End::Died)
    }

    /// Asks again and again, as an agent does; none where the host is dead.
    fn until_rest(&mut self, host: &mut Host) -> Result<Option<Value>> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let Ok(answer) = self.ask(host) else {
                if host.ends_within(LINGER)? {
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
                Some("waiting") => self.approve(host)?,
                _ if answer.status == 200 => return Ok(Some(view)),
                _ => {}
            }
        }
        Err(format!("it does not come to rest; the host says: {}", host.log()).into())
    }

    /// Proposes it, under one key, as long as nobody acknowledged it; then looks.
    fn ask(&self, host: &Host) -> Result<Answer> {
        let client = Client::new(&host.url, HELPDESK);
        let Some(id) = &self.id else {
            let headers = [("prefer", "wait=0"), ("idempotency-key", self.item.as_str())];
            let body = self.deed.proposal(&self.item).to_string();
            return client.send("POST", "/v1/actions", &headers, body.into_bytes());
        };
        client.send("GET", &format!("/v1/actions/{id}"), &[("prefer", "wait=5")], vec![])
    }

    /// As bob. A host that dies meanwhile is for the caller to see.
    fn approve(&self, host: &Host) -> Result<()> {
        let key = self.dir.join("approvers/bob.key");
        let id = self.id.as_deref().unwrap_or_default();
        let key = key.to_string_lossy();
        let args = [
            "approve",
            id,
            "--url",
            &host.url,
            "--token",
            BOB,
            "--key",
            &key,
            "--person",
            "bob",
            "--role",
            "support-lead",
            "--yes",
        ];
        host::run(&args, "").map(drop)
    }

    fn bundle(&self, host: &Host) -> Result<Vec<u8>> {
        let id = self.id.as_deref().unwrap_or_default();
        let answer = Client::new(&host.url, BOB).get(&format!("/v1/actions/{id}/bundle"))?;
        if answer.status == 200 { Ok(answer.bytes) } else { Err(answer.text("/detail").into()) }
    }

    /// Another person in the configuration: the next host puts that into the log before anything else. What was
    /// public there already must stand all the same.
    fn enrol(&self) -> Result<()> {
        let mut file = fs::File::options().append(true).open(self.dir.join("deed.toml"))?;
        Ok(file.write_all(b"\n[tenant.acme.person.dora]\nroles = [\"helpdesk\"]\n")?)
    }
}

fn actions(host: &Host) -> Result<Vec<Value>> {
    let list = Client::new(&host.url, HELPDESK).get("/v1/actions")?.json();
    Ok(list["actions"].as_array().cloned().unwrap_or_default())
}

/// A host that died at its start has no trace.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
