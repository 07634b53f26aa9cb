//! In which roles a person may answer: in the person's own roles, and in those that others delegated to the person. The
//! responsible person confirms an action, and nobody else does; this is no role, and cannot be delegated.
//!
//! A delegation gives no second decision. Whoever answers for another person cannot approve what that person has
//! approved, and the other way round; and nobody answers for a requester of the action.

use deed_record::action::Requesters;
use deed_record::lifecycle::event::Answer;
use deed_record::lifecycle::story::Story;
use deed_record::policy::CONFIRM;
use deed_record::timeline::utc;

use super::AnswerError;
use crate::config::{Delegation, Person, Tenant};

/// Who asks to answer an action of whose agent, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) person: &'a str,
    pub(super) known: &'a Person,
    pub(super) requesters: Requesters<'a>,
    pub(super) now_ms: i64,
}

/// By what a person may answer in a role.
#[derive(Clone, Copy, Debug)]
pub(super) enum Authority<'a> {
    Own,
    Of(&'a Delegation),
}

impl<'a> Asker<'a> {
    /// What lets the person answer in this role; never empty. The person's own role is the first.
    pub(super) fn authorities(self, role: &str) -> Result<Vec<Authority<'a>>, AnswerError> {
        if role == CONFIRM {
            return self.confirms();
        }
        if let Some(why) = own(self.person, self.requesters) {
            return Err(why);
        }
        if self.known.roles.contains(role) {
            return Ok(vec![Authority::Own]);
        }
        let mut why = AnswerError::Role(self.person.to_owned(), role.to_owned());
        let mut found = Vec::new();
        for one in self.known.delegations.iter().filter(|one| one.role == role) {
            match self.refusal(one) {
                Some(refusal) => why = refusal,
                None => found.push(Authority::Of(one)),
            }
        }
        if found.is_empty() { Err(why) } else { Ok(found) }
    }

    /// What lets the person confirm the action. The agent acts for the responsible person, also with parameters that an
    /// approver chose; but a person who has become responsible for the agent does not confirm what they chose.
    fn confirms(self) -> Result<Vec<Authority<'a>>, AnswerError> {
        if self.person != self.requesters.responsible {
            return Err(AnswerError::Confirms(self.requesters.responsible.to_owned()));
        }
        if self.requesters.has_edited(self.person) {
            return Err(AnswerError::Edited(self.person.to_owned()));
        }
        Ok(vec![Authority::Own])
    }

    fn refusal(self, one: &Delegation) -> Option<AnswerError> {
        let (person, role) = (self.person.to_owned(), one.role.clone());
        if one.is_over(self.now_ms) {
            return Some(AnswerError::DelegationOver(person, role, utc(one.until_ms)));
        }
        // An operator who removes the keys of a person stops all that rests on the person.
        if self.tenant.persons.get(&one.from).is_none_or(|holder| holder.keys.is_empty()) {
            return Some(AnswerError::DelegatorsKey(person, role, one.from.clone()));
        }
        let is_own = self.requesters.include(&one.from);
        is_own.then(|| AnswerError::DelegatorsAction(person, role, one.from.clone()))
    }

    /// What this person may use in the role for a further approval.
    pub(super) fn unspent(
        self,
        role: &str,
        story: &Story,
    ) -> Result<Option<Authority<'a>>, AnswerError> {
        let all = self.authorities(role)?;
        Ok(all.into_iter().find(|one| !is_spent(story, one.holder(self.person))))
    }

    /// Checks that a recorded answer in this role still has what it was based on.
    pub(super) fn still_has(self, role: &str, answer: &Answer) -> Result<(), AnswerError> {
        let fits = |one: &Authority<'_>| match one {
            Authority::Own => true,
            Authority::Of(delegation) => answer.delegated_by.as_ref() == Some(&delegation.from),
        };
        if self.authorities(role)?.iter().any(fits) {
            return Ok(());
        }
        Err(AnswerError::Role(self.person.to_owned(), role.to_owned()))
    }
}

impl<'a> Authority<'a> {
    /// The person whose role it is.
    fn holder(self, person: &'a str) -> &'a str {
        self.delegation().map_or(person, |one| &one.from)
    }

    pub(super) fn delegation(self) -> Option<&'a Delegation> {
        match self {
            Self::Own => None,
            Self::Of(delegation) => Some(delegation),
        }
    }
}

/// Why a person who is a requester of the action cannot answer.
fn own(person: &str, requesters: Requesters<'_>) -> Option<AnswerError> {
    if requesters.has_edited(person) {
        return Some(AnswerError::Edited(person.to_owned()));
    }
    requesters.include(person).then(|| AnswerError::OwnAction(person.to_owned()))
}

/// Whether an approval of this person, or one for this person, counts already.
fn is_spent(story: &Story, holder: &str) -> bool {
    let is_of =
        |answer: &Answer| answer.person == holder || answer.delegated_by.as_deref() == Some(holder);
    story.answers.iter().any(|answer| answer.approves && is_of(answer))
}

/// This person as one who asks to answer. Fails if the person has no key.
pub(super) fn asker<'a>(
    tenant: &'a Tenant,
    person: &'a str,
    requesters: Requesters<'a>,
    now_ms: i64,
) -> Result<Asker<'a>, AnswerError> {
    let known = tenant.persons.get(person).filter(|known| !known.keys.is_empty());
    let Some(known) = known else {
        let why = own(person, requesters);
        return Err(why.unwrap_or_else(|| AnswerError::NoKey(person.to_owned())));
    };
    Ok(Asker { tenant, person, known, requesters, now_ms })
}
