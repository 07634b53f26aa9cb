//! Stage 4: creates the approval request for people, and checks whether a signed answer is for exactly that request.
//!
//! This module checks the signature, the terms and the signer of an answer when the answer arrives and again before the
//! attempt; `engine/gate.rs` checks expiry and staleness, and `engine/passkeys.rs` the counters of passkeys. This module
//! does not decide whether an action may run: policy decides that, with the approvals as facts.

mod authority;
pub mod deferral;
pub mod edit;

use std::collections::BTreeMap;

use deed_record::action::private::Openings;
use deed_record::action::{Action, Bound, Requesters};
use deed_record::contract::Contract;
use deed_record::lifecycle::event::Answer;
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::story::Story;
use deed_record::plan::Plan;
use deed_record::policy::{CONFIRM, Decision, Obligation};
use deed_record::statement::approval::{self, Answer as Said, ApprovalRequest, Ask, Terms};
use deed_record::statement::envelope::Signed;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;

use self::authority::Asker;
use crate::config::{Delegation, Person, Tenant};

/// The longest time in which an action must be confirmed and start, in milliseconds.
const CONFIRM_MAX_MS: i64 = 5 * 60 * 1_000;

/// How long people have to answer, in milliseconds. A confirmation is the word of the acting person at the time of the
/// action, so the whole request expires early if it asks for one. All answers sign the time of the expiry.
pub fn patience_ms(asked: &[Obligation], configured_ms: i64) -> i64 {
    let confirms = asked.iter().any(Obligation::is_confirmation);
    if confirms { configured_ms.min(CONFIRM_MAX_MS) } else { configured_ms }
}

/// Creates the question that approvers are asked, from an observation, the plan of an open contract, and a policy
/// decision.
///
/// # Errors
///
/// Fails when a part of the question has no canonical form.
pub fn ask(
    contract: &Contract,
    pre: &Observation,
    plan: Option<&Plan>,
    decision: &Decision,
    nonce: String,
    expires_ms: i64,
) -> Result<Ask, json::NotCanonical> {
    Ok(Ask {
        nonce,
        expires_ms,
        pre_state: pre.digest(contract)?,
        plan: plan.map(Plan::digest).transpose()?,
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
    (story, now_ms): (&Story, i64),
) -> Result<Option<ApprovalRequest>, json::NotCanonical> {
    let (Some(ask), Some(pre)) = (&story.ask, &story.pre) else { return Ok(None) };
    let Bound { action, proposal, perform, private, .. } = &*story.bound;
    let contract = json::parse(&contract.canonical()?).unwrap_or_default();
    // The plan that people were asked about, even if the action was rehearsed again since then.
    let plan = story.asked_plan.as_ref().and_then(|rehearsal| rehearsal.plan.clone());
    Ok(Some(ApprovalRequest {
        action: Action::clone(action),
        proposal: proposal.clone(),
        contract,
        bindings: BTreeMap::clone(&story.bindings),
        perform: perform.clone(),
        pre: pre.value(),
        plan,
        current: story.rehearsal.as_ref().map(|one| one.current()).unwrap_or_default(),
        looked_ms: Some(pre.at_ms),
        derived: pre.derived.iter().cloned().collect(),
        ask: (**ask).clone(),
        not_yet: story.open_obligations(),
        stale: story.stale.clone(),
        private: if may_answer(tenant, person, story, ask, now_ms) {
            private.clone()
        } else {
            Openings::default()
        },
        shown: None,
    }))
}

/// Whether an answer by this person would count now: the person must have a key and a requested role, or the use of one,
/// and must not be responsible for the agent. If a confirmation is requested, the responsible person must have a key.
pub fn may_answer(tenant: &Tenant, person: &str, story: &Story, ask: &Ask, now_ms: i64) -> bool {
    standing_of(tenant, person, story, ask, now_ms).is_ok()
}

/// What a person may answer now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The requested roles in which the person may answer; `confirm` if the person may confirm the action.
    pub roles: Vec<String>,
    /// The delegations by which the person may use roles of others.
    pub delegated: Vec<Delegation>,
    /// Whether the person has approved the present request, or used up what would permit an approval. Then only a
    /// denial would count.
    pub has_approved: bool,
}

impl Standing {
    /// Whether the person answers as the responsible person, and not as an approver.
    pub fn confirms(&self) -> bool {
        self.roles.iter().any(|role| role == CONFIRM)
    }
}

/// What this person may answer now.
///
/// # Errors
///
/// Fails with the reason why no answer by this person would count.
pub fn standing(
    tenant: &Tenant,
    person: &str,
    story: &Story,
    now_ms: i64,
) -> Result<Standing, AnswerError> {
    standing_of(tenant, person, story, story.ask.as_ref().ok_or(AnswerError::NotAsked)?, now_ms)
}

fn standing_of(
    tenant: &Tenant,
    person: &str,
    story: &Story,
    ask: &Ask,
    now_ms: i64,
) -> Result<Standing, AnswerError> {
    let asked = ask.obligations.iter().map(|one| one.role.as_str());
    let asker = authority::asker(tenant, person, story.bound.action.requesters(), now_ms)?;
    let (mut standing, mut may_approve) = (Standing::default(), false);
    for role in roles(asker, asked)? {
        for one in asker.authorities(&role)? {
            standing.delegated.extend(one.delegation().cloned());
        }
        may_approve |= asker.unspent(&role, story)?.is_some();
        standing.roles.push(role);
    }
    standing.has_approved = !may_approve || has_answered(story, person);
    Ok(standing)
}

/// Whether this person may answer now in one of these roles about an action of these requesters.
pub fn is_asked<'a>(
    tenant: &Tenant,
    person: &str,
    requesters: Requesters<'_>,
    asked: impl Iterator<Item = &'a str>,
    now_ms: i64,
) -> bool {
    let asker = authority::asker(tenant, person, requesters, now_ms);
    asker.and_then(|asker| roles(asker, asked)).is_ok()
}

