//! Faults of the system of record that counts writes. The cases combine every effect, one or two writes, every call and
//! every way to fail. For cases with two faults in one action, a seed chooses the pairs of faults. One host serves all
//! actions, each on its own item.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deed_tests::home::Home;
use deed_tests::proxy::Proxy;
use deed_tests::record::contracts::{self, Deed};
use deed_tests::record::{Fault, How, Lands, On, Record};
use deed_tests::rng::Rng;
use deed_tests::services::Result;
use deed_tests::world::{World, edit};
use deed_verify::Trust;

use crate::cell::{Counted, Found, Is, at_once, callers, carry, place, singles, word};
use crate::rules::{End, Meets, Site, Subject, ends, refused};

/// The number of concurrent actions.
const AT_ONCE: usize = 12;

/// How long connections are refused. This time is longer than an observation, and shorter than two retries take.
pub(crate) const REFUSED: Duration = Duration::from_millis(1_500);

/// Fixture: a host with the counting system of record as its upstream and a proxy between them.
pub(crate) struct Bench {
    record: Record,
    world: World,
    trust: Trust,
}

/// A function that changes the files of a served directory.
pub(crate) type Change = Box<dyn FnOnce(&Path) -> Result<()>>;

impl Bench {
    pub(crate) fn make() -> Result<Self> {
        Self::with(|proxy| Ok((proxy.to_owned(), Box::new(|_: &Path| Ok(())))))
    }

    /// A fixture with a false contract: it declares that a second addition has no second effect.
    pub(crate) fn lying() -> Result<Self> {
        let lie = |dir: &Path| {
            let (truth, lie) = ("effect = \"observable\"", "effect = \"idempotent\"");
            edit(dir, "contracts/crash.add.toml", truth, lie)
        };
        Self::with(|proxy| Ok((proxy.to_owned(), Box::new(lie))))
    }

    /// A fixture with an additional server in front of the proxy and changed files. `front` gets the proxy's base URL,
    /// and returns the URL for the host and the function that changes the files.
    pub(crate) fn with(front: impl FnOnce(&str) -> Result<(String, Change)>) -> Result<Self> {
        let record = Record::start()?;
        let mut world = World::of(Home::new("faults"), Proxy::start(&record.base_url())?);
        let (url, change) = front(world.proxy.base_url())?;
        contracts::lay_out(&world.dir, &url)?;
        change(&world.dir)?;
        world.pin()?;
        let trust = world.trusted()?;
        world.serve()?;
        Ok(Self { record, world, trust })
    }

    /// The number of attempts that the contract of this action allows, read from the served directory.
    pub(crate) fn subject(&self, deed: Deed) -> Result<Subject> {
        let file = self.world.dir.join(format!("contracts/{}.toml", deed.contract()));
        let attempts = attempts(&fs::read_to_string(file)?)?;
        Ok(Subject { kind: deed.kind, writes: deed.writes, attempts })
    }

    /// The counts of the system of record for an item.
    fn counted(&self, item: &str) -> Counted {
        let mut counted = Counted::default();
        for one in self.record.applied(item) {
            let slot = ["one", "two", "three"].iter().position(|slot| one.slot == *slot).unwrap();
            counted.applied[slot] += 1;
            counted.effects[slot] += usize::from(one.changed);
        }
        counted
    }

    /// Runs one action with these faults on its own item.
    fn meet(&self, deed: Deed, faults: &[Meets]) -> Result<(Found, String)> {
        let subject = self.subject(deed)?;
        let item = fresh();
        for (site, fault) in faults {
            let (on, skip) = site.on(&item);
            self.record.fail(&on, skip, 1, *fault);
        }
        let places: Vec<String> = faults.iter().map(place).collect();
        let row = format!("{}: {}", name(deed), places.join(" + "));
        let column = faults.iter().map(|(_, fault)| word(fault.how)).collect::<Vec<_>>().join("+");
        let found = self.carry(deed, &item, subject, &ends(subject, faults));
        Ok((Found { row, column, ..found }, item))
    }

    /// Runs one action while connections are refused for some time from this call on. This function must not run
    /// concurrently, because the proxy refuses the connections of every action.
    pub(crate) fn refuse(&self, deed: Deed, site: Site) -> Result<Found> {
        let subject = self.subject(deed)?;
        let item = fresh();
        match site {
            Site::Read(0) => self.world.proxy.refuse(REFUSED),
            Site::Write(0) => self.world.proxy.refuse_after(&On::reads(&item), 0, REFUSED),
            Site::Write(n) => self.world.proxy.refuse_after(&On::writes(&item), n - 1, REFUSED),
            Site::Read(_) => {
                self.world.proxy.refuse_after(&On::writes(&item), subject.writes - 1, REFUSED);
            }
        }
        let found = self.by_name(deed, site, &item, &refused(subject, site))?;
        self.world.proxy.admit();
        Ok(Found { column: "refused".to_owned(), ..found })
    }

