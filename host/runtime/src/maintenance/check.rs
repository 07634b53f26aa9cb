//! `deed journal check`: checks whether all parts of a directory's state agree with each other. The check reads a
//! backup, or a served directory whose host is stopped, and returns every finding with its file and offset.
//!
//! Every story is rebuilt from the journal's segments. Nothing is written. Neither the index nor a record's own summary
//! of its events is trusted.

mod log;
mod statements;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use deed_record::statement::approver::ApproverKey;
use deed_record::statement::rotation::Purpose;
use deed_spec::digest::Digest;
use deed_spec::note::VerifierKey;
use deed_store::journal::{self, OpenError, Place, Wrong};
use deed_store::statements::StatementError;
use deed_store::store::Summary;
use ed25519_dalek::VerifyingKey;
use serde::Serialize;

use crate::config::keys::{self, KeyError};
use crate::config::{self, Fault};
use crate::engine::key_history::{KeyHistory, KeyHistoryError};

/// What was checked, and which faults were found.
#[derive(Debug, Default, Serialize)]
pub struct Checked {
    pub actions: u64,
    /// Actions whose status can still change.
    pub open: u64,
    pub records: u64,
    pub segments: u64,
    pub payloads: u64,
    pub statements: u64,
    pub logs: Vec<Logged>,
    pub findings: Vec<Finding>,
    /// Observations that are not faults, such as repairs that the next start of the host makes by itself.
    pub notes: Vec<String>,
}

/// A tenant's log.
#[derive(Debug, Serialize)]
pub struct Logged {
    pub tenant: String,
    pub size: u64,
}

/// One fault that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The path of the file, relative to the directory.
    pub file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    pub what: String,
}

/// Why the state cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("`{}` has no journal in state/; a host has never served this directory", .0.display())]
    NoState(PathBuf),
    #[error("nothing was checked: `{}` is neither a file nor a folder, and no host made it; remove it", .0.display())]
    Irregular(PathBuf),
    #[error("`{}` cannot be read: {source}", path.display())]
    Walk { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Journal(#[from] OpenError),
    #[error("{0}")]
    Config(Fault),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error(transparent)]
    KeyHistory(#[from] KeyHistoryError),
    #[error("`state/log` cannot be read: {0}")]
    Logs(std::io::Error),
    #[error("the log of tenant `{0}` has no valid name: {1}")]
    Origin(String, String),
}

/// Checks a directory in which no host runs, and holds the journal's lock meanwhile.
///
/// # Errors
///
/// Fails when the directory has no state or the state cannot be read.
pub fn check(dir: &Path) -> Result<Checked, CheckError> {
    let state = dir.join("state");
    // A directory without these folders was never served: `deed check` creates only the compile cache in `state/`.
    if !state.join("segments").is_dir() && !state.join("log").is_dir() {
        return Err(CheckError::NoState(dir.to_owned()));
    }
    journal::version(&state).map_err(OpenError::from)?;
    let _reserved = journal::reserve(&state)?;
    only_files(&state)?;
    let mut check = Check::begin(dir, state)?;
    let stories = check.journal()?;
    check.payloads()?;
    statements::check(&mut check)?;
    for (action, records) in &stories {
        story::check(&mut check, action, records);
    }
    for tenant in super::rotate::tenants(dir).map_err(CheckError::Logs)? {
        log::check(&mut check, &tenant)?;
    }
    check.homeless();
    check.index();
    check.found.actions = stories.len() as u64;
    Ok(check.found)
}

/// Fails if this folder contains anything other than plain files and folders, because a pipe has no end and a link may
/// lead out of the folder.
fn only_files(state: &Path) -> Result<(), CheckError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CheckError::Walk { path, source }
    };
    let mut folders = vec![state.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(failed(&folder))? {
            let entry = entry.map_err(failed(&folder))?;
            let kind = entry.file_type().map_err(failed(&folder))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if !kind.is_file() {
                return Err(CheckError::Irregular(entry.path()));
            }
        }
    }
    Ok(())
}

/// The records of one action: for each record, its place in the journal and the summary of the action that it contains.
type Records = Vec<(Place, Summary)>;

/// The results of a check that is still running.
struct Check {
    dir: PathBuf,
    state: PathBuf,
    origin: String,
    log_key: VerifyingKey,
    /// Receipt keys, the present one first.
    receipt_keys: Vec<VerifyingKey>,
    /// Keys of all people who could ever approve or resolve.
    people: Vec<ApproverKey>,
    past: Option<KeyHistory>,
    payloads: BTreeSet<String>,
    activations: BTreeSet<Digest>,
    /// Log entries that belong to stored statements.
    stated: BTreeSet<Vec<u8>>,
    tenants: BTreeMap<String, LogReferences>,
    found: Checked,
}

