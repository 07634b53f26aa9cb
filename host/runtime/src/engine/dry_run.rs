//! Dry runs: actions that are decided, observed and rehearsed, and then end. See
//! `docs/decisions/0061-a-dry-run-is-an-action.md`.
//!
//! A dry run takes the same steps as any other action up to the policy decision about the state and the plan. It never
//! holds its resource, asks nobody and has no attempt.

use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::lifecycle::story::Story;
use deed_record::policy::{Obligation, Verdict};

use super::drive::{Drive, Step};
use super::error::EngineError;

impl Drive<'_> {
    /// Ends a dry run that policy would allow, or would allow after approvals.
    pub(super) async fn end_dry_run(&mut self) -> Result<Step, EngineError> {
        let reason = reason(&self.work.story);
        self.judge(Judgement::plain(Outcome::Rehearsed, reason)).await
    }
}

/// What the real action would send, and what it would need.
fn reason(story: &Story) -> String {
    let count = story.plan().map(|plan| plan.writes.len());
    let plan = count.map(|count| match count {
        1 => "; the plan has 1 write".to_owned(),
        count => format!("; the plan has {count} writes"),
    });
    let decision = story.decision.as_ref().map(|(decision, _)| decision);
    let asks = decision.filter(|decision| decision.verdict == Verdict::Ask);
    let needs = asks.map_or_else(
        || "policy would allow the action".to_owned(),
        |decision| {
            let wanted: Vec<String> = decision.obligations.iter().map(wanted).collect();
            format!("the action would need approval: {}", wanted.join(", "))
        },
    );
    format!("nothing was sent{}; {needs}", plan.unwrap_or_default())
}

fn wanted(one: &Obligation) -> String {
    if one.is_confirmation() {
        return format!("a confirmation by the responsible person (policy `{}`)", one.policy);
    }
    format!("{} × `{}` (policy `{}`)", one.count, one.role, one.policy)
}
