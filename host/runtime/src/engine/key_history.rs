//! The history of a host's keys and activations, from a tenant's log and the stored statements.
//!
//! Only statements signed by a present or former key of this host are accepted.

use std::path::Path;

use deed_record::lifecycle::event::Leaf;
use deed_record::statement::activation::{self, Activation};
use deed_record::statement::envelope::Kind;
use deed_record::statement::rotation::{self, KeyChange, Purpose};
use deed_spec::digest::Digest;
use deed_spec::dsse::key_id;
use deed_spec::note::VerifierKey;
use deed_store::log::Retired;
use deed_store::statements::{Enrolled, Kept, StatementError, Statements};
use ed25519_dalek::VerifyingKey;

use crate::config::keys::{self, KeyError, Keys};
use crate::stage::activation as stage;

/// The statements of a host, and the keys that may have signed them.
#[derive(Debug)]
pub(crate) struct KeyHistory {
    pub(crate) statements: Statements,
    signers: Vec<VerifyingKey>,
}

/// A key that the log records as added or retired.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    pub(crate) kind: Kind,
    pub(crate) change: KeyChange,
    pub(crate) key: VerifyingKey,
}

/// Why the key history of a host cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeyHistoryError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error(
        "statement `{0}` is at index {1} of the log but not in `state/statements`; restore the statement from a copy"
    )]
    Lost(String, u64),
    #[error("the statement `{0}` at index {1} of the log is not valid: {2}")]
    Other(String, u64, String),
    #[error(
        "keys/{purpose}.key is not the key that is valid in the log of `{tenant}` ({wanted}); restore that key"
    )]
    OtherKey { purpose: &'static str, tenant: String, wanted: String },
    #[error("a key of this host cannot be encoded: {0}")]
    Form(String),
}

const NO_KEY: &str = "it is not signed by a key of this host; restore keys/retired/ from a copy";

impl KeyHistory {
    pub(crate) fn open(dir: &Path, keys: &Keys) -> Result<Self, KeyHistoryError> {
        let mut signers = vec![keys.receipt.verifying_key()];
        signers.extend(keys::retired(dir, Purpose::Receipt)?);
        Ok(Self { statements: Statements::open(&dir.join("state"))?, signers })
    }

    /// Opens the key history with public keys only, for commands that only read. Returns `None` when no statement was
    /// ever stored.
    pub(crate) fn look(dir: &Path, receipt: VerifyingKey) -> Result<Option<Self>, KeyHistoryError> {
        let mut signers = vec![receipt];
        signers.extend(keys::retired(dir, Purpose::Receipt)?);
        let statements = Statements::look(&dir.join("state"))?;
        Ok(statements.map(|statements| Self { statements, signers }))
    }

    /// The retired keys of the host that signed checkpoints of this log.
    pub(crate) fn retired(
        &self,
        tenant: &str,
        origin: &str,
    ) -> Result<Vec<Retired>, KeyHistoryError> {
        let mut retired = Vec::new();
        for kept in self.statements.all(Kind::KeyRetired)? {
            let Some(change) = self.change(&kept, Kind::KeyRetired) else { continue };
            if change.tenant != tenant || change.purpose != Purpose::Log {
                continue;
            }
            let form = |e: &dyn std::fmt::Display| KeyHistoryError::Form(e.to_string());
            let key = change.public().map_err(|e| form(&e))?;
            let key = VerifierKey::new(origin, key).map_err(|e| form(&e))?;
            let statement = kept.envelope.payload_digest().map_err(|e| form(&e))?;
            retired.push(Retired { key, statement });
        }
        Ok(retired)
    }

