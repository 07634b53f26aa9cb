//! Stage 0: creates a signed statement of the configuration that is in force for a tenant.
//!
//! The caller, which has access to the log, decides whether the log needs a new statement.

use std::collections::{BTreeMap, BTreeSet};

use deed_record::statement::activation::{
    Activation, Approver, Granted, agent_digest, attributes_digest, name_digest,
    relying_party_digest,
};
use deed_record::statement::approver::ApproverKey;
use deed_record::statement::envelope::EnvelopeError;
use deed_spec::json;
use deed_store::statements::{Enrolled, Kept};
use deed_system::files;
use ed25519_dalek::SigningKey;
use serde_json::Value;

use crate::config::{Config, Tenant};

/// The activation that describes the present configuration of a tenant.
///
/// # Errors
///
/// Fails when a part of the activation has no canonical form.
pub fn of(config: &Config, tenant: &Tenant, at_ms: i64) -> Result<Activation, EnvelopeError> {
    let granted = tenant.grants.values();
    let granted = granted.map(|one| Granted { contract: one.digest, adapter: one.adapter });
    let agent = |(name, agent): (&String, &crate::config::Agent)| {
        Ok((name_digest(name), agent_digest(&agent.person, &agent.roles)?))
    };
    let resource = |(name, attributes): (&String, &BTreeMap<String, Value>)| {
        Ok((name_digest(name), attributes_digest(attributes)?))
    };
    Ok(Activation {
        tenant: tenant.name.clone(),
        environment: config.environment.clone(),
        policy_set: tenant.policies.digest(),
        granted: granted.collect(),
        approvers: approvers(tenant, at_ms)?,
        agents: tenant.agents.iter().map(agent).collect::<Result<_, json::NotCanonical>>()?,
        resources: tenant
            .resources
            .iter()
            .map(resource)
            .collect::<Result<_, json::NotCanonical>>()?,
        by_uid: files::user(),
        at_ms,
    })
}

fn approvers(tenant: &Tenant, at_ms: i64) -> Result<BTreeSet<Approver>, EnvelopeError> {
    let mut approvers = BTreeSet::new();
    for (name, person) in &tenant.persons {
        for key in &person.keys {
            approvers.insert(approver(key, name, person.roles_at(at_ms))?);
        }
    }
    Ok(approvers)
}

fn approver(
    key: &ApproverKey,
    person: &str,
    roles: BTreeSet<String>,
) -> Result<Approver, EnvelopeError> {
    let passkey = key.passkey().map(|passkey| relying_party_digest(&passkey.relying_party));
    let passkey = passkey.transpose()?;
    Ok(Approver { keyid: key.id()?, person: name_digest(person), roles, passkey })
}

/// Whether these people are exactly the approvers that the activation names by digest.
///
/// # Errors
///
/// Fails when a key cannot be parsed.
pub fn names(activation: &Activation, people: &[Enrolled]) -> Result<bool, EnvelopeError> {
    let mut named = BTreeSet::new();
    for one in people {
        let key = ApproverKey::read(&one.key, one.passkey.clone())?;
        named.insert(approver(&key, &one.person, one.roles.iter().cloned().collect())?);
    }
    Ok(named == activation.approvers)
}

/// Signs the activation. The result includes the people's names next to the signed statement, because the statement
/// names people only by digest.
///
/// # Errors
///
/// Fails when the activation cannot be signed.
pub fn sign(
    activation: &Activation,
    tenant: &Tenant,
    key: &SigningKey,
) -> Result<Kept, EnvelopeError> {
    let people = people(tenant, activation.at_ms)?;
    Ok(Kept { envelope: activation.statement()?.sign(key)?, people })
}

/// Lists every key of every person of a tenant, with the roles that the person may use at this time.
///
/// # Errors
///
/// Fails when a key cannot be encoded.
pub fn people(tenant: &Tenant, at_ms: i64) -> Result<Vec<Enrolled>, EnvelopeError> {
    let mut people = Vec::new();
    for (name, person) in &tenant.persons {
        for key in &person.keys {
            people.push(Enrolled {
                person: name.clone(),
                roles: person.roles_at(at_ms).into_iter().collect(),
                key: key.to_pem()?,
                passkey: key.passkey().map(|passkey| passkey.relying_party.clone()),
            });
        }
    }
    Ok(people)
}
