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
        }
    }
}