/// The roles among those that are asked in which this person may answer, each once. Fails with the reason if there is
/// none.
fn roles<'a>(
    asker: Asker<'_>,
    asked: impl Iterator<Item = &'a str>,
) -> Result<Vec<String>, AnswerError> {
    let mut held: Vec<String> = Vec::new();
    let mut why = AnswerError::NotAsked;
    for role in asked {
        match asker.authorities(role) {
            Err(error) => why = error,
            Ok(_) if held.iter().any(|one| one == role) => {}
            Ok(_) => held.push(role.to_owned()),
        }
    }
    if held.is_empty() { Err(why) } else { Ok(held) }
}

fn has_answered(story: &Story, person: &str) -> bool {
    story.answers.iter().any(|answer| answer.person == person)
}

/// Whether this person could answer now with a passkey.
pub fn may_use_passkey(tenant: &Tenant, person: &str, story: &Story, now_ms: i64) -> bool {
    let has_one = tenant.persons.get(person).is_some_and(Person::has_passkeys);
    has_one && story.ask.as_ref().is_some_and(|ask| may_answer(tenant, person, story, ask, now_ms))
}

/// Computes the digest of the text that a person is shown of an approval request. The text is formatted by a later
/// module, which the engine does not know.
pub type Displayed = fn(&ApprovalRequest, &str) -> Result<Digest, String>;

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
    displayed: Displayed,
) -> Result<Answer, AnswerError> {
    let ask = story.ask.as_ref().ok_or(AnswerError::NotAsked)?;
    let (person, known, key) = tenant.signer(&envelope).ok_or(AnswerError::UnknownKey)?;
    // Authenticators sign in other forms than the one that is stored.
    let envelope = match key.passkey() {
        Some(passkey) => {
            envelope.normalised(&passkey.key).map_err(|e| AnswerError::Open(e.to_string()))?
        }
        None => envelope,
    };
    let (action, terms) =
        approval::open(&envelope, key).map_err(|e| AnswerError::Open(e.to_string()))?;
    if story.bound.action.digest().ok() != Some(action) {
        return Err(AnswerError::OtherAction);
    }
    if let Some(what) = approval::difference(&terms, &expected(story, ask, &terms)) {
        return Err(AnswerError::Differs(what));
    }
    fits(person, &terms)?;
    let told = terms.reason.as_ref().and_then(|reason| story.bound.private.tells(reason));
    if let Some(name) = told {
        return Err(AnswerError::Private(name.to_owned()));
    }
    let requesters = story.bound.action.requesters();
    let asker = Asker { tenant, person, known, requesters, now_ms: latest_ms };
    let authorities = asker.authorities(&terms.role)?;
    is_wanted(ask, &terms)?;
    if terms.expires_ms <= latest_ms {
        return Err(AnswerError::Expired);
    }
    let approves = terms.decision == Said::Approve;
    if approves && has_answered(story, person) {
        return Err(AnswerError::Twice(person.to_owned()));
    }
    // A denial ends the action, so it needs no authority of its own.
    let unspent = asker.unspent(&terms.role, story)?;
    let authority = if approves { unspent } else { unspent.or(authorities.first().copied()) };
    let authority = authority.ok_or_else(|| AnswerError::Spent(person.to_owned()))?;
    if let Some(signed) = terms.shown
        && displayed_now(tenant, person, (story, latest_ms), displayed)? != signed
    {
        return Err(AnswerError::Shown);
    }
    Ok(Answer {
        person: person.to_owned(),
        role: terms.role,
        approves,
        delegated_by: authority.delegation().map(|one| one.from.clone()),
        envelope: Signed::shared(envelope),
    })
}

