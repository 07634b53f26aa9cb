//! Resource leases. One action at a time holds a resource, from the observation on which the action is based until its
//! outcome.

use std::time::{Duration, Instant};

use deed_record::action::id::ActionId;
use deed_record::lifecycle::event::Phase;
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_record::policy::Verdict;

use super::Engine;
use super::drive::Drive;
use super::error::EngineError;
use super::wait::Waited;

impl Drive<'_> {
    /// Whether the action must hold its resource in its present status. A read action and a dry run never hold a
    /// resource, because they change nothing.
    pub(super) fn needs_resource(&self) -> bool {
        if self.is_read() || self.work.story.is_dry_run() {
            return false;
        }
        match self.work.story.status {
            // An action that policy allows needs its resource already now: it does not wait for approval, so it acts on
            // the state that this observation shows.
            Status::Decided(verdict) | Status::Gated(verdict) => verdict == Verdict::Allow,
            Status::Observing(Phase::Pre) | Status::Observed(Phase::Pre) => {
                self.work.story.attempts.is_empty() && self.latest_verdict() == Some(Verdict::Allow)
            }
            Status::Observing(Phase::Gate) | Status::Observed(Phase::Gate) | Status::Cleared => {
                true
            }
            _ => under_way(&self.work.story),
        }
    }

    /// Waits for the resource, which is granted in the order of requests. A lease that is reserved for the action is
    /// taken over.
    ///
    /// A cancellation, or the expiry of an approval, takes effect during the wait, because it ends the wait with
    /// [`EngineError::Conflict`]. If the action has waited as long as its contract allows, this function returns the
    /// judgement that ends the action.
    pub(super) async fn take_resource(&mut self) -> Result<Option<Judgement>, EngineError> {
        let in_flight = &self.engine.in_flight;
        let (id, name) = (&self.work.story.bound.action.id, resource_of(&self.work.story));
        if let Some(lease) = in_flight.take_reserved(id) {
            self.lease = Some(lease);
            return Ok(None);
        }
        // The lock is fair, so no waiting action is overtaken.
        if let Some(lease) = in_flight.try_hold(&name, id) {
            self.lease = Some(lease);
            return Ok(None);
        }
        // The driver returns its run slot while it waits, because slots are for actions that can continue.
        self.slot = None;
        self.flush(false).await?;
        let in_flight = &self.engine.in_flight;
        let id = &self.work.story.bound.action.id;
        let limit_ms =
            self.granted().map_or(0, |granted| granted.contract.limits.queue.as_millis());
        // An action that was attempted must not end while it waits, because its effect would never be observed.
        let limit = Instant::now().checked_add(Duration::from_millis(limit_ms));
        let limit = limit.filter(|_| !under_way(&self.work.story));
        let acquire = in_flight.resources.acquire(&name);
        let waited = self.wait(acquire, limit, self.asked_until_ms()).await?;
        match waited {
            Waited::Ready(guard) => {
                self.lease = Some(in_flight.hold(guard, &name, id));
                Ok(None)
            }
            Waited::Limit => Ok(Some(self.waited(limit_ms))),
            // The approval has expired, so the driver repeats the step, which handles the expiry.
            Waited::Over => Err(EngineError::Conflict),
        }
    }

    /// The judgement of an action that waited as long as its contract allows. Nothing was sent. The reason names the
    /// action that holds the resource.
    fn waited(&self, limit_ms: u64) -> Judgement {
        let resource = &self.work.story.bound.action.resource;
        let holder = self.engine.held_by(&self.work.story);
        let holder = holder.map_or_else(String::new, |holder| format!("; {holder} holds it"));
        let reason = format!("`{resource}` was not free within {limit_ms} ms{holder}");
        Judgement::plain(Outcome::Expired, reason)
    }

    /// Takes the lease that is reserved for an open outcome, or a free lease. Returns false when another action holds
    /// the resource.
    pub(super) fn hold_resource(&mut self) -> bool {
        let in_flight = &self.engine.in_flight;
        if self.lease.is_none() {
            let (id, name) = (&self.work.story.bound.action.id, resource_of(&self.work.story));
            self.lease = in_flight.take_reserved(id).or_else(|| in_flight.try_hold(&name, id));
        }
        self.lease.is_some()
    }

    /// Releases the resource of an open outcome, whether this driver holds the lease or the lease is still reserved.
    pub(super) fn release_resource(&mut self) {
        self.lease = None;
        drop(self.engine.in_flight.take_reserved(&self.work.story.bound.action.id));
    }

    /// Reserves the resource for the action of a driver that cannot continue, if the effect of a write is unknown.
    pub(super) fn keep_resource(&mut self) {
        if let Some(lease) = self.lease.take().filter(|_| is_kept(&self.work.story)) {
            self.engine.in_flight.reserve(&self.work.story.bound.action.id, lease);
        }
    }

    /// The verdict of the latest policy decision.
    pub(super) fn latest_verdict(&self) -> Option<Verdict> {
        self.work.story.decision.as_ref().map(|(decision, _)| decision.verdict)
    }

    pub(super) fn is_read(&self) -> bool {
        self.granted().is_some_and(|granted| granted.contract.is_read())
    }
}

