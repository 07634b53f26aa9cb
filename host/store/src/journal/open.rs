//! Opens the journal: updates or rebuilds the index, removes a torn end, and starts the writer. Opening never drops a
//! good record, and never guesses the content of a bad record.

use std::fs::{self, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;

use tokio::sync::Semaphore;

use super::file::{self, Place, Reader, Segments, Tail, head, sync_dir};
use super::index::{Index, IndexError};
use super::payload::Payloads;
use super::replay::catch_up;
use super::version::{mark, version};
use super::writer::Writer;
use super::{Hold, Journal, OpenError, ROOM, Shared};
use crate::group_commit::GroupCommit;

pub(super) fn open(hold: Hold) -> Result<Journal, OpenError> {
    let Hold { dir, lock } = hold;
    let dir = dir.as_path();
    let segments_dir = dir.join("segments");
    let payloads_dir = dir.join("payloads");
    for made in [&segments_dir, &payloads_dir] {
        fs::create_dir_all(made).map_err(at(made))?;
    }
    for synced in dir.ancestors().take(2).filter(|dir| !dir.as_os_str().is_empty()) {
        sync_dir(synced).map_err(at(synced))?;
    }
    let lock = Arc::new(lock);
    // The version is read again after the directory was locked, because another process may have upgraded an older
    // state directory in the meantime.
    let head = head::read(&segments_dir, version(dir)? >= 2)?;
    let (index, tail) = recover(&dir.join("index"), &segments_dir, head.as_ref())?;
    let segments = Segments::open(&segments_dir, tail).map_err(at(&segments_dir))?;
    mark(dir)?;
    let end = Place { segment: tail.segment, offset: tail.length };
    let writer = Writer {
        segments,
        index: Arc::new(index),
        failed: Arc::new(OnceLock::new()),
        seq: tail.seq,
        durable: tail.seq,
        synced: Arc::new(Mutex::new(end)),
        crowd: GroupCommit::default(),
        lock,
    };
    start(writer, dir)
}

/// Starts the thread of a writer, and returns a handle to the journal.
pub(super) fn start(writer: Writer, dir: &Path) -> Result<Journal, OpenError> {
    let payloads_dir = dir.join("payloads");
    let payloads = Payloads::open(&payloads_dir).map_err(at(&payloads_dir))?;
    let (index, lock) = (Arc::clone(&writer.index), Arc::clone(&writer.lock));
    let (failed, synced) = (Arc::clone(&writer.failed), Arc::clone(&writer.synced));
    let crowd = writer.crowd.clone();
    let (sender, queue) = mpsc::channel();
    let thread = thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || writer.run(&queue))
        .map_err(at(dir))?;
    let shared = Shared {
        sender: Mutex::new(Some(sender)),
        thread: Mutex::new(Some(thread)),
        room: Arc::new(Semaphore::new(ROOM)),
        index,
        reader: Reader::new(&dir.join("segments")),
        payloads,
        failed,
        synced,
        crowd,
        _lock: lock,
    };
    Ok(Journal { shared: Arc::new(shared) })
}

/// Locks the directory and creates it if it is missing. In an existing directory, only `LOCK` is changed.
pub(super) fn take(dir: &Path) -> Result<Hold, OpenError> {
    // The version is checked before anything is created, because a newer version may use these paths for other
    // purposes.
    version(dir)?;
    fs::create_dir_all(dir).map_err(at(dir))?;
    let path = dir.join("LOCK");
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Hold { dir: dir.to_owned(), lock: file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

/// Returns the index, up to date with the journal, and the end of the journal.
fn recover(
    index_dir: &Path,
    segments: &Path,
    head: Option<&Tail>,
) -> Result<(Index, Tail), OpenError> {
    // Lost records are reported before the index is opened, because an index that does not match the remaining records
    // would be deleted.
    covered(segments, head)?;
    match Index::open(index_dir) {
        Ok((index, applied)) => {
            if let Some(tail) = catch_up(&index, applied, segments, head)? {
                return Ok((index, tail));
            }
            tracing::warn!("the journal's index does not match the journal; it is rebuilt");
        }
        Err(error) => {
            tracing::warn!(%error, "the journal's index does not open; it is rebuilt");
        }
    }
    Index::wipe(index_dir)?;
    let (index, _) = Index::open(index_dir)?;
    let tail = catch_up(&index, None, segments, head)?.ok_or(IndexError::Value)?;
    Ok((index, tail))
}

/// Checks that every segment that HEAD covers exists and is long enough.
fn covered(segments: &Path, head: Option<&Tail>) -> Result<(), OpenError> {
    let Some(head) = head else { return Ok(()) };
    for segment in file::first()..=head.segment {
        let path = file::path(segments, segment);
        match fs::metadata(&path) {
            Ok(meta) if segment < head.segment || meta.len() >= head.length => {}
            Ok(_) => return Err(OpenError::Cut { path, length: head.length }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(OpenError::Missing { path });
            }
            Err(source) => return Err(OpenError::Io { path, source }),
        }
    }
    Ok(())
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
}
