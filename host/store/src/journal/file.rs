//! The journal's files: appends record bodies and reads them back. Records are never rewritten.
//!
//! A record is `length u32 LE | CRC32C u32 LE | hash of the record before | body`. The CRC covers all bytes of the
//! record except the CRC itself. The hash of a record is the SHA-256 of the previous record's hash followed by the
//! body.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

pub(super) use reader::{Reader, read};
pub(super) use scan::{Tail, durable_after, first, next_good, scan, segments};

pub(super) mod head;
mod reader;
mod scan;

/// Size of a segment in bytes. A write that would exceed this size begins the next segment.
const SEGMENT: u64 = 64 << 20;

/// Maximum size of a segment in bytes. No segment exceeds this limit, even after the largest single write.
const SEGMENT_MAX: u64 = 2 * SEGMENT;

/// Longest body of a record, in bytes.
pub(super) const MAX_BODY: usize = 16 << 20;

/// Number of bytes before the body of a record.
const HEADER: usize = 40;

/// SHA-256 of a record. The first record uses 32 zero bytes as the hash of the record before it.
pub(super) type Hash = [u8; 32];

/// The position at which a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    pub segment: u64,
    pub offset: u64,
}

impl Place {
    /// The path of the segment file, relative to the state directory.
    pub fn file(&self) -> String {
        name(self.segment)
    }
}

/// The end of the journal, where records are appended.
#[derive(Debug)]
pub(super) struct Segments {
    dir: PathBuf,
    file: File,
    tail: Tail,
}

/// The positions of the records of one write, and the hash of the last record.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) places: Vec<Place>,
    pub(super) hash: Hash,
}

impl Segments {
    /// Opens the last segment, removes a torn end, and continues after the last good record.
    pub(super) fn open(dir: &Path, tail: Tail) -> io::Result<Self> {
        let file = segment_file(dir, tail.segment)?;
        let found = file.metadata()?.len();
        if found > tail.length {
            let (segment, lost) = (tail.segment, found - tail.length);
            tracing::warn!(segment, at = tail.length, lost, "a torn end of the journal is cut off");
            file.set_len(tail.length)?;
        }
        file.sync_all()?;
        head::write(dir, &tail)?;
        Ok(Self { dir: dir.to_owned(), file, tail })
    }

    /// Writes these bodies as records, in order, with one write.
    pub(super) fn write(&mut self, bodies: &[Vec<u8>]) -> io::Result<Written> {
        let bytes = bodies.iter().map(|body| (HEADER + body.len()) as u64).sum::<u64>();
        if self.tail.length > 0 && self.tail.length + bytes > SEGMENT {
            self.roll()?;
        }
        let mut buffer = Vec::new();
        let mut places = Vec::with_capacity(bodies.len());
        for body in bodies {
            let offset = self.tail.length + buffer.len() as u64;
            places.push(Place { segment: self.tail.segment, offset });
            self.tail.hash = push_record(&mut buffer, &self.tail.hash, body)?;
            self.tail.seq += 1;
        }
        self.file.write_all(&buffer)?;
        self.tail.length += buffer.len() as u64;
        Ok(Written { places, hash: self.tail.hash })
    }

    /// The position at which the next record would begin in this segment.
    pub(super) fn end(&self) -> Place {
        Place { segment: self.tail.segment, offset: self.tail.length }
    }

    /// Waits until everything written is on disk (fdatasync, which also syncs the file length).
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Syncs the segment, and records in HEAD that everything up to its end must be present from now on.
    pub(super) fn close(&self) -> io::Result<()> {
        self.sync()?;
        head::write(&self.dir, &self.tail)
    }

    /// Begins the next segment. The present segment is synced first, because a torn record is allowed only in the last
    /// segment.
    fn roll(&mut self) -> io::Result<()> {
        self.sync()?;
        self.file = segment_file(&self.dir, self.tail.segment + 1)?;
        self.tail.segment += 1;
        self.tail.length = 0;
        head::write(&self.dir, &self.tail)
    }
}

#[cfg(test)]
impl Segments {
    /// Makes every write fail, as after a disk error.
    pub(super) fn break_disk(&mut self) {
        self.file = File::open(path(&self.dir, self.tail.segment)).unwrap();
    }
}

/// The path of a segment. Segments are numbered from 1 without gaps.
pub(super) fn path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(format!("{segment:08}.journal"))
}

/// The path of a segment, relative to the state directory.
pub(super) fn name(segment: u64) -> String {
    format!("segments/{segment:08}.journal")
}

/// Waits until the entries of a directory are on disk.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Opens a segment for appending, and makes its name durable.
fn segment_file(dir: &Path, segment: u64) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path(dir, segment))?;
    sync_dir(dir)?;
    Ok(file)
}

/// A record in memory, whose checksum was verified.
pub(super) struct Frame<'a> {
    pub(super) before: Hash,
    pub(super) body: &'a [u8],
}

impl Frame<'_> {
    pub(super) fn hash(&self) -> Hash {
        hash(&self.before, self.body)
    }

    pub(super) fn bytes(&self) -> usize {
        HEADER + self.body.len()
    }
}

/// The record that begins at `at`; `None` if it is truncated or its checksum is wrong.
pub(super) fn frame(bytes: &[u8], at: usize) -> Option<Frame<'_>> {
    let bytes = bytes.get(at..)?;
    let length = length(bytes)?;
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (before, rest) = rest.split_first_chunk::<32>()?;
    let body = rest.get(..length)?;
    (u32::from_le_bytes(*crc) == checksum(*size, before, body))
        .then_some(Frame { before: *before, body })
}

/// The body length of the record at the start of `bytes`; `None` if the length is missing or above the maximum.
fn length(bytes: &[u8]) -> Option<usize> {
    let length = usize::try_from(u32::from_le_bytes(*bytes.first_chunk::<4>()?)).ok()?;
    (length <= MAX_BODY).then_some(length)
}

/// Appends a record to the buffer and returns its hash.
fn push_record(buffer: &mut Vec<u8>, before: &Hash, body: &[u8]) -> io::Result<Hash> {
    let length = u32::try_from(body.len()).map_err(io::Error::other)?.to_le_bytes();
    buffer.extend_from_slice(&length);
    buffer.extend_from_slice(&checksum(length, before, body).to_le_bytes());
    buffer.extend_from_slice(before);
    buffer.extend_from_slice(body);
    Ok(hash(before, body))
}

fn checksum(length: [u8; 4], before: &Hash, body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(&length), before), body)
}

fn hash(before: &Hash, body: &[u8]) -> Hash {
    Sha256::new().chain_update(before).chain_update(body).finalize().into()
}

/// Reads a whole segment. Only a regular file of at most [`SEGMENT_MAX`] bytes is read. Anything else might be endless
/// or not fit into memory.
pub(super) fn read_segment(path: &Path) -> io::Result<Vec<u8>> {
    let meta = fs::metadata(path)?;
    if meta.is_file() && meta.len() <= SEGMENT_MAX {
        return fs::read(path);
    }
    let why = format!("it is not a segment, which is a file of at most {SEGMENT_MAX} bytes");
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}