    /// Runs one action on its own item. This function adds no fault, because its caller has already arranged the fault
    /// at this site.
    pub(crate) fn alone(&self, deed: Deed, site: Site, right: &BTreeSet<End>) -> Result<Found> {
        self.by_name(deed, site, &fresh(), right)
    }

    fn by_name(&self, deed: Deed, site: Site, item: &str, right: &BTreeSet<End>) -> Result<Found> {
        let found = self.carry(deed, item, self.subject(deed)?, right);
        let fault = Fault { lands: Lands::Never, how: How::Close };
        Ok(Found { row: format!("{}: {}", name(deed), place(&(site, fault))), ..found })
    }

    fn carry(&self, deed: Deed, item: &str, subject: Subject, right: &BTreeSet<End>) -> Found {
        let (agent, person) = callers(self.world.url());
        let view = carry(&agent, &person, &deed.proposal(item), right);
        Found::of(&view, &person, &self.trust, self.counted(item), subject.writes, right)
    }

    /// Runs all of these actions, several at a time. The counts must not change after all actions have ended.
    pub(crate) fn run(&self, cells: &[(Deed, Vec<Meets>)]) -> Vec<Found> {
        let found = at_once(AT_ONCE, cells, |(deed, faults)| {
            self.meet(*deed, faults).unwrap_or_else(|error| lost(*deed, &error))
        });
        found.into_iter().map(|(one, item)| self.still(one, &item)).collect()
    }

    /// Checks that no write arrived after the action had ended.
    fn still(&self, found: Found, item: &str) -> Found {
        let now = self.counted(item);
        if item.is_empty() || now == found.counted {
            return found;
        }
        let verdict = if now.effects.iter().any(|n| *n > 1) { Is::Twice } else { Is::Wrong };
        Found { verdict, note: format!("written after its end: {now:?}"), ..found }
    }
}

fn lost(deed: Deed, error: &dyn std::fmt::Display) -> (Found, String) {
    let (row, column, status) = (deed.contract(), String::new(), "-".to_owned());
    let counted = Counted::default();
    let found = Found { row, column, status, counted, verdict: Is::Lost, note: error.to_string() };
    (found, String::new())
}

/// The value of `attempts` in a contract's text, or one if it is absent.
pub(crate) fn attempts(contract: &str) -> Result<usize> {
    let line = contract.lines().find_map(|line| line.strip_prefix("attempts"));
    match line.and_then(|rest| rest.split('=').nth(1)) {
        Some(number) => Ok(number.trim().parse()?),
        None => Ok(1),
    }
}

/// Every single fault of an action, for these ways to fail.
pub(crate) fn single_faults(deed: Deed, hows: &[How]) -> Vec<(Deed, Vec<Meets>)> {
    singles(deed.writes, hows).into_iter().map(|one| (deed, vec![one])).collect()
}

/// Generates this many actions with two faults each.
pub(crate) fn pairs(rng: &mut Rng, count: usize) -> Vec<(Deed, Vec<Meets>)> {
    let deeds: Vec<Deed> = Deed::all().into_iter().filter(|deed| !deed.asked).collect();
    let mut pairs = Vec::new();
    while pairs.len() < count {
        let deed = deeds[rng.index(deeds.len())];
        let mut all = singles(deed.writes, &How::ALL);
        // The second fault may hit a write of a second attempt.
        let again = |(site, fault): &Meets| match site {
            Site::Write(n) => (Site::Write(n + 1), *fault),
            read @ Site::Read(_) => (*read, *fault),
        };
        let further: Vec<Meets> = all.iter().map(again).collect();
        all.extend(further);
        let (one, two) = (all[rng.index(all.len())], all[rng.index(all.len())]);
        if one.0 != two.0 && one.0 != Site::Read(0) && two.0 != Site::Read(0) {
            pairs.push((deed, vec![one, two]));
        }
    }
    pairs
}

fn name(deed: Deed) -> String {
    deed.contract().replace("crash.", "")
}

/// Returns the name of an unused item.
fn fresh() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("item-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The actions that need no approval.
pub(crate) fn deeds() -> Vec<Deed> {
    Deed::all().into_iter().filter(|deed| !deed.asked).collect()
}

/// All ways to fail, or some of them chosen by seed.
pub(crate) fn hows(rng: &mut Rng, count: usize) -> Vec<How> {
    let mut all = How::ALL.to_vec();
    rng.shuffle(&mut all);
    all.truncate(count);
    all
}
