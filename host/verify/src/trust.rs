//! The keys that a reader trusts, from the files of a trust directory.
//!
//! No key is taken from a bundle, and no key may serve two purposes.

use std::collections::BTreeMap;

use deed_record::bundle::Files;
use deed_record::policy::CONFIRM;
use deed_record::statement::approver::ApproverKey;
use deed_spec::dsse::{self, DsseError, key_id};
use deed_spec::json;
use deed_spec::note::{KeyError, LogPolicy, PolicyError, VerifierKey};
use deed_spec::webauthn::RelyingParty;
use ed25519_dalek::VerifyingKey;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The keys that a reader trusts, from a source other than the bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Keys of the host that may sign receipts and the host's other statements about actions.
    pub receipt_keys: Vec<ReceiptKey>,
    /// Keys that may sign checkpoints. The name of each key is the origin of the log whose checkpoints it signs.
    pub log: Vec<VerifierKey>,
    /// People who may approve; `None` if the trust directory does not list them.
    pub approvers: Option<Vec<Approver>>,
    /// The witnesses whose cosignatures a checkpoint needs in addition to its log's signature; `None` if there is no
    /// witness policy.
    pub witnesses: Option<LogPolicy>,
}

/// A key of the host, with the range of log indices in which the key is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptKey {
    pub key: VerifyingKey,
    /// First and last index of the log at which a statement by this key is valid.
    pub from_index: Option<u64>,
    pub until_index: Option<u64>,
}

/// A person's key, with the roles and the range of log indices for which the key is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    pub person: String,
    pub roles: Vec<String>,
    pub key: ApproverKey,
    /// First and last index of the log at which an approval by this key is valid.
    pub from_index: Option<u64>,
    pub until_index: Option<u64>,
}

const RECEIPT_KEYS: &str = "receipt.pub";
const LOG_KEYS: &str = "log.vkey";
const APPROVERS: &str = "approvers.json";
const RECEIPT_WINDOWS: &str = "receipt_keys.json";
const LOG_POLICY: &str = "log.policy";

/// An entry of `approvers.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    person: String,
    roles: Vec<String>,
    /// Public key in PEM SPKI form.
    key: String,
    /// Where the key may be used, if it is a passkey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passkey: Option<RelyingParty>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_index: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_index: Option<u64>,
}

/// An entry of `receipt_keys.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    /// Public key in PEM SPKI form.
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_index: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_index: Option<u64>,
}

impl Trust {
    /// The file with the keys of the log.
    pub const LOG_KEYS: &'static str = LOG_KEYS;

    /// The files of a trust directory.
    pub const FILES: [&'static str; 5] =
        [RECEIPT_KEYS, RECEIPT_WINDOWS, LOG_KEYS, APPROVERS, LOG_POLICY];

    /// Parses `receipt.pub` (PEM SPKI, one key or several), `log.vkey` (C2SP signed-note, one key per line),
    /// `approvers.json` (a list of {person, roles, key, passkey, `from_index`, `until_index`}) and `log.policy` (C2SP
    /// tlog-policy). `receipt_keys.json`, if present, states when each key of `receipt.pub` is valid.
    ///
    /// If a file is absent, no keys of its kind are trusted. Other files are ignored. The logs of `log.policy` are
    /// trusted; if `log.vkey` is also present, both files must name the same logs.
    ///
    /// # Errors
    ///
    /// Fails when a file is malformed, the files contradict each other, or a key serves two purposes.
    pub fn parse(files: &Files) -> Result<Self, TrustError> {
        let file = |name: &'static str| {
            let text = files.get(name).map(|bytes| std::str::from_utf8(bytes));
            text.transpose().map_err(|e| TrustError::Text(name, e))
        };
        let witnesses = file(LOG_POLICY)?.map(LogPolicy::parse).transpose()?;
        let of_policy = || witnesses.iter().flat_map(LogPolicy::logs).cloned().collect();
        let receipts = pem_keys(file(RECEIPT_KEYS)?.unwrap_or_default())?;
        let trust = Self {
            receipt_keys: windows(receipts, file(RECEIPT_WINDOWS)?)?,
            log: file(LOG_KEYS)?.map_or_else(|| Ok(of_policy()), log_keys)?,
            approvers: file(APPROVERS)?.map(approvers).transpose()?,
            witnesses,
        };
        trust.check()?;
        Ok(trust)
    }

