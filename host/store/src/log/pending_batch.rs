//! What was published and has not settled into tiles yet: takes a batch with its signed checkpoint,
//! and has it on disk after one write and one `fdatasync`. It never holds what `HEAD` covers for long.
//!
//! A record is `length u32 LE | CRC32C u32 LE | body`; the body is `length u32 LE | note | entry bundle`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use deed_spec::tlog::tile;
use deed_system::failpoint;

use super::LogError;
use super::store::{at, sync};

/// The file's name; it is the host's own, like `HEAD`.
pub(super) const TAIL: &str = "TAIL";

/// The end of the log as one file.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    file: File,
    /// Entries in it.
    held: usize,
}

/// What one append made public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) entries: Vec<Vec<u8>>,
    /// The signed note over the tree that ends with them.
    pub(super) note: String,
}

impl Tail {
    /// Begins an empty one for a new log.
    pub(super) fn create(root: &Path) -> Result<(), LogError> {
        let path = root.join(TAIL);
        File::create(&path).and_then(|file| file.sync_all()).map_err(at(&path))?;
        sync(root)
    }

    /// Opens it and gives what it holds. A torn end is cut: nobody was told of it.
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
            tracing::warn!(lost = bytes.len() - good, "a torn end of the log's TAIL is cut");
            file.set_len(good as u64).and_then(|()| file.sync_all()).map_err(at(&path))?;
        }
        let held = batches.iter().map(|batch| batch.entries.len()).sum();
        Ok((Self { path, file, held }, batches))
    }

    /// Adds a batch; when it returns, the batch is on disk.
    pub(super) fn add(&mut self, entries: &[Vec<u8>], note: &str) -> Result<(), LogError> {
        let mut body = length(note.len()).to_vec();
        body.extend_from_slice(note.as_bytes());
        for entry in entries {
            tile::push_entry(&mut body, entry);
        }
        let checksum = crc32c::crc32c(&body).to_le_bytes();
        let record = [length(body.len()).as_slice(), &checksum, &body].concat();
        failpoint::hit("log.tail.before");
        let written = self.file.write_all(&record).and_then(|()| {
            failpoint::hit("log.tail.written");
            self.file.sync_data()
        });
        failpoint::hit("log.tail.synced");
        self.held += entries.len();
        written.map_err(at(&self.path))
    }

    /// Forgets everything: it has settled. A crash may bring it back, and it is passed over then; but the
    /// next record must never stand before what is left of an older one.
    pub(super) fn clear(&mut self) -> Result<(), LogError> {
        self.held = 0;
        failpoint::hit("log.tail.clear.before");
        let cleared = self.file.set_len(0).and_then(|()| self.file.sync_all());
        failpoint::hit("log.tail.clear.after");
        cleared.map_err(at(&self.path))
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }
}

/// The batches, and how many bytes they take.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Batch>, usize), LogError> {
    let (mut batches, mut rest) = (Vec::new(), bytes);
    while let Some((batch, after)) = record(rest) {
        batches.push(batch);
        rest = after;
    }
    // Only the last write can be torn: whatever follows a bad record was written after it was good.
    if (1..rest.len()).any(|at| rest.get(at..).and_then(record).is_some()) {
        return Err(damaged("has a record that is not what was written"));
    }
    Ok((batches, bytes.len() - rest.len()))
}

/// One record and what follows it; none where it is cut short or its checksum is another.
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

/// Entries and notes are bounded far below what 32 bits hold.
fn length(size: usize) -> [u8; 4] {
    u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes()
}

pub(super) fn damaged(why: &'static str) -> LogError {
    LogError::Damaged { path: TAIL.to_owned(), why }
}
