//! Checks one tenant's log against the stories of its actions. Every leaf must be at the index that its story states,
//! every checkpoint in a story must be of this log's tree, and every entry must belong to a story or a statement.

use std::collections::BTreeMap;

use deed_spec::merkle::Hash;
use deed_spec::note::{self, Checkpoint, VerifierKey};
use deed_store::journal::Place;
use deed_store::log;

use super::{Check, CheckError, LogReference, LogReferences, Logged};

/// The maximum number of findings of one kind that are reported one by one.
const TOLD_MAX: usize = 50;

pub(super) fn check(check: &mut Check, tenant: &str) -> Result<(), CheckError> {
    let file = format!("log/{tenant}");
    let key = check.verifier(tenant, check.log_key)?;
    let origin = check.origin_of(tenant);
    let retired = check.past.as_ref().map(|past| past.retired(tenant, &origin)).transpose()?;
    let retired = retired.unwrap_or_default();
    let references = check.tenants.remove(tenant).unwrap_or_default();
    let keys: Vec<VerifierKey> =
        std::iter::once(key.clone()).chain(retired.iter().map(|one| one.key.clone())).collect();
    let trees = trees(check, &references, &keys);
    let snapshot = match log::snapshot(&check.dir.join("state").join(&file), &key, &retired) {
        Ok(Some(snapshot)) => snapshot,
        Ok(None) => {
            if !references.leaves.is_empty() {
                let what = "the log is empty, but actions have ended in it".to_owned();
                check.finding(&file, None, None, what);
            }
            return Ok(());
        }
        Err(error) => {
            check.finding(&file, None, None, error.to_string());
            return Ok(());
        }
    };
    check.found.logs.push(Logged { tenant: tenant.to_owned(), size: snapshot.size() });
    let mut seen = Seen::new(&references, &trees);
    let walked = snapshot.walk(&mut |entry, edge| {
        let index = edge.size() - 1;
        let known = references.entries.contains(entry) || check.stated.contains(entry);
        seen.entry(index, entry, known);
        seen.tree(edge.size(), || edge.root());
    });
    if let Err(error) = walked {
        check.finding(&file, None, None, error.to_string());
        return Ok(());
    }
    seen.tell(check, &file, snapshot.size());
    Ok(())
}

/// The roots in the checkpoints of all stories. A checkpoint that does not verify is a finding.
fn trees(check: &mut Check, references: &LogReferences, keys: &[VerifierKey]) -> Trees {
    let mut trees = Trees::new();
    for (text, (place, action)) in &references.notes {
        let found = keys.iter().find_map(|key| note::verify(text, key).ok());
        if let Some(Checkpoint { size, root, .. }) = found {
            trees.entry(size).or_default().push((root, *place, action.clone()));
        } else {
            let what = "its checkpoint is not signed by a log key of this host".to_owned();
            check.at(*place, action, what);
        }
    }
    trees
}

/// Root hashes by tree size, each with the record that states it.
type Trees = BTreeMap<u64, Vec<(Hash, Place, String)>>;

/// The state of the check while it reads the entries of the log in order.
struct Seen<'a> {
    by_index: BTreeMap<u64, Vec<&'a LogReference>>,
    trees: &'a Trees,
    wrong: Vec<(Place, String, String)>,
    unknown: Vec<u64>,
}

impl<'a> Seen<'a> {
    fn new(references: &'a LogReferences, trees: &'a Trees) -> Self {
        let mut by_index: BTreeMap<u64, Vec<&LogReference>> = BTreeMap::new();
        for claim in &references.leaves {
            by_index.entry(claim.index).or_default().push(claim);
        }
        Self { by_index, trees, wrong: vec![], unknown: vec![] }
    }

    fn entry(&mut self, index: u64, entry: &[u8], known: bool) {
        if !known {
            self.unknown.push(index);
        }
        for claim in self.by_index.remove(&index).unwrap_or_default() {
            if claim.entry != entry {
                let what = format!("the entry at {index} of the log is not its {}", claim.kind);
                self.wrong.push((claim.place, claim.action.clone(), what));
            }
        }
    }

    fn tree(&mut self, size: u64, root: impl Fn() -> Hash) {
        for (claimed, place, action) in self.trees.get(&size).into_iter().flatten() {
            if *claimed != root() {
                let what =
                    format!("its checkpoint does not match the log's tree of {size} entries");
                self.wrong.push((*place, action.clone(), what));
            }
        }
    }

    fn tell(mut self, check: &mut Check, file: &str, size: u64) {
        // Entries that stories state and that are still left here have indexes beyond the end of the log.
        for (index, references) in &self.by_index {
            for claim in references {
                let kind = &claim.kind;
                let what = format!("its {kind} is at {index}, but the log has {size} entries");
                self.wrong.push((claim.place, claim.action.clone(), what));
            }
        }
        for (claimed, places) in self.trees.range(size + 1..) {
            for (_, place, action) in places {
                let what = format!("its checkpoint has {claimed} entries, but the log has {size}");
                self.wrong.push((*place, action.clone(), what));
            }
        }
        for (place, action, what) in self.wrong {
            check.at(place, &action, what);
        }
        for index in self.unknown.iter().take(TOLD_MAX) {
            let what = format!(
                "entry {index} does not belong to an action or statement that is stored here: the journal or the \
                 statements are incomplete"
            );
            check.finding(file, None, None, what);
        }
        if let Some(more) = self.unknown.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
            check.finding(file, None, None, format!("and {more} more such entries"));
        }
    }
}
