//! The judge: a complete table that maps what the host observed to an outcome. The first row of the table that matches
//! applies.
//!
//! The judge uses only observations and exchanges, never the adapter's claim.

mod existence;
mod secrets;

use std::collections::BTreeMap;

use deed_spec::json::{self, Change};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::id::ActionId;
use crate::contract::expression::{Env, Expression, Scope};
use crate::contract::outputs::Output;
use crate::contract::template::text::Format;
use crate::contract::{Contract, Effect, StateShape, may_change};
use crate::exchange::meaning::Meaning;
use crate::exchange::{Exchange, Fate};
use crate::lifecycle::observation::Observation;
use crate::lifecycle::permission;
use crate::plan::Plan;
use crate::plan::sent::{self, Unsent};

/// The number of unsent writes that a reason names one by one. The judgement itself lists all of them.
const NAMED: usize = 3;

/// The host's conclusion. `indeterminate` is an outcome of its own; the host never guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Verified,
    Mismatch,
    Denied,
    Failed,
    Indeterminate,
    Expired,
    Cancelled,
    /// A dry run ended: nothing was sent.
    Rehearsed,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Mismatch => "mismatch",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Indeterminate => "indeterminate",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Rehearsed => "rehearsed",
        }
    }
}

/// An outcome and the reasons for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    pub outcome: Outcome,
    /// One sentence for people.
    pub reason: String,
    /// Every `before`, `after` and `expect` condition that was evaluated, with its result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// All differences between the states before and after the action, except in volatile values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The elements of `changes` that the contract does not allow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unexpected: Vec<Change>,
    /// The values that the contract names in `[outputs]`, from the state after a verified action. Values that are absent
    /// are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
    /// The writes of the plan that no attempt sent, or that their guards rejected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsent: Vec<Unsent>,
}

/// One expectation and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The CEL expression, or `<pointer> == <json>` for an `expect` condition.
    pub expression: String,
    pub holds: bool,
    /// Why the expression could not be evaluated, in which case it counts as false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The inputs of the judge.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub contract: &'a Contract,
    pub params: &'a Value,
    /// The id of the action; a state that contains this id was created by this action.
    pub action: &'a ActionId,
    pub expect: &'a BTreeMap<String, Value>,
    pub pre: &'a Observation,
    pub post: &'a Observation,
    /// The exchanges of every attempt.
    pub exchanges: &'a [&'a Exchange],
    /// The plan of the attempts; `None` if the contract is closed.
    pub plan: Option<&'a Plan>,
    /// Whether an unanswered write is still within its deadline and settle time.
    pub may_still_land: bool,
}

impl Judgement {
    /// An outcome without observations to compare: refused, expired, cancelled, or failed before anything was sent.
    pub fn plain(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self {
            outcome,
            reason: reason.into(),
            checks: vec![],
            changes: vec![],
            unexpected: vec![],
            outputs: BTreeMap::new(),
            unsent: vec![],
        }
    }
}

/// Judges an action that was attempted.
pub fn judge(seen: &Seen<'_>) -> Judgement {
    judge_now(seen).0
}

/// Like [`judge`], but also returns whether waiting is unnecessary, because no write was sent or every `after` and
/// `expect` condition already holds.
///
/// If a part of the plan was not sent, these conditions do not end the action, and another attempt may follow. Such an
/// attempt needs an observation that began after the last time at which a write could take effect.
pub fn judge_now(seen: &Seen<'_>) -> (Judgement, bool) {
    let (by_state, is_settled) = judge_states(seen);
    let outcome = by_state.outcome;
    let judgement = secrets::with_lost(seen.exchanges, with_unsent(seen, by_state));
    let is_early =
        judgement.outcome != outcome && seen.exchanges.iter().any(|exchange| exchange.is_open());
    (judgement, is_settled && !is_early)
}

