//! The contract of [`Store`] as a test suite. The suite checks each clause on a new store and returns the clauses that
//! fail.
//!
//! The suite does not simulate disk errors. Each store has its own tests of its behaviour after a failed write or sync.

mod appends;
mod durability;
mod lookups;
mod races;
#[cfg(test)]
mod tests;
mod unsynced;

use std::fmt::{Debug, Display};
use std::future::ready;
use std::sync::Arc;

use crate::store::{Append, AppendError, KeyClaim, Pending, Store, Summary};

/// A place in which one store keeps its data. The place is initially empty.
pub trait Place: Send {
    /// Opens the store in this place, or creates it. Fails when the store does not open.
    ///
    /// # Errors
    ///
    /// Fails with the reason why the store cannot be opened.
    fn open(&mut self) -> Result<Arc<dyn Store>, String>;

    /// Ends the store as a crash does, without closing it. Afterwards, the place contains only the data that survived
    /// the crash. A place may simulate a process that was killed, or a machine that lost power at the worst time. Fails
    /// when the crash cannot be simulated.
    ///
    /// # Errors
    ///
    /// Fails with the reason why the crash cannot be simulated.
    fn crash(&mut self, store: Arc<dyn Store>) -> Result<(), String>;
}

/// A clause of the contract that a store breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub clause: &'static str,
    pub why: String,
}

/// `Ok`, or a description of the fault.
type Checked = Result<(), String>;

type Clause = for<'a> fn(&'a mut dyn Place) -> Pending<'a, Checked>;

/// Every clause, with the name that reports use.
const CLAUSES: [(&str, Clause); 21] = [
    ("read back", |place| Box::pin(appends::read_back(place))),
    ("compare and append", |place| Box::pin(appends::compare(place))),
    ("one racing append is made", |place| Box::pin(races::versions(place))),
    ("one racing append gets the key", |place| Box::pin(races::keys(place))),
    ("one racing append uses the nonce", |place| Box::pin(races::nonces(place))),
    ("a refused append changes nothing", |place| Box::pin(appends::refused(place))),
    ("size limits", |place| Box::pin(appends::fit(place))),
    ("unsynced appends count", |place| Box::pin(unsynced::counts(place))),
    ("unsynced appends are read", |place| Box::pin(unsynced::reads(place))),
    ("idempotency keys", |place| Box::pin(lookups::keys(place))),
    ("the last claim of a key", |place| Box::pin(lookups::last_claim(place))),
    ("nonces", |place| Box::pin(lookups::nonces(place))),
    ("lists", |place| Box::pin(lookups::lists(place))),
    ("the latest time", |place| Box::pin(lookups::latest(place))),
    ("payloads", |place| Box::pin(ready(lookups::payloads(place)))),
    ("durable appends", |place| Box::pin(durability::durable(place))),
    ("proofs of durable appends", |place| Box::pin(durability::proofs(place))),
    ("syncs", |place| Box::pin(durability::syncs(place))),
    ("a crash loses only the end", |place| Box::pin(durability::lost_end(place))),
    ("close", |place| Box::pin(durability::close(place))),
    ("calls after close fail", |place| Box::pin(durability::closed(place))),
];

/// Checks every clause in a new place, and returns the clauses that do not hold. This function must run in a Tokio
/// runtime.
pub async fn broken<P: Place>(mut place: impl FnMut() -> P) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (clause, check) in CLAUSES {
        let checked = check(&mut place()).await;
        broken.extend(checked.err().map(|why| Broken { clause, why }));
    }
    broken
}

/// A durable append of one event.
fn append(action: &str, expect: u64, event: &str) -> Append {
    Append {
        action: action.to_owned(),
        expect,
        events: vec![event.as_bytes().to_vec()],
        summary: summary("acme", "helpdesk", "running"),
        claim: None,
        nonces: Vec::new(),
        durable: true,
    }
}

/// An append of one event that does not wait for the disk.
fn lazy(action: &str, expect: u64, event: &str) -> Append {
    Append { durable: false, ..append(action, expect, event) }
}

fn summary(tenant: &str, agent: &str, status: &str) -> Summary {
    Summary {
        tenant: tenant.to_owned(),
        agent: agent.to_owned(),
        contract: "idp.restore_access".to_owned(),
        resource: "idp/users/1".to_owned(),
        status: status.to_owned(),
        ended: false,
        at_ms: 1,
        trace: None,
    }
}

fn claim(agent: &str, key: &str, body: char, at_ms: i64) -> KeyClaim {
    KeyClaim {
        tenant: "acme".to_owned(),
        agent: agent.to_owned(),
        key: key.to_owned(),
        body_sha256: body.to_string().repeat(64),
        at_ms,
    }
}

/// Makes an append that must succeed.
async fn made(store: &dyn Store, append: Append) -> Checked {
    let (action, wanted) = (append.action.clone(), append.expect + append.events.len() as u64);
    let version = store.append(append).await.map_err(|e| format!("append to `{action}`: {e}"))?;
    same("the version that an append returns", &version, &wanted)
}

/// Makes an append that must be refused, and returns the reason.
async fn refusal(store: &dyn Store, append: Append) -> Result<AppendError, String> {
    let action = append.action.clone();
    match store.append(append).await {
        Ok(version) => Err(format!("an append to `{action}` was made as version {version}")),
        Err(error) => Ok(error),
    }
}

/// The events of an action as text. The list is empty if the action does not exist.
fn texts(store: &dyn Store, action: &str) -> Result<Vec<String>, String> {
    let Some((version, events)) = store.events(action).map_err(text)? else { return Ok(vec![]) };
    same("the version that is returned with events", &version, &(events.len() as u64))?;
    Ok(events.iter().map(|event| String::from_utf8_lossy(event).into_owned()).collect())
}

fn same<T: PartialEq + Debug + ?Sized>(what: &str, found: &T, wanted: &T) -> Checked {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{what}: found {found:?}, wanted {wanted:?}"))
}

fn must(holds: bool, what: &str) -> Checked {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn text(error: impl Display) -> String {
    error.to_string()
}
