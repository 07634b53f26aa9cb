//! The message of one event, made from the story of its action. The same event always gets the same id, also after a
//! restart, so that a receiver can drop a repetition.

use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::story::Story;
use deed_record::statement::resolution::ROLE;
use deed_record::timeline::utc;
use serde_json::{Map, Value, json};

use crate::config::{WebhookEvent, public_url};

/// A message as it is sent, except for the time of the attempt and the signatures.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) body: String,
}

impl Message {
    /// `base` is the URL below which people find the page of an action.
    pub(super) fn new(event: WebhookEvent, story: &Story, at_ms: i64, base: Option<&str>) -> Self {
        let body = json!({
            "type": event.as_str(),
            "timestamp": rfc3339(at_ms),
            "data": data(event, story, base),
        });
        Self { id: id(event, story), body: body.to_string() }
    }
}

/// The id of an event. It has no dots, because dots separate the parts of the signed text.
fn id(event: WebhookEvent, story: &Story) -> String {
    let action = &story.bound.action.id;
    let word = event.as_str().rsplit('.').next().unwrap_or_default();
    match event {
        // Between two requests for approval, the earlier one became stale.
        WebhookEvent::Waiting | WebhookEvent::Expiring => {
            format!("{action}_{word}_{}", story.stale.len().saturating_add(1))
        }
        WebhookEvent::Ended | WebhookEvent::Indeterminate | WebhookEvent::Escalated => {
            format!("{action}_{word}")
        }
    }
}

fn data(event: WebhookEvent, story: &Story, base: Option<&str>) -> Value {
    let action = &story.bound.action;
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| {
        data.insert(name.to_owned(), value);
    };
    put("action", json!(action.id));
    put("tenant", json!(action.tenant));
    put("agent", json!(action.principal));
    put("contract", json!(action.contract.name));
    put("resource", json!(action.resource));
    match event {
        WebhookEvent::Waiting | WebhookEvent::Expiring => {
            put("obligations", json!(story.open_obligations()));
            let expires = story.ask.as_ref().map(|ask| rfc3339(ask.expires_ms));
            put("expires", json!(expires));
            put("approve_url", json!(base.map(|base| public_url::page(base, action.id.as_str()))));
        }
        WebhookEvent::Escalated => put("obligations", json!([format!("resolve:1:{ROLE}")])),
        WebhookEvent::Ended | WebhookEvent::Indeterminate => {
            put("outcome", json!(story.status.outcome().map(Outcome::as_str)));
            let receipt = story.envelope.as_ref().and_then(|signed| signed.payload_digest().ok());
            put("receipt_sha256", json!(receipt));
        }
    }
    Value::Object(data)
}

/// Formats Unix milliseconds as in RFC 3339, such as `2026-11-20T22:07:47.123Z`.
fn rfc3339(at_ms: i64) -> String {
    let seconds = utc(at_ms).replacen(' ', "T", 1);
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), at_ms.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_with_milliseconds() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_764_352_800_023), "2025-11-28T18:00:00.023Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
    }
}
