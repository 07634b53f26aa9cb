//! The body of a journal record: takes an envelope and events, gives bytes, and reads them back.
//! The envelope is one line of JSON; the events follow it as they came, never parsed, never changed.

use serde::{Deserialize, Serialize};

use crate::store::{KeyClaim, Summary};

/// How every body begins: what tells a record from other bytes when one is looked for.
pub(super) const BEGINNING: &[u8] = b"{\"seq\":";

/// Everything that the index must hold, so that it can be made again from the records alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Framed {
    /// Position in the journal, from 1. First, so that a body has its known beginning.
    pub(super) seq: u64,
    pub(super) action: String,
    /// Events of the action, with those of this record.
    pub(super) version: u64,
    /// Bytes of each event.
    pub(super) lengths: Vec<usize>,
    pub(super) summary: Summary,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<KeyClaim>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) nonces: Vec<String>,
    /// Number of the last record that was durable before this one was written: none of those can be torn.
    /// Records of before this was kept do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) durable: Option<u64>,
}

/// A record as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) envelope: Framed,
    pub(super) events: Vec<Vec<u8>>,
}

/// The envelope, a newline, the events.
pub(super) fn encode(envelope: &Framed, events: &[Vec<u8>]) -> Result<Vec<u8>, serde_json::Error> {
    // Compact JSON escapes newlines, so the first one ends the envelope.
    let mut body = serde_json::to_vec(envelope)?;
    body.push(b'\n');
    for event in events {
        body.extend_from_slice(event);
    }
    Ok(body)
}

/// Reads a body; `None` when it is not exactly an envelope and its events.
pub(super) fn decode(body: &[u8]) -> Option<Record> {
    let (envelope, mut rest) = split(body)?;
    let mut events = Vec::with_capacity(envelope.lengths.len());
    for length in &envelope.lengths {
        let (event, after) = rest.split_at_checked(*length)?;
        events.push(event.to_vec());
        rest = after;
    }
    Some(Record { envelope, events })
}

/// The envelope alone, of a body that is exactly an envelope and its events.
pub(super) fn envelope(body: &[u8]) -> Option<Framed> {
    split(body).map(|(envelope, _)| envelope)
}

/// The envelope, and its events as they follow each other.
fn split(body: &[u8]) -> Option<(Framed, &[u8])> {
    let end = body.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = body.split_at_checked(end)?;
    let envelope: Framed = serde_json::from_slice(line).ok()?;
    let events = rest.get(1..)?;
    let bytes = envelope.lengths.iter().try_fold(0_usize, |sum, next| sum.checked_add(*next))?;
    (bytes == events.len()).then_some((envelope, events))
}

/// The names of the events in these bodies, with their phase: `observed.post`. Failpoints tell places apart by it.
pub(super) fn told(bodies: &[Vec<u8>]) -> String {
    let events = bodies.iter().filter_map(|body| decode(body)).flat_map(|record| record.events);
    let names = events.filter_map(|event| {
        let entry: serde_json::Value = serde_json::from_slice(&event).ok()?;
        let (name, fields) = entry.get("event")?.as_object()?.iter().next()?;
        let phase = fields.get("phase").and_then(serde_json::Value::as_str);
        Some(phase.map_or_else(|| name.clone(), |phase| format!("{name}.{phase}")))
    });
    names.collect::<Vec<_>>().join("+")
}
