//! Who holds a resource, and when: one action at a time, from its first deciding look to its outcome.

use deed_record::event::Phase;
use deed_record::policy::Verdict;
use deed_record::status::Status;
use deed_record::story::Story;

use super::Pipeline;
use super::drive::Drive;

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
                self.first_verdict() == Some(Verdict::Allow)
            }
            Status::Observing(Phase::Gate) | Status::Observed(Phase::Gate) | Status::Cleared => {
                true
            }
            status => under_way(status),
        }
    }

    /// Waits for the resource, in the order of asking; takes the one that was reserved for it, if any.
    pub(super) async fn take_resource(&mut self) {
        let flights = &self.pipeline.flights;
        let id = &self.story.bound.action.id;
        self.lease = match flights.reserved(id) {
            Some(lease) => Some(lease),
            None => Some(flights.resources.acquire(&resource_of(&self.story)).await),
        };
    }

    /// A driver that cannot go on leaves the resource of a write that may be under way to its action.
    pub(super) fn keep_resource(&mut self) {
        if let Some(lease) = self.lease.take().filter(|_| under_way(self.story.status)) {
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
        if under_way(story.status)
            && let Some(lease) = self.flights.resources.try_acquire(&resource_of(story))
        {
            self.flights.reserve(&story.bound.action.id, lease);
        }
    }
}

/// From the start of the attempt until the look after it was judged.
fn under_way(status: Status) -> bool {
    matches!(
        status,
        Status::Attempting
            | Status::Attempted
            | Status::Observing(Phase::Post)
            | Status::Observed(Phase::Post)
    )
}

/// One tenant's resource, by name.
fn resource_of(story: &Story) -> String {
    let action = &story.bound.action;
    format!("{}/{}", action.tenant, action.resource)
}
