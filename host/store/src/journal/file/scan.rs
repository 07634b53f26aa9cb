//! Reads all records in order, beginning with a given segment, and finds where the journal ends. The scan changes no
//! file and never skips a bad record.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::OpenError;
use super::super::record::{self, BEGINNING, Framed, Record};
use super::{HEADER, Hash, Place, frame, path, read_segment};

/// The end of the journal, which is the end of its last good record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Tail {
    pub(in super::super) segment: u64,
    /// Number of valid bytes in the last segment.
    pub(in super::super) length: u64,
    /// Hash of the last record.
    pub(in super::super) hash: Hash,
    /// Number of the last record.
    pub(in super::super) seq: u64,
}

/// A record that the scan has found. The events of the record are decoded only on request.
pub(in super::super) struct Found<'a> {
    pub(in super::super) envelope: Framed,
    body: &'a [u8],
}

impl Found<'_> {
    pub(in super::super) fn record(&self) -> Option<Record> {
        record::decode(self.body)
    }
}

/// The number of the first segment.
pub(in super::super) fn first() -> u64 {
    1
}

/// Calls `each` with every record from the beginning of segment `from`, its position, and the end that the journal
/// would have after it.
///
/// The journal ends at a bad record if no later record states that the bad record was durable. A bad record that was
/// not durable was being written when the power failed. Good records may follow such a record, because a disk may
/// reorder writes that were not synced. A bad record that was durable, a break in the hash chain and a missing segment
/// are errors.
pub(in super::super) fn scan(
    dir: &Path,
    from: u64,
    mut each: impl FnMut(Place, &Tail, Found<'_>) -> Result<(), OpenError>,
) -> Result<Tail, OpenError> {
    let last = last_segment(dir)?;
    let mut tail = Tail { segment: from, length: 0, hash: [0; 32], seq: 0 };
    // If the scan does not begin at the first segment, the hash of the previous record is unknown until the scan has
    // read a record.
    let mut known = from == first();
    for segment in from..=last {
        let file = path(dir, segment);
        let bytes = read_segment(&file).map_err(|error| missing(&file, error))?;
        tail.segment = segment;
        tail.length = 0;
        let mut at = 0;
        while at < bytes.len() {
            let offset = at as u64;
            let Some(found) = frame(&bytes, at) else {
                // Whether the bad record was durable depends on its number, and so on the number of the previous
                // record. If the number of the previous record is unknown, the scan ends here and the caller scans
                // again from the first segment.
                let unread = !known;
                if segment == last && (unread || durable_after(&bytes, at) <= tail.seq) {
                    return Ok(tail);
                }
                return Err(OpenError::Damaged { path: file, offset });
            };
            if known && found.before != tail.hash {
                return Err(OpenError::Chain { path: file, offset });
            }
            let Some(envelope) = record::envelope(found.body) else {
                return Err(OpenError::Format { path: file, offset });
            };
            known = true;
            tail.hash = found.hash();
            tail.seq = envelope.seq;
            at += found.bytes();
            tail.length = at as u64;
            each(Place { segment, offset }, &tail, Found { envelope, body: found.body })?;
        }
    }
    Ok(tail)
}

/// Each record contains the number of the last record that was durable when it was written. Returns the greatest of
/// these numbers in the good records after the bad record at `bad`; 0 if no good record follows.
pub(in super::super) fn durable_after(bytes: &[u8], bad: usize) -> u64 {
    let bodies = bytes.windows(BEGINNING.len()).enumerate().skip(bad + HEADER + 1);
    let records = bodies
        .filter(|(_, window)| *window == BEGINNING)
        .filter_map(|(body, _)| record::envelope(frame(bytes, body - HEADER)?.body));
    // A record without the `durable` field is from a version that relied on the order of all writes.
    let durable = |envelope: Framed| envelope.durable.unwrap_or(envelope.seq.saturating_sub(1));
    records.map(durable).max().unwrap_or_default()
}

/// The offset of the first good record after the bad record at `bad`.
pub(in super::super) fn next_good(bytes: &[u8], bad: usize) -> Option<usize> {
    let bodies = bytes.windows(BEGINNING.len()).enumerate().skip(bad + HEADER + 1);
    let mut starts =
        bodies.filter(|(_, window)| *window == BEGINNING).map(|(body, _)| body - HEADER);
    starts.find(|start| frame(bytes, *start).is_some())
}

/// The number of the last segment; 0 if no segment exists yet.
pub(in super::super) fn last_segment(dir: &Path) -> Result<u64, OpenError> {
    // For a new journal, the number of the last segment is less than that of the first, so the range of segments to
    // read is empty.
    Ok(segments(dir)?.last().copied().unwrap_or_default())
}

/// The numbers of the existing segments.
pub(in super::super) fn segments(dir: &Path) -> Result<BTreeSet<u64>, OpenError> {
    let at = |source| OpenError::Io { path: dir.to_owned(), source };
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(dir).map_err(at)? {
        all.extend(number(&entry.map_err(at)?.file_name()).filter(|number| *number >= first()));
    }
    Ok(all)
}

fn number(name: &std::ffi::OsStr) -> Option<u64> {
    name.to_str()?.strip_suffix(".journal")?.parse().ok()
}

fn missing(path: &Path, source: std::io::Error) -> OpenError {
    let path: PathBuf = path.to_owned();
    if source.kind() == std::io::ErrorKind::NotFound {
        return OpenError::Missing { path };
    }
    OpenError::Io { path, source }
}