/// What the stories of one tenant state about its log.
#[derive(Debug, Default)]
struct LogReferences {
    leaves: Vec<LogReference>,
    /// Signed checkpoints, each with the record and the action that contain it.
    notes: BTreeMap<String, (Place, String)>,
    /// Every log entry that belongs to an envelope in a story.
    entries: BTreeSet<Vec<u8>>,
}

#[derive(Debug)]
struct LogReference {
    index: u64,
    entry: Vec<u8>,
    kind: String,
    place: Place,
    action: String,
}

impl Check {
    fn begin(dir: &Path, state: PathBuf) -> Result<Self, CheckError> {
        let outline = config::outline(dir).map_err(CheckError::Config)?;
        let [receipt, log_key] = keys::public(dir)?;
        let mut receipt_keys = vec![receipt];
        receipt_keys.extend(keys::retired(dir, Purpose::Receipt)?);
        Ok(Self {
            dir: dir.to_owned(),
            state,
            origin: outline.log_origin,
            log_key,
            receipt_keys,
            people: vec![],
            past: KeyHistory::look(dir, receipt)?,
            payloads: BTreeSet::new(),
            activations: BTreeSet::new(),
            stated: BTreeSet::new(),
            tenants: BTreeMap::new(),
            found: Checked::default(),
        })
    }

    fn finding(&mut self, file: &str, offset: Option<u64>, action: Option<&str>, what: String) {
        let (file, action) = (format!("state/{file}"), action.map(str::to_owned));
        self.found.findings.push(Finding { file, offset, action, what });
    }

    fn wrong(&mut self, all: Vec<Wrong>) {
        for Wrong { file, offset, action, what } in all {
            self.finding(&file, offset, action.as_deref(), what);
        }
    }

    fn at(&mut self, place: Place, action: &str, what: String) {
        self.finding(&place.file(), Some(place.offset), Some(action), what);
    }

    /// Reads the records of every action, in the order of the journal.
    fn journal(&mut self) -> Result<BTreeMap<String, Records>, CheckError> {
        let mut stories: BTreeMap<String, Records> = BTreeMap::new();
        let scan = journal::scan(&self.state, &mut |seen| {
            let records = stories.entry(seen.action.to_owned()).or_default();
            records.push((seen.place, seen.summary.clone()));
        })?;
        self.found.records = scan.records;
        self.found.segments = scan.segments;
        if let Some((place, bytes)) = scan.torn {
            let (file, offset) = (place.file(), place.offset);
            let note = format!(
                "state/{file} has an incomplete end at {offset}; the next start cuts off {bytes} bytes"
            );
            self.found.notes.push(note);
        }
        self.wrong(scan.wrong);
        Ok(stories)
    }

    fn payloads(&mut self) -> Result<(), CheckError> {
        let (good, wrong) = journal::check_payloads(&self.state)?;
        self.found.payloads = good.len() as u64;
        self.payloads = good;
        self.wrong(wrong);
        Ok(())
    }

    /// Reports every tenant that has logged actions but no log.
    fn homeless(&mut self) {
        let seen: BTreeSet<String> = self.found.logs.iter().map(|log| log.tenant.clone()).collect();
        let gone: Vec<String> = self
            .tenants
            .iter()
            .filter(|(tenant, references)| !seen.contains(*tenant) && !references.leaves.is_empty())
            .map(|(tenant, _)| tenant.clone())
            .collect();
        for tenant in gone {
            if !self.state.join("log").join(&tenant).is_dir() {
                let what = "the log is missing, but actions have ended in it".to_owned();
                self.finding(&format!("log/{tenant}"), None, None, what);
            }
        }
    }

    /// Compares the index with the journal. This check runs last. If the journal is damaged, the index cannot be
    /// compared with it, and this is not reported as a separate finding.
    fn index(&mut self) {
        let damaged = self.found.findings.iter().any(|one| one.file.ends_with(".journal"));
        match journal::compare_index(&self.state) {
            Ok((wrong, note)) => {
                self.wrong(wrong);
                self.found.notes.extend(note);
            }
            Err(_) if damaged => {
                let note = "the index was not compared, because the journal that it is built from is damaged";
                self.found.notes.push(note.to_owned());
            }
            Err(error) => self.finding("index", None, None, error.to_string()),
        }
    }

    fn verifier(&self, tenant: &str, key: VerifyingKey) -> Result<VerifierKey, CheckError> {
        let bad = |e: &dyn std::fmt::Display| CheckError::Origin(tenant.to_owned(), e.to_string());
        VerifierKey::new(&self.origin_of(tenant), key).map_err(|e| bad(&e))
    }

    fn origin_of(&self, tenant: &str) -> String {
        format!("{}/{tenant}", self.origin)
    }
}
