//! The rehearsal of an action as people see it. A plan may contain values of the state, so its agent does not see this
//! part of the view.

use deed_record::exchange::beyond_grant;
use deed_record::lifecycle::story::Story;
use deed_record::plan::Plan;
use deed_record::plan::current::Current;
use deed_record::plan::sent::Unsent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The maximum number of reasons for refused requests in a view; the record has all of them.
const REFUSED_MAX: usize = 8;

/// The latest rehearsal of an action with an open contract.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Rehearsed {
    /// The writes in the order in which they are sent; absent if the host refused the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Why there is no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What the rehearsal read from the paths that the plan replaces, for comparison.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub current: Vec<Current>,
    /// The writes of the plan that no attempt sent, once the action has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsent: Vec<Unsent>,
    /// Why the host refused requests of attempts, such as a write that differs from the plan: the first reasons. After
    /// such a write, all others are refused for the same reason, which is in the list once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
}

/// The rehearsal of a story; `None` if there was none.
pub(super) fn rehearsed(story: &Story) -> Option<Rehearsed> {
    let rehearsal = story.rehearsal.as_ref()?;
    let attempts = story.attempts.iter();
    let refused = attempts.flat_map(|one| beyond_grant(&one.refused, &one.exchanges));
    let mut refused: Vec<&String> = refused.collect();
    refused.dedup();
    Some(Rehearsed {
        plan: rehearsal.plan.clone(),
        problem: rehearsal.problem.clone(),
        current: rehearsal.current(),
        unsent: story.concluded().map(|judged| judged.unsent.clone()).unwrap_or_default(),
        refused: refused.into_iter().take(REFUSED_MAX).cloned().collect(),
    })
}
