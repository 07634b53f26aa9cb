//! Delivers messages to one receiver: a few attempts for each message, with pauses between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deed_system::USER_AGENT;
use deed_system::clock::Clock;
use tokio::sync::{Semaphore, watch};
use ureq::Body;
use ureq::http::{Response, StatusCode};

use super::message::Message;
use super::signature;
use crate::config::Webhook;

/// The pauses before the attempts for a message. After the last attempt the message is dropped with a warning.
pub(super) const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_mins(1),
];
/// The time limit of one attempt.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest pause that a receiver can ask for with `Retry-After`.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// One receiver.
#[derive(Debug)]
pub(super) struct Target {
    /// The name of the receiver in the log. The log never contains the URL, because a URL can contain a token.
    pub(super) name: String,
    pub(super) webhook: Arc<Webhook>,
    client: ureq::Agent,
    clock: Clock,
    /// Limits how many receivers are called at the same time.
    places: Arc<Semaphore>,
    /// Whether the receiver said that it wants no more messages.
    is_gone: AtomicBool,
}

/// The result of one attempt.
enum Attempt {
    Delivered,
    /// The receiver wants no more messages.
    Gone,
    /// The attempt failed; the receiver asked for this pause.
    Failed(Duration),
}

/// The client for all receivers. A redirect is not followed, because the operator did not choose its target.
pub(super) fn client() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .user_agent(USER_AGENT)
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None);
    config.build().into()
}

impl Target {
    pub(super) fn new(
        name: String,
        webhook: &Arc<Webhook>,
        client: &ureq::Agent,
        clock: &Clock,
        places: &Arc<Semaphore>,
    ) -> Self {
        Self {
            name,
            webhook: Arc::clone(webhook),
            client: client.clone(),
            clock: clock.clone(),
            places: Arc::clone(places),
            is_gone: AtomicBool::new(false),
        }
    }

    /// Delivers a message, or gives up. When the host stops, the next attempt is made at once and is the last one.
    pub(super) async fn deliver(
        self: &Arc<Self>,
        message: &Arc<Message>,
        stopping: &mut watch::Receiver<bool>,
    ) {
        if self.is_gone.load(Ordering::Relaxed) {
            return;
        }
        let mut asked = Duration::ZERO;
        for pause in PAUSES {
            let is_last = is_stopping_within(pause.max(asked), stopping).await;
            match self.attempt(message).await {
                Attempt::Delivered => return,
                Attempt::Gone => return self.give_up_for_good(),
                Attempt::Failed(pause) => asked = pause,
            }
            if is_last {
                break;
            }
        }
        let (webhook, id) = (&self.name, &message.id);
        tracing::warn!(webhook, id, "a webhook could not be delivered");
    }

    fn give_up_for_good(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
        let webhook = &self.name;
        tracing::warn!(
            webhook,
            "the receiver answered 410 Gone; it gets no more webhooks until the host is started again"
        );
    }

    async fn attempt(self: &Arc<Self>, message: &Arc<Message>) -> Attempt {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let (target, message) = (Arc::clone(self), Arc::clone(message));
        let sent = tokio::task::spawn_blocking(move || {
            let attempt = target.post(&message);
            drop(place);
            attempt
        });
        sent.await.unwrap_or(Attempt::Failed(Duration::ZERO))
    }

    fn post(&self, message: &Message) -> Attempt {
        // The receiver compares this time with its own clock.
        let seconds = self.clock.latest_ms().div_euclid(1000);
        let Message { id, body } = message;
        let Some(signatures) = signature::signatures(&self.webhook, id, seconds, body) else {
            return Attempt::Failed(Duration::ZERO);
        };
        let request = self
            .client
            .post(&self.webhook.url)
            .header("Content-Type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signatures);
        let webhook = &self.name;
        match request.send(body.as_str()) {
            Ok(answer) if answer.status().is_success() => Attempt::Delivered,
            Ok(answer) if answer.status() == StatusCode::GONE => Attempt::Gone,
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::info!(webhook, id, status, "a webhook was not accepted");
                Attempt::Failed(retry_after(&answer))
            }
            Err(error) => {
                tracing::info!(webhook, id, %error, "a webhook was not accepted");
                Attempt::Failed(Duration::ZERO)
            }
        }
    }
}

/// Waits for this time. Returns true, and returns at once, if the host stops.
pub(super) async fn is_stopping_within(
    pause: Duration,
    stopping: &mut watch::Receiver<bool>,
) -> bool {
    tokio::time::timeout(pause, stopping.wait_for(|stops| *stops)).await.is_ok()
}

/// The pause that the receiver asks for in seconds, up to a limit.
pub(super) fn retry_after(answer: &Response<Body>) -> Duration {
    let value = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let seconds = value.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    Duration::from_secs(seconds).min(RETRY_AFTER_MAX)
}