    /// The files from which [`Trust::parse`] reads the same keys.
    ///
    /// # Errors
    ///
    /// Fails if [`Trust::parse`] would refuse the files.
    pub fn files(&self) -> Result<Files, TrustError> {
        self.check()?;
        let log: Vec<String> = self.log.iter().map(ToString::to_string).collect();
        let mut files = BTreeMap::from([
            (RECEIPT_KEYS.to_owned(), self.pems()?.into_bytes()),
            (LOG_KEYS.to_owned(), log.join("\n").into_bytes()),
        ]);
        if let Some(approvers) = &self.approvers {
            let records = approvers.iter().map(record).collect::<Result<Vec<_>, _>>()?;
            let bytes =
                json::to_canonical(&records).map_err(|e| TrustError::Canonical(APPROVERS, e));
            files.insert(APPROVERS.to_owned(), bytes?);
        }
        if self.receipt_keys.iter().any(|one| one.from_index.or(one.until_index).is_some()) {
            let records = self.receipt_keys.iter().map(window).collect::<Result<Vec<_>, _>>()?;
            let bytes = json::to_canonical(&records);
            let bytes = bytes.map_err(|e| TrustError::Canonical(RECEIPT_WINDOWS, e));
            files.insert(RECEIPT_WINDOWS.to_owned(), bytes?);
        }
        if let Some(policy) = &self.witnesses {
            files.insert(LOG_POLICY.to_owned(), policy.text().as_bytes().to_vec());
        }
        Ok(files)
    }

    /// All receipt keys in PEM form. A key with two validity ranges is written only once.
    fn pems(&self) -> Result<String, TrustError> {
        let mut pems = Vec::new();
        for one in &self.receipt_keys {
            let pem = dsse::to_pem(&one.key).map_err(|e| TrustError::Key(RECEIPT_KEYS, e))?;
            if !pems.contains(&pem) {
                pems.push(pem);
            }
        }
        Ok(pems.concat())
    }

    /// Returns the key with the key ID `hint`. `hint` is the key ID in a statement, and `index` is the statement's
    /// index in the log. Fails when the key is not trusted or not valid at `index`.
    pub(super) fn receipt_key(&self, hint: &str, index: u64) -> Result<&VerifyingKey, String> {
        let mut named = self.receipt_keys.iter().filter(|one| is(&one.key, hint)).peekable();
        if named.peek().is_none() {
            return Err(format!("the signing key `{hint}` is not a trusted key"));
        }
        let mut windows = Vec::new();
        for one in named {
            if one.counts_at(index) {
                return Ok(&one.key);
            }
            windows.push(between(one.from_index, one.until_index));
        }
        let windows = windows.join(" and ");
        Err(format!("the key `{hint}` is valid {windows} of the log, but signed at index {index}"))
    }

    /// Checks that no key has two purposes. If a key had two purposes, a signature for one purpose could be used for
    /// the other.
    fn check(&self) -> Result<(), TrustError> {
        self.check_logs()?;
        self.check_indices()?;
        self.check_kinds()?;
        let people = || self.approvers.iter().flatten().filter_map(|one| one.key.ed25519());
        let receipts = || self.receipt_keys.iter().map(|one| &one.key);
        let signs_receipts = |key: &&VerifyingKey| receipts().any(|receipt| receipt == *key);
        let signs_a_log = |key: &&VerifyingKey| self.is_of_a_log(key);
        let witnesses = |key: &&VerifyingKey| self.witnesses_wrap(key);
        let shared = [
            (receipts().find(signs_a_log), RECEIPT_KEYS, LOG_KEYS),
            (receipts().find(witnesses), RECEIPT_KEYS, LOG_POLICY),
            (people().find(witnesses), APPROVERS, LOG_POLICY),
            (self.log.iter().map(VerifierKey::public).find(witnesses), LOG_KEYS, LOG_POLICY),
            (people().find(signs_receipts), APPROVERS, RECEIPT_KEYS),
            (people().find(signs_a_log), APPROVERS, LOG_KEYS),
        ];
        match shared.into_iter().find_map(|(key, one, other)| Some((key?, one, other))) {
            None => Ok(()),
            Some((key, one, other)) => {
                let id = key_id(key).map_err(|e| TrustError::Key(one, e))?;
                Err(TrustError::Shared(id, one, other))
            }
        }
    }

    /// Checks that `log.vkey` and `log.policy` name the same logs. If they named different logs, it would be undefined
    /// which file a reader uses.
    fn check_logs(&self) -> Result<(), TrustError> {
        let named = self.witnesses.as_ref().map(LogPolicy::logs).unwrap_or_default();
        let differ = |one: &[VerifierKey], other: &[VerifierKey]| {
            one.iter().find(|key| !other.contains(key)).map(ToString::to_string)
        };
        let odd = differ(named, &self.log).or_else(|| differ(&self.log, named));
        match odd.filter(|_| !named.is_empty()) {
            Some(key) => Err(TrustError::Logs(key)),
            None => Ok(()),
        }
    }

