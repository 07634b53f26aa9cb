//! Faults between the host and servers of other projects: the actions of the library of contracts for which support and
//! operations teams ask. Every request of an observation fails, before and after the write, and the write fails before
//! and after it took effect. The action `idp.restore_access` is in the module `scim`.

mod aws_iam;
mod idp;
mod place;
mod rabbitmq;
mod stripe;
mod system;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use deed_tests::home::Home;
use deed_tests::out::say;
use deed_tests::proxy::Proxy;
use deed_tests::record::contracts::Kind;
use deed_tests::record::{Fault, How, Lands, On};
use deed_tests::rng::Rng;
use deed_tests::services::Result;
use deed_tests::services::moto::Moto;
use deed_tests::services::rabbitmq::RabbitMq;
use deed_tests::world::{self, SCIM, World};
use deed_verify::Trust;

use self::place::{Cell, Place};
use self::system::{Action, Item, System};
use crate::cell::{Counted, Found, Is, at_once, callers, carry};
use crate::record::{REFUSED, attempts};
use crate::rules::{End, Subject, ends, refused};

/// The maximum number of actions that are run for one cell, until the fault occurs.
const TRIES: usize = 3;

/// Which cells are run.
#[derive(Debug, Clone)]
pub(crate) struct Draw {
    pub(crate) hows: Vec<How>,
    pub(crate) rng: Rng,
    pub(crate) full: bool,
}

