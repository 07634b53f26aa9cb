//! Sends webhooks (Standard Webhooks 1.0.0): to the operators' receiver, and to the receivers of agents. Sends messages
//! to people (`people.rs`). Notifications never delay an action.
//!
//! A message contains ids, names and times, but no state and no parameters. Recipients read the action with their own
//! access rights. Each receiver has a queue of its own, so a slow receiver delays no other.

mod delivery;
mod message;
mod people;
mod queue;
mod signature;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deed_record::action::Action;
use deed_record::lifecycle::story::Story;
use deed_system::clock::Clock;
use tokio::sync::Semaphore;

use self::delivery::{Target, client};
use self::message::Message;
pub use self::people::Notice;
use self::people::{Counts, People, Shares, Taken};
use self::queue::{Progress, Queue};
use crate::config::{Address, Config, Webhook, WebhookEvent};

/// How many receivers of agents are called at the same time.
const AGENTS_ABREAST: usize = 8;
/// How many chats are called at the same time.
const CHATS_ABREAST: usize = 4;

/// The queues of all receivers. Without a configured webhook, nothing is sent.
#[derive(Debug)]
pub struct Notifier {
    host: Option<HostQueue>,
    /// The queues of agents, by tenant and agent.
    agents: BTreeMap<String, BTreeMap<String, Arc<Queue>>>,
    people: People,
    /// The URL below which people find the page of an action; `None` if people have no page.
    base: Option<String>,
    common: Common,
}

/// What the notifiers of all configurations have in common.
#[derive(Clone, Debug)]
struct Common {
    progress: Arc<Progress>,
    client: ureq::Agent,
    /// The operators' receiver never waits for a receiver of an agent.
    own: Arc<Semaphore>,
    shared: Arc<Semaphore>,
    /// The messages for people that are not delivered.
    notices: Arc<Progress>,
    chats: Arc<Semaphore>,
    counts: Arc<Counts>,
    shares: Arc<Shares>,
    clock: Clock,
}

/// The queue of the operators' receiver, and the events that it gets.
#[derive(Debug)]
struct HostQueue {
    queue: Arc<Queue>,
    events: BTreeSet<WebhookEvent>,
}

impl Common {
    fn new(clock: &Clock) -> Self {
        Self {
            progress: Arc::default(),
            client: client(),
            own: Arc::new(Semaphore::new(1)),
            shared: Arc::new(Semaphore::new(AGENTS_ABREAST)),
            notices: Arc::default(),
            chats: Arc::new(Semaphore::new(CHATS_ABREAST)),
            counts: Arc::default(),
            shares: Arc::default(),
            clock: clock.clone(),
        }
    }
}

impl Notifier {
    /// The notifier of a configuration. A receiver that is configured as in the notifier before keeps its queue, so its
    /// messages still arrive in their order. The messages in other queues of that notifier are delivered too.
    pub fn new(config: &Config, clock: &Clock, before: Option<&Self>) -> Self {
        let common = before.map_or_else(|| Common::new(clock), |before| before.common.clone());
        let queue = |name: String, webhook: &Arc<Webhook>, places: &Arc<Semaphore>| {
            let known =
                before.into_iter().flat_map(Self::all).find(|one| one.is_for(&name, webhook));
            known.map_or_else(
                || {
                    let target = Target::new(name, webhook, &common.client, clock, places);
                    Arc::new(Queue::new(target, &common.progress))
                },
                Arc::clone,
            )
        };
        let host = config.notify.as_ref().map(|notify| HostQueue {
            queue: queue("[notify]".to_owned(), &notify.webhook, &common.own),
            events: notify.events.clone(),
        });
        let mut agents: BTreeMap<String, BTreeMap<String, Arc<Queue>>> = BTreeMap::new();
        for (tenant, tables) in &config.tenants {
            for (agent, webhook) in &tables.webhooks {
                let queue = queue(format!("agent {agent} of {tenant}"), webhook, &common.shared);
                agents.entry(tenant.clone()).or_default().insert(agent.clone(), queue);
            }
        }
        let people = People::new(config, &common, before.map(|before| &before.people));
        Self { host, agents, people, base: config.public_url.clone(), common }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Queue>> {
        let host = self.host.as_ref().map(|host| &host.queue);
        host.into_iter().chain(self.agents.values().flat_map(BTreeMap::values))
    }

    /// Whether the operators' receiver gets this event.
    pub fn tells_people(&self, event: WebhookEvent) -> bool {
        self.host.as_ref().is_some_and(|host| host.events.contains(&event))
    }

    /// Reports an event that happened with the latest entry of the story.
    pub fn tell(&self, event: WebhookEvent, story: &Story) {
        self.tell_at(event, story, story.at_ms);
    }

    /// Reports an event that happened at this time.
    pub fn tell_at(&self, event: WebhookEvent, story: &Story, at_ms: i64) {
        let queues = self.queues(event, &story.bound.action);
        if queues.is_empty() {
            return;
        }
        let message = Arc::new(Message::new(event, story, at_ms, self.base.as_deref()));
        for queue in queues {
            queue.push(&message);
        }
    }

    /// Sends a message to these addresses and to the chat of the tenant, if the tenant has a relay and a chat. A notice
    /// beyond the share of the agent is dropped.
    pub fn tell_people(&self, notice: Notice, story: &Story, to: &[Arc<Address>], at_ms: i64) {
        let (tenant, agent) = (&story.bound.action.tenant, &story.bound.action.principal);
        let messages = self.people.messages(tenant, to);
        match self.common.shares.take((tenant, agent), messages, Instant::now()) {
            Taken::Fits => return self.people.tell(notice, story, to, at_ms),
            Taken::FirstBeyond => tracing::warn!(
                tenant,
                agent,
                "people were notified too often about the actions of this agent; further notifications are dropped \
                 for up to ten minutes"
            ),
            Taken::Beyond => {}
        }
        self.people.count_dropped(story, to);
    }

    /// Tells one person by e-mail that a request waits again, which the person had put off until this time.
    pub fn tell_person_again(&self, story: &Story, to: &Arc<Address>, until_ms: i64) {
        self.people.tell_again(story, to, until_ms);
    }

    /// How many messages for people had each result, with the channel and the result.
    pub fn people_told(&self) -> Vec<([&'static str; 2], u64)> {
        self.common.counts.all()
    }

    /// The queues of the receivers that get this event of this action. An agent's receiver gets only its own actions.
    fn queues(&self, event: WebhookEvent, action: &Action) -> Vec<&Queue> {
        let host = self.host.as_ref().filter(|host| host.events.contains(&event));
        let own = self.agents.get(&action.tenant).and_then(|all| all.get(&action.principal));
        let own = own.filter(|_| WebhookEvent::FOR_AGENTS.contains(&event));
        host.map(|host| &host.queue).into_iter().chain(own).map(|queue| &**queue).collect()
    }

    /// Makes one more attempt for each message that still waits, without further pauses, but takes at most `patience`.
    pub async fn finish(&self, patience: Duration) {
        let (progress, notices) = (&self.common.progress, &self.common.notices);
        let (left, waiting) = tokio::join!(progress.finish(patience), notices.finish(patience));
        if left > 0 {
            tracing::warn!(left, "the host stops before these webhooks were delivered");
        }
        if waiting > 0 {
            tracing::warn!(
                left = waiting,
                "the host stops before these notifications were delivered"
            );
        }
    }
}
