//! Reads the files of a journal from the beginning without opening it, and reports every good record and every fault in
//! order. The scan does not change any file.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use super::file::{self, Frame, Hash, Place, Tail, durable_after, first, frame, head, next_good};
use super::record::{self, Record};
use super::{OpenError, ReadError, VersionError, version};
use crate::store::Summary;

/// A good record that the scan has read.
#[derive(Debug)]
pub struct Seen<'a> {
    pub place: Place,
    pub action: &'a str,
    /// Number of events of the action, including those of this record.
    pub version: u64,
    pub summary: &'a Summary,
    pub events: &'a [Vec<u8>],
}

/// A fault and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Path below the state directory.
    pub file: String,
    pub offset: Option<u64>,
    pub action: Option<String>,
    pub what: String,
}

/// The result of reading a journal.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Scan {
    pub segments: u64,
    pub records: u64,
    pub wrong: Vec<Wrong>,
    /// Position and number of the bytes after the last good record, which the next start would remove.
    pub torn: Option<(Place, u64)>,
}

/// The part of a journal that a copy must contain: whole segments, and the beginning of the last segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Paths of files, relative to the state directory, each with the number of bytes that the copy must contain.
    pub files: Vec<(String, u64)>,
    /// Path and text of the `segments/HEAD` that belongs to the copy.
    pub head: (String, String),
    /// Number of the last record, which is also the number of records.
    pub records: u64,
    /// Hash of the last record, in hex.
    pub hash: String,
}

