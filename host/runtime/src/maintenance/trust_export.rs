//! Exports the public keys of a host for one tenant: every key that is or was valid, with the range of log indexes in
//! which it is valid.
//!
//! The tenant's log is read while the host may run. The history of the keys is taken only from statements that this
//! host's keys signed.

use deed_record::lifecycle::event::Leaf;
use deed_record::statement::approver::ApproverKey;
use deed_record::statement::envelope::Kind;
use deed_record::statement::rotation::Purpose;
use deed_spec::note::{LogPolicy, VerifierKey};
use deed_store::log::witnesses::Witnesses;
use deed_store::log::{History, LogError, history};
use deed_store::statements::Enrolled;
use deed_system::clock::Clock;
use deed_verify::{Approver, ReceiptKey, Trust};
use ed25519_dalek::VerifyingKey;

use crate::config::keys::Keys;
use crate::config::{Config, Tenant};
use crate::engine::key_history::{Changed, KeyHistory, KeyHistoryError};
use crate::stage::activation;

/// Why a trust directory cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum TrustFault {
    #[error(transparent)]
    KeyHistory(#[from] KeyHistoryError),
    #[error("the log of this tenant cannot be read: {0}")]
    Log(#[from] LogError),
    #[error("a key cannot be written: {0}")]
    Key(String),
}

/// The keys that a third party needs to check all receipts of one tenant, including old ones.
///
/// # Errors
///
/// Fails when the log or the key history cannot be read.
pub fn trust(config: &Config, keys: &Keys, tenant: &Tenant) -> Result<Trust, TrustFault> {
    // A verifier key includes the name of a log. The same key signs the logs of all tenants, but the logs have
    // different names, so each log has its own verifier key.
    let origin = format!("{}/{}", config.log_origin, tenant.name);
    let verifier = |key: VerifyingKey| VerifierKey::new(&origin, key).map_err(bad);
    let present = verifier(keys.log.verifying_key())?;
    let (told, changes, stays) = if config.dir.join("state/statements").is_dir() {
        let past = KeyHistory::open(&config.dir, keys)?;
        let retired = past.retired(&tenant.name, &origin)?;
        let dir = config.dir.join("state/log").join(&tenant.name);
        let told = history(&dir, &present, &retired)?;
        past.check_present(&tenant.name, &told.leaves, keys)?;
        let changes = past.changes(&tenant.name, &told.leaves)?;
        let stays = stays(&past, &told.leaves)?;
        (told, changes, stays)
    } else {
        (History::default(), vec![], vec![])
    };
    let mut log = vec![present];
    for old in changes.iter().filter(|one| is_of(one, Purpose::Log, Kind::KeyRetired)) {
        log.push(verifier(old.key)?);
    }
    Ok(Trust {
        receipt_keys: receipt_keys(keys.receipt.verifying_key(), &changes),
        witnesses: policy(&config.witnesses, &log)?,
        log,
        approvers: Some(approvers(tenant, &told, stays)?),
    })
}

/// The witnesses that the host asks and how many of them must cosign; `None` if no witness is configured.
fn policy(witnesses: &Witnesses, logs: &[VerifierKey]) -> Result<Option<LogPolicy>, TrustFault> {
    if witnesses.all.is_empty() {
        return Ok(None);
    }
    let all = witnesses.all.iter().map(|one| (one.name.as_str(), &one.key, one.url.as_str()));
    let all: Vec<_> = all.collect();
    LogPolicy::of(logs, &all, witnesses.quorum).map(Some).map_err(bad)
}

fn is_of(change: &Changed, purpose: Purpose, kind: Kind) -> bool {
    change.change.purpose == purpose && change.kind == kind
}

/// The receipt keys with the log indexes between which they are valid. If the log does not state that a key was added,
/// the key is valid from the beginning of the log.
fn receipt_keys(present: VerifyingKey, changes: &[Changed]) -> Vec<ReceiptKey> {
    let added = |key: &VerifyingKey| {
        let of = |one: &&Changed| is_of(one, Purpose::Receipt, Kind::KeyAdded) && one.key == *key;
        changes.iter().find(of).map_or(0, |one| one.change.index)
    };
    let window = |key, until_index| ReceiptKey { key, from_index: Some(added(&key)), until_index };
    let retired = changes.iter().filter(|one| is_of(one, Purpose::Receipt, Kind::KeyRetired));
    let mut keys: Vec<ReceiptKey> =
        retired.map(|one| window(one.key, Some(one.change.index))).collect();
    keys.push(window(present, None));
    keys
}

/// A person who can approve or once could, and the range of log indexes in which the person could approve. `until` is
/// `None` if the person still can.
#[derive(Debug)]
struct Stay {
    who: Enrolled,
    from: u64,
    until: Option<u64>,
}

/// The approvers of the tenant, according to the activations of configurations in the log.
fn stays(past: &KeyHistory, told: &[Leaf]) -> Result<Vec<Stay>, KeyHistoryError> {
    let mut stays: Vec<Stay> = Vec::new();
    let activated = told.iter().filter(|leaf| leaf.kind == Kind::Activated.as_str());
    for (n, leaf) in activated.enumerate() {
        let people = past.people(leaf)?;
        // The approvers of the first activation are valid from the beginning of the log.
        let from = if n == 0 { 0 } else { leaf.index };
        for stay in stays.iter_mut().filter(|stay| stay.until.is_none()) {
            if !people.contains(&stay.who) {
                stay.until = Some(leaf.index.saturating_sub(1));
            }
        }
        for who in people {
            if !stays.iter().any(|stay| stay.until.is_none() && stay.who == who) {
                stays.push(Stay { who, from, until: None });
            }
        }
    }
    Ok(stays)
}

/// Approvers who are configured now remain valid. Approvers who were removed remain valid for entries that are already
/// in the log.
fn approvers(
    tenant: &Tenant,
    told: &History,
    mut stays: Vec<Stay>,
) -> Result<Vec<Approver>, TrustFault> {
    let configured = activation::people(tenant, Clock::new().latest_ms()).map_err(bad)?;
    for stay in stays.iter_mut().filter(|stay| stay.until.is_none()) {
        if !configured.contains(&stay.who) {
            stay.until = Some(told.size.saturating_sub(1));
        }
    }
    for who in configured {
        if !stays.iter().any(|stay| stay.until.is_none() && stay.who == who) {
            stays.push(Stay { who, from: told.size, until: None });
        }
    }
    let approver = |Stay { who, from, until }| {
        Ok(Approver {
            key: ApproverKey::read(&who.key, who.passkey).map_err(bad)?,
            person: who.person,
            roles: who.roles,
            from_index: Some(from),
            until_index: until,
        })
    };
    stays.into_iter().map(approver).collect()
}

fn bad(error: impl std::fmt::Display) -> TrustFault {
    TrustFault::Key(error.to_string())
}