    /// Checks that validity ranges are used only with the keys of a single log. Ranges do not work with several logs,
    /// because a key that was retired in one log could still be valid in another.
    fn check_indices(&self) -> Result<(), TrustError> {
        let windows = self.receipt_keys.iter().map(|one| (one.from_index, one.until_index));
        let people = self.approvers.iter().flatten().map(|one| (one.from_index, one.until_index));
        let mut bounds = windows.chain(people);
        let origin = self.log.first().map(VerifierKey::name);
        let other = self.log.iter().find(|key| Some(key.name()) != origin);
        match other.filter(|_| bounds.any(|(from, until)| from.or(until).is_some())) {
            Some(other) => Err(TrustError::Indices(other.name().to_owned())),
            None => Ok(()),
        }
    }

    /// Checks that each key of the approvers is a key file or a passkey at each index of the log, and not both. A key
    /// that is both could answer without the checks of a passkey.
    fn check_kinds(&self) -> Result<(), TrustError> {
        let all = || self.approvers.iter().flatten();
        let both = all().find(|&one| all().any(|other| one.is_other_kind_of(other)));
        both.map_or(Ok(()), |one| {
            Err(TrustError::Kinds(one.key.id().map_err(|e| TrustError::Key(APPROVERS, e))?))
        })
    }

    fn is_of_a_log(&self, key: &VerifyingKey) -> bool {
        self.log.iter().any(|log| log.wraps(key))
    }

    fn witnesses_wrap(&self, key: &VerifyingKey) -> bool {
        self.witnesses.iter().flat_map(LogPolicy::witnesses).any(|witness| witness.wraps(key))
    }
}

impl ReceiptKey {
    fn counts_at(&self, index: u64) -> bool {
        is_within(index, self.from_index, self.until_index)
    }
}

impl Approver {
    pub(super) fn owns(&self, hint: &str) -> bool {
        self.key.id().is_ok_and(|id| id == hint)
    }

    /// Whether this record says that a key is a passkey, and the other one says that the same key is a key file at an
    /// index for which both are valid.
    fn is_other_kind_of(&self, other: &Self) -> bool {
        let starts_in = |from: Option<u64>, until: Option<u64>| {
            from.is_none_or(|from| until.is_none_or(|until| from <= until))
        };
        self.key.passkey().is_some()
            && other.key.passkey().is_none()
            && self.key.is_same_key(&other.key)
            && starts_in(self.from_index, other.until_index)
            && starts_in(other.from_index, self.until_index)
    }

    /// Whether the key is that of this person, who has this role. A confirmation needs no role.
    pub(super) fn has_role(&self, person: &str, role: &str) -> bool {
        self.person == person && (role == CONFIRM || self.roles.iter().any(|has| has == role))
    }

    /// Whether an approval at this index of the log is valid.
    pub(super) fn is_enrolled_at(&self, index: u64) -> bool {
        is_within(index, self.from_index, self.until_index)
    }
}

fn is_within(index: u64, from: Option<u64>, until: Option<u64>) -> bool {
    from.is_none_or(|from| from <= index) && until.is_none_or(|until| index <= until)
}

/// A range of log indices in words.
fn between(from: Option<u64>, until: Option<u64>) -> String {
    match (from.filter(|from| *from > 0), until) {
        (None, None) => "everywhere".to_owned(),
        (None, Some(until)) => format!("until index {until}"),
        (Some(from), None) => format!("from index {from}"),
        (Some(from), Some(until)) => format!("from index {from} until {until}"),
    }
}

/// Why the files of a trust directory are invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    #[error("`{0}` is not UTF-8 text: {1}")]
    Text(&'static str, std::str::Utf8Error),
    #[error("`{0}`: {1}")]
    Key(&'static str, DsseError),
    #[error("`{LOG_KEYS}` contains an invalid key: {_0}{}", one_per_line(.0))]
    LogKey(#[from] KeyError),
    #[error("`{0}`: {1}")]
    Json(&'static str, json::ParseError),
    #[error("`{0}` {1}")]
    Shape(&'static str, json::ShapeError),
    #[error("`{0}`: {1}")]
    Canonical(&'static str, json::NotCanonical),
    #[error("`{RECEIPT_KEYS}` has key {0}, but `{RECEIPT_WINDOWS}` has no entry for it")]
    NoWindow(String),
    #[error("`{RECEIPT_WINDOWS}` has key {0}, which is not in `{RECEIPT_KEYS}`")]
    Stray(String),
    #[error("`{LOG_POLICY}`, {0}")]
    Policy(#[from] PolicyError),
    #[error(
        "`{LOG_KEYS}` and the `log` lines of `{LOG_POLICY}` name different logs: `{0}` is in only one file"
    )]
    Logs(String),
    #[error(
        "keys with index limits are allowed only with one log, but `{0}` is a second log; use one directory per log"
    )]
    Indices(String),
    #[error("key {0} of `{1}` is also in `{2}`; use a key for one purpose only")]
    Shared(String, &'static str, &'static str),
    #[error(
        "key {0} of `{APPROVERS}` is in an entry with `passkey` and in one without, which are valid for the same \
         indices; a key is a passkey or a key file"
    )]
    Kinds(String),
}

