//! Checks that each decision used the configuration that the log contained when the decision was made: policies,
//! contract and adapter, approvers, the agent's roles, and the resource's attributes.
//!
//! If a newer activation was logged before a decision, this check cannot detect that the decision ignored it. Only an
//! audit of the whole log can detect such a decision.

use std::collections::{BTreeMap, BTreeSet};

use deed_record::action::Action;
use deed_record::bundle;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::policy::{Decision, Verdict};
use deed_record::statement::activation::{self, Activation, Granted};
use deed_record::statement::approval::Answer;
use deed_record::statement::envelope::Kind;
use deed_record::statement::receipt::Receipt;
use deed_spec::digest::Digest;
use deed_spec::json;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::approvals::Given;
use super::links::Links;
use super::opened::Opened;
use super::trust::Trust;
use super::{Found, clearances, pass};

/// Checks that every decision is based on an activation (a signed configuration) that was logged before the decision,
/// and that both agree.
pub(super) fn check(
    opened: &Opened,
    links: &Links,
    action: &Action,
    receipt: &Receipt,
    given: &[Given],
    trust: &Trust,
) -> Found {
    let Some(decision) = &receipt.decision else {
        return match receipt.activated.as_slice() {
            [] => pass("no policy was evaluated"),
            _ => Err("the receipt names an activation but no decision".to_owned()),
        };
    };
    let mut read = Vec::new();
    for (n, line) in links.activated.iter().enumerate() {
        let one = open(opened, *line, action, trust).map_err(|e| format!("activation {n}: {e}"))?;
        read.push((*line, one));
    }
    each_attempt(opened, links, action, receipt, &read)?;
    let (line, last) = read.last().ok_or("the receipt names no activation for its decision")?;
    decided(last, decision)?;
    let seen = Seen { opened, action, receipt, given };
    if ran(receipt) {
        allowed(last, action)?;
        seen.approvers(last)?;
    }
    seen.facts(last)?;
    let index = opened.proofs.get(*line).map_or(0, |proof| proof.index);
    pass(format!(
        "policies, the agent's roles and the resource's attributes are those activated at {index} of the log"
    ))
}

/// Opens an activation, which must be of this tenant, and signed by a key that is valid at the activation's index in
/// the log.
fn open(
    opened: &Opened,
    line: usize,
    action: &Action,
    trust: &Trust,
) -> Result<Activation, String> {
    let statement = super::proven::statement(opened, line, Kind::Activated, trust)?;
    let activation = activation::read(statement).map_err(|e| e.to_string())?;
    if activation.tenant == action.tenant {
        return Ok(activation);
    }
    Err(format!("the activation is of another tenant, `{}`", activation.tenant))
}

/// Checks that the decision of each attempt names an activation that precedes the decision in the log, and that both
/// agree.
fn each_attempt(
    opened: &Opened,
    links: &Links,
    action: &Action,
    receipt: &Receipt,
    read: &[(usize, Activation)],
) -> Result<(), String> {
    for (attempt, decided_at) in receipt.attempts.iter().zip(&links.decisions) {
        let named = |why: String| format!("decision {}: {why}", attempt.n);
        let clearance = clearances::read(opened, *decided_at).map_err(named)?;
        let place = receipt.activated.iter().position(|one| *one == clearance.activated);
        let found = place.and_then(|place| read.get(place));
        let (line, activation) =
            found.ok_or_else(|| named("the named activation is missing".to_owned()))?;
        if line > decided_at {
            return Err(named("the decision was logged before its activation".to_owned()));
        }
        decided(activation, &clearance.decision)
            .and_then(|()| allowed(activation, action))
            .map_err(named)?;
    }
    Ok(())
}

fn decided(activation: &Activation, decision: &Decision) -> Result<(), String> {
    if activation.policy_set == decision.policy_set {
        return Ok(());
    }
    Err(format!("the activated policies are {}, but other policies decided", activation.policy_set))
}

/// Checks that the contract and adapter of the action were activated together, and for the environment of the action.
fn allowed(activation: &Activation, action: &Action) -> Result<(), String> {
    let granted = Granted { contract: action.contract.digest, adapter: action.adapter };
    if !activation.granted.contains(&granted) {
        return Err("the contract and adapter of the action were not activated together".to_owned());
    }
    if activation.environment != action.environment {
        return Err(format!("the activated environment is `{}`", activation.environment));
    }
    Ok(())
}

/// Whether the latest decision belongs to an action that ran. An action that only reads counts as run if its outcome is
/// `verified`.
fn ran(receipt: &Receipt) -> bool {
    let attempted = !receipt.attempts.is_empty() && !receipt.is_given_up();
    attempted || receipt.outcome == Outcome::Verified
}

fn is_allowed(receipt: &Receipt) -> bool {
    receipt.decision.as_ref().is_some_and(|decision| decision.verdict != Verdict::Deny)
}

/// The records that are compared with an activation.
struct Seen<'a> {
    opened: &'a Opened,
    action: &'a Action,
    receipt: &'a Receipt,
    given: &'a [Given],
}

impl Seen<'_> {
    /// Checks that every approval that counts is signed by a key that was activated for the person and role of the
    /// approval.
    fn approvers(&self, activation: &Activation) -> Result<(), String> {
        let lines = self.given.iter().filter(|one| one.counted);
        for one in lines.filter(|one| one.terms.decision == Answer::Approve) {
            let (person, role) = (&one.terms.person, &one.terms.role);
            let is_active = |passkey: &Option<Digest>| {
                activation.has_approver(&one.keyid, *passkey, person, role)
            };
            if !one.passkeys.iter().any(is_active) {
                return Err(format!("the key of `{person}` was not activated as `{role}`"));
            }
        }
        Ok(())
    }

    /// Checks that the policies were evaluated with the activated roles of the agent and attributes of the resource.
    fn facts(&self, activation: &Activation) -> Result<(), String> {
        let (action, entities) = (self.action, self.opened.json(bundle::ENTITIES)?);
        let roles: BTreeSet<String> = fact(&entities, "/0/attrs/roles")?;
        let bad = |e: json::NotCanonical| e.to_string();
        let (agent, person) = (&action.principal, &action.person);
        // An agent has no roles if another person has become responsible for the agent. Without roles, the action can
        // only be denied.
        let has_none = roles.is_empty() && !is_allowed(self.receipt);
        if !has_none && !activation.agent_had(agent, person, &roles).map_err(bad)? {
            return Err(format!("`{agent}` was not activated with these roles for `{person}`"));
        }
        let attributes: BTreeMap<String, Value> = fact(&entities, "/1/attrs")?;
        if !activation.resource_had(&action.resource, &attributes).map_err(bad)? {
            return Err(format!("`{}` was not activated with these attributes", action.resource));
        }
        Ok(())
    }
}

fn fact<T: DeserializeOwned>(entities: &Value, pointer: &str) -> Result<T, String> {
    let value = entities.pointer(pointer).ok_or("entities.json lacks a fact")?;
    json::from_value(value.clone()).map_err(|e| e.to_string())
}
