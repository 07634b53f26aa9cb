//! Sends webhooks (Standard Webhooks 1.0.0): to the operators' receiver, and to the receivers of agents. Notifications
//! never delay an action.
//!
//! A message contains ids, names and times, but no state and no parameters. Recipients read the action with their own
//! access rights. Each receiver has a queue of its own, so a slow receiver delays no other.

mod delivery;
mod message;
mod queue;
mod signature;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use deed_record::action::Action;
use deed_record::lifecycle::story::Story;
use deed_system::clock::Clock;
use tokio::sync::Semaphore;

use self::delivery::{Target, client};
use self::message::Message;
use self::queue::{Progress, Queue};
use crate::config::{Config, Webhook, WebhookEvent};

/// How many receivers of agents are called at the same time.
const AGENTS_ABREAST: usize = 8;

/// The queues of all receivers. Without a configured webhook, nothing is sent.
#[derive(Debug)]
pub struct Notifier {
    host: Option<HostQueue>,
    /// The queues of agents, by tenant and agent.
    agents: BTreeMap<String, BTreeMap<String, Queue>>,
    /// The base of links for people; `None` if people have no page.
    base: Option<String>,
    progress: Arc<Progress>,
}

/// The queue of the operators' receiver, and the events that it gets.
#[derive(Debug)]
struct HostQueue {
    queue: Queue,
    events: BTreeSet<WebhookEvent>,
}

impl Notifier {
    /// `base` is the URL below which people find the page of an action.
    pub fn new(config: &Config, clock: &Clock, base: Option<&str>) -> Self {
        let progress = Arc::new(Progress::default());
        let client = client();
        // The operators' receiver never waits for a receiver of an agent.
        let (own, shared) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(AGENTS_ABREAST)));
        let queue = |name: String, webhook: &Arc<Webhook>, places: &Arc<Semaphore>| {
            let target = Target::new(name, webhook, &client, clock, places);
            Queue::new(target, &progress)
        };
        let host = config.notify.as_ref().map(|notify| HostQueue {
            queue: queue("[notify]".to_owned(), &notify.webhook, &own),
            events: notify.events.clone(),
        });
        let mut agents: BTreeMap<String, BTreeMap<String, Queue>> = BTreeMap::new();
        for (tenant, tables) in &config.tenants {
            for (agent, webhook) in &tables.webhooks {
                let queue = queue(format!("agent {agent} of {tenant}"), webhook, &shared);
                agents.entry(tenant.clone()).or_default().insert(agent.clone(), queue);
            }
        }
        Self { host, agents, base: base.map(str::to_owned), progress }
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

    /// The queues of the receivers that get this event of this action. An agent's receiver gets only its own actions.
    fn queues(&self, event: WebhookEvent, action: &Action) -> Vec<&Queue> {
        let host = self.host.as_ref().filter(|host| host.events.contains(&event));
        let own = self.agents.get(&action.tenant).and_then(|all| all.get(&action.principal));
        let own = own.filter(|_| WebhookEvent::FOR_AGENTS.contains(&event));
        host.map(|host| &host.queue).into_iter().chain(own).collect()
    }

    /// Makes one more attempt for each message that still waits, without further pauses, but takes at most `patience`.
    pub async fn finish(&self, patience: Duration) {
        let left = self.progress.finish(patience).await;
        if left > 0 {
            tracing::warn!(left, "the host stops before these webhooks were delivered");
        }
    }
}