impl Engine {
    /// Reserves the resources whose state is unknown, when the host starts and before any driver runs. An action whose
    /// write may be under way takes precedence over an action with an open outcome. Older directories may have one
    /// action of each kind for the same resource.
    pub(super) fn reserve_resources(&self, left: &[LeftOpen]) {
        let open = left.iter().filter(|one| !one.under_way);
        for one in left.iter().filter(|one| one.under_way).chain(open) {
            if let Some(name) = &one.keeps
                && let Some(lease) = self.in_flight.try_hold(name, &one.id)
            {
                self.in_flight.reserve(&one.id, lease);
            }
        }
    }

    /// The other action, if any, that holds the resource of an action that has not ended.
    pub fn held_by(&self, story: &Story) -> Option<ActionId> {
        if story.status.outcome().is_some() || story.is_dry_run() {
            return None;
        }
        let holder = self.in_flight.holder(&resource_of(story))?;
        Some(holder).filter(|holder| *holder != story.bound.action.id)
    }
}

/// An action that an earlier process left open, and the resource that it keeps, if any.
#[derive(Debug)]
pub(super) struct LeftOpen {
    pub(super) id: ActionId,
    under_way: bool,
    /// The resource that the action keeps, if any.
    keeps: Option<String>,
}

impl LeftOpen {
    pub(super) fn of(story: &Story) -> Self {
        let keeps = is_kept(story).then(|| resource_of(story));
        Self { id: story.bound.action.id.clone(), under_way: under_way(story), keeps }
    }
}

/// Whether the action is between the start of its first attempt and the judgement after its last attempt.
pub(super) fn under_way(story: &Story) -> bool {
    match story.status {
        Status::Attempting
        | Status::Attempted
        | Status::Retrying
        | Status::Observing(Phase::Post)
        | Status::Observed(Phase::Post) => true,
        // In the status `Cleared`, an attempt may start but has not started. The action is then between two attempts if
        // an attempt was made before.
        Status::Cleared => story.pre_is_spent,
        _ => false,
    }
}

/// Whether the action keeps its resource: during its attempts, and afterwards as long as their effect is not known.
fn is_kept(story: &Story) -> bool {
    let open = matches!(
        story.status,
        Status::Judged(Outcome::Indeterminate)
            | Status::Sealed(Outcome::Indeterminate)
            | Status::Ended(Outcome::Indeterminate)
            | Status::Resolved
    );
    // An action that was cancelled between two attempts and not judged yet also keeps its resource.
    let cancelled = story.status == Status::CancelRequested && story.may_have_changed_something();
    open || cancelled || under_way(story)
}

/// The name of a resource, which includes its tenant.
fn resource_of(story: &Story) -> String {
    let action = &story.bound.action;
    format!("{}/{}", action.tenant, action.resource)
}
