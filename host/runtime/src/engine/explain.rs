//! `deed act --explain`: reports what a proposal would do. Nothing is journaled or sent.

use std::sync::Arc;

use deed_record::action::Proposal;
use deed_record::exchange::Rendered;
use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::story::Story;
use deed_record::policy::{Decision, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

use super::Engine;
use super::error::EngineError;
use super::intake::IntakeError;
use crate::stage::contract::Caller;
use crate::stage::policy;

/// What a proposal would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explained {
    pub contract: String,
    pub resource: String,
    pub decision: Decision,
    /// Requests that would read the state, and the reads of `perform`.
    pub would_read: Vec<Rendered>,
    /// Writes that would be sent if the action were cleared.
    pub would_send: Vec<Rendered>,
    /// CEL preconditions of the contract; they are not evaluated here.
    #[schemars(with = "Vec<String>")]
    pub before: Vec<deed_record::contract::expression::Expression>,
    /// What prevents the action from running, such as missing approvals.
    pub missing: Vec<String>,
}

impl Engine {
    /// Explains a proposal. The pre-state is not read, so policies that depend on `pre` are not decided here.
    ///
    /// # Errors
    ///
    /// Fails when the proposal does not match its contract.
    pub fn explain(
        self: &Arc<Self>,
        caller: Caller<'_>,
        proposal: Proposal,
    ) -> Result<Explained, IntakeError> {
        let fresh = self.bind(caller, proposal)?;
        let event =
            Event::Proposed { bound: Arc::new(fresh.bound), bindings: fresh.bindings, trace: None };
        let entry = Entry { at_ms: self.clock.now_ms(), event };
        let story = Story::fold(&[entry]).map_err(EngineError::from)?;
        let (decision, _) = policy::decide(caller.tenant, &story, self.clock.now_ms(), None);
        let name = story.bound.action.contract.name.clone();
        let before = caller
            .tenant
            .grants
            .get(&name)
            .map(|g| g.contract.verify.before.clone())
            .unwrap_or_default();
        let bound = &story.bound;
        let (would_send, reads): (Vec<Rendered>, Vec<Rendered>) =
            bound.perform.iter().cloned().partition(|request| request.writes);
        Ok(Explained {
            missing: missing(&decision),
            contract: name,
            resource: story.bound.action.resource.clone(),
            decision,
            would_read: bound.observe.iter().cloned().chain(reads).collect(),
            would_send,
            before,
        })
    }
}

fn missing(decision: &Decision) -> Vec<String> {
    match decision.verdict {
        Verdict::Allow => vec![],
        Verdict::Ask => {
            let one = |o: &deed_record::policy::Obligation| {
                if o.is_confirmation() {
                    return format!(
                        "a confirmation by the responsible person (policy `{}`)",
                        o.policy
                    );
                }
                format!("{} approval(s) by role `{}` (policy `{}`)", o.count, o.role, o.policy)
            };
            decision.obligations.iter().map(one).collect()
        }
        Verdict::Deny => {
            let reason = decision.reason.clone();
            let forbids = || {
                format!(
                    "no policy permits the action, or one of these policies forbids it: {:?}",
                    decision.determining
                )
            };
            vec![reason.unwrap_or_else(forbids)]
        }
    }
}
