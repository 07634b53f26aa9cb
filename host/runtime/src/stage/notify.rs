//! Notifies people of waiting actions through a signed webhook, with retries. Notifications never delay an action.
//!
//! A notification contains ids and names, but no state or parameters. Recipients read the action with their own access
//! rights.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;

use deed_record::lifecycle::story::Story;
use deed_record::statement::resolution::ROLE;
use deed_sandbox::credentials::Secret;
use deed_system::USER_AGENT;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::config::Notify;

/// A handle to the thread that sends notifications. Without a configured webhook, the handle does nothing.
#[derive(Debug)]
pub struct Notifier(Option<SyncSender<Value>>);

/// Maximum number of queued notifications. Further notifications are dropped with a warning, because the actions
/// themselves are in the journal.
const QUEUE_MAX: usize = 256;
/// Pauses before the delivery attempts of a notification. After the last attempt the notification is dropped with a
/// warning.
const PAUSES_MS: [u64; 5] = [0, 500, 2_000, 10_000, 60_000];
const TIMEOUT: Duration = Duration::from_secs(10);
/// The request header that contains the hex HMAC-SHA-256 of the body.
const SIGNATURE: &str = "X-Deed-Signature";

impl Notifier {
    pub fn new(config: Option<&Notify>) -> Self {
        Self(config.map(|config| {
            let (queue, messages) = mpsc::sync_channel(QUEUE_MAX);
            let (url, secret) = (config.url.clone(), Arc::clone(&config.secret));
            std::thread::spawn(move || serve(&url, &secret, &messages));
            queue
        }))
    }

    /// Notifies approvers that an action waits for an answer.
    pub fn waiting(&self, story: &Story) {
        self.send("waiting", story);
    }

    /// Notifies people that the outcome of an action is not known.
    pub fn indeterminate(&self, story: &Story) {
        self.send("indeterminate", story);
    }

    /// Notifies people that observations do not settle an outcome, so that an operator has to resolve it.
    pub fn escalated(&self, story: &Story) {
        self.send("escalated", story);
    }

    fn send(&self, event: &str, story: &Story) {
        let Some(queue) = &self.0 else { return };
        let action = &story.bound.action;
        let message = json!({
            "event": event,
            "action": action.id,
            "tenant": action.tenant,
            "contract": action.contract.name,
            "resource": action.resource,
            "obligations": obligations(story),
            "expires_ms": story.ask.as_ref().map(|ask| ask.expires_ms),
            "at_ms": story.at_ms,
        });
        if queue.try_send(message).is_err() {
            tracing::warn!(action = %action.id, event, "too many notifications are queued; this one is dropped");
        }
    }
}

/// The answers or resolutions that people still have to give. Each entry has the form `VERB:COUNT:ROLE`.
fn obligations(story: &Story) -> Vec<String> {
    if story.needs_resolution() {
        return vec![format!("resolve:1:{ROLE}")];
    }
    story.open_obligations()
}

fn serve(url: &str, secret: &Secret, messages: &Receiver<Value>) {
    let config = ureq::Agent::config_builder()
        .user_agent(USER_AGENT)
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .proxy(None);
    let agent: ureq::Agent = config.build().into();
    while let Ok(message) = messages.recv() {
        let body = message.to_string();
        let delivered = PAUSES_MS.iter().any(|pause| {
            std::thread::sleep(Duration::from_millis(*pause));
            post(&agent, url, secret, &body)
        });
        if !delivered {
            tracing::warn!(%message, "a notification could not be delivered");
        }
    }
}

fn post(agent: &ureq::Agent, url: &str, secret: &Secret, body: &str) -> bool {
    let Some(signature) = sign(secret.reveal().as_bytes(), body) else { return false };
    let request =
        agent.post(url).header("Content-Type", "application/json").header(SIGNATURE, &signature);
    match request.send(body) {
        Ok(answer) if answer.status().is_success() => true,
        // A redirect is not followed, because the operator did not choose its target.
        Ok(answer) => {
            let status = answer.status().as_u16();
            tracing::info!(status, "a notification was not accepted; it is sent again");
            false
        }
        Err(error) => {
            tracing::info!(%error, "a notification was not accepted; it is sent again");
            false
        }
    }
}

/// Hex HMAC-SHA-256 (RFC 2104) of the body.
fn sign(secret: &[u8], body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(body.as_bytes());
    Some(data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()))
}
