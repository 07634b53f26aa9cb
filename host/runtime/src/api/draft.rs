//! A changed version of a waiting action: what an approver sends, and what callers see of it.

use std::collections::BTreeMap;

use deed_record::action::Source;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::story::Story;
use deed_spec::json::{self, Change};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an approver proposes instead of a waiting action. The contract and the agent stay the same.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftWanted {
    /// All parameters of the changed version, which must conform to the contract's parameter schema.
    #[schemars(with = "BTreeMap<String, json::StrictValue>")]
    pub params: Value,
    /// What the approver wants to achieve.
    #[schemars(length(min = 1, max = 4096))]
    pub intent: String,
    // A request omits what its schema does not require, and the generator reads that from this attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

/// How an action differs from the one that it replaces.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Edited {
    /// The persons who changed it; none of them can approve it.
    pub edited_by: Vec<String>,
    #[schemars(with = "ActionId")]
    pub replaces: String,
    /// The intent of the action that it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_before: Option<String>,
    /// The parameters that differ, with the old and the new values. A private parameter always differs, because each
    /// action has its own commitment.
    pub params: Vec<Change>,
}

impl Edited {
    /// `None` if the action is no changed version. `before` finds the action that it replaces.
    pub(crate) fn of(
        story: &Story,
        before: impl FnOnce(&ActionId) -> Option<Story>,
    ) -> Option<Self> {
        let action = &story.bound.action;
        let edit = action.edit.as_ref()?;
        let before = before(&edit.replaces);
        let params =
            before.as_ref().map(|one| json::diff(&one.bound.action.params, &action.params));
        Some(Self {
            edited_by: edit.edited_by.iter().cloned().collect(),
            replaces: edit.replaces.to_string(),
            intent_before: before.map(|one| one.bound.proposal.intent.clone()),
            params: params.unwrap_or_default(),
        })
    }
}
