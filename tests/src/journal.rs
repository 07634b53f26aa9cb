//! Reads the events in the journal files of a host that has ended, in order. Reading stops at the first incomplete
//! record, where the next host also stops.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use deed_record::lifecycle::event::{Entry, Event};
use serde_json::Value;

use crate::services::Result;

/// The length of a record's header. The header starts with the length of the body.
const HEADER: usize = 40;

/// Every event that was written, synced or not.
pub fn events(dir: &Path) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for segment in segments(&dir.join("state/segments"))? {
        for body in bodies(&fs::read(segment)?) {
            events.extend(of(body)?);
        }
    }
    Ok(events)
}

/// The event's name as failpoints use it, such as `observed.post`.
pub fn name(event: &Event) -> Result<String> {
    let value = serde_json::to_value(event)?;
    let (name, fields) = value.as_object().and_then(|one| one.iter().next()).ok_or("no name")?;
    let phase = fields.get("phase").and_then(Value::as_str);
    Ok(phase.map_or_else(|| name.clone(), |phase| format!("{name}.{phase}")))
}

/// The bodies of the records of a segment, up to the first incomplete record.
pub fn bodies(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut bodies = Vec::new();
    while let Some((body, rest)) = first(bytes) {
        bodies.push(body);
        bytes = rest;
    }
    bodies
}

fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEADER)?;
    let length = u32::from_le_bytes(*head.first_chunk()?);
    rest.split_at_checked(usize::try_from(length).ok()?)
}

/// The segment files in order. The list is empty if the host died early in its start.
fn segments(dir: &Path) -> Result<Vec<PathBuf>> {
    let found = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        found => found?,
    };
    let paths = found.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|end| end == "journal");
    let mut segments: Vec<PathBuf> = paths.into_iter().filter(is_segment).collect();
    segments.sort();
    Ok(segments)
}

/// The events of a record. A line of JSON has the length of each event, and the events follow this line.
fn of(body: &[u8]) -> Result<Vec<Event>> {
    let end = body.iter().position(|byte| *byte == b'\n').ok_or("a record without an envelope")?;
    let (line, rest) = body.split_at(end);
    let envelope: Value = serde_json::from_slice(line)?;
    let lengths = envelope.get("lengths").ok_or("an envelope without lengths")?;
    let lengths: Vec<usize> = serde_json::from_value(lengths.clone())?;
    let mut rest = rest.get(1..).unwrap_or_default();
    let mut events = Vec::new();
    for length in lengths {
        let (event, after) = rest.split_at_checked(length).ok_or("a record that is too short")?;
        let entry: Entry = serde_json::from_slice(event)?;
        events.push(entry.event);
        rest = after;
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_end_is_no_record() {
        let record = |body: &[u8]| {
            let length = u32::try_from(body.len()).unwrap().to_le_bytes();
            [&length[..], &[0; HEADER - 4], body].concat()
        };
        let whole = [record(b"one"), record(b"three")].concat();
        assert_eq!(bodies(&whole), [&b"one"[..], b"three"]);
        for end in HEADER + 3..whole.len() {
            assert_eq!(bodies(&whole[..end]), [b"one"], "{end}");
        }
    }
}
