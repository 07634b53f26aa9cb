//! The queue of one receiver. Its messages are delivered one after the other, so they arrive in their order.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::delivery::Target;
use super::message::Message;
use crate::config::Webhook;

/// Maximum number of queued messages of a receiver. Further messages are dropped with a warning, because the actions
/// themselves are in the journal.
pub(super) const QUEUE_MAX: usize = 256;

/// A receiver and its queue. The task that delivers the messages starts with the first message.
#[derive(Debug)]
pub(super) struct Queue {
    target: Arc<Target>,
    messages: OnceLock<mpsc::Sender<Arc<Message>>>,
    progress: Arc<Progress>,
}

/// What all queues have in common: the number of messages that are not delivered, and whether the host stops.
#[derive(Debug)]
pub(super) struct Progress {
    left: watch::Sender<usize>,
    stopping: watch::Sender<bool>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { left: watch::Sender::new(0), stopping: watch::Sender::new(false) }
    }
}

impl Progress {
    /// Tells the queues that the host stops, and waits until they are empty, but at most `patience`. Returns the number
    /// of messages that are left.
    pub(super) async fn finish(&self, patience: Duration) -> usize {
        self.stopping.send_replace(true);
        let mut left = self.left.subscribe();
        match tokio::time::timeout(patience, left.wait_for(|left| *left == 0)).await {
            Ok(_) => 0,
            Err(_over) => *self.left.borrow(),
        }
    }

    /// Becomes `true` when the host stops.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    pub(super) fn add(&self) {
        self.left.send_modify(|left| *left = left.saturating_add(1));
    }

    pub(super) fn remove(&self) {
        self.left.send_modify(|left| *left = left.saturating_sub(1));
    }
}

impl Queue {
    pub(super) fn new(target: Target, progress: &Arc<Progress>) -> Self {
        let progress = Arc::clone(progress);
        Self { target: Arc::new(target), messages: OnceLock::new(), progress }
    }

    /// Whether this is the queue of a receiver with this name, URL and secrets.
    pub(super) fn is_for(&self, name: &str, webhook: &Webhook) -> bool {
        self.target.name == name && self.target.webhook.is_same(webhook)
    }

    /// Queues a message. Call this function in a task of the runtime.
    pub(super) fn push(&self, message: &Arc<Message>) {
        let messages = self.messages.get_or_init(|| {
            let (messages, queued) = mpsc::channel(QUEUE_MAX);
            tokio::spawn(serve(Arc::clone(&self.target), queued, Arc::clone(&self.progress)));
            messages
        });
        self.progress.add();
        if messages.try_send(Arc::clone(message)).is_err() {
            self.progress.remove();
            let (webhook, id) = (&self.target.name, &message.id);
            tracing::warn!(webhook, id, "too many webhooks are queued; this one is dropped");
        }
    }
}

/// Delivers the messages of one queue until the queue is dropped.
async fn serve(
    target: Arc<Target>,
    mut queued: mpsc::Receiver<Arc<Message>>,
    progress: Arc<Progress>,
) {
    let mut stopping = progress.stopping();
    while let Some(message) = queued.recv().await {
        target.deliver(&message, &mut stopping).await;
        progress.remove();
    }
}
