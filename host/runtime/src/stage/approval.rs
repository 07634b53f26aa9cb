//! Stage 4: creates the approval request for people, and checks whether a signed answer is for exactly that request.
//!
//! This module checks the signature, the terms and the signer of an answer when the answer arrives and again before the
//! attempt; `engine/gate.rs` checks expiry and staleness. This module does not decide whether an action may run: policy
//! decides that, with the approvals as facts.

use std::collections::BTreeMap;

use deed_record::action::private::Openings;
use deed_record::action::{Action, Bound};
use deed_record::contract::Contract;
use deed_record::lifecycle::event::Answer;
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::story::Story;
use deed_record::policy::Decision;
use deed_record::statement::approval::{self, Answer as Said, ApprovalRequest, Ask, Terms};
use deed_record::statement::envelope::Signed;
use deed_spec::dsse::Envelope;
use deed_spec::json;

use crate::config::{Person, Tenant};

/// Creates the question that approvers are asked, from an observation and a policy decision.
///
/// # Errors
///
/// Fails when a part of the question has no canonical form.
pub fn ask(
    contract: &Contract,
    pre: &Observation,
    decision: &Decision,
    nonce: String,
    expires_ms: i64,
) -> Result<Ask, json::NotCanonical> {
    Ok(Ask {
        nonce,
        expires_ms,
        pre_state: pre.digest(contract)?,
        policy_set: decision.policy_set,
        obligations: decision.obligations.clone(),
    })
}

/// The approval request, with all data that the approver's client shows and recomputes; `None` if no approval is
/// requested. Only people who may answer now get the values of private parameters; other people get the commitments.
///
/// # Errors
///
/// Fails when a part of the request has no canonical form.
pub fn request(
    tenant: &Tenant,
    person: &str,
    contract: &Contract,
    story: &Story,
) -> Result<Option<ApprovalRequest>, json::NotCanonical> {
    let (Some(ask), Some(pre)) = (&story.ask, &story.pre) else { return Ok(None) };
    let Bound { action, proposal, perform, private, .. } = &*story.bound;
    let contract = json::parse(&contract.canonical()?).unwrap_or_default();
    Ok(Some(ApprovalRequest {
        action: Action::clone(action),
        proposal: proposal.clone(),
        contract,
        bindings: BTreeMap::clone(&story.bindings),
        perform: perform.clone(),
        pre: pre.value(),
        looked_ms: Some(pre.at_ms),
        derived: pre.derived.iter().cloned().collect(),
        ask: (**ask).clone(),
        not_yet: story.open_obligations(),
        stale: story.stale.clone(),
        private: if may_answer(tenant, person, story, ask) {
            private.clone()
        } else {
            Openings::default()
        },
    }))
}

/// Whether an answer by this person would count: the person must have a requested role and a key, and must not be
/// responsible for the agent.
pub fn may_answer(tenant: &Tenant, person: &str, story: &Story, ask: &Ask) -> bool {
    let asked = |role: &String| ask.obligations.iter().any(|one| one.role == *role);
    let able = |known: &Person| !known.keys.is_empty() && known.roles.iter().any(asked);
    person != story.bound.action.person && tenant.persons.get(person).is_some_and(able)
}

/// Checks a signed answer against the present approval request.
///
/// # Errors
///
/// Fails with the reason why the answer does not count.
pub fn receive(
    tenant: &Tenant,
    story: &Story,
    envelope: Envelope,
    latest_ms: i64,
) -> Result<Answer, AnswerError> {
    let ask = story.ask.as_ref().ok_or(AnswerError::NotAsked)?;
    let (person, known, key) = tenant.signer(&envelope).ok_or(AnswerError::UnknownKey)?;
    let (action, terms) =
        approval::open(&envelope, key).map_err(|e| AnswerError::Open(e.to_string()))?;
    if story.bound.action.digest().ok() != Some(action) {
        return Err(AnswerError::OtherAction);
    }
    if let Some(what) = approval::difference(&terms, &expected(story, ask, &terms)) {
        return Err(AnswerError::Differs(what));
    }
    fits(story, ask, person, known, &terms)?;
    if terms.expires_ms <= latest_ms {
        return Err(AnswerError::Expired);
    }
    let approves = terms.decision == Said::Approve;
    if approves && story.answers.iter().any(|a| a.person == person) {
        return Err(AnswerError::Twice(person.to_owned()));
    }
    Ok(Answer {
        person: person.to_owned(),
        role: terms.role,
        approves,
        envelope: Signed::shared(envelope),
    })
}

/// Checks whether the recorded answers still count under the present configuration.
///
/// # Errors
///
/// Fails with the reason why an answer does not count.
pub fn still_counts(tenant: &Tenant, story: &Story) -> Result<(), AnswerError> {
    let ask = story.ask.as_ref().ok_or(AnswerError::NotAsked)?;
    for answer in &story.answers {
        let signer = tenant.signer(&answer.envelope);
        let (person, known, key) = signer.ok_or(AnswerError::UnknownKey)?;
        let (_, terms) =
            approval::open(&answer.envelope, key).map_err(|e| AnswerError::Open(e.to_string()))?;
        fits(story, ask, person, known, &terms)?;
    }
    Ok(())
}

fn fits(
    story: &Story,
    ask: &Ask,
    person: &str,
    known: &Person,
    terms: &Terms,
) -> Result<(), AnswerError> {
    if terms.person != person {
        return Err(AnswerError::OtherPerson);
    }
    if person == story.bound.action.person {
        return Err(AnswerError::OwnAction(person.to_owned()));
    }
    if !known.roles.contains(&terms.role) {
        return Err(AnswerError::Role(person.to_owned(), terms.role.clone()));
    }
    // An answer, whether an approval or a denial, is accepted only in a role whose approval is requested.
    if !ask.obligations.iter().any(|o| o.role == terms.role) {
        return Err(AnswerError::NotNeeded(terms.role.clone()));
    }
    Ok(())
}

/// The terms that an answer must have now. The signer states the person, the role and the decision.
fn expected(story: &Story, ask: &Ask, signed: &Terms) -> Terms {
    let action = &story.bound.action;
    Terms {
        contract: action.contract.digest,
        adapter: action.adapter,
        binding: action.binding.clone(),
        pre_state: ask.pre_state,
        policy_set: ask.policy_set,
        nonce: ask.nonce.clone(),
        expires_ms: ask.expires_ms,
        ..signed.clone()
    }
}

/// Why a signed answer does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("no approval is requested for this action now")]
    NotAsked,
    #[error("the signing key is not enrolled for a person of this tenant")]
    UnknownKey,
    #[error("the signed statement is not an approval: {0}")]
    Open(String),
    #[error("the approval is for another action")]
    OtherAction,
    #[error("the approval was signed for another {0}; read the approval request again")]
    Differs(&'static str),
    #[error("the approval names a person, but its signing key belongs to another person")]
    OtherPerson,
    #[error(
        "`{0}` is responsible for the agent that requested this action, and cannot approve the action"
    )]
    OwnAction(String),
    #[error("`{0}` does not have the role `{1}`")]
    Role(String, String),
    #[error("no approval by the role `{0}` is requested")]
    NotNeeded(String),
    #[error("the approval has expired")]
    Expired,
    #[error("`{0}` has already approved this action; each person counts once")]
    Twice(String),
}
