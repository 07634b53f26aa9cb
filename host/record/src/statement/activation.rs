//! Activations. An activation states which configuration of a tenant is in force, and is signed and logged before any
//! action runs under that configuration.
//!
//! The names and data of agents and resources are recorded as digests. A reader who knows a name can check what was
//! activated for that name, but cannot learn other names from the statement.

use std::collections::{BTreeMap, BTreeSet};

use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;
use deed_spec::webauthn::RelyingParty;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::policy::CONFIRM;
use crate::statement::envelope::{EnvelopeError, Kind, Statement};

/// The predicate of an `activated` statement; its subject, `activation.json`, is the predicate itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    pub tenant: String,
    pub environment: String,
    pub policy_set: Digest,
    pub granted: BTreeSet<Granted>,
    pub approvers: BTreeSet<Approver>,
    /// Maps the SHA-256 of an agent's name to its [`agent_digest`].
    pub agents: BTreeMap<Digest, Digest>,
    /// Maps the SHA-256 of a resource's name to its [`attributes_digest`].
    pub resources: BTreeMap<Digest, Digest>,
    /// The operating-system user that the host ran as.
    pub by_uid: u32,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A contract, and the adapter that may perform its actions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Granted {
    pub contract: Digest,
    pub adapter: Digest,
}

/// A key that may sign approvals, with its person and roles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approver {
    pub keyid: String,
    /// SHA-256 of the person's name.
    pub person: Digest,
    pub roles: BTreeSet<String>,
    /// The [`relying_party_digest`] of a passkey; absent for a key file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<Digest>,
}

/// SHA-256 of the canonical JSON `{"person", "roles"}` of an agent, with sorted roles.
///
/// # Errors
///
/// Fails when the JSON has no canonical form.
pub fn agent_digest(person: &str, roles: &BTreeSet<String>) -> Result<Digest, json::NotCanonical> {
    Ok(Digest::of(&json::canonical(&json!({"person": person, "roles": roles}))?))
}

/// SHA-256 of the canonical attributes of a resource.
///
/// # Errors
///
/// Fails when the attributes have no canonical form.
pub fn attributes_digest(
    attributes: &BTreeMap<String, Value>,
) -> Result<Digest, json::NotCanonical> {
    Ok(Digest::of(&json::to_canonical(attributes)?))
}

/// SHA-256 of the canonical JSON `{"origins", "rp_id"}` of a passkey, with sorted origins.
///
/// # Errors
///
/// Fails when the JSON has no canonical form.
pub fn relying_party_digest(relying_party: &RelyingParty) -> Result<Digest, json::NotCanonical> {
    Ok(Digest::of(&json::to_canonical(relying_party)?))
}

/// The map key for the name of an agent or a resource.
pub fn name_digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

impl Activation {
    /// Whether two activations describe the same configuration, regardless of their times.
    pub fn is_same(&self, other: &Self) -> bool {
        *self == Self { at_ms: self.at_ms, ..other.clone() }
    }

    /// The statement to sign.
    ///
    /// # Errors
    ///
    /// Fails when the activation has no canonical form.
    pub fn statement(&self) -> Result<Statement, EnvelopeError> {
        let bytes = json::to_canonical(self)?;
        let predicate = json::parse(&bytes)?;
        Ok(Statement { kind: Kind::Activated, action: Digest::of(&bytes), predicate })
    }

    /// Whether this agent had exactly these roles and this responsible person; an agent that is not listed has no
    /// roles.
    ///
    /// # Errors
    ///
    /// Fails when the roles have no canonical form.
    pub fn agent_had(
        &self,
        agent: &str,
        person: &str,
        roles: &BTreeSet<String>,
    ) -> Result<bool, json::NotCanonical> {
        match self.agents.get(&name_digest(agent)) {
            Some(activated) => Ok(*activated == agent_digest(person, roles)?),
            None => Ok(roles.is_empty()),
        }
    }

    /// Whether this resource had exactly these attributes; a resource that is not listed has no attributes.
    ///
    /// # Errors
    ///
    /// Fails when the attributes have no canonical form.
    pub fn resource_had(
        &self,
        resource: &str,
        attributes: &BTreeMap<String, Value>,
    ) -> Result<bool, json::NotCanonical> {
        match self.resources.get(&name_digest(resource)) {
            Some(activated) => Ok(*activated == attributes_digest(attributes)?),
            None => Ok(attributes.is_empty()),
        }
    }

    /// Whether a key could approve for this person in this role. `passkey` is the [`relying_party_digest`] if the key
    /// is a passkey. A confirmation needs no role, only a key of the person.
    pub fn has_approver(
        &self,
        keyid: &str,
        passkey: Option<Digest>,
        person: &str,
        role: &str,
    ) -> bool {
        let person = name_digest(person);
        let is_it =
            |one: &Approver| one.keyid == keyid && one.passkey == passkey && one.person == person;
        let may = |one: &Approver| role == CONFIRM || one.roles.contains(role);
        self.approvers.iter().any(|one| is_it(one) && may(one))
    }
}

/// Verifies an envelope and returns its activation.
///
/// # Errors
///
/// Fails when the signature, kind, fields or subject are wrong.
pub fn open(envelope: &Envelope, key: &VerifyingKey) -> Result<Activation, OpenError> {
    read(Statement::open(envelope, key, Kind::Activated)?)
}

/// The activation of a verified statement.
///
/// # Errors
///
/// Fails when the statement has unknown fields or its subject is not the digest of its predicate.
pub fn read(statement: Statement) -> Result<Activation, OpenError> {
    let subject = statement.action;
    let activation: Activation = json::from_value(statement.predicate)?;
    if activation.statement()?.action == subject { Ok(activation) } else { Err(OpenError::Subject) }
}

/// Why an envelope is not an activation.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error("the predicate is not the activation of a configuration: {0}")]
    Shape(#[from] json::ShapeError),
    #[error("the subject of the statement does not match its predicate")]
    Subject,
}

#[cfg(test)]
mod tests;
