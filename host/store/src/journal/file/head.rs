//! `segments/HEAD` states up to which record the journal must be complete. HEAD is written only when the records up to
//! there were synced anyway (on startup, when a segment begins, and on graceful shutdown), so that no append has to
//! wait for a write of HEAD.
//!
//! Without HEAD, a torn end could not be distinguished from a segment that was truncated or lost. Data that HEAD covers
//! is never treated as a torn end. A person can accept a loss by emptying HEAD, because an empty HEAD covers nothing.

use std::fs;
use std::io;
use std::path::Path;

use data_encoding::HEXLOWER;

use super::super::OpenError;
use super::super::version::replace;
use super::{Hash, Tail, path};

const FILE: &str = "HEAD";
const WORDS: &str = "deed journal 1";

/// Reads the HEAD file in the segments directory `dir`. Returns `None` if HEAD is empty, or if it is missing and not
/// required.
pub(in super::super) fn read(dir: &Path, required: bool) -> Result<Option<Tail>, OpenError> {
    let file = dir.join(FILE);
    let text = match fs::read_to_string(&file) {
        Ok(text) if text.is_empty() => return Ok(None),
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound && !required => return Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::NoHead { path: file });
        }
        Err(e) if e.kind() == io::ErrorKind::InvalidData => {
            return Err(OpenError::Head { path: file });
        }
        Err(source) => return Err(OpenError::Io { path: file, source }),
    };
    parse(&text).map(Some).ok_or(OpenError::Head { path: file })
}

/// Records that everything up to `tail` is on disk. When this function returns, HEAD is on disk too.
pub(in super::super) fn write(dir: &Path, tail: &Tail) -> io::Result<()> {
    let (file, text) = (dir.join(FILE), text(tail));
    if fs::read(&file).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    replace(&file, text.as_bytes())
}

/// The text of HEAD. The second line has the number of the last segment, the length of that segment, and the number and
/// hash of the last record.
pub(in super::super) fn text(tail: &Tail) -> String {
    let Tail { segment, length, seq, hash } = tail;
    format!("{WORDS}\n{segment} {length} {seq} {}\n", HEXLOWER.encode(hash))
}

/// Checks that segments that end at `tail` contain everything that HEAD covers.
pub(in super::super) fn check(dir: &Path, head: &Tail, tail: &Tail) -> Result<(), OpenError> {
    let covered = |tail: &Tail| (tail.segment, tail.length);
    if covered(tail) < covered(head) {
        let good = if tail.segment < head.segment { 0 } else { tail.length };
        let (path, wanted, record) = (path(dir, head.segment), head.length, head.seq);
        return Err(OpenError::Shorter { path, good, wanted, record });
    }
    Ok(())
}

fn parse(text: &str) -> Option<Tail> {
    let line = text.strip_prefix(WORDS)?.strip_prefix('\n')?.strip_suffix('\n')?;
    let mut parts = line.split(' ');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (segment, length, seq) = (number()?, number()?, number()?);
    let hash: Hash = HEXLOWER.decode(parts.next()?.as_bytes()).ok()?.try_into().ok()?;
    let tail = Tail { segment, length, hash, seq };
    (segment > 0 && self::text(&tail) == text).then_some(tail)
}
