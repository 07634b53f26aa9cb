//! The list of actions.

use deed_record::action::id::ActionId;
use deed_store::store::Row;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::StatusWord;

/// The actions that the caller may see, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionList {
    pub actions: Vec<ActionSummary>,
    /// Where the list goes on: the value of `from` for its next part. Absent at the end of the list. With `contract`,
    /// `person`, `q` or `since`, a part can have fewer actions than `limit`, or none, although the list goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ActionId>")]
    pub next: Option<String>,
}

/// One action of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionSummary {
    #[schemars(with = "ActionId")]
    pub id: String,
    #[schemars(with = "StatusWord")]
    pub status: String,
    pub contract: String,
    pub resource: String,
    pub agent: String,
    /// When the latest event was appended, in Unix milliseconds.
    pub at_ms: i64,
    /// The approvals that the action waits for, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl From<(String, Row)> for ActionSummary {
    fn from((id, row): (String, Row)) -> Self {
        let s = row.summary;
        Self {
            id,
            status: s.status,
            contract: s.contract,
            resource: s.resource,
            agent: s.agent,
            at_ms: s.at_ms,
            missing: Vec::new(),
        }
    }
}
