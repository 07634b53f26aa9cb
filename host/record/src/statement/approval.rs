//! Approvals: what people are asked, what they sign, and whether the signed terms match what would happen.
//!
//! The approver's client recomputes every digest from the content that it shows, and signs these digests. When the
//! answer arrives, the host compares the signed digests with those of its own request. Directly before an attempt, the
//! host compares the digests with the current state, the current policies, the current signers and every digest that
//! the action names.

use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::private::{OpeningError, Openings, Prepared};
use crate::action::{Action, BindError, Binding, Proposal, render};
use crate::contract::{Contract, ContractError};
use crate::exchange::Rendered;
use crate::lifecycle::observation;
use crate::plan::current::Current;
use crate::plan::{self, Plan, Planned};
use crate::policy::Obligation;
use crate::statement::approver::ApproverKey;
use crate::statement::envelope::{EnvelopeError, Kind, Statement};

/// One request for approval, as stored in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// A nonce that the host created for this request, so that an answer to another request does not match.
    pub nonce: String,
    /// Unix milliseconds.
    pub expires_ms: i64,
    pub pre_state: Digest,
    /// SHA-256 of the plan; absent if the contract is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    pub policy_set: Digest,
    pub obligations: Vec<Obligation>,
}

/// The terms that the approver signs as the statement's predicate. The action's digest is the subject of the statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    pub contract: Digest,
    pub adapter: Digest,
    pub binding: BTreeMap<String, Digest>,
    pub pre_state: Digest,
    /// SHA-256 of the plan; absent if the contract is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    pub policy_set: Digest,
    pub decision: Answer,
    pub person: String,
    /// The role of an approval or denial; `confirm` if the responsible person answers, and confirms or declines.
    pub role: String,
    pub nonce: String,
    /// Unix milliseconds.
    pub expires_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// SHA-256 of the text that the host says it showed; present if and only if a passkey signs the terms. A browser
    /// cannot recompute the other digests by itself, as the command line does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Digest>,
}

/// The two possible answers of a person. A denial is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Approve,
    Deny,
}

/// Everything that an approver is shown and that an answer covers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    pub action: Action,
    pub proposal: Proposal,
    /// The contract's canonical JSON; contracts/REFERENCE.md describes its fields.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Map<String, Value>"))]
    pub contract: Value,
    /// The bindings of the action by upstream name.
    pub bindings: BTreeMap<String, Binding>,
    /// The writes that would be sent, as the host rendered them.
    pub perform: Vec<Rendered>,
    /// The observed state by name.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Map<String, Value>"))]
    pub pre: Value,
    /// The writes that would be sent, if the contract is open. `perform` then has the writes as far as the contract
    /// determines them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// What the rehearsal read from the paths that the plan replaces, for comparison; not covered by the signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub current: Vec<Current>,
    /// When the host read `pre`, in Unix milliseconds; not covered by the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_ms: Option<i64>,
    /// Names of states that the adapter computed.
    pub derived: Vec<String>,
    pub ask: Ask,
    /// The obligations that are not met yet; not covered by the signature.
    pub not_yet: Vec<String>,
    /// Why earlier approvals are void; not covered by the signature.
    pub stale: Vec<String>,
    /// The values of private parameters by name, for persons who may answer. `action` contains only the commitments to
    /// these values.
    #[serde(default, skip_serializing_if = "Openings::is_empty")]
    pub private: Openings,
    /// The text that a passkey's signature covers by its digest, for persons who may answer with a passkey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
}

impl ApprovalRequest {
    /// The writes that would be sent, with the values of private parameters, for display to the approver: those of the
    /// plan, or all requests of `perform` if the contract is closed.
    ///
    /// # Errors
    ///
    /// Fails when the openings do not match or the proposal violates its contract.
    pub fn live_writes(&self, contract: &Contract) -> Result<Vec<Prepared>, OpeningError> {
        let requests = self.private.requests(contract, &self.proposal, &self.action.id)?;
        let rules = Prepared::with_state(requests.perform, &self.pre)?;
        let Some(plan) = &self.plan else { return Ok(rules) };
        let planned = |write: &Planned| {
            let rule = rules.get(usize::try_from(write.rule).ok()?)?.clone();
            Some(rule.with_any(&write.request.parts()))
        };
        Ok(plan.writes.iter().filter_map(planned).collect())
    }

    /// Whether the request has private parameters, and the host sent none of their values, as to people who may not
    /// answer.
    fn withholds(&self, contract: &Contract) -> bool {
        let mut private = contract.private();
        self.private.is_empty() && private.any(|name| self.proposal.params.get(name).is_some())
    }

    /// Recomputes every digest from the content of this request and returns the terms to sign.
    ///
    /// # Errors
    ///
    /// Fails when the content is not consistent.
    pub fn terms(&self, decision: Answer, person: &str, role: &str) -> Result<Terms, ShownError> {
        let contract = Contract::from_json(self.contract.clone())?;
        let digest = contract.digest()?;
        if digest != self.action.contract.digest {
            return Err(ShownError::Differs("contract"));
        }
        self.check_rendering(&contract)?;
        if self.withholds(&contract) {
            return Err(ShownError::Withheld);
        }
        let plan = self.check_plan(&contract)?;
        self.live_writes(&contract)?;
        let binding = self.check_bindings()?;
        let pre_state = observation::state_digest(&contract, &self.pre)?;
        if pre_state != self.ask.pre_state {
            return Err(ShownError::Differs("pre-state"));
        }
        Ok(Terms {
            contract: digest,
            adapter: self.action.adapter,
            binding,
            pre_state,
            plan,
            policy_set: self.ask.policy_set,
            decision,
            person: person.to_owned(),
            role: role.to_owned(),
            nonce: self.ask.nonce.clone(),
            expires_ms: self.ask.expires_ms,
            reason: None,
            shown: None,
        })
    }

