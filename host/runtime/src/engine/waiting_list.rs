//! What waits for people: requests for approval, and open outcomes that an operator must resolve.
//!
//! The list is in memory, so that a reader of the list reads no stories, however many actions wait. Each append to the
//! journal updates it. After a start, an action is in the list once its driver has checked it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deed_record::action::Requesters;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_record::timeline;

use super::Engine;

/// An action that waits for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    pub id: ActionId,
    pub agent: String,
    /// The person who is responsible for the agent.
    pub person: String,
    /// The persons who edited the action.
    pub editors: BTreeSet<String>,
    pub contract: String,
    pub resource: String,
    pub proposed_ms: i64,
    pub what: WaitsFor,
    /// The number of the action's events.
    version: u64,
}

/// What an action waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    Approval {
        expires_ms: i64,
        /// The approvals and confirmations that are missing, in words.
        missing: Vec<String>,
        /// The roles in which an answer would count; `confirm` if the responsible person can confirm the action.
        roles: Vec<String>,
        /// The people who have answered.
        answered: Vec<String>,
        /// Until when people have put the request off, in Unix milliseconds, by person.
        put_off: BTreeMap<String, i64>,
        /// Why people are asked again.
        again: Option<String>,
    },
    Resolution {
        /// Why observations do not settle the outcome; `None` while the host still reads the state.
        escalated: Option<String>,
    },
}

impl Waits {
    /// The persons on whose request the action is made.
    pub fn requesters(&self) -> Requesters<'_> {
        Requesters { responsible: &self.person, editors: Some(&self.editors) }
    }

    fn of(story: &Story) -> Option<Self> {
        let action = &story.bound.action;
        Some(Self {
            id: action.id.clone(),
            agent: action.principal.clone(),
            person: action.person.clone(),
            editors: action.requesters().editors.cloned().unwrap_or_default(),
            contract: action.contract.name.clone(),
            resource: action.resource.clone(),
            proposed_ms: story.proposed_ms,
            what: WaitsFor::of(story)?,
            version: story.version,
        })
    }
}

impl WaitsFor {
    fn of(story: &Story) -> Option<Self> {
        match story.status {
            Status::Waiting => {
                let ask = story.ask.as_ref()?;
                Some(Self::Approval {
                    expires_ms: ask.expires_ms,
                    missing: timeline::missing(&story.open_obligations(), &story.approvals()),
                    roles: ask.obligations.iter().map(|one| one.role.clone()).collect(),
                    answered: story.answers.iter().map(|one| one.person.clone()).collect(),
                    put_off: put_off(story),
                    again: story.stale.last().cloned(),
                })
            }
            Status::Ended(Outcome::Indeterminate) => {
                Some(Self::Resolution { escalated: story.escalated.clone() })
            }
            _ => None,
        }
    }
}

fn put_off(story: &Story) -> BTreeMap<String, i64> {
    let put_off = story.put_off().into_iter();
    put_off.map(|(person, until_ms)| (person.to_owned(), until_ms)).collect()
}

/// The waiting actions of a tenant, the oldest first.
type Actions = BTreeMap<ActionId, Arc<Waits>>;

/// All waiting actions, by tenant.
#[derive(Debug, Default)]
pub(super) struct WaitingList(Mutex<HashMap<String, Actions>>);

impl WaitingList {
    /// Adds, replaces or removes an action after its status was one of these.
    pub(super) fn moved(&self, before: Status, story: &Story) {
        if is_listed(before) || is_listed(story.status) {
            self.follow(story);
        }
    }

    /// Adds, replaces or removes an action.
    pub(super) fn follow(&self, story: &Story) {
        let action = &story.bound.action;
        let now = Waits::of(story);
        let mut tenants = self.lock();
        match now {
            Some(waits) => {
                let actions = tenants.entry(action.tenant.clone()).or_default();
                let is_newer = |known: &Arc<Waits>| known.version > waits.version;
                if !actions.get(&action.id).is_some_and(is_newer) {
                    actions.insert(action.id.clone(), Arc::new(waits));
                }
            }
            None => {
                if let Some(actions) = tenants.get_mut(&action.tenant) {
                    actions.remove(&action.id);
                }
            }
        }
    }

    fn of(&self, tenant: &str) -> Vec<Arc<Waits>> {
        self.lock()
            .get(tenant)
            .map(|actions| actions.values().cloned().collect())
            .unwrap_or_default()
    }

    fn get(&self, tenant: &str, id: &ActionId) -> Option<Arc<Waits>> {
        self.lock().get(tenant)?.get(id).cloned()
    }

    fn forget(&self, tenant: &str, id: &ActionId) {
        if let Some(actions) = self.lock().get_mut(tenant) {
            actions.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Actions>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_listed(status: Status) -> bool {
    matches!(status, Status::Waiting | Status::Ended(Outcome::Indeterminate))
}

impl Engine {
    /// What waits for people of a tenant, the oldest action first.
    pub fn waits(&self, tenant: &str) -> Vec<Arc<Waits>> {
        self.waiting_list.of(tenant)
    }

    /// The approvals that an action of the list waits for, in words.
    pub fn missing(&self, tenant: &str, id: &ActionId) -> Vec<String> {
        let waits = self.waiting_list.get(tenant, id);
        match waits.as_ref().map(|waits| &waits.what) {
            Some(WaitsFor::Approval { missing, .. }) => missing.clone(),
            Some(WaitsFor::Resolution { .. }) | None => Vec::new(),
        }
    }

    /// Whether an action of the list still waits. Two appends that are made at the same time may update the list in
    /// another order than the journal, so a reader checks what it shows.
    pub fn still_waits(&self, tenant: &str, waits: &Waits) -> bool {
        let Ok(row) = self.store.row(waits.id.as_str()) else { return true };
        let words = [Status::Waiting.word(), Outcome::Indeterminate.as_str()];
        let still = row.is_some_and(|row| words.contains(&row.summary.status.as_str()));
        if !still {
            self.waiting_list.forget(tenant, &waits.id);
        }
        still
    }
}
