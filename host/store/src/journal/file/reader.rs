//! Reading records back: takes their places, gives what was written there, checked. It keeps the files of a few
//! segments open, and has no buffer of its own: the system has read ahead what is read together.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::ReadError;
use super::super::record::{self, Record};
use super::{HEADER, Place, frame, length, path};

/// Segments that stay open; what is asked for is mostly in the newest.
const OPEN_MAX: usize = 16;

/// Bytes that are read at once: most records are shorter, and take one call.
const FIRST: usize = 8 << 10;

/// The segments of a journal, to be read by anybody at any time.
#[derive(Debug)]
pub(in super::super) struct Reader {
    dir: PathBuf,
    /// What was read last comes first.
    open: Mutex<VecDeque<(u64, Arc<File>)>>,
}

impl Reader {
    pub(in super::super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), open: Mutex::default() }
    }

    /// Reads the record at a place.
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

/// Reads the record at a place of a journal that nobody has open.
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

/// As many bytes as there are, up to the length of the buffer.
fn read_some(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