    /// The added and retired keys, in the order of the log.
    pub(crate) fn changes(
        &self,
        tenant: &str,
        told: &[Leaf],
    ) -> Result<Vec<Changed>, KeyHistoryError> {
        let mut changes = Vec::new();
        for leaf in told {
            let Some(kind) =
                [Kind::KeyAdded, Kind::KeyRetired].into_iter().find(|k| k.as_str() == leaf.kind)
            else {
                continue;
            };
            let at =
                |why: &str| KeyHistoryError::Other(leaf.kind.clone(), leaf.index, why.to_owned());
            let kept = self.statements.get(kind, leaf.payload)?;
            let kept = kept.ok_or_else(|| KeyHistoryError::Lost(leaf.kind.clone(), leaf.index))?;
            let change = self.change(&kept, kind);
            let change = change.ok_or_else(|| at(NO_KEY))?;
            // The statements that add the new key and retire the old key are adjacent in the log. The old key is valid
            // up to and including the statement that retires it; the new key is valid from the next entry on.
            let index = leaf.index + if kind == Kind::KeyAdded { 2 } else { 0 };
            if change.tenant != tenant || change.index != index {
                return Err(at("the statement is about another tenant or index"));
            }
            let key = change.public().map_err(|e| at(&e.to_string()))?;
            changes.push(Changed { kind, change, key });
        }
        Ok(changes)
    }

    /// The last activation, if its statement is still stored.
    pub(crate) fn activated(
        &self,
        told: &[Leaf],
    ) -> Result<Option<(Digest, Activation)>, KeyHistoryError> {
        let mut latest = told.iter().rev();
        let Some(leaf) = latest.find(|leaf| leaf.kind == Kind::Activated.as_str()) else {
            return Ok(None);
        };
        let kept = self.statements.get(Kind::Activated, leaf.payload)?;
        // `None` if the stored statement is lost or was signed with an unknown key; the host then signs and logs a new
        // activation.
        let opened = kept.and_then(|kept| self.activation(&kept));
        Ok(opened.map(|activation| (leaf.payload, activation)))
    }

    /// The activation with this payload digest, if its statement is stored and a key of this host signed it.
    pub(crate) fn activation_of(
        &self,
        digest: Digest,
    ) -> Result<Option<Activation>, KeyHistoryError> {
        let kept = self.statements.get(Kind::Activated, digest)?;
        Ok(kept.and_then(|kept| self.activation(&kept)))
    }

    /// The people who could approve actions while an activation was in force.
    pub(crate) fn people(&self, leaf: &Leaf) -> Result<Vec<Enrolled>, KeyHistoryError> {
        let at = |why: &str| KeyHistoryError::Other(leaf.kind.clone(), leaf.index, why.to_owned());
        let kept = self.statements.get(Kind::Activated, leaf.payload)?;
        let kept = kept.ok_or_else(|| KeyHistoryError::Lost(leaf.kind.clone(), leaf.index))?;
        let activation = self.activation(&kept).ok_or_else(|| at(NO_KEY))?;
        // The people's names are stored next to the activation and are not signed, so they are compared with the
        // digests in it.
        match stage::names(&activation, &kept.people) {
            Ok(true) => Ok(kept.people),
            Ok(false) => Err(at("the people stored with it are not those that it names")),
            Err(error) => Err(at(&error.to_string())),
        }
    }

    fn activation(&self, kept: &Kept) -> Option<Activation> {
        self.signers.iter().find_map(|key| activation::open(&kept.envelope, key).ok())
    }

    /// Checks that the present keys are the keys that are valid according to the log, because keys from an older copy
    /// of `keys/` must not sign anything.
    pub(crate) fn check_present(
        &self,
        tenant: &str,
        told: &[Leaf],
        keys: &Keys,
    ) -> Result<(), KeyHistoryError> {
        let changes = self.changes(tenant, told)?;
        for purpose in [Purpose::Receipt, Purpose::Log] {
            let of = |one: &&Changed| one.change.purpose == purpose && one.kind == Kind::KeyAdded;
            let Some(last) = changes.iter().rev().find(of) else { continue };
            if last.key != keys.of(purpose).verifying_key() {
                let (purpose, tenant) = (purpose.as_str(), tenant.to_owned());
                let wanted = key_id(&last.key).map_err(|e| KeyHistoryError::Form(e.to_string()))?;
                return Err(KeyHistoryError::OtherKey { purpose, tenant, wanted });
            }
        }
        Ok(())
    }

    fn change(&self, kept: &Kept, kind: Kind) -> Option<KeyChange> {
        self.signers.iter().find_map(|key| rotation::open(&kept.envelope, key, kind).ok())
    }
}
