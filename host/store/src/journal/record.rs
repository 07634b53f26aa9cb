//! The body of a journal record: an envelope, which is one line of JSON, followed by the events as they were appended.
//! Events are neither parsed nor changed.

use serde::{Deserialize, Serialize};

use crate::store::{KeyClaim, Summary};

/// The first bytes of every body. A search for the next record uses these bytes to distinguish records from other data.
pub(super) const BEGINNING: &[u8] = b"{\"seq\":";

/// The envelope of a record. The envelope has everything that the index needs, so that the index can be rebuilt from
/// the records alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Framed {
    /// Number of the record in the journal, from 1. The number must be the first field, so that every body begins with
    /// [`BEGINNING`].
    pub(super) seq: u64,
    pub(super) action: String,
    /// Number of events of the action, including those of this record.
    pub(super) version: u64,
    /// Length of each event in bytes.
    pub(super) lengths: Vec<usize>,
    pub(super) summary: Summary,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<KeyClaim>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) nonces: Vec<String>,
    /// Number of the last record that was durable before this record was written. No record up to the record with this
    /// number can be torn. Records of older versions do not have this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) durable: Option<u64>,
}

/// A record as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) envelope: Framed,
    pub(super) events: Vec<Vec<u8>>,
}

/// Encodes a body: the envelope, a newline, and the events.
pub(super) fn encode(envelope: &Framed, events: &[Vec<u8>]) -> Result<Vec<u8>, serde_json::Error> {
    // Compact JSON escapes newlines, so the first newline ends the envelope.
    let mut body = serde_json::to_vec(envelope)?;
    body.push(b'\n');
    for event in events {
        body.extend_from_slice(event);
    }
    Ok(body)
}

/// Reads a body; `None` if it is not exactly an envelope and its events.
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

/// Reads only the envelope of a body; `None` if the body is not exactly an envelope and its events.
pub(super) fn envelope(body: &[u8]) -> Option<Framed> {
    split(body).map(|(envelope, _)| envelope)
}

/// Splits a body into its envelope and the bytes of all events.
fn split(body: &[u8]) -> Option<(Framed, &[u8])> {
    let end = body.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = body.split_at_checked(end)?;
    let envelope: Framed = serde_json::from_slice(line).ok()?;
    let events = rest.get(1..)?;
    let bytes = envelope.lengths.iter().try_fold(0_usize, |sum, next| sum.checked_add(*next))?;
    (bytes == events.len()).then_some((envelope, events))
}

/// The names of the events in these bodies, with their phase, such as `observed.post`. Failpoints use these names to
/// select an append.
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
