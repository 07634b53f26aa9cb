//! The queue of one relay or chat. Its messages are delivered one after the other.

use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;

use super::super::queue::{Progress, QUEUE_MAX};
use super::sender::{Item, Sender, Way};

/// A queue. The task that delivers the messages starts with the first message.
#[derive(Debug)]
pub(super) struct Outbox {
    sender: Arc<Sender>,
    items: OnceLock<mpsc::Sender<Item>>,
    progress: Arc<Progress>,
}

impl Outbox {
    pub(super) fn new(sender: Sender, progress: &Arc<Progress>) -> Self {
        Self { sender: Arc::new(sender), items: OnceLock::new(), progress: Arc::clone(progress) }
    }

    /// Whether this is the queue of this relay or chat.
    pub(super) fn is_for(&self, way: &Way) -> bool {
        self.sender.way.is_same(way)
    }

    /// Queues a message. Call this function in a task of the runtime.
    pub(super) fn push(&self, item: Item) {
        let items = self.items.get_or_init(|| {
            let (items, queued) = mpsc::channel(QUEUE_MAX);
            tokio::spawn(serve(Arc::clone(&self.sender), queued, Arc::clone(&self.progress)));
            items
        });
        self.progress.add();
        if let Err(refused) = items.try_send(item) {
            self.progress.remove();
            self.count_dropped();
            let item = refused.into_inner();
            let (channel, id) = (&self.sender.name, &item.letter.id);
            tracing::warn!(channel, id, "too many notifications are queued; this one is dropped");
        }
    }

    pub(super) fn count_dropped(&self) {
        self.sender.count().dropped();
    }
}

/// Delivers the messages of one queue until the queue is dropped.
async fn serve(sender: Arc<Sender>, mut queued: mpsc::Receiver<Item>, progress: Arc<Progress>) {
    let mut stopping = progress.stopping();
    while let Some(item) = queued.recv().await {
        sender.deliver(&item, &mut stopping).await;
        progress.remove();
    }
}
