//! Batches that were published but have not settled into tiles yet. A batch and its signed checkpoint are on disk after
//! one write and one `fdatasync`. Batches whose entries `HEAD` covers are removed soon afterwards.
//!
//! A record is `length u32 LE | CRC32C u32 LE | body`; the body is `length u32 LE | note | entry bundle`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use deed_spec::tlog::tile;
use deed_system::failpoint;

use super::LogError;
use super::store::{at, sync};

/// The name of the file with the pending batches. Like `HEAD`, the file is private to the host.
pub(super) const TAIL: &str = "TAIL";

/// The file of the batches that have not settled.
#[derive(Debug)]
pub(super) struct PendingBatch {
    path: PathBuf,
    file: File,
    /// Number of entries in the file.
    held: usize,
}

/// The entries and the checkpoint of one append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) entries: Vec<Vec<u8>>,
    /// The signed note over the tree that ends with these entries.
    pub(super) note: String,
}

impl PendingBatch {
    /// Creates an empty file for a new log.
    pub(super) fn create(root: &Path) -> Result<(), LogError> {
        let path = root.join(TAIL);
        File::create(&path).and_then(|file| file.sync_all()).map_err(at(&path))?;
        sync(root)
    }

    /// Opens the file and returns its batches. A torn record at the end of the file is removed, because no caller got
    /// an answer for this record.
    pub(super) fn open(root: &Path) -> Result<(Self, Vec<Batch>), LogError> {
        let path = root.join(TAIL);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LogError::Missing { path: TAIL.to_owned() });
            }
            Err(source) => return Err(LogError::Io { path, source }),
        };
        let (batches, good) = read(&bytes)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(at(&path))?;
        if good < bytes.len() {
            tracing::warn!(
                lost = bytes.len() - good,
                "an incomplete end of the log's TAIL was cut off"
            );
            file.set_len(good as u64).and_then(|()| file.sync_all()).map_err(at(&path))?;
        }
        let held = batches.iter().map(|batch| batch.entries.len()).sum();
        Ok((Self { path, file, held }, batches))
    }

    /// Adds a batch. The batch is on disk when this method returns.
    pub(super) fn add(&mut self, entries: &[Vec<u8>], note: &str) -> Result<(), LogError> {
        let mut body = length(note.len()).to_vec();
        body.extend_from_slice(note.as_bytes());
        for entry in entries {
            tile::push_entry(&mut body, entry);
        }
        let checksum = crc32c::crc32c(&body).to_le_bytes();
        let record = [length(body.len()).as_slice(), &checksum, &body].concat();
        failpoint::hit("log.pending.before");
        let written = self.file.write_all(&record).and_then(|()| {
            failpoint::hit("log.pending.written");
            self.file.sync_data()
        });
        failpoint::hit("log.pending.synced");
        self.held += entries.len();
        written.map_err(at(&self.path))
    }

    /// Empties the file after everything in it has settled. If a crash restores the old records, opening the log skips
    /// them. The empty file is synced, because the remainder of an old record must never follow a new record.
    pub(super) fn clear(&mut self) -> Result<(), LogError> {
        self.held = 0;
        failpoint::hit("log.pending.clear.before");
        let cleared = self.file.set_len(0).and_then(|()| self.file.sync_all());
        failpoint::hit("log.pending.clear.after");
        cleared.map_err(at(&self.path))
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }
}

/// Reads the batches, and returns them with the number of bytes that they take.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Batch>, usize), LogError> {
    let (mut batches, mut rest) = (Vec::new(), bytes);
    while let Some((batch, after)) = record(rest) {
        batches.push(batch);
        rest = after;
    }
    // Only the last write can be torn. If a good record follows a bad one, the bad record was complete when the later
    // record was written, and was damaged since.
    if (1..rest.len()).any(|at| rest.get(at..).and_then(record).is_some()) {
        return Err(damaged("has a record that is not what was written"));
    }
    Ok((batches, bytes.len() - rest.len()))
}

/// One record and the bytes that follow it; `None` if the record is truncated or its checksum does not match.
fn record(bytes: &[u8]) -> Option<(Batch, &[u8])> {
    let (size, rest) = number(bytes)?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let (body, after) = rest.split_at_checked(size)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let (size, body) = number(body)?;
    let (note, bundle) = body.split_at_checked(size)?;
    let entries = tile::split_entries(bundle)?.into_iter().map(<[u8]>::to_vec).collect();
    Some((Batch { entries, note: String::from_utf8(note.to_vec()).ok()? }, after))
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (digits, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*digits)).ok()?, rest))
}

/// Encodes a length in 32 bits. Entries and notes are always far shorter than the maximum.
fn length(size: usize) -> [u8; 4] {
    u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes()
}

pub(super) fn damaged(why: &'static str) -> LogError {
    LogError::Damaged { path: TAIL.to_owned(), why }
}