/// Judges an attempted action without its plan.
fn judge_states(seen: &Seen<'_>) -> (Judgement, bool) {
    let writes: Vec<&Exchange> =
        seen.exchanges.iter().copied().filter(|e| e.request.writes).collect();
    if !writes.iter().any(|e| e.may_have_written()) {
        return (Judgement::plain(Outcome::Failed, "no write was sent"), true);
    }
    let is_gone = |name: &str, shape: &StateShape| existence::is_gone(seen, name, shape, &writes);
    let unread = seen.post.unusable_unless(seen.contract, is_gone);
    if let Some(problem) = unread.or_else(|| existence::overlooked(seen, &writes)) {
        let reason =
            format!("a write may have landed and the result could not be observed: {problem}");
        return (Judgement::plain(Outcome::Indeterminate, reason), false);
    }
    let (pre, post) = (seen.pre.value(), seen.post.value());
    let checks = after(seen, &pre, &post);
    let (changes, unexpected) = compare(seen.contract, seen.params, &pre, &post);
    let holds = checks.iter().all(|c| c.holds);
    let (outcome, reason) =
        if !holds && unexpected.is_empty() && is_pending(seen, &writes, &pre, &post) {
            let why =
                "the upstream is still carrying out the action: `pending` of the contract holds";
            (Outcome::Indeterminate, why.to_owned())
        } else if holds && unexpected.is_empty() {
            if let Some((outcome, reason)) = existence::foreign(seen, &writes) {
                let judgement =
                    Judgement { checks, changes, unexpected, ..Judgement::plain(outcome, reason) };
                return (judgement, holds);
            }
            (Outcome::Verified, "every expectation holds and nothing else changed".to_owned())
        } else if changes.is_empty() {
            unchanged(seen, &writes)
        } else {
            (Outcome::Mismatch, differs(&checks, &unexpected))
        };
    let outputs = match outcome {
        Outcome::Verified => outputs(seen.contract, &post),
        _ => BTreeMap::new(),
    };
    let judgement =
        Judgement { checks, changes, unexpected, outputs, ..Judgement::plain(outcome, reason) };
    (judgement, holds)
}

/// Adds the writes of the plan that no attempt sent. People and policies agreed to the whole plan, so if a part of it
/// was not sent, the action is not verified, unless the contract declares that part as optional.
fn with_unsent(seen: &Seen<'_>, judgement: Judgement) -> Judgement {
    let Some(plan) = seen.plan else { return judgement };
    let filled = sent::with_answers_so_far(seen.contract, plan, seen.exchanges);
    let unsent = sent::unsent(plan, seen.exchanges, &filled);
    let is_rejected = |one: &Unsent| {
        let at = usize::try_from(one.write).ok().and_then(|write| write.checked_sub(1));
        let write = at.and_then(|at| filled.get(at));
        seen.exchanges.iter().any(|sent| sent.is_turned_away() && Some(&sent.request) == write)
    };
    match missing(&unsent, is_rejected).filter(|_| judgement.outcome == Outcome::Verified) {
        Some(reason) => {
            let (outcome, outputs) = (Outcome::Mismatch, BTreeMap::new());
            Judgement { outcome, reason, outputs, unsent, ..judgement }
        }
        None => Judgement { unsent, ..judgement },
    }
}

