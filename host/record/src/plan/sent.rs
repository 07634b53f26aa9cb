//! What all attempts so far have sent of a plan.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Plan, Planned};
use crate::contract::Contract;
use crate::exchange::{Exchange, Fate, Rendered};
use crate::lifecycle::observation::answers::Answers;

/// A write of the plan that no attempt sent. A write that its guard rejected (412) counts as not sent, because it was
/// not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Unsent {
    /// The position of the write in the plan, from 1.
    pub write: u32,
    pub method: String,
    /// The path in the plan, in which values of answers are still placeholders.
    pub path: String,
    /// Whether the contract allows that the write is not sent.
    pub optional: bool,
}

/// The writes of a plan with the values of the answers in these exchanges, which are the exchanges of all attempts so
/// far in their order. A value that is not known is still a placeholder.
pub fn with_answers_so_far(
    contract: &Contract,
    plan: &Plan,
    exchanges: &[&Exchange],
) -> Vec<Rendered> {
    let answers = Answers::of_plan(&contract.perform.http, plan, exchanges);
    let filled = |planned: &Planned| {
        let filled = planned.request.with_answer_values(|path| answers.value(path));
        // A value that cannot be part of a path was never sent.
        filled.unwrap_or_else(|_unfit| planned.request.clone())
    };
    plan.writes.iter().map(filled).collect()
}

/// The planned writes that no attempt sent. A write that its guard rejected counts as not sent, because it was not
/// carried out. `exchanges` are those of all attempts in their order, and `filled` is the
/// result of [`with_answers_so_far`].
pub fn unsent(plan: &Plan, exchanges: &[&Exchange], filled: &[Rendered]) -> Vec<Unsent> {
    let mut sent = BTreeSet::new();
    let (mut next, mut last): (usize, Option<u32>) = (0, None);
    for one in exchanges {
        // The ordinals of each attempt begin at 0, and each attempt begins with the first write of the plan.
        if last.is_some_and(|last| one.ordinal <= last) {
            next = 0;
        }
        last = Some(one.ordinal);
        let is_it = |n: &usize| filled.get(*n) == Some(&one.request);
        if let Some(n) = (next..filled.len()).chain(0..next).find(is_it) {
            next = n + 1;
            let is_sent = one.fate != Fate::NotSent && one.carried_from.is_none();
            if is_sent && !one.is_turned_away() {
                sent.insert(n);
            }
        }
    }
    let missing = plan.writes.iter().enumerate().filter(|(n, _)| !sent.contains(n));
    missing.map(|(n, planned)| of_planned(n, &planned.request)).collect()
}

fn of_planned(n: usize, request: &Rendered) -> Unsent {
    Unsent {
        write: u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1),
        method: request.method.clone(),
        path: request.path.clone(),
        optional: request.optional,
    }
}
