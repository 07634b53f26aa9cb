//! Who holds a resource, and when: one action at a time, from its first deciding look to its outcome.

use std::time::{Duration, Instant};

use deed_record::event::Phase;
use deed_record::outcome::{Judgement, Outcome};
use deed_record::policy::Verdict;
use deed_record::status::Status;
use deed_record::story::Story;

use super::Pipeline;
use super::drive::Drive;
use super::ledger::LedgerError;

/// How often an action in the queue looks whether it was cancelled or has expired.
pub(super) const QUEUE_LOOK: Duration = Duration::from_millis(200);

impl Drive<'_> {
    /// Whether the action must hold its resource where it stands. A read holds nothing.
    pub(super) fn needs_resource(&self) -> bool {
        if self.is_read() {
            return false;
        }
        match self.story.status {
            // Nobody will be waited for: what it sees now is what it acts on.
            Status::Decided(verdict) | Status::Gated(verdict) => verdict == Verdict::Allow,
            Status::Observing(Phase::Pre) | Status::Observed(Phase::Pre) => {
                self.story.attempts.is_empty() && self.first_verdict() == Some(Verdict::Allow)
            }
            Status::Observing(Phase::Gate) | Status::Observed(Phase::Gate) | Status::Cleared => {
                true
            }
            _ => under_way(&self.story),
        }
    }

    /// Waits for the resource, in the order of asking; takes the one that was reserved for it, if any.
    ///
    /// A cancellation or an expiry in the queue counts at once: it ends the wait as a conflict. Whoever has
    /// waited as long as its contract lets it gets the judgement that ends it.
    pub(super) async fn take_resource(&mut self) -> Result<Option<Judgement>, LedgerError> {
        let flights = &self.pipeline.flights;
        if let Some(lease) = flights.reserved(&self.story.bound.action.id) {
            self.lease = Some(lease);
            return Ok(None);
        }
        let name = resource_of(&self.story);
        let limit_ms =
            self.granted().map_or(0, |granted| granted.contract.limits.queue.as_millis());
        let limit = Instant::now().checked_add(Duration::from_millis(limit_ms));
        let mut acquire = std::pin::pin!(flights.resources.acquire(&name));
        loop {
            tokio::select! {
                lease = &mut acquire => {
                    self.lease = Some(lease);
                    return Ok(None);
                }
                () = tokio::time::sleep(QUEUE_LOOK) => if self.is_overtaken()? {
                    return Err(LedgerError::Conflict);
                } else if limit.is_some_and(|limit| Instant::now() >= limit) && !self.settling {
                    let resource = &self.story.bound.action.resource;
                    let reason = format!("`{resource}` was not free within {limit_ms} ms");
                    return Ok(Some(Judgement::plain(Outcome::Expired, reason)));
                },
            }
        }
    }

    /// Whether something happened to the action while it stood in the queue.
    pub(super) fn is_overtaken(&self) -> Result<bool, LedgerError> {
        let row = self.pipeline.journal.row(self.story.bound.action.id.as_str())?;
        let changed = row.is_some_and(|row| row.version != self.story.version);
        let waited = self.story.status == Status::Waiting;
        Ok(changed || (waited && self.expired(self.pipeline.clock.now_ms()).is_some()))
    }

    /// A driver that cannot go on leaves the resource of a write that may be under way to its action.
    pub(super) fn keep_resource(&mut self) {
        if let Some(lease) = self.lease.take().filter(|_| under_way(&self.story)) {
            self.pipeline.flights.reserve(&self.story.bound.action.id, lease);
        }
    }

    /// Policy's answer to the proposal.
    pub(super) fn first_verdict(&self) -> Option<Verdict> {
        self.story.decision.as_ref().map(|(decision, _)| decision.verdict)
    }

    pub(super) fn is_read(&self) -> bool {
        self.granted().is_some_and(|granted| granted.contract.is_read())
    }
}

impl Pipeline {
    /// At the start, before any driver runs: resources of writes that may be under way are not free.
    pub(super) fn reserve_resource(&self, story: &Story) {
        if under_way(story)
            && let Some(lease) = self.flights.resources.try_acquire(&resource_of(story))
        {
            self.flights.reserve(&story.bound.action.id, lease);
        }
    }
}

/// From the start of the first attempt until the look after the last one was judged.
fn under_way(story: &Story) -> bool {
    match story.status {
        Status::Attempting
        | Status::Attempted
        | Status::Retrying
        | Status::Observing(Phase::Post)
        | Status::Observed(Phase::Post) => true,
        // A planned attempt that has passed the gate once more.
        Status::Cleared => story.pre_is_spent,
        _ => false,
    }
}

/// One tenant's resource, by name.
fn resource_of(story: &Story) -> String {
    let action = &story.bound.action;
    format!("{}/{}", action.tenant, action.resource)
}
