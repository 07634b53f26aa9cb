//! Reads single records by position and checks them. The reader keeps the files of a few segments open. The reader has
//! no buffer of its own, because the operating system reads ahead.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::ReadError;
use super::super::record::{self, Record};
use super::{HEADER, Place, frame, length, path};

/// Number of segments that stay open. A few are enough, because most reads are from the newest segments.
const OPEN_MAX: usize = 16;

/// Number of bytes that the first system call for a record reads. Most records are shorter than this and need no second
/// system call.
const FIRST: usize = 8 << 10;

/// The segments of a journal, which any thread can read at any time.
#[derive(Debug)]
pub(in super::super) struct Reader {
    dir: PathBuf,
    /// Open segment files, with the most recently read first.
    open: Mutex<VecDeque<(u64, Arc<File>)>>,
}

impl Reader {
    pub(in super::super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), open: Mutex::default() }
    }

    /// Reads the record at a position.
    pub(in super::super) fn read(&self, place: Place) -> Result<Record, ReadError> {
        let found = self.file(place.segment).and_then(|file| record_at(&file, place.offset));
        told(&self.dir, place, found)
    }

    fn file(&self, segment: u64) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.iter().position(|(number, _)| *number == segment);
        let known = found.and_then(|at| open.remove(at));
        let (_, file) = match known {
            Some(known) => known,
            None => (segment, Arc::new(File::open(path(&self.dir, segment))?)),
        };
        open.truncate(OPEN_MAX - 1);
        open.push_front((segment, Arc::clone(&file)));
        Ok(file)
    }
}

/// Reads the record at a position of a journal that is not open.
pub(in super::super) fn read(dir: &Path, place: Place) -> Result<Record, ReadError> {
    let found = File::open(path(dir, place.segment));
    told(dir, place, found.and_then(|file| record_at(&file, place.offset)))
}

fn told(dir: &Path, place: Place, found: io::Result<Option<Record>>) -> Result<Record, ReadError> {
    let (path, offset) = (path(dir, place.segment), place.offset);
    match found {
        Ok(Some(record)) => Ok(record),
        Ok(None) => Err(ReadError::Damaged { path, offset }),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(ReadError::Damaged { path, offset })
        }
        Err(source) => Err(ReadError::Io { path, source }),
    }
}

fn record_at(file: &File, offset: u64) -> io::Result<Option<Record>> {
    let mut bytes = vec![0; FIRST];
    let have = read_some(file, &mut bytes, offset)?;
    if have < HEADER {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let Some(body) = length(&bytes) else { return Ok(None) };
    bytes.resize(HEADER + body, 0);
    if let Some(rest) = bytes.get_mut(have..) {
        file.read_exact_at(rest, offset + have as u64)?;
    }
    Ok(frame(&bytes, 0).and_then(|frame| record::decode(frame.body)))
}

/// Reads the available bytes, up to the length of the buffer, and returns their number.
fn read_some(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
