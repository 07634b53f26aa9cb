//! Which people are notified about an action, and when: approvers who may answer, the person who is responsible for the
//! agent, and those to whom a request for approval is escalated.

use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::lifecycle::story::Story;
use deed_record::statement::approval::Ask;

use super::Engine;
use super::notices::Told;
use super::timers::Why;
use crate::config::{Address, Tenant};
use crate::stage::approval;
use crate::stage::notify::Notice;

/// How many people are told by e-mail of one event, at most.
const PEOPLE_MAX: usize = 64;

impl Engine {
    /// Notifies the people whom this concerns.
    pub(super) fn tell_people(&self, notice: Notice, story: &Story) {
        let current = self.current();
        let Some(tenant) = current.tenant(&story.bound.action.tenant) else { return };
        if tenant.channels.is_empty() || (notice == Notice::Ended && !was_asked(story)) {
            return;
        }
        let now_ms = self.clock.latest_ms();
        let to = addresses(tenant, notice, story, now_ms);
        current.notifier.tell_people(notice, story, &to, now_ms);
    }

    /// Notifies the responsible person that all approvals are there, once for each request for approval: while the
    /// action waits for its resource, timers and reloads start further drivers of it.
    pub(super) fn tell_approved(&self, story: &Story) {
        let id = &story.bound.action.id;
        let ask = story.ask.as_ref();
        if ask.is_some_and(|ask| self.told_again.is_first(id, Told::People(Notice::Approved), ask))
        {
            self.tell_people(Notice::Approved, story);
        }
    }

    /// Tells people again about a request for approval, now or when it is time.
    pub(super) fn tell_people_later(self: &Arc<Self>, story: &Story, ask: &Ask) {
        let id = &story.bound.action.id;
        for (notice, due_ms) in self.people_due(story, ask) {
            if self.clock.now_ms() < due_ms {
                self.wake_at(due_ms, id, Why::Expires);
            } else if self.told_again.is_first(id, Told::People(notice), ask) {
                self.tell_people(notice, story);
            }
        }
        self.remind_after(story);
    }

    /// Tells each person who had put the request off that it waits again, now or when it is time.
    pub(super) fn remind_after(self: &Arc<Self>, story: &Story) {
        let id = &story.bound.action.id;
        let Some(ask) = &story.ask else { return };
        for (person, until_ms) in self.put_off(story) {
            if self.clock.now_ms() < until_ms {
                self.wake_at(until_ms, id, Why::Expires);
            } else if self.told_again.is_first(id, Told::PutOff(person.to_owned(), until_ms), ask) {
                self.tell_again(story, person, until_ms);
            }
        }
    }

