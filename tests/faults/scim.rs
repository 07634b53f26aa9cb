//! Faults between the host and a real third-party SCIM server: the example contracts, one of them with a guarded write.
//! The proxy counts the writes that it forwards, and the test reads the resulting state from the server itself.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use deed_tests::out::say;
use deed_tests::record::How;
use deed_tests::record::contracts::Kind;
use deed_tests::services::{Result, ScimServer};
use deed_tests::world::{SCIM, World, edit};
use deed_verify::Trust;
use serde_json::{Value, json};

use crate::cell::{Counted, Found, Is, callers, carry, place, singles, word};
use crate::record::attempts;
use crate::rules::{End, Meets, Subject, ends};

/// The number of concurrent actions. It is low because the SCIM server handles one request at a time and queues only
/// five, and further connections wait for seconds.
const AT_ONCE: usize = 2;
/// The maximum number of actions that are run for one cell of the fault matrix, until the fault occurs.
const TRIES: usize = 3;

pub(crate) struct Bench {
    server: ScimServer,
    world: World,
    trust: Trust,
}

/// The contracts, and the value of `active` that each sets.
const CONTRACTS: [(&str, bool); 2] = [("restore_access", true), ("suspend_user", false)];

impl Bench {
    pub(crate) fn make() -> Result<Self> {
        let server = ScimServer::start()?;
        // In the `staging` environment, the contracts need no approval.
        let world = World::with(&server, SCIM, |dir| {
            edit(dir, "deed.toml", "environment = \"production\"", "environment = \"staging\"")?;
            // The Python server is slow on a busy machine, and a slow answer must not count as a fault.
            edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"5s\"")
        })?;
        let trust = world.trusted()?;
        Ok(Self { server, world, trust })
    }

    /// Every single fault of every contract, for these ways to fail.
    pub(crate) fn run(&self, hows: &[How]) -> Vec<Found> {
        let of =
            |(contract, sets)| singles(1, hows).into_iter().map(move |one| (contract, sets, one));
        let cells: Vec<(&str, bool, Meets)> = CONTRACTS.into_iter().flat_map(of).collect();
        let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some((contract, sets, cell)) =
                        cells.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let one = self.meet(contract, *sets, cell);
                        found.lock().unwrap().push(one.unwrap_or_else(|e| lost(contract, &e)));
                    }
                });
            }
        });
        found.into_inner().unwrap()
    }

    /// Runs one cell. If the call that should fail never happened, the action proves nothing, and the cell is tried
    /// again with another user. On a busy machine, the Python server may leave another observation unanswered, which
    /// ends the action before this call.
    fn meet(&self, contract: &str, sets: bool, cell: &Meets) -> Result<Found> {
        for _ in 0..TRIES {
            let (found, met) = self.try_once(contract, sets, cell)?;
            if met || found.verdict == Is::Twice {
                return Ok(found);
            }
            say(&format!("{} {}: not met, once more ({})", found.row, found.column, found.note));
        }
        Err(format!("{}: its fault did not occur in {TRIES} actions", place(cell)).into())
    }

    /// The result of one action, and whether the fault occurred.
    fn try_once(&self, contract: &str, sets: bool, cell: &Meets) -> Result<(Found, bool)> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("faults-{}@example.com", COUNT.fetch_add(1, Ordering::Relaxed));
        let user = self.server.create_user(&name, Some(!sets))?;
        let (on, skip) = cell.0.on(&user);
        self.world.proxy.fail(&on, skip, cell.1);
        let text = fs::read_to_string(self.world.dir.join(format!("contracts/{contract}.toml")))?;
        let subject = Subject { kind: Kind::Add, writes: 1, attempts: attempts(&text)? };
        let right = ends(subject, std::slice::from_ref(cell));
        let (agent, person) = callers(self.world.url());
        let proposal = World::proposal(&format!("idp.{contract}"), &user);
        let view = carry(&agent, &person, &proposal, &right);
        let counted = self.counted(&user, sets)?;
        let found = self.found(&view, &person, counted, &right);
        let (row, column) = (format!("scim {contract}: {}", place(cell)), word(cell.1.how));
        Ok((Found { row, column, ..found }, self.world.proxy.met(&on)))
    }

    fn found(
        &self,
        view: &Result<Value>,
        person: &deed_tests::client::Client,
        counted: Counted,
        right: &BTreeSet<End>,
    ) -> Found {
        Found::of(view, person, &self.trust, counted, 1, right)
    }

    /// How often the server changed the user, and whether the server shows the change.
    fn counted(&self, user: &str, sets: bool) -> Result<Counted> {
        let applied = self.world.proxy.carried_out(user);
        let shown = self.server.get_user(user)?["active"] == json!(sets);
        if shown != (applied > 0) {
            return Err(
                format!("{applied} changes were applied, but the user shows {shown}").into()
            );
        }
        Ok(Counted { applied: [applied, 0], effects: [applied, 0] })
    }
}

fn lost(contract: &str, error: &dyn std::fmt::Display) -> Found {
    Found {
        row: format!("scim {contract}"),
        column: String::new(),
        status: "-".to_owned(),
        counted: Counted::default(),
        verdict: Is::Lost,
        note: error.to_string(),
    }
}
