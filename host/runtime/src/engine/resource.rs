//! Who holds a resource, and when: one action at a time, from its first deciding look to its outcome.

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

/// How often an action in the queue looks whether it was cancelled, has expired, or the host stops.
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
    pub(super) async fn take_resource(&mut self) -> Result<Option<Judgement>, EngineError> {
        let flights = &self.engine.flights;
        let (id, name) = (&self.story.bound.action.id, resource_of(&self.story));
        if let Some(lease) = flights.reserved(id) {
            self.lease = Some(lease);
            return Ok(None);
        }
        // In order: nobody who waits is passed over.
        if let Some(lease) = flights.try_hold(&name, id) {
            self.lease = Some(lease);
            return Ok(None);
        }
        // Slots to run are for those who can go on.
        self.turn = None;
        self.hand_over(false).await?;
        let flights = &self.engine.flights;
        let id = &self.story.bound.action.id;
        let limit_ms =
            self.granted().map_or(0, |granted| granted.contract.limits.queue.as_millis());
        // What was attempted is not over because it waits: nobody would look what became of it.
        let limit = Instant::now().checked_add(Duration::from_millis(limit_ms));
        let limit = limit.filter(|_| !under_way(&self.story));
        let mut acquire = std::pin::pin!(flights.resources.acquire(&name));
        loop {
            let turn = tokio::time::timeout(QUEUE_LOOK, &mut acquire);
            if let Ok(guard) = flights.pause(turn).await? {
                self.lease = Some(flights.hold(guard, &name, id));
                return Ok(None);
            }
            if self.is_overtaken()? {
                return Err(EngineError::Conflict);
            }
            if limit.is_some_and(|limit| Instant::now() >= limit) {
                return Ok(Some(self.waited(limit_ms)));
            }
        }
    }

    /// The end of who waited as long as its contract lets it: nothing was sent, and who holds it is named.
    fn waited(&self, limit_ms: u64) -> Judgement {
        let resource = &self.story.bound.action.resource;
        let holder = self.engine.held_by(&self.story);
        let holder = holder.map_or_else(String::new, |holder| format!("; {holder} holds it"));
        let reason = format!("`{resource}` was not free within {limit_ms} ms{holder}");
        Judgement::plain(Outcome::Expired, reason)
    }

    /// The resource that an open outcome keeps, or one that nobody has; false when another action has it.
    pub(super) fn hold_resource(&mut self) -> bool {
        let flights = &self.engine.flights;
        if self.lease.is_none() {
            let (id, name) = (&self.story.bound.action.id, resource_of(&self.story));
            self.lease = flights.reserved(id).or_else(|| flights.try_hold(&name, id));
        }
        self.lease.is_some()
    }

    /// Hands on what an open outcome kept, whether this driver took it up or not.
    pub(super) fn release_resource(&mut self) {
        self.lease = None;
        drop(self.engine.flights.reserved(&self.story.bound.action.id));
    }

    /// Whether something happened to the action while it stood in the queue.
    pub(super) fn is_overtaken(&self) -> Result<bool, EngineError> {
        let row = self.engine.store.row(self.story.bound.action.id.as_str())?;
        let changed = row.is_some_and(|row| row.version != self.pages.base(&self.story));
        let waited = self.story.status == Status::Waiting;
        Ok(changed || (waited && self.expired(self.engine.clock.now_ms()).is_some()))
    }

    /// A driver that cannot go on leaves the resource to its action, where nobody knows what becomes of it.
    pub(super) fn keep_resource(&mut self) {
        if let Some(lease) = self.lease.take().filter(|_| is_kept(&self.story)) {
            self.engine.flights.reserve(&self.story.bound.action.id, lease);
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

impl Engine {
    /// At the start, before any driver runs: what nobody knows the state of is not free. A write that may
    /// be under way comes before what is only open: in older directories both may be there.
    pub(super) fn reserve_resources(&self, left: &[LeftOpen]) {
        let open = left.iter().filter(|one| !one.under_way);
        for one in left.iter().filter(|one| one.under_way).chain(open) {
            if let Some(name) = &one.keeps
                && let Some(lease) = self.flights.try_hold(name, &one.id)
            {
                self.flights.reserve(&one.id, lease);
            }
        }
    }

    /// The other action that holds the resource of one that has not ended.
    pub fn held_by(&self, story: &Story) -> Option<ActionId> {
        if story.status.outcome().is_some() {
            return None;
        }
        let holder = self.flights.holder(&resource_of(story))?;
        Some(holder).filter(|holder| *holder != story.bound.action.id)
    }
}

/// What an earlier process left open, as far as it holds anything.
#[derive(Debug)]
pub(super) struct LeftOpen {
    pub(super) id: ActionId,
    under_way: bool,
    /// The resource that it keeps.
    keeps: Option<String>,
}

impl LeftOpen {
    pub(super) fn of(story: &Story) -> Self {
        let keeps = is_kept(story).then(|| resource_of(story));
        Self { id: story.bound.action.id.clone(), under_way: under_way(story), keeps }
    }
}

/// From the start of the first attempt until the look after the last one was judged.
pub(super) fn under_way(story: &Story) -> bool {
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

/// Also when the attempt is over, as long as nobody knows what became of it.
fn is_kept(story: &Story) -> bool {
    let open = matches!(
        story.status,
        Status::Judged(Outcome::Indeterminate)
            | Status::Sealed(Outcome::Indeterminate)
            | Status::Ended(Outcome::Indeterminate)
            | Status::Resolved
    );
    // Cancelled between two attempts, and not judged yet.
    let cancelled = story.status == Status::CancelRequested && story.may_have_changed_something();
    open || cancelled || under_way(story)
}

/// One tenant's resource, by name.
fn resource_of(story: &Story) -> String {
    let action = &story.bound.action;
    format!("{}/{}", action.tenant, action.resource)
}
