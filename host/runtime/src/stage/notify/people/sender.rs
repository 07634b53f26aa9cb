//! Delivers the messages of one relay or chat: a few attempts for each message, with the pauses of webhooks.

use std::sync::Arc;
use std::time::Duration;

use deed_system::clock::Clock;
use tokio::sync::{Semaphore, watch};
use ureq::http::StatusCode;

use super::super::Common;
use super::super::delivery::{PAUSES, is_stopping_within, retry_after};
use super::counts::{Count, Counts};
use super::letter::Letter;
use super::{chat, mail, smtp};
use crate::config::{Address, Chat, Relay};

/// A message in a queue. The receiver of an e-mail is an address; the chat itself is the receiver of its messages.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) letter: Arc<Letter>,
    pub(super) to: Option<Arc<Address>>,
}

/// Where messages are delivered.
#[derive(Debug)]
pub(super) enum Way {
    Mail(Arc<Relay>),
    Chat(Arc<Chat>),
}

impl Way {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Mail(one), Self::Mail(other)) => one.is_same(other),
            (Self::Chat(one), Self::Chat(other)) => one.is_same(other),
            _ => false,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Mail(_) => "mail",
            Self::Chat(_) => "chat",
        }
    }
}

/// Delivers messages to one relay or chat.
#[derive(Debug)]
pub(super) struct Sender {
    /// The name in the log, which contains no URL and no address.
    pub(super) name: String,
    pub(super) way: Way,
    client: ureq::Agent,
    /// Limits how many chats are called at the same time.
    places: Arc<Semaphore>,
    counts: Arc<Counts>,
    clock: Clock,
}

/// The result of one attempt.
enum Attempt {
    Delivered,
    /// Further attempts would have the same result.
    Refused,
    /// The attempt failed; the receiver asked for this pause.
    Failed(Duration),
}

impl Sender {
    pub(super) fn new(tenant: &str, way: Way, common: &Common) -> Self {
        Self {
            name: format!("{} of {tenant}", way.word()),
            way,
            client: common.client.clone(),
            places: Arc::clone(&common.chats),
            counts: Arc::clone(&common.counts),
            clock: common.clock.clone(),
        }
    }

    pub(super) fn count(&self) -> &Count {
        match self.way {
            Way::Mail(_) => &self.counts.mail,
            Way::Chat(_) => &self.counts.chat,
        }
    }

    /// Delivers a message, or gives up, also when nobody can answer the request any more. When the host stops, the next
    /// attempt is made at once and is the last one.
    pub(super) async fn deliver(&self, item: &Item, stopping: &mut watch::Receiver<bool>) {
        let mut asked = Duration::ZERO;
        for pause in PAUSES {
            let is_last = is_stopping_within(pause.max(asked), stopping).await;
            if item.letter.is_over(self.clock.latest_ms()) {
                break;
            }
            match self.attempt(item).await {
                Attempt::Delivered => return self.count().delivered(),
                Attempt::Refused => break,
                Attempt::Failed(pause) => asked = pause,
            }
            if is_last {
                break;
            }
        }
        self.count().failed();
        let (channel, id) = (&self.name, &item.letter.id);
        tracing::warn!(channel, id, "a notification could not be delivered");
    }

    async fn attempt(&self, item: &Item) -> Attempt {
        match (&self.way, &item.to) {
            (Way::Mail(relay), Some(to)) => self.mail(relay, to, &item.letter).await,
            (Way::Chat(chat), _) => self.post(chat, &item.letter).await,
            (Way::Mail(_), None) => Attempt::Refused,
        }
    }

    async fn mail(&self, relay: &Relay, to: &Address, letter: &Letter) -> Attempt {
        let message = mail::message(letter, &relay.from, to);
        let Err(error) = smtp::send(relay, to, &message).await else { return Attempt::Delivered };
        let (channel, id) = (&self.name, &letter.id);
        tracing::info!(channel, id, %error, "the relay did not accept a notification");
        if error.is_final() { Attempt::Refused } else { Attempt::Failed(Duration::ZERO) }
    }

    async fn post(&self, chat: &Chat, letter: &Letter) -> Attempt {
        let (channel, id) = (&self.name, &letter.id);
        let Some(url) = chat.address().await else {
            tracing::info!(channel, id, "the secret of the chat is not the rest of a URL");
            return Attempt::Failed(Duration::ZERO);
        };
        let place = Arc::clone(&self.places).acquire_owned().await;
        let (client, body) = (self.client.clone(), chat::body(letter, chat.format));
        let sent = tokio::task::spawn_blocking(move || {
            let request = client.post(url.as_str()).header("Content-Type", "application/json");
            let answer = request.send(body.as_str());
            drop(place);
            // An error of the client may contain the URL, which is a secret.
            answer.ok().map(|answer| (answer.status(), retry_after(&answer)))
        });
        let Ok(Some((status, pause))) = sent.await else {
            tracing::info!(channel, id, "the chat did not answer");
            return Attempt::Failed(Duration::ZERO);
        };
        if status.is_success() {
            return Attempt::Delivered;
        }
        let code = status.as_u16();
        tracing::info!(channel, id, code, "the chat did not accept a notification");
        if is_final(status) { Attempt::Refused } else { Attempt::Failed(pause) }
    }
}

/// Whether a repetition of the request would have the same answer.
fn is_final(status: StatusCode) -> bool {
    let later = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    status.is_client_error() && !later.contains(&status)
}