/// The hint for a line of `log.vkey` with the wrong form; empty for the other errors.
fn one_per_line(error: &KeyError) -> &'static str {
    if *error == KeyError::Shape { "; write one key per line" } else { "" }
}

const PEM_END: &str = "-----END PUBLIC KEY-----";

fn pem_keys(text: &str) -> Result<Vec<VerifyingKey>, TrustError> {
    let blocks = text.split_inclusive(PEM_END).map(str::trim).filter(|block| !block.is_empty());
    blocks.map(|block| pem_key(RECEIPT_KEYS, block)).collect()
}

fn pem_key(file: &'static str, text: &str) -> Result<VerifyingKey, TrustError> {
    dsse::from_pem(text).map_err(|e| TrustError::Key(file, e))
}

fn log_keys(text: &str) -> Result<Vec<VerifierKey>, TrustError> {
    text.lines().filter(|line| !line.is_empty()).map(|line| Ok(line.parse()?)).collect()
}

/// Parses the JSON in a file of the trust directory.
fn parsed(file: &'static str, text: &str) -> Result<Value, TrustError> {
    json::parse(text.as_bytes()).map_err(|e| TrustError::Json(file, e))
}

/// The records of a list. Other verifiers read the same files, so each record must have its only form.
fn list<T: DeserializeOwned + Serialize>(
    file: &'static str,
    value: Value,
) -> Result<Vec<T>, TrustError> {
    json::from_exact(value).map_err(|e| TrustError::Shape(file, e))
}

/// The keys of `receipt.pub` with the validity ranges from `receipt_keys.json`. Without `receipt_keys.json`, the keys
/// are always valid.
fn windows(keys: Vec<VerifyingKey>, text: Option<&str>) -> Result<Vec<ReceiptKey>, TrustError> {
    let Some(text) = text else {
        let always = |key| ReceiptKey { key, from_index: None, until_index: None };
        return Ok(keys.into_iter().map(always).collect());
    };
    let mut windows = Vec::new();
    let records: Vec<Window> = list(RECEIPT_WINDOWS, parsed(RECEIPT_WINDOWS, text)?)?;
    for Window { key, from_index, until_index } in records {
        let key = pem_key(RECEIPT_WINDOWS, key.trim())?;
        windows.push(ReceiptKey { key, from_index, until_index });
    }
    let id = |key| key_id(key).map_err(|e| TrustError::Key(RECEIPT_KEYS, e));
    if let Some(one) = windows.iter().find(|one| !keys.contains(&one.key)) {
        return Err(TrustError::Stray(id(&one.key)?));
    }
    match keys.iter().find(|key| !windows.iter().any(|one| one.key == **key)) {
        Some(key) => Err(TrustError::NoWindow(id(key)?)),
        None => Ok(windows),
    }
}

fn window(one: &ReceiptKey) -> Result<Window, TrustError> {
    let key = dsse::to_pem(&one.key).map_err(|e| TrustError::Key(RECEIPT_WINDOWS, e))?;
    Ok(Window { key, from_index: one.from_index, until_index: one.until_index })
}

fn approvers(text: &str) -> Result<Vec<Approver>, TrustError> {
    let mut value = parsed(APPROVERS, text)?;
    // The order of origins has no meaning.
    for one in value.as_array_mut().into_iter().flatten() {
        if let Some(Value::Array(origins)) = one.pointer_mut("/passkey/origins") {
            origins.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
        }
    }
    let records: Vec<Record> = list(APPROVERS, value)?;
    let approver = |record: Record| {
        let key = ApproverKey::read(record.key.trim(), record.passkey);
        Ok(Approver {
            key: key.map_err(|e| TrustError::Key(APPROVERS, e))?,
            person: record.person,
            roles: record.roles,
            from_index: record.from_index,
            until_index: record.until_index,
        })
    };
    records.into_iter().map(approver).collect()
}

fn record(approver: &Approver) -> Result<Record, TrustError> {
    Ok(Record {
        person: approver.person.clone(),
        roles: approver.roles.clone(),
        key: approver.key.to_pem().map_err(|e| TrustError::Key(APPROVERS, e))?,
        passkey: approver.key.passkey().map(|passkey| passkey.relying_party.clone()),
        from_index: approver.from_index,
        until_index: approver.until_index,
    })
}

fn is(key: &VerifyingKey, hint: &str) -> bool {
    key_id(key).is_ok_and(|id| id == hint)
}
