//! `manifest.json` of a backup: the files, the last record of the journal and the sizes of the logs. A restore compares
//! each file with the manifest when it copies the file. The manifest is not signed.

use std::collections::BTreeMap;
use std::path::Path;

use deed_spec::digest::Digest;
use deed_system::files::{FileError, Files};
use serde::{Deserialize, Serialize};

pub(super) const MANIFEST: &str = "manifest.json";

/// The backup format that this version writes and reads.
const FORMAT: &str = "deed backup 1";

/// The maximum size of a manifest, which suffices for about two million files.
const MANIFEST_MAX: u64 = 512 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    /// Unix milliseconds.
    pub made_ms: i64,
    /// Whether the backup contains private keys and secrets.
    pub with_keys: bool,
    pub journal: OfJournal,
    /// The logs by tenant.
    pub logs: BTreeMap<String, OfLog>,
    /// All files except the manifest, by path.
    pub files: BTreeMap<String, OfFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfJournal {
    pub records: u64,
    /// The hash of the last record, in hex.
    pub hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfLog {
    pub size: u64,
    /// The root hash of the log in Base64, as in its checkpoint.
    pub root: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfFile {
    pub bytes: u64,
    pub sha256: Digest,
}

/// Why a directory is not a backup.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("the directory is not a backup, or the backup is incomplete: {0}")]
    Read(#[from] FileError),
    #[error("`{MANIFEST}` cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    #[error("`{MANIFEST}` has the format `{0}`; this `deed` reads `{FORMAT}`")]
    Format(String),
    #[error("`{MANIFEST}` names `{0}`, which is not a path inside a backup")]
    Path(String),
}

impl Manifest {
    pub(super) fn new(
        made_ms: i64,
        with_keys: bool,
        journal: OfJournal,
        logs: BTreeMap<String, OfLog>,
        files: BTreeMap<String, OfFile>,
    ) -> Self {
        Self { format: FORMAT.to_owned(), made_ms, with_keys, journal, logs, files }
    }

    /// Reads the manifest of a backup.
    ///
    /// # Errors
    ///
    /// Fails when the manifest cannot be read, or has a format that this version does not support.
    pub fn read(backup: &Path) -> Result<Self, ManifestError> {
        /// The format is parsed before the other members, so that an unknown format is reported as such.
        #[derive(Deserialize)]
        struct Form {
            format: String,
        }
        let bytes = Files::open(backup)?.bytes(MANIFEST, MANIFEST_MAX)?;
        let Form { format } = serde_json::from_slice(&bytes)?;
        if format != FORMAT {
            return Err(ManifestError::Format(format.chars().take(80).collect()));
        }
        let manifest: Self = serde_json::from_slice(&bytes)?;
        match manifest.files.keys().find(|path| !is_plain(path)) {
            Some(path) => Err(ManifestError::Path(path.chars().take(200).collect())),
            None => Ok(manifest),
        }
    }
}

/// Whether a path in the manifest stays inside the backup. A path with an empty part, such as `state//etc`, is refused
/// too, because the text after `state/` would be an absolute path.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
