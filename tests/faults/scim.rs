//! Faults between the host and a real third-party SCIM server: contracts of `contracts/idp/`, two with a guarded write.
//! The proxy counts the writes that it forwards, and the test reads the resulting state from the server itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use deed_tests::out::say;
use deed_tests::record::How;
use deed_tests::record::contracts::Kind;
use deed_tests::services::{Result, ScimServer, workspace};
use deed_tests::world::{SCIM, World, edit};
use deed_verify::Trust;
use serde_json::{Value, json};

use crate::cell::{Counted, Found, Is, at_once, callers, carry, place, singles, word};
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

/// What a contract changes in the directory.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// Sets `active` of a user to this value.
    Active(bool),
    /// Gives a user other names.
    Names,
    /// Adds the only member of a group (true), or removes it.
    Member(bool),
}

const CONTRACTS: [(&str, Change); 5] = [
    ("restore_access", Change::Active(true)),
    ("suspend_user", Change::Active(false)),
    ("rename_user", Change::Names),
    ("add_to_group", Change::Member(true)),
    ("remove_from_group", Change::Member(false)),
];
/// The contracts that the fixture does not have.
const MORE: [&str; 3] = ["rename_user", "add_to_group", "remove_from_group"];

const POLICY: &str = r#"
@id("helpdesk-library")
permit (principal, action in [Deed::Action::"idp.rename_user", Deed::Action::"idp.add_to_group",
    Deed::Action::"idp.remove_from_group"], resource)
when { principal.roles.contains("helpdesk") };
"#;

/// The name that [`Change::Names`] gives to a user.
const RENAMED: &str = "Renamed";

impl Change {
    fn kind(self) -> Kind {
        match self {
            Self::Active(_) | Self::Names => Kind::Add,
            Self::Member(_) => Kind::Set,
        }
    }
}

/// Adds the contracts that the fixture does not have, with grants and a policy.
fn lay_out(dir: &Path) -> Result<()> {
    fs::write(dir.join("policies/library.cedar"), POLICY)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    edit(dir, "deed.toml", own, &format!("{own}, \"policies/library.cedar\""))?;
    let mut text = fs::read_to_string(dir.join("deed.toml"))?;
    for name in MORE {
        let file = format!("contracts/{name}.toml");
        fs::copy(workspace().join(format!("contracts/idp/{name}.toml")), dir.join(file))?;
        text += "\n[tenant.acme.grant.\"idp.";
        text += name;
        text += "\"]\nupstreams = [\"idp\"]\n";
    }
    Ok(fs::write(dir.join("deed.toml"), text)?)
}

impl Bench {
    pub(crate) fn make() -> Result<Self> {
        let server = ScimServer::start()?;
        // In the `staging` environment, the contracts need no approval.
        let world = World::with(&server, SCIM, |dir| {
            lay_out(dir)?;
            edit(dir, "deed.toml", "environment = \"production\"", "environment = \"staging\"")?;
            // The Python server is slow on a busy machine, and a slow answer must not count as a fault.
            edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"5s\"")
        })?;
        let trust = world.trusted()?;
        Ok(Self { server, world, trust })
    }

    /// Every single fault of every contract, for these ways to fail.
    pub(crate) fn run(&self, hows: &[How]) -> Vec<Found> {
        let of = |(contract, change)| {
            singles(1, hows).into_iter().map(move |one| (contract, change, one))
        };
        let cells: Vec<(&str, Change, Meets)> = CONTRACTS.into_iter().flat_map(of).collect();
        at_once(AT_ONCE, &cells, |(contract, change, cell)| {
            self.meet(contract, *change, cell).unwrap_or_else(|error| lost(contract, &error))
        })
    }

    /// Runs one cell. If the call that should fail never happened, the action proves nothing, and the cell is tried
    /// again with another item. On a busy machine, the Python server may leave another observation unanswered, which
    /// ends the action before this call.
    fn meet(&self, contract: &str, change: Change, cell: &Meets) -> Result<Found> {
        for _ in 0..TRIES {
            let (found, met) = self.try_once(contract, change, cell)?;
            if met || found.verdict == Is::Twice {
                return Ok(found);
            }
            say(&format!("{} {}: not met, once more ({})", found.row, found.column, found.note));
        }
        Err(format!("{}: its fault did not occur in {TRIES} actions", place(cell)).into())
    }

    /// The result of one action, and whether the fault occurred.
    fn try_once(&self, contract: &str, change: Change, cell: &Meets) -> Result<(Found, bool)> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("faults-{}@example.com", COUNT.fetch_add(1, Ordering::Relaxed));
        let (item, params) = self.item(&name, change)?;
        let (on, skip) = cell.0.on(&item);
        self.world.proxy.fail(&on, skip, cell.1);
        let text = fs::read_to_string(self.world.dir.join(format!("contracts/{contract}.toml")))?;
        let subject = Subject { kind: change.kind(), writes: 1, attempts: attempts(&text)? };
        let right = ends(subject, std::slice::from_ref(cell));
        let (agent, person) = callers(self.world.url());
        let mut proposal = World::proposal(&format!("idp.{contract}"), "");
        proposal["params"] = params;
        let view = carry(&agent, &person, &proposal, &right);
        let counted = self.counted(&item, change)?;
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

    /// Creates what the contract changes, under this name. Returns the id of the user or group, and the parameters.
    fn item(&self, name: &str, change: Change) -> Result<(String, Value)> {
        if let Change::Active(sets) = change {
            let user = self.server.create_user(name, Some(!sets))?;
            let params = json!({"user_id": user});
            return Ok((user, params));
        }
        let user = self.server.create_user(name, Some(true))?;
        if matches!(change, Change::Names) {
            let params = json!({
                "user_id": user, "user_name": name, "new_user_name": format!("new-{name}"),
                "new_display_name": RENAMED,
            });
            return Ok((user, params));
        }
        let is_added = matches!(change, Change::Member(true));
        let members = if is_added { vec![] } else { vec![user.as_str()] };
        let group = self.server.create_group(name, &members)?;
        let params =
            json!({"group_id": group, "group_name": name, "user_id": user, "user_name": name});
        Ok((group, params))
    }

    /// Whether the server shows the change.
    fn shows(&self, item: &str, change: Change) -> Result<bool> {
        Ok(match change {
            Change::Active(sets) => self.server.get_user(item)?["active"] == json!(sets),
            Change::Names => self.server.get_user(item)?["displayName"] == json!(RENAMED),
            Change::Member(adds) => self.server.members(item)?.is_empty() != adds,
        })
    }

    /// How often the server changed the item, and whether the server shows the change.
    fn counted(&self, item: &str, change: Change) -> Result<Counted> {
        let applied = self.world.proxy.carried_out(item);
        let shown = self.shows(item, change)?;
        if shown != (applied > 0) {
            return Err(
                format!("{applied} changes were applied, but the server shows {shown}").into()
            );
        }
        Ok(Counted { applied: [applied, 0, 0], effects: [applied, 0, 0] })
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