/// The name of a system, and what runs its cells.
pub(crate) type Table = (&'static str, fn(Draw) -> Result<Vec<Found>>);

pub(crate) const TABLES: [Table; 4] = [
    ("mission-idp", idp),
    ("mission-stripe", stripe),
    ("mission-aws-iam", aws_iam),
    ("mission-rabbitmq", rabbitmq),
];

fn idp(draw: Draw) -> Result<Vec<Found>> {
    Bench::make(idp::Idp::start()?)?.run(draw)
}

fn stripe(draw: Draw) -> Result<Vec<Found>> {
    Bench::make(stripe::Stripe::start()?)?.run(draw)
}

fn aws_iam(draw: Draw) -> Result<Vec<Found>> {
    if !Moto::installed() {
        say("faults: NOT CHECKED: AWS IAM with moto; it takes pip, then `make counterparts`");
        return Ok(vec![]);
    }
    Bench::make(aws_iam::AwsIam::start()?)?.run(draw)
}

/// The server takes many seconds to start, so it is not a part of the sample.
fn rabbitmq(draw: Draw) -> Result<Vec<Found>> {
    if !draw.full {
        return Ok(vec![]);
    }
    if !RabbitMq::installed() {
        say("faults: NOT CHECKED: RabbitMQ; `make systems` installs rabbitmq-server");
        return Ok(vec![]);
    }
    Bench::make(rabbitmq::Rabbit::start()?)?.run(draw)
}

/// Fixture: a host with the actions of one system, and a proxy to its server.
struct Bench<S> {
    system: S,
    world: World,
    trust: Trust,
}

impl<S: System> Bench<S> {
    fn make(system: S) -> Result<Self> {
        let mut world = World::of(Home::new("faults"), Proxy::start(&system.base_url())?);
        let url = world.proxy.base_url().to_owned();
        world::lay_out(&world.dir, &url, SCIM)?;
        system.setup(&url).write(&world.dir, system.actions())?;
        world.pin()?;
        let trust = world.trusted()?;
        world.serve()?;
        Ok(Self { system, world, trust })
    }

    /// Runs the cells whose requests can be told apart together, and the others one at a time.
    fn run(&self, draw: Draw) -> Result<Vec<Found>> {
        let Draw { hows, mut rng, full } = draw;
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for action in self.system.actions() {
            let mut refusals: Vec<Place> = Place::all(action).collect();
            refusals.retain(|place| *place != Place::Write(Lands::Before));
            rng.shuffle(&mut refusals);
            refusals.truncate(if full { usize::MAX } else { 1 });
            for place in Place::all(action) {
                let cells = hows.iter().map(|how| Cell { action: *action, place, how: Some(*how) });
                let named = place.is_named(action);
                if named { together.extend(cells) } else { alone.extend(cells) }
            }
            let cell = |place| Cell { action: *action, place, how: None };
            alone.extend(refusals.into_iter().map(cell));
        }
        let met = |cell: &Cell| self.meet(cell, true).unwrap_or_else(|error| lost(cell, &error));
        let mut found = at_once(self.system.at_once(), &together, met);
        let met = |cell: &Cell| self.meet(cell, false).unwrap_or_else(|error| lost(cell, &error));
        found.extend(alone.iter().map(met));
        let cells = together.iter().chain(&alone).zip(found);
        cells.map(|(cell, (found, item))| self.still(cell, found, item.as_ref())).collect()
    }

    /// Runs one cell, again if its fault did not occur: on a busy machine, a server may be too slow to answer another
    /// request, which ends the action before the request that should fail.
    fn meet(&self, cell: &Cell, named: bool) -> Result<(Found, Option<Item>)> {
        for _ in 0..TRIES {
            let item = self.system.make(&cell.action, &fresh())?;
            let (found, met) = match cell.how {
                Some(how) => self.fail(cell, how, &item, named)?,
                None => (self.refuse(cell, &item)?, true),
            };
            let removed = self.system.remove(&item)?;
            if met || found.verdict == Is::Twice {
                return Ok((found, Some(item).filter(|_| !removed)));
            }
            say(&format!("{} {}: not met, once more ({})", found.row, found.column, found.note));
        }
        Err(format!("its fault did not occur in {TRIES} actions").into())
    }

    /// The result of one action, and whether the fault occurred.
    fn fail(&self, cell: &Cell, how: How, item: &Item, named: bool) -> Result<(Found, bool)> {
        let lands = if let Place::Write(lands) = cell.place { lands } else { Lands::Never };
        let (fault, (on, skip)) = (Fault { lands, how }, cell.on(&item.text, named));
        if !named {
            // A fault of an earlier action that did not occur must not hit this action.
            self.world.proxy.calm();
        }
        self.world.proxy.fail(&on, skip, fault);
        let faults = [(cell.place.site(), fault)];
        let counts = if cell.place.is_needed(&cell.action) { &faults[..] } else { &[] };
        let right = ends(subject(&cell.action)?, counts);
        Ok((self.carry(cell, item, &right)?, self.world.proxy.met(&on)))
    }

    /// Runs one action while connections are refused for some time from this request on. No other action may run.
    fn refuse(&self, cell: &Cell, item: &Item) -> Result<Found> {
        let (proxy, reads) = (&self.world.proxy, cell.action.reads.len());
        let after_read = |count| proxy.refuse_after(&On::reads(""), count, REFUSED);
        proxy.calm();
        match cell.place {
            Place::Before(0) => proxy.refuse(REFUSED),
            Place::Before(n) => after_read(n - 1),
            Place::Write(_) => after_read(reads - 1),
            Place::After(0) => proxy.refuse_after(&On::writes(""), 0, REFUSED),
            Place::After(n) => after_read(reads + n - 1),
        }
        let found = self.carry(cell, item, &refused(subject(&cell.action)?, cell.place.site()));
        proxy.admit();
        found
    }

    fn carry(&self, cell: &Cell, item: &Item, right: &BTreeSet<End>) -> Result<Found> {
        let (agent, person) = callers(self.world.url());
        let mut proposal = World::proposal(cell.action.contract, "");
        proposal["params"] = item.params.clone();
        let view = carry(&agent, &person, &proposal, right);
        let counted = self.counted(&cell.action, item)?;
        let found = Found::of(&view, &person, &self.trust, counted, 1, right);
        Ok(Found { row: cell.row(), column: cell.column(), ..found })
    }

    /// How often the server carried out the write, and how often it shows the effect. A write that sets a value has one
    /// effect, however often it is carried out.
    fn counted(&self, action: &Action, item: &Item) -> Result<Counted> {
        let applied = self.world.proxy.carried(&On::writes_naming(&item.text));
        let shown = self.system.shown(action, item)?;
        if (shown > 0) != (applied > 0) {
            let text = &item.text;
            return Err(format!("{text}: {applied} writes, but the server shows {shown}").into());
        }
        let effects = if action.kind == Kind::Set { shown } else { shown.max(applied) };
        Ok(Counted { applied: [applied, 0, 0], effects: [effects, 0, 0] })
    }

    /// Checks that the server still shows the same after every action has ended.
    fn still(&self, cell: &Cell, found: Found, item: Option<&Item>) -> Result<Found> {
        let Some(item) = item else { return Ok(found) };
        let now = self.counted(&cell.action, item)?;
        if now == found.counted {
            return Ok(found);
        }
        let verdict = if now.effects[0] > 1 { Is::Twice } else { Is::Wrong };
        Ok(Found { verdict, note: format!("changed after its end: {now:?}"), ..found })
    }
}

fn subject(action: &Action) -> Result<Subject> {
    Ok(Subject { kind: action.kind, writes: 1, attempts: attempts(&action.text()?)? })
}

fn lost(cell: &Cell, error: &dyn std::fmt::Display) -> (Found, Option<Item>) {
    let found = Found {
        row: cell.row(),
        column: cell.column(),
        status: "-".to_owned(),
        counted: Counted::default(),
        verdict: Is::Lost,
        note: error.to_string(),
    };
    (found, None)
}

/// A name that no other item has, and that is a part of no other such name.
fn fresh() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("faults{}x", COUNT.fetch_add(1, Ordering::Relaxed))
}
