//! Audits a log, given a function that fetches its files, trusted keys, and older checkpoints. The report contains all
//! findings up to the first fault.
//!
//! Every hash is recomputed from the entries. Only files that the signed checkpoint covers are trusted, and nothing
//! beyond the checkpoint's tree is read.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use deed_record::lifecycle::event;
use deed_spec::digest::Digest;
use deed_spec::merkle::{self, Hash};
use deed_spec::note::{self, Checkpoint, LogPolicy, VerifierKey, Witnessed};
use deed_spec::tlog::frontier::Frontier;
use deed_spec::tlog::{CHECKPOINT, HEAD, tile};

pub use self::fault::Fault;
use self::files::Files;
pub use self::report::{Audit, Consistent, Cosigned, Said, Tree};
use crate::Verdict;

mod fault;
mod files;
pub mod page;
mod report;

/// The inputs of an audit.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Keys that may have signed this log's checkpoints.
    pub keys: &'a [VerifierKey],
    /// Older checkpoints of this log, from any source.
    pub since: &'a [Since],
    /// The host's file `HEAD`, which states the tree whose tiles are on disk, if the auditor can read the file. `HEAD`
    /// must be read before the audit starts, because otherwise a log that grows during the audit could appear to be
    /// behind `HEAD`. The file is not signed, so it can reveal a fault but never prove that the log is correct.
    pub head: Option<&'a str>,
    /// The witnesses whose cosignatures the newest checkpoint needs in addition to the log's signature; `None` requires
    /// no cosignatures.
    pub witnesses: Option<&'a LogPolicy>,
}

/// An older signed checkpoint and its name in the report.
#[derive(Clone, Debug)]
pub struct Since {
    pub name: String,
    pub note: String,
}

/// The result of fetching one file: its bytes, at most as many as requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    Bytes(Vec<u8>),
    Absent,
    TooLong,
}

/// Audits the log whose files `fetch` returns. `fetch` takes a path below the log directory and the maximum number of
/// bytes.
///
/// `fetch` returns an error if it can neither read the file nor determine that the file is absent. If `fetch` returns
/// an error, the verdict of the audit is `unverifiable`.
pub fn audit(asked: Asked<'_>, fetch: impl FnMut(&str, u64) -> Result<Fetched, String>) -> Audit {
    let mut found = Audit {
        verdict: Verdict::Verified,
        tree: None,
        entries: BTreeMap::new(),
        tiles: 0,
        consistent: Vec::new(),
        cosigned: Vec::new(),
        fault: None,
    };
    if let Err(fault) = check(asked, &mut Files::new(fetch), &mut found) {
        found.verdict = fault.verdict();
        found.fault = Some(Said { file: fault.file().to_owned(), reason: fault.to_string() });
    }
    found
}

/// An older tree, and the root that the current entries have at the size of the older tree.
struct Earlier {
    name: String,
    tree: Checkpoint,
    now: Option<Hash>,
}