/// The writes that had to be sent and were not, as a reason; `None` if there are none.
fn missing(unsent: &[Unsent], is_rejected: impl Fn(&Unsent) -> bool) -> Option<String> {
    let required: Vec<&Unsent> = unsent.iter().filter(|write| !write.optional).collect();
    let named = required.iter().take(NAMED).map(|one| {
        let what =
            if is_rejected(one) { "was rejected by its guard (412)" } else { "was not sent" };
        format!("write {} of the plan, `{} {}`, {what}", one.write, one.method, one.path)
    });
    let mut texts: Vec<String> = named.collect();
    let more = required.len().saturating_sub(NAMED);
    if more > 0 {
        texts.push(format!("{more} more write(s) of the plan were not sent"));
    }
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// Judges a read, which succeeds with one usable observation.
pub fn judge_read(contract: &Contract, seen: &Observation) -> Judgement {
    match seen.unusable(contract) {
        None => Judgement::plain(Outcome::Verified, "the host read the state"),
        Some(problem) => {
            Judgement::plain(Outcome::Failed, format!("the state could not be read: {problem}"))
        }
    }
}

/// Evaluates the `before` conditions; the caller denies the action unless every condition holds.
pub fn before(contract: &Contract, params: &Value, pre: &Observation) -> Vec<Check> {
    let state = pre.value();
    let scope = Env { params, pre: &state, post: None }.scope();
    contract.verify.before.iter().map(|expression| evaluate(expression, &scope)).collect()
}

/// Whether every `after` and `expect` condition holds, regardless of the requests that were sent.
pub fn holds(seen: &Seen<'_>) -> bool {
    let all = || after(seen, &seen.pre.value(), &seen.post.value());
    seen.post.unusable(seen.contract).is_none() && all().iter().all(|c| c.holds)
}

fn after(seen: &Seen<'_>, pre: &Value, post: &Value) -> Vec<Check> {
    let scope = Env { params: seen.params, pre, post: Some(post) }.scope();
    let rules = seen.contract.verify.after.iter().map(|expression| evaluate(expression, &scope));
    let expected = seen.expect.iter().map(|(pointer, value)| Check {
        expression: format!("{pointer} == {value}"),
        holds: post.pointer(pointer) == Some(value),
        problem: None,
    });
    rules.chain(expected).collect()
}

/// The values that the contract names in `[outputs]`.
fn outputs(contract: &Contract, post: &Value) -> BTreeMap<String, Value> {
    let value = |(name, output): (&String, &Output)| {
        Some((name.clone(), json::pointer(post, &output.pointer())?.clone()))
    };
    let values = contract.outputs.iter().filter_map(value);
    values.filter(|(_, value)| !value.is_null()).collect()
}

/// Whether the contract says that the upstream is still carrying out the action, and a write was not refused. An
/// expression that cannot be evaluated counts as false.
fn is_pending(seen: &Seen<'_>, writes: &[&Exchange], pre: &Value, post: &Value) -> bool {
    let Some(pending) = &seen.contract.verify.pending else { return false };
    let refused = |write: &&Exchange| write.meaning() == Some(Meaning::Refused);
    if writes.iter().filter(|write| write.may_have_written()).all(refused) {
        return false;
    }
    let scope = Env { params: seen.params, pre, post: Some(post) }.scope();
    pending.holds(&scope).unwrap_or(false)
}

fn evaluate(expression: &Expression, scope: &Scope) -> Check {
    let (holds, problem) = match expression.holds(scope) {
        Ok(holds) => (holds, None),
        Err(problem) => (false, Some(problem)),
    };
    Check { expression: expression.source().to_owned(), holds, problem }
}

/// Returns all changes of non-volatile values, and the subset of these changes that `may_change` does not allow.
fn compare(
    contract: &Contract,
    params: &Value,
    pre: &Value,
    post: &Value,
) -> (Vec<Change>, Vec<Change>) {
    let volatile = contract.volatile();
    let within = |change: &Change, places: &[String]| {
        places.iter().any(|place| covers(place, &change.pointer))
    };
    let mut changes = json::diff(&contract.comparable(pre), &contract.comparable(post));
    changes.retain(|change| !within(change, &volatile));
    let allowed = may_change::allowed(contract, params);
    let unexpected = changes.iter().filter(|c| !within(c, &allowed)).cloned().collect();
    (changes, unexpected)
}

/// Whether a JSON pointer points to this place or to a value inside it.
fn covers(place: &str, pointer: &str) -> bool {
    pointer.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Applies the rows of the outcome table for a state after the action that equals the state before it.
fn unchanged(seen: &Seen<'_>, writes: &[&Exchange]) -> (Outcome, String) {
    let sent = || writes.iter().filter(|e| e.may_have_written());
    if sent().all(|e| e.meaning() == Some(Meaning::Refused)) {
        let why = permission::of_writes(seen.contract, writes);
        return (Outcome::Failed, format!("the upstream refused and nothing changed{why}"));
    }
    if sent().any(|e| e.is_accepted()) {
        let why = "the upstream accepted the write, and has not carried it out yet";
        return (Outcome::Indeterminate, why.to_owned());
    }
    if sent().any(|e| e.is_done()) {
        let said = "the upstream reported success and nothing changed";
        return (Outcome::Mismatch, format!("{said}{}", undeclared(seen.contract, writes)));
    }
    if sent().any(|e| e.has_stored_secret()) {
        let why = "a stored secret shows that the write was carried out, and nothing changed";
        return (Outcome::Mismatch, why.to_owned());
    }
    let looks_suffice =
        matches!(seen.contract.action.effect, Effect::Idempotent | Effect::Observable);
    if looks_suffice && !seen.may_still_land {
        return (
            Outcome::Failed,
            "there was no definite answer, nothing changed and no write can still land".to_owned(),
        );
    }
    (
        Outcome::Indeterminate,
        "there was no definite answer, and the write may still land".to_owned(),
    )
}

/// What to write if a write was answered with 202 (RFC 9110 section 15.3.3), and the contract does not say what it means.
fn undeclared(contract: &Contract, writes: &[&Exchange]) -> &'static str {
    let is_202 = |one: &&Exchange| {
        one.fate == Fate::Answered { status: 202 } && one.meaning() == Some(Meaning::Done)
    };
    if contract.templates() == Format::One || !writes.iter().any(is_202) {
        return "";
    }
    "; the status 202 can mean that the upstream carries out the write later: if it does, write `accepted = [202]` in the \
     rule of the write"
}

fn differs(checks: &[Check], unexpected: &[Change]) -> String {
    let failed =
        checks.iter().filter(|c| !c.holds).map(|c| format!("`{}` does not hold", c.expression));
    let moved = unexpected.iter().map(|c| format!("`{}` changed, which is not allowed", c.pointer));
    failed.chain(moved).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