/// Locks this state directory against every host until the returned file is dropped; `None` if no host has ever used
/// the directory.
///
/// # Errors
///
/// Fails when another process uses the directory, and when the lock cannot be opened.
pub fn reserve(state: &Path) -> Result<Option<File>, OpenError> {
    let path = state.join("LOCK");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(OpenError::Io { path, source }),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: state.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

/// The events of the record at a position.
///
/// # Errors
///
/// Fails when the record is damaged or cannot be read.
pub fn read_at(state: &Path, place: Place) -> Result<Vec<Vec<u8>>, ReadError> {
    file::read(&state.join("segments"), place).map(|record| record.events)
}

/// The part of a journal before the first record for which `stop` returns true.
///
/// # Errors
///
/// Fails at a bad record that was durable, because damaged data must not be copied as if it were intact, and when a
/// file cannot be read or synced.
pub fn extent(state: &Path, stop: &mut dyn FnMut(&Seen<'_>) -> bool) -> Result<Extent, OpenError> {
    let segments = state.join("segments");
    let mut cut = None;
    let mut before = Tail { segment: first(), length: 0, hash: [0; 32], seq: 0 };
    let end = file::scan(&segments, first(), |place, tail, record| {
        let record = record.record().filter(|_| cut.is_none());
        if record.is_some_and(|record| stop(&seen(place, &record))) {
            cut = Some(before);
        }
        before = *tail;
        Ok(())
    })?;
    let end = cut.unwrap_or(end);
    sync(&segments, end.segment)?;
    let mut files = Vec::new();
    for segment in first()..=end.segment {
        let path = file::path(&segments, segment);
        let whole = || fs::metadata(&path).map(|meta| meta.len());
        let bytes = if segment == end.segment { Ok(end.length) } else { whole() };
        let bytes = bytes.map_err(|source| OpenError::Io { path: path.clone(), source })?;
        files.push((file::name(segment), bytes));
    }
    let head = ("segments/HEAD".to_owned(), head::text(&end));
    let hash = data_encoding::HEXLOWER.encode(&end.hash);
    Ok(Extent { files, head, records: end.seq, hash })
}

/// Syncs a segment, because a copy must not contain records that the journal could still lose in a power failure.
fn sync(segments: &Path, segment: u64) -> Result<(), OpenError> {
    let path = file::path(segments, segment);
    match File::open(&path).and_then(|file| file.sync_data()) {
        // The segment does not exist if no record was ever written.
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced.map_err(|source| OpenError::Io { path, source }),
    }
}

fn seen(place: Place, record: &Record) -> Seen<'_> {
    let envelope = &record.envelope;
    let (action, version) = (envelope.action.as_str(), envelope.version);
    Seen { place, action, version, summary: &envelope.summary, events: &record.events }
}

/// Reads every record, and continues after a bad one.
///
/// # Errors
///
/// Fails when the version is unknown, and when a file cannot be read.
pub fn scan(state: &Path, each: &mut dyn FnMut(Seen<'_>)) -> Result<Scan, OpenError> {
    let segments = state.join("segments");
    let since_2 = version(state)? >= 2;
    let mut walk =
        Walk { found: Scan::default(), tail: None, versions: HashMap::new(), head: None };
    match head::read(&segments, since_2) {
        Ok(head) => walk.head = head,
        Err(error) => walk.wrong("segments/HEAD", None, None, error.to_string()),
    }
    let all = file::segments(&segments)?;
    let (last, mut next) = (all.last().copied().unwrap_or_default(), first());
    for segment in all {
        if segment > next {
            walk.missing(next, segment - next);
        }
        next = segment.saturating_add(1);
        let path = file::path(&segments, segment);
        match file::read_segment(&path) {
            Ok(bytes) => walk.segment(segment, &bytes, segment == last, each),
            Err(e) if e.kind() == io::ErrorKind::NotFound => walk.missing(segment, 1),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                walk.tail = None;
                walk.wrong(&file::name(segment), None, None, e.to_string());
            }
            Err(source) => return Err(OpenError::Io { path, source }),
        }
    }
    walk.covered(&segments, last);
    walk.found.segments = last;
    Ok(walk.found)
}

struct Walk {
    found: Scan,
    /// The end of the last good record, unless a bad record follows it.
    tail: Option<Tail>,
    versions: HashMap<String, u64>,
    head: Option<Tail>,
}

impl Walk {
    fn wrong(&mut self, file: &str, offset: Option<u64>, action: Option<&str>, what: String) {
        let (file, action) = (file.to_owned(), action.map(str::to_owned));
        self.found.wrong.push(Wrong { file, offset, action, what });
    }

    /// Reports any number of missing segments as one fault, because the next file name can contain any number.
    fn missing(&mut self, segment: u64, count: u64) {
        self.tail = None;
        let what = match count {
            1 => "it is missing".to_owned(),
            _ => format!("it is missing, and so are the {} segments after it", count - 1),
        };
        self.wrong(&file::name(segment), None, None, what);
    }

    fn segment(
        &mut self,
        segment: u64,
        bytes: &[u8],
        is_last: bool,
        each: &mut dyn FnMut(Seen<'_>),
    ) {
        let mut at = 0;
        while at < bytes.len() {
            let place = Place { segment, offset: at as u64 };
            if let Some(found) = frame(bytes, at) {
                self.record(place, &found, each);
                at += found.bytes();
                continue;
            }
            let next = next_good(bytes, at);
            if is_last && (next.is_none() || self.was_torn(place, bytes, at)) {
                self.found.torn = Some((place, (bytes.len() - at) as u64));
                return;
            }
            let lost = next.unwrap_or(bytes.len()) - at;
            let what = format!("{lost} bytes are damaged");
            self.wrong(&file::name(segment), Some(place.offset), None, what);
            self.tail = None;
            let Some(next) = next else { return };
            at = next;
        }
    }

    /// Whether the bad record at `at` is a torn end. A bad record is a torn end if no good record after it states that
    /// the bad record was durable.
    fn was_torn(&self, place: Place, bytes: &[u8], at: usize) -> bool {
        let is_first = place == Place { segment: first(), offset: 0 };
        let before = if is_first { Some(0) } else { self.tail.map(|tail| tail.seq) };
        before.is_some_and(|before| durable_after(bytes, at) <= before)
    }

    fn record(&mut self, place: Place, found: &Frame<'_>, each: &mut dyn FnMut(Seen<'_>)) {
        let (name, offset) = (file::name(place.segment), Some(place.offset));
        let first_ever = place == Place { segment: first(), offset: 0 };
        let follows = if first_ever { Some([0; 32]) } else { self.tail.map(|tail| tail.hash) };
        if follows.is_some_and(|hash: Hash| hash != found.before) {
            let what = "it does not follow the record before it: the chain of hashes is broken";
            self.wrong(&name, offset, None, what.to_owned());
        }
        let Some(record) = record::decode(found.body) else {
            self.wrong(
                &name,
                offset,
                None,
                "it is intact, but not a record of this version".to_owned(),
            );
            self.tail = None;
            return;
        };
        self.numbers(place, &record, first_ever);
        let length = place.offset + found.bytes() as u64;
        let tail =
            Tail { segment: place.segment, length, hash: found.hash(), seq: record.envelope.seq };
        if self.head.is_some_and(|head| head.seq == tail.seq && head.hash != tail.hash) {
            let what = "it is not the record that segments/HEAD names";
            self.wrong(&name, offset, Some(&record.envelope.action), what.to_owned());
        }
        self.tail = Some(tail);
        self.found.records += 1;
        each(seen(place, &record));
    }

    /// Checks that there are no gaps in the numbers of the records and of the events of an action.
    fn numbers(&mut self, place: Place, record: &Record, first_ever: bool) {
        let (name, offset) = (file::name(place.segment), Some(place.offset));
        let envelope = &record.envelope;
        let before = if first_ever { Some(0) } else { self.tail.map(|tail| tail.seq) };
        if let Some(before) = before.filter(|before| before + 1 != envelope.seq) {
            let what = format!("it is record {}, but follows record {before}", envelope.seq);
            self.wrong(&name, offset, Some(&envelope.action), what);
        }
        let had = self.versions.insert(envelope.action.clone(), envelope.version).unwrap_or(0);
        if had + record.events.len() as u64 != envelope.version {
            let (events, version) = (record.events.len(), envelope.version);
            let what = format!("the action had {had} events and has {version} after {events} more");
            self.wrong(&name, offset, Some(&envelope.action), what);
        }
    }

    /// Checks that everything that HEAD covers is present.
    fn covered(&mut self, segments: &Path, last: u64) {
        let (Some(head), clean) = (self.head, self.found.wrong.is_empty()) else { return };
        let end = self.tail.unwrap_or(Tail { segment: last, length: 0, hash: [0; 32], seq: 0 });
        // A new segment may have no record yet, so the end is in the last segment even if the last good record is in an
        // earlier one.
        let end = Tail { segment: last.max(end.segment), ..end };
        if clean && let Err(error) = head::check(segments, &head, &end) {
            self.wrong(&file::name(head.segment), None, None, error.to_string());
        }
    }
}

impl From<VersionError> for OpenError {
    fn from(error: VersionError) -> Self {
        Self::Version(error)
    }
}