fn check<F>(asked: Asked<'_>, files: &mut Files<F>, found: &mut Audit) -> Result<(), Fault>
where
    F: FnMut(&str, u64) -> Result<Fetched, String>,
{
    let mut earlier = earlier(asked)?;
    let expected = earlier.iter().any(|older| older.tree.size > 0);
    let note = files.checkpoint(expected)?;
    let tree = signed(CHECKPOINT, &note, asked.keys)?;
    found.tree = Some(Tree {
        origin: tree.origin.clone(),
        size: tree.size,
        root: BASE64.encode(&tree.root),
    });
    let witnessed = witnessed(&note, asked.witnesses)?;
    found.cosigned.extend(witnessed.iter().flat_map(|w| w.by.iter().map(Cosigned::of)));
    for older in &earlier {
        follows(older, &tree)?;
    }
    let edge = replay(files, &tree, &mut earlier, found)?;
    if edge.root() != tree.root {
        return Err(Fault::Root { size: tree.size });
    }
    for older in earlier {
        extends(files, &older, &tree)?;
        found.consistent.push(Consistent { name: older.name, size: older.tree.size });
    }
    // The cosignatures of witnesses are checked last: missing cosignatures prove nothing, but a failure of an earlier
    // check proves a fault of the log.
    let why = witnessed.as_ref().and_then(crate::shortfall);
    why.map_or(Ok(()), |why| Err(Fault::Unwitnessed { why }))
}

/// The cosignatures on the newest checkpoint; `None` if no cosignatures are required.
fn witnessed(note: &str, policy: Option<&LogPolicy>) -> Result<Option<Witnessed>, Fault> {
    let found = policy.map(|policy| policy.check(note)).transpose();
    found.map_err(|source| Fault::Note { file: CHECKPOINT.to_owned(), source })
}

/// The older trees, which are read from signed checkpoints that the auditor supplies, and from the host's unsigned file
/// `HEAD`.
fn earlier(asked: Asked<'_>) -> Result<Vec<Earlier>, Fault> {
    let earlier = |name: &str, tree| Earlier { name: name.to_owned(), tree, now: None };
    let since = asked.since.iter();
    let since = since.map(|one| Ok(earlier(&one.name, signed(&one.name, &one.note, asked.keys)?)));
    let head = asked.head.map(|text| {
        let tree = Checkpoint::parse(text);
        let tree = tree.map_err(|source| Fault::Note { file: HEAD.to_owned(), source })?;
        Ok(earlier(HEAD, tree))
    });
    since.chain(head).collect()
}

/// The tree in a note that a trusted key of the note's log signed.
fn signed(file: &str, text: &str, keys: &[VerifierKey]) -> Result<Checkpoint, Fault> {
    if keys.is_empty() {
        return Err(Fault::NoKey { file: file.to_owned() });
    }
    let origin = text.lines().next().unwrap_or_default();
    let (file, origin) = (file.to_owned(), origin.chars().take(200).collect::<String>());
    let names = || keys.iter().map(VerifierKey::name).collect::<Vec<_>>().join("`, `");
    let mut fault = Fault::OtherLog { file: file.clone(), names: names(), origin: origin.clone() };
    for key in keys.iter().filter(|key| key.name() == origin) {
        match note::verify(text, key) {
            Ok(tree) => return Ok(tree),
            Err(source) => fault = Fault::Note { file: file.clone(), source },
        }
    }
    Err(fault)
}

/// Checks that an older tree belongs to the same log as the current tree and is not larger.
fn follows(older: &Earlier, tree: &Checkpoint) -> Result<(), Fault> {
    if older.tree.origin != tree.origin {
        let (file, origin) = (older.name.clone(), older.tree.origin.clone());
        return Err(Fault::OtherLog { file, origin, names: tree.origin.clone() });
    }
    if older.tree.size > tree.size {
        let (name, was) = (older.name.clone(), older.tree.size);
        return Err(Fault::RolledBack { name, was, size: tree.size });
    }
    Ok(())
}

/// Reads every entry of the tree and compares every tile with the hashes computed from the entries.
fn replay<F>(
    files: &mut Files<F>,
    tree: &Checkpoint,
    earlier: &mut [Earlier],
    found: &mut Audit,
) -> Result<Frontier, Fault>
where
    F: FnMut(&str, u64) -> Result<Fetched, String>,
{
    let (mut edge, mut made) = (Frontier::default(), Vec::new());
    note_roots(&edge, earlier);
    for index in 0..tree.size.div_ceil(tile::WIDTH) {
        let bundle = files.bundle(index, tree.size)?;
        for entry in bundle.entries()? {
            let kind = kind(entry)
                .ok_or_else(|| Fault::Entry { file: bundle.path.clone(), index: edge.size() })?;
            *found.entries.entry(kind.to_owned()).or_default() += 1;
            edge.push(entry, &mut made);
            note_roots(&edge, earlier);
        }
        found.tiles += files.compare(&made)?;
        made.clear();
    }
    edge.finish(&mut made);
    found.tiles += files.compare(&made)?;
    Ok(edge)
}

fn note_roots(edge: &Frontier, earlier: &mut [Earlier]) {
    for older in earlier.iter_mut().filter(|older| older.tree.size == edge.size()) {
        older.now = Some(edge.root());
    }
}

/// Checks that the older tree is a prefix of the current tree: the current entries have the older root at the older
/// size, and a consistency proof from the tiles is valid.
fn extends<F>(files: &mut Files<F>, older: &Earlier, tree: &Checkpoint) -> Result<(), Fault>
where
    F: FnMut(&str, u64) -> Result<Fetched, String>,
{
    let (name, was) = (older.name.clone(), older.tree.size);
    if older.now != Some(older.tree.root) {
        return Err(Fault::Forked { name, was, size: tree.size });
    }
    let proof = match was {
        // Every tree extends the empty tree, so an older tree of size 0 needs no proof.
        0 => Vec::new(),
        _ => {
            merkle::consistency_proof(was, tree.size, |level, at| files.node(level, at, tree.size))?
        }
    };
    if merkle::verify_consistency(was, tree.size, &older.tree.root, &tree.root, &proof) {
        return Ok(());
    }
    Err(Fault::Proof { name, was, size: tree.size })
}

/// The kind of a log entry; `None` if these bytes are not an entry of deed.
fn kind(entry: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(entry).ok()?;
    let (kind, hex) = text.lines().nth(1)?.split_once(' ')?;
    let word = kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let payload = Digest::from_hex(hex).ok()?;
    (word && !kind.is_empty() && event::entry(kind, &payload) == entry).then_some(kind)
}

#[cfg(test)]
mod tests;
