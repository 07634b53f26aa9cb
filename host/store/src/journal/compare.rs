//! Compares the index of a state directory that no host uses with a new index that is built from the journal, and
//! returns every row that differs. The comparison works on a copy of the index and changes neither the index nor the
//! journal.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::OpenError;
use super::file::{first, scan};
use super::index::{Applied, Index, IndexError, Staged, action_of};
use super::replay::BATCH;
use super::scan::Wrong;

/// Maximum number of differing rows that are reported. The report needs a limit, because the index of another journal
/// would differ in every row.
const TOLD_MAX: usize = 50;

/// Returns the faults of the index, and a note if the next start will change the index.
///
/// # Errors
///
/// Fails when the files cannot be read or copied.
pub fn compare_index(state: &Path) -> Result<(Vec<Wrong>, Option<String>), OpenError> {
    let there = state.join("index");
    if !there.is_dir() {
        return Ok((vec![], Some("there is no index; the next start creates it".to_owned())));
    }
    let scratch = Scratch::new().map_err(|source| OpenError::Io { path: there.clone(), source })?;
    let copy = scratch.0.join("there");
    copied(&there, &copy).map_err(|source| OpenError::Io { path: there, source })?;
    let (found, applied) = match Index::open(&copy) {
        Ok((found, Some(applied))) => (found, applied),
        Ok((_, None)) => {
            return Ok((vec![], Some("the index is empty; the next start creates it".into())));
        }
        Err(error) => {
            let why = format!("the index does not open, and the next start rebuilds it: {error}");
            return Ok((vec![], Some(why)));
        }
    };
    let (made, _) = Index::open(&scratch.0.join("made"))?;
    let Some(behind) = make(&made, &state.join("segments"), applied)? else {
        let what = "it contains a record that the journal does not have: the journal lost its end, or \
                    the power failed and the next start rebuilds the index";
        return Ok((vec![wrong(None, what.to_owned())], None));
    };
    let note =
        (behind > 0).then(|| format!("the index is {behind} record(s) behind; a start catches up"));
    Ok((differences(&found, &made)?, note))
}

/// Builds an index of the records up to the record `until`, and returns how many records follow it; `None` if the
/// journal does not contain that record.
fn make(made: &Index, segments: &Path, until: Applied) -> Result<Option<u64>, OpenError> {
    let (mut staged, mut met, mut behind) = (Staged::new(made), false, 0);
    scan(segments, first(), |place, tail, record| {
        if met {
            behind += 1;
            return Ok(());
        }
        let here = Applied { place, hash: tail.hash };
        staged.put(&record.envelope)?;
        staged.place(&record.envelope.action, place);
        met = here == until;
        if met || staged.len() >= BATCH {
            std::mem::replace(&mut staged, Staged::new(made)).apply(&here);
            made.settle()?;
        }
        Ok(())
    })?;
    Ok(met.then_some(behind))
}

/// Returns the rows that differ. Both indexes are sorted by key, so they are read in parallel.
fn differences(found: &Index, made: &Index) -> Result<Vec<Wrong>, IndexError> {
    let (mut left, mut right) = (found.rows(), made.rows());
    let (mut one, mut other) = (left.next().transpose()?, right.next().transpose()?);
    let mut all = Vec::new();
    while (one.is_some() || other.is_some()) && all.len() < TOLD_MAX {
        let order = match (&one, &other) {
            (Some((a, _)), Some((b, _))) => a.cmp(b),
            (Some(_), None) => std::cmp::Ordering::Less,
            _ => std::cmp::Ordering::Greater,
        };
        let row = if order.is_gt() { &other } else { &one };
        let key = row.as_ref().map(|(key, _)| key.to_vec()).unwrap_or_default();
        let what = match order {
            std::cmp::Ordering::Less => Some("the journal has no records for a row of the index"),
            std::cmp::Ordering::Greater => Some("a row for the journal's records is missing"),
            std::cmp::Ordering::Equal => {
                (one != other).then_some("a row differs from the records of the journal")
            }
        };
        all.extend(what.map(|what| wrong(action_of(&key), what.to_owned())));
        if order.is_le() {
            one = left.next().transpose()?;
        }
        if order.is_ge() {
            other = right.next().transpose()?;
        }
    }
    Ok(all)
}

fn wrong(action: Option<String>, what: String) -> Wrong {
    Wrong { file: "index".to_owned(), offset: None, action, what }
}

fn copied(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, kind, to) = (entry.path(), entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copied(&path, &to)?;
        } else if kind.is_file() {
            fs::copy(&path, to)?;
        }
    }
    Ok(())
}

/// A private temporary directory for one comparison, which is removed afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("deed-index-{}-{next}", std::process::id()));
        // Fails if the directory already exists, because that directory belongs to another process.
        DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "a scratch directory could not be removed");
        }
    }
}