    /// The people who put the request off until a time before its expiry. Nobody is told at the expiry itself.
    fn put_off<'a>(&self, story: &'a Story) -> Vec<(&'a str, i64)> {
        let current = self.current();
        let tenant = current.tenant(&story.bound.action.tenant);
        let (Some(_), Some(ask)) = (tenant.filter(|one| !one.channels.is_empty()), &story.ask)
        else {
            return Vec::new();
        };
        story.put_off().into_iter().filter(|(_, until_ms)| *until_ms < ask.expires_ms).collect()
    }

    fn tell_again(&self, story: &Story, person: &str, until_ms: i64) {
        let current = self.current();
        let Some(tenant) = current.tenant(&story.bound.action.tenant) else { return };
        let now_ms = self.clock.latest_ms();
        let is_missing = is_missing(tenant, story, person, now_ms);
        let known = tenant.persons.get(person).filter(|_| is_missing);
        if let Some(email) = known.and_then(|known| known.email.clone()) {
            current.notifier.tell_person_again(story, &email, until_ms);
        }
    }

    /// Removes the timers of [`Engine::tell_people_later`]. Deferrals that a later one of the same person replaced have
    /// timers too: while the request waits, they wake a driver that finds nothing to do.
    pub(super) fn tell_people_no_more(self: &Arc<Self>, story: &Story, ask: &Ask) {
        let id: &ActionId = &story.bound.action.id;
        let due = self.people_due(story, ask).into_iter().map(|(_, due_ms)| due_ms);
        let again = story.deferrals.iter().map(|deferral| deferral.until_ms);
        for due_ms in due.chain(again) {
            self.wake_at(due_ms, id, Why::NoMore);
        }
    }

    /// When people are told again about a request for approval. A time before the request or after its expiry does not
    /// count: a request may expire early, with the access token of the agent.
    fn people_due(&self, story: &Story, ask: &Ask) -> Vec<(Notice, i64)> {
        let current = self.current();
        let Some(tenant) = current.tenant(&story.bound.action.tenant) else { return Vec::new() };
        if tenant.channels.is_empty() {
            return Vec::new();
        }
        let channels = &tenant.channels;
        let remind = channels.remind_ms.map(|ms| ask.expires_ms.saturating_sub(ms));
        let escalate = channels.escalate.as_ref();
        let escalate = escalate.map(|one| story.asked_ms.saturating_add(one.after_ms));
        let due = [(Notice::Reminder, remind), (Notice::Escalated, escalate)];
        let due = due.into_iter().filter_map(|(notice, at_ms)| Some((notice, at_ms?)));
        due.filter(|(_, at_ms)| (story.asked_ms..ask.expires_ms).contains(at_ms)).collect()
    }
}

/// Whether people were asked about the action at any time.
fn was_asked(story: &Story) -> bool {
    story.ask.is_some() || !story.stale.is_empty()
}

/// The addresses of the people whom a notice concerns.
fn addresses(tenant: &Tenant, notice: Notice, story: &Story, now_ms: i64) -> Vec<Arc<Address>> {
    let put_off = story.put_off();
    // Who put the request off is told again at that time.
    let is_left_alone = |name: &str| {
        notice == Notice::Reminder && put_off.get(name).is_some_and(|until_ms| *until_ms > now_ms)
    };
    let names = tenant.persons.keys();
    let names = names.filter(|name| {
        concerns(tenant, notice, story, (name.as_str(), now_ms)) && !is_left_alone(name.as_str())
    });
    let persons = names.filter_map(|name| tenant.persons.get(name));
    persons.filter_map(|person| person.email.clone()).take(PEOPLE_MAX).collect()
}

/// Whether a notice concerns this person. Nobody is asked to approve an action of an agent for which they are
/// responsible, or an action that they changed. The responsible person is asked to confirm an action.
fn concerns(tenant: &Tenant, notice: Notice, story: &Story, (name, now_ms): (&str, i64)) -> bool {
    let is_own = story.bound.action.requesters().include(name);
    match notice {
        Notice::Asked | Notice::Again => is_missing(tenant, story, name, now_ms),
        Notice::Reminder => is_own || is_missing(tenant, story, name, now_ms),
        Notice::Escalated => !is_own && is_next(tenant, name),
        Notice::Approved | Notice::Ended => is_own,
    }
}

/// Whether this person could give an approval or a confirmation that is missing.
fn is_missing(tenant: &Tenant, story: &Story, name: &str, now_ms: i64) -> bool {
    let counts = story.approvals();
    let asked = story.ask.iter().flat_map(|ask| &ask.obligations);
    let mut open = asked.filter(|one| counts.get(&one.role).copied().unwrap_or(0) < one.count);
    approval::standing(tenant, name, story, now_ms).is_ok_and(|standing| {
        !standing.has_approved && open.any(|one| standing.roles.contains(&one.role))
    })
}

/// Whether requests are escalated to this person.
fn is_next(tenant: &Tenant, name: &str) -> bool {
    let Some(escalate) = &tenant.channels.escalate else { return false };
    let roles = tenant.persons.get(name).map(|person| &person.roles);
    escalate.to.contains(name) || roles.is_some_and(|roles| !roles.is_disjoint(&escalate.to))
}