    /// Checks that the shown writes, parameters and resource are the ones that contract and parameters determine.
    fn check_rendering(&self, contract: &Contract) -> Result<(), ShownError> {
        let rendering = render(contract, &self.proposal, &self.action.id)?;
        if rendering.perform != self.perform {
            return Err(ShownError::Differs("rendered writes"));
        }
        if self.proposal.params != self.action.params || rendering.resource != self.action.resource
        {
            return Err(ShownError::Differs("parameters"));
        }
        let rules = rendering.observe.iter().chain(&rendering.perform);
        let bound = |rule: &Rendered| {
            self.bindings.get(&rule.upstream).is_some_and(|b| b.rules.contains(rule))
        };
        if rules.into_iter().all(bound) {
            Ok(())
        } else {
            Err(ShownError::Differs("rules of the binding"))
        }
    }

    /// Checks that the shown plan is the one that is asked about, and that the contract allows it. `perform` must be
    /// checked before.
    fn check_plan(&self, contract: &Contract) -> Result<Option<Digest>, ShownError> {
        let digest = self.plan.as_ref().map(Plan::digest).transpose()?;
        if digest != self.ask.plan {
            return Err(ShownError::Differs("plan"));
        }
        match &self.plan {
            Some(_) if !plan::is_open(&self.perform) => {
                Err(ShownError::Plan("the contract leaves nothing to a plan".to_owned()))
            }
            None if plan::is_open(&self.perform) => {
                Err(ShownError::Plan("the contract needs one, and there is none".to_owned()))
            }
            Some(plan) => {
                plan::check(contract, &self.perform, &self.pre, plan).map_err(ShownError::Plan)?;
                Ok(digest)
            }
            None => Ok(None),
        }
    }

    fn check_bindings(&self) -> Result<BTreeMap<String, Digest>, ShownError> {
        let mut digests = BTreeMap::new();
        for (name, binding) in &self.bindings {
            digests.insert(name.clone(), binding.digest()?);
        }
        if digests == self.action.binding {
            Ok(digests)
        } else {
            Err(ShownError::Differs("upstream binding"))
        }
    }
}

/// The payload of an approval, for a passkey that signs it.
///
/// # Errors
///
/// Fails when the terms have no canonical form.
pub fn payload(action: Digest, terms: &Terms) -> Result<Vec<u8>, json::NotCanonical> {
    Statement { kind: Kind::Approval, action, predicate: terms }.payload()
}

/// Signs terms about an action.
///
/// # Errors
///
/// Fails when the terms have no canonical form.
pub fn sign(action: Digest, terms: &Terms, key: &SigningKey) -> Result<Envelope, EnvelopeError> {
    let predicate = json::parse(&json::to_canonical(terms)?)?;
    Statement { kind: Kind::Approval, action, predicate }.sign(key)
}

/// Checks the signature and the format of an approval, and fails when either is wrong. The caller must compare the
/// signed terms with the terms of its own request.
///
/// # Errors
///
/// Fails when the signature or the format is wrong.
pub fn open(envelope: &Envelope, key: &ApproverKey) -> Result<(Digest, Terms), OpenError> {
    let statement = Statement::open_by(envelope, key, Kind::Approval)?;
    let terms: Terms =
        json::from_exact(statement.predicate).map_err(|e| OpenError::Terms(e.to_string()))?;
    match (key, terms.shown) {
        (ApproverKey::Passkey(_), None) => Err(OpenError::NotShown),
        (ApproverKey::File(_), Some(_)) => Err(OpenError::Shown),
        _ => Ok((statement.action, terms)),
    }
}

/// The name of the first field in which the signed terms differ from the action as it would run now.
pub fn difference(signed: &Terms, now: &Terms) -> Option<&'static str> {
    [
        (signed.contract != now.contract, "contract"),
        (signed.adapter != now.adapter, "adapter"),
        (signed.binding != now.binding, "upstream binding"),
        (signed.pre_state != now.pre_state, "pre-state"),
        (signed.plan != now.plan, "plan"),
        (signed.policy_set != now.policy_set, "policy set"),
        (signed.nonce != now.nonce, "nonce"),
        (signed.expires_ms != now.expires_ms, "expiry"),
    ]
    .into_iter()
    .find_map(|(differs, what)| differs.then_some(what))
}

/// Why the content of an approval request is inconsistent. An inconsistent request shows something other than what the
/// host would do.
#[derive(Debug, thiserror::Error)]
pub enum ShownError {
    #[error("the approval request is inconsistent in its {0}; do not sign, and report this error")]
    Differs(&'static str),
    #[error("the plan in the approval request is wrong: {0}; do not sign, and report this error")]
    Plan(String),
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(
        "only people who may answer see this request: the host sent no values of its private parameters"
    )]
    Withheld,
    #[error("{0}; do not sign, and report this error")]
    Private(#[from] OpeningError),
    #[error(transparent)]
    Canonical(#[from] json::NotCanonical),
}

/// Why an envelope is not an approval.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error("the predicate is not an approval: {0}")]
    Terms(String),
    #[error(
        "an approval by passkey must have `shown`, the digest of the text that the approver was shown"
    )]
    NotShown,
    #[error("an approval by a key file must not have `shown`; only an approval by passkey has it")]
    Shown,
}
