//! Admission: whether new work is taken, by how much is carried already. What is refused is told which limit is reached
//! and when to come back, before anything is written; what was accepted is never shed.
//!
//! Its counters follow every course and every append: it never looks through actions to count them.

mod book;
mod limit;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_store::group_commit::GroupCommit;

use self::book::{Account, Book, Tenant, lock};
pub use self::limit::{Limit, Overload};
use super::fair_share::{Held, Level, Pool, reached_of_free};
use crate::config::Limits;

/// People answer in minutes; to ask more often would be in vain.
const PEOPLE_RETRY_S: u64 = 60;
/// Nobody is sent away for longer than this because of what is under way.
const RETRY_MAX_S: u64 = 60;
/// People may bring so much more under way than agents: one fourth. An approval is not kept out by those
/// who only ask for one.
const FOR_PEOPLE: usize = 4;

/// How much a tenant has, for operators.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load {
    pub tenant: String,
    pub under_way: usize,
    pub waiting: usize,
}

/// The counters. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    limits: Limits,
    book: Arc<Mutex<Book>>,
}

/// An action under way. Dropping it says that the action rests or was not taken.
#[derive(Debug)]
pub(crate) struct Course {
    book: Arc<Mutex<Book>>,
    tenant: String,
    agent: String,
    since: Instant,
    carries: bool,
}

impl Course {
    /// From now on an action goes with it: its end says how long one takes.
    pub(crate) fn carrying(self) -> Self {
        let mut course = self;
        course.carries = true;
        course
    }
}

impl Drop for Course {
    fn drop(&mut self) {
        let stay = self.since.elapsed();
        let mut book = lock(&self.book);
        let left = book.of(&self.tenant, &self.agent).tenant.under_way.saturating_sub(1);
        book.pool.give_back(left);
        book.each(&self.tenant, &self.agent, |account| {
            account.under_way = account.under_way.saturating_sub(1);
            // What was refused, or was there already, took no time at all.
            if self.carries {
                account.learn(stay);
            }
        });
    }
}

impl Admission {
    /// `crowd` is told how much is under way.
    pub(crate) fn new(limits: Limits, tenants: usize, crowd: GroupCommit) -> Self {
        let book = Book::new(Pool::new(limits.under_way, tenants), crowd);
        Self { limits, book: Arc::new(Mutex::new(book)) }
    }

    /// A course for a proposal, unless agent, tenant or host have too much under way.
    pub(crate) fn admit(&self, tenant: &str, agent: &str) -> Result<Course, Overload> {
        let mut book = lock(&self.book);
        let has = book.of(tenant, agent);
        let under_way = has.map(|account| account.under_way);
        match book.pool.reached(under_way, self.limits.under_way.agent) {
            None => Ok(self.begin(&mut book, tenant, agent)),
            Some(Level::Agent) => Err(book.refuse(Limit::AgentUnderWay, seconds(has.agent.stay))),
            Some(Level::Tenant) => {
                Err(book.refuse(Limit::TenantUnderWay, seconds(has.tenant.stay)))
            }
            Some(Level::Host) => Err(book.refuse(Limit::HostUnderWay, seconds(has.host.stay))),
        }
    }

    /// A course for what a person's answer carries on, unless the host has far too much under way.
    pub(crate) fn admit_answer(&self, tenant: &str, agent: &str) -> Result<Course, Overload> {
        let mut book = lock(&self.book);
        let most = self.limits.under_way.host;
        let own = book.of(tenant, agent).tenant.under_way;
        // Nobody else's approvals take the places that are guaranteed to a tenant.
        if !book.pool.is_guaranteed(own) && book.host.under_way >= most + most / FOR_PEOPLE {
            let stay = book.host.stay;
            return Err(book.refuse(Limit::HostUnderWay, seconds(stay)));
        }
        Ok(self.begin(&mut book, tenant, agent))
    }

    /// A course for what was accepted before: it is never refused.
    pub(crate) fn enter(&self, tenant: &str, agent: &str) -> Course {
        self.begin(&mut lock(&self.book), tenant, agent)
    }

    /// The limit that keeps one more from coming to wait for people; none while there is no doubt of room,
    /// also when everything that is under way comes to wait as well.
    pub(crate) fn full_of_waiting(&self, tenant: &str, agent: &str) -> Option<Limit> {
        // What is asking now has a course already.
        let may = |account: Account| {
            account.waiting().saturating_add(account.under_way).saturating_sub(1)
        };
        let has = lock(&self.book).of(tenant, agent).map(may);
        reached_of_free(self.limits.waiting, has).map(|level| match level {
            Level::Agent => Limit::AgentWaiting,
            Level::Tenant => Limit::TenantWaiting,
            Level::Host => Limit::HostWaiting,
        })
    }

    /// The refusal of one that would wait for people.
    pub(crate) fn refuse_to_wait(&self, limit: Limit) -> Overload {
        lock(&self.book).refuse(limit, PEOPLE_RETRY_S)
    }

    /// Counts an action that waited when the host started.
    pub(crate) fn remember(&self, tenant: &str, agent: &str) {
        lock(&self.book).each(tenant, agent, |account| account.waiting += 1);
    }

    /// Counts a story that went from one status to another.
    pub(crate) fn moved(&self, from: Status, story: &Story) {
        let change = waits(story.status) - waits(from);
        if change != 0 {
            let action = &story.bound.action;
            let mut book = lock(&self.book);
            book.each(&action.tenant, &action.principal, |account| account.waiting += change);
        }
    }

    /// Tenant by tenant, what is under way and what waits.
    pub(crate) fn loads(&self) -> Vec<Load> {
        let book = lock(&self.book);
        let load = |(name, tenant): (&String, &Tenant)| Load {
            tenant: name.clone(),
            under_way: tenant.account.under_way,
            waiting: tenant.account.waiting(),
        };
        let mut loads: Vec<Load> = book.tenants.iter().map(load).collect();
        loads.sort();
        loads
    }

    /// How often each limit kept somebody out.
    pub(crate) fn refused(&self) -> [(Limit, u64); Limit::ALL.len()] {
        let book = lock(&self.book);
        Limit::ALL.map(|limit| (limit, book.refused.get(&limit).copied().unwrap_or(0)))
    }

    fn begin(&self, book: &mut Book, tenant: &str, agent: &str) -> Course {
        let had = book.of(tenant, agent).tenant.under_way;
        book.pool.take(had);
        book.each(tenant, agent, |account| account.under_way += 1);
        let (tenant, agent) = (tenant.to_owned(), agent.to_owned());
        let book = Arc::clone(&self.book);
        Course { book, tenant, agent, since: Instant::now(), carries: false }
    }
}

/// As the word for it says: who is about to be asked anew waits too, and a start counts by words.
fn waits(status: Status) -> isize {
    isize::from(status.word() == Status::Waiting.word())
}

/// As long as what is under way will take to come to rest, by what it took of late.
fn seconds(stay: Duration) -> u64 {
    stay.as_secs().saturating_add(1).min(RETRY_MAX_S)
}

#[cfg(test)]
mod tests;
