//! Stage 4, while an action waits: checks whether an approver may propose a changed version, and makes its proposal. The
//! changed version is an action of its own, which replaces the waiting one.

use deed_record::action::id::ActionId;
use deed_record::action::{Edit, Proposal, Source};
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use serde_json::Value;

use super::AnswerError;
use crate::config::Tenant;

/// The maximum number of persons who edited an action and those that it replaces.
const EDITORS_MAX: usize = 8;

/// How many changed versions of one action a person can propose. Those that end at once count too, because each of them
/// has a receipt.
pub const DRAFTS_MAX: usize = 10;

/// The words before the id of the changed version, in the reason for which the replaced action ends.
const REPLACED: &str = "replaced by ";

/// What an approver wants instead of the waiting action.
#[derive(Clone, Debug)]
pub struct Draft {
    pub params: Value,
    pub intent: String,
    pub sources: Vec<Source>,
}

/// Checks that this person may propose a changed version of the waiting action.
///
/// # Errors
///
/// Fails with the reason why the person may not.
pub fn edit(tenant: &Tenant, story: &Story, person: &str, now_ms: i64) -> Result<Edit, EditError> {
    let judgement = story.judgement.as_ref();
    if let Some(id) = judgement.and_then(|judgement| replaced_by(&judgement.reason)) {
        return Err(EditError::Replaced(id));
    }
    if !may_be_replaced(story, now_ms) {
        return Err(AnswerError::NotAsked.into());
    }
    let standing = super::standing(tenant, person, story, now_ms)?;
    if standing.confirms() {
        return Err(AnswerError::OwnAction(person.to_owned()).into());
    }
    // Otherwise the edit and the approval could rest on the same person, who did neither.
    let own = tenant.persons.get(person).map(|known| &known.roles);
    if !standing.roles.iter().any(|role| own.is_some_and(|own| own.contains(role))) {
        return Err(EditError::Delegated(person.to_owned()));
    }
    if standing.has_approved {
        return Err(EditError::Answered(person.to_owned()));
    }
    let action = &story.bound.action;
    let mut edited_by = action.edit.as_ref().map(|one| one.edited_by.clone()).unwrap_or_default();
    edited_by.insert(person.to_owned());
    if edited_by.len() > EDITORS_MAX {
        return Err(EditError::TooMany);
    }
    Ok(Edit { edited_by, replaces: action.id.clone() })
}

/// Whether a changed version may take the place of this action: no attempt was made, approvals are missing, nobody has
/// denied it, and the request has not expired.
pub fn may_be_replaced(story: &Story, now_ms: i64) -> bool {
    let is_open = story.ask.as_ref().is_some_and(|ask| now_ms < ask.expires_ms);
    is_open
        && story.status == Status::Waiting
        && story.attempts.is_empty()
        && !story.open_obligations().is_empty()
        && story.answers.iter().all(|answer| answer.approves)
}

/// Whether a changed version has ended without an effect, so that the same draft may be proposed again. An attempt or a
/// result that was shown is an effect.
pub fn is_spent(changed: &Story) -> bool {
    let is_without_effect =
        changed.attempts.is_empty() && changed.status.outcome() != Some(Outcome::Verified);
    changed.status.is_final() && is_without_effect
}

/// Why the changed version must not run, although policy permits it without an approval. The host believes the token of
/// an editor; only an answer is signed.
pub fn unapproved(story: &Story) -> Option<&'static str> {
    let is_unapproved = story.bound.action.edit.is_some() && story.answers.is_empty();
    is_unapproved.then_some(
        "a changed version runs only with an approval, and policy asks for none; deny the waiting action with \
         what the agent should propose instead",
    )
}

/// The proposal of the changed version. The intent and the sources are the editor's own. The last source leads to the
/// action that it replaces, which has those of the agent. What the agent expected of the state does not apply.
pub fn proposal(story: &Story, draft: Draft) -> Proposal {
    let Draft { params, intent, mut sources } = draft;
    let (action, before) = (&story.bound.action, &story.bound.proposal);
    sources.push(Source { uri: format!("deed:{}", action.id), sha256: None });
    Proposal {
        contract: action.contract.name.clone(),
        params,
        intent,
        reasoning: None,
        on_behalf_of: action.on_behalf_of.clone(),
        sources,
        environment: before.environment.clone(),
        expect: [].into(),
        dry_run: false,
    }
}

/// The reason for which an action ends that this changed version replaces.
pub fn replaced_reason(by: &ActionId) -> String {
    format!("{REPLACED}{by}")
}

/// The changed version that this reason names; `None` if it is another reason.
pub fn replaced_by(reason: &str) -> Option<ActionId> {
    reason.strip_prefix(REPLACED)?.parse().ok()
}

/// Why an action cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error("this action was replaced by {0}; edit that one")]
    Replaced(ActionId),
    #[error(
        "`{0}` uses the role of another person, and only a person who has a role that is asked can edit"
    )]
    Delegated(String),
    #[error(
        "`{0}` has approved this action, or another person has for `{0}`; who approves an action cannot edit it"
    )]
    Answered(String),
    #[error(
        "the draft has the value of a private parameter of the waiting action at `{0}`, where others read it; leave \
         it out"
    )]
    Tells(String),
    #[error(
        "the contract no longer declares the parameter `{0}` as private, so its value would be published"
    )]
    Published(String),
    #[error(
        "`{0}` was removed, or has another responsible person now, so nothing can be proposed for it"
    )]
    NoAgent(String),
    #[error(
        "{EDITORS_MAX} persons have edited this action; deny it, and let the agent propose another one"
    )]
    TooMany,
    #[error(
        "`{0}` has proposed {DRAFTS_MAX} changed versions of this action; answer the request, or let another person \
         change it"
    )]
    TooOften(String),
    #[error("the parameters are those of the waiting action; change them, or answer the request")]
    Same,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_replaced_action_names_the_changed_version() {
        let id: ActionId = "act_00000000000000000000000000".parse().unwrap();
        assert_eq!(replaced_by(&replaced_reason(&id)), Some(id));
        for reason in ["", "replaced by", "replaced by act_x", "denied by bob"] {
            assert_eq!(replaced_by(reason), None, "{reason:?}");
        }
    }
}