/// The digest of the text that this person would be shown now.
fn displayed_now(
    tenant: &Tenant,
    person: &str,
    (story, now_ms): (&Story, i64),
    displayed: Displayed,
) -> Result<Digest, AnswerError> {
    let granted = tenant.grants.get(&story.bound.action.contract.name);
    let granted = granted.ok_or(AnswerError::NotAsked)?;
    let request = request(tenant, person, &granted.contract, (story, now_ms));
    let request = request.map_err(|e| AnswerError::NotShown(e.to_string()))?;
    displayed(&request.ok_or(AnswerError::NotAsked)?, person).map_err(AnswerError::NotShown)
}

/// Checks whether the recorded answers still count now under the present configuration.
///
/// # Errors
///
/// Fails with the reason why an answer does not count.
pub fn still_counts(tenant: &Tenant, story: &Story, now_ms: i64) -> Result<(), AnswerError> {
    let ask = story.ask.as_ref().ok_or(AnswerError::NotAsked)?;
    for answer in &story.answers {
        let signer = tenant.signer(&answer.envelope);
        let (person, known, key) = signer.ok_or(AnswerError::UnknownKey)?;
        let (_, terms) =
            approval::open(&answer.envelope, key).map_err(|e| AnswerError::Open(e.to_string()))?;
        fits(person, &terms)?;
        let requesters = story.bound.action.requesters();
        Asker { tenant, person, known, requesters, now_ms }.still_has(&terms.role, answer)?;
        is_wanted(ask, &terms)?;
    }
    Ok(())
}

fn fits(person: &str, terms: &Terms) -> Result<(), AnswerError> {
    if terms.person == person { Ok(()) } else { Err(AnswerError::OtherPerson) }
}

/// An answer, whether an approval or a denial, is accepted only in a role whose approval is requested, or if a
/// confirmation is requested.
fn is_wanted(ask: &Ask, terms: &Terms) -> Result<(), AnswerError> {
    if ask.obligations.iter().any(|o| o.role == terms.role) {
        return Ok(());
    }
    if terms.role == CONFIRM {
        return Err(AnswerError::NoConfirmation);
    }
    Err(AnswerError::NotNeeded(terms.role.clone()))
}

/// The terms that an answer must have now. The signer states the person, the role and the decision.
fn expected(story: &Story, ask: &Ask, signed: &Terms) -> Terms {
    let action = &story.bound.action;
    Terms {
        contract: action.contract.digest,
        adapter: action.adapter,
        binding: action.binding.clone(),
        pre_state: ask.pre_state,
        plan: ask.plan,
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
    #[error(
        "only `{0}`, who is responsible for the agent that requested this action, can confirm it"
    )]
    Confirms(String),
    #[error("`{0}` edited this action, and who edits an action cannot approve it")]
    Edited(String),
    #[error("`{0}` does not have the role `{1}`")]
    Role(String, String),
    #[error("the role `{1}` was delegated to `{0}` until {2}, and `{0}` does not have it now")]
    DelegationOver(String, String, String),
    #[error(
        "`{0}` uses the role `{1}` for `{2}`, who is responsible for the agent that requested this action, or edited \
         the action; nobody approves it for `{2}`"
    )]
    DelegatorsAction(String, String, String),
    #[error(
        "`{0}` cannot approve in this role: the person whose role it is, or somebody for that person, has approved \
         this action already, and nobody counts twice"
    )]
    Spent(String),
    #[error("`{0}` uses the role `{1}` for `{2}`, who has no key with which to answer")]
    DelegatorsKey(String, String, String),
    #[error("`{0}` has no key with which to answer")]
    NoKey(String),
    #[error("no approval by the role `{0}` is requested")]
    NotNeeded(String),
    #[error("no confirmation of this action is requested")]
    NoConfirmation,
    #[error(
        "the approver was shown another text than that of this approval request now; read the request again"
    )]
    Shown,
    #[error("the text of this approval request cannot be formatted: {0}")]
    NotShown(String),
    #[error(
        "the signature counter of the passkey did not grow since its last answer, as if the key had been copied; \
         remove the passkey, and enrol another one"
    )]
    Counter,
    #[error(
        "the reason has the value of the private parameter `{0}`, and others read it; leave it out"
    )]
    Private(String),
    #[error("the approval has expired")]
    Expired,
    #[error("`{0}` has already approved this action; each person counts once")]
    Twice(String),
}
