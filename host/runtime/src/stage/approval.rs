//! Stage 4: what people are asked, and whether a signed answer is an answer to exactly that.
//!
//! It checks signature, terms and signer, when an answer arrives and again at the gate; `engine/gate.rs` checks expiry and
//! staleness. It does not clear an action: policy does, with approvals as facts.

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

/// Makes the question that follows from a look and a decision. Fails when a part has no canonical form.
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

/// All data that the approver's client shows and recomputes; `None` while no person is asked. The values of private
/// parameters are for those who may answer now; others get the commitments. Fails when a part has no canonical form.
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

/// Whether an answer of this person would count: it needs a role that is asked for and a key, and the person must not
/// be the agent's own.
fn may_answer(tenant: &Tenant, person: &str, story: &Story, ask: &Ask) -> bool {
    let asked = |role: &String| ask.obligations.iter().any(|one| one.role == *role);
    let able = |known: &Person| !known.keys.is_empty() && known.roles.iter().any(asked);
    person != story.bound.action.person && tenant.persons.get(person).is_some_and(able)
}

/// Checks a signed answer against what is asked now. Fails with the reason why it does not count.
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

/// Whether the given answers still count under the present configuration. Fails with the reason why one does not.
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
    // A denial by any person who could approve is accepted; an approval must be for a role that is asked for.
    if !ask.obligations.iter().any(|o| o.role == terms.role) {
        return Err(AnswerError::NotNeeded(terms.role.clone()));
    }
    Ok(())
}

/// The terms as they must be now; person, role and decision are stated by the signer.
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
    #[error("the key that it names is not enrolled for a person of this tenant")]
    UnknownKey,
    #[error("it is not an approval: {0}")]
    Open(String),
    #[error("it is about another action")]
    OtherAction,
    #[error("it was signed for another {0}; read the approval request again")]
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
    #[error("it has expired")]
    Expired,
    #[error("`{0}` has already approved this; each person counts once")]
    Twice(String),
}
