//! How a person puts a request for approval off.

use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_spec::json::MAX_INTEGER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stage::approval::deferral::REASON_MAX;

/// What a person sends to put a request for approval off.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeferralWanted {
    /// Shown to people, and not to the agent.
    #[schemars(length(min = 1, max = REASON_MAX))]
    pub reason: String,
    /// Unix milliseconds, at most the expiry of the request.
    #[schemars(range(min = 0, max = MAX_INTEGER))]
    pub until_ms: i64,
}

/// One deferral of the present request for approval.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Deferred {
    /// Shown to people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Shown to people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Unix milliseconds.
    pub until_ms: i64,
}

/// The deferrals of a request that waits, as people or the agent may see them.
pub(super) fn of(story: &Story, person: bool) -> Vec<Deferred> {
    if story.status != Status::Waiting {
        return Vec::new();
    }
    let one = |deferral: &deed_record::lifecycle::event::Deferral| Deferred {
        person: person.then(|| deferral.person.clone()),
        reason: person.then(|| deferral.reason.clone()),
        until_ms: deferral.until_ms,
    };
    story.deferrals.iter().map(|deferral| one(deferral.as_ref())).collect()
}
