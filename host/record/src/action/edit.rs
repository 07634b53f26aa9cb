//! Actions that an approver proposed in place of another one, and who may not approve an action.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::action::id::ActionId;

/// How an approver changed a waiting action: the changed version is an action of its own, which replaces the other one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The persons who changed this action and those that it replaces. They are requesters, and cannot approve it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub edited_by: BTreeSet<String>,
    /// The action that this one replaces, or repeats on an operator's instruction.
    pub replaces: ActionId,
}

/// The persons on whose request an action is made. None of them can approve or resolve it.
#[derive(Clone, Copy, Debug)]
pub struct Requesters<'a> {
    /// The person who is responsible for the agent.
    pub responsible: &'a str,
    pub editors: Option<&'a BTreeSet<String>>,
}

impl Requesters<'_> {
    /// Whether this person changed the action.
    pub fn has_edited(self, person: &str) -> bool {
        self.editors.is_some_and(|editors| editors.contains(person))
    }

    /// Whether this person is one of the requesters.
    pub fn include(self, person: &str) -> bool {
        self.responsible == person || self.has_edited(person)
    }
}

impl Action {
    /// The persons on whose request this action is made.
    pub fn requesters(&self) -> Requesters<'_> {
        let editors = self.edit.as_ref().map(|edit| &edit.edited_by);
        Requesters { responsible: &self.person, editors }
    }

    /// Whether the member `edit` is one that a host writes, if it is there: it names an editor, and another action.
    pub fn has_sound_edit(&self) -> bool {
        self.edit.as_ref().is_none_or(|one| !one.edited_by.is_empty() && one.replaces != self.id)
    }
}
