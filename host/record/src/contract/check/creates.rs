//! Checks that the result of a create can be found if the answer to the create is lost. Otherwise neither the host nor a
//! person could tell whether the create was carried out.

use super::super::fault::Fault;
use super::super::{Contract, Effect, StateShape, Verb};
use crate::contract::template::text::{Format, Source};
use crate::contract::template::{Place, Rule};

pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    let head = &contract.action;
    if contract.templates() == Format::One || head.verb != Verb::Create {
        return Ok(());
    }
    let is_found = match head.effect {
        // A repeated create is harmless, or the author says that nothing can be found.
        Effect::Keyed | Effect::Idempotent | Effect::Opaque => true,
        Effect::Observable => {
            is_found_by_id(contract)
                || contract.state.iter().any(|(name, shape)| has_natural_key(contract, name, shape))
        }
    };
    if is_found {
        return Ok(());
    }
    let what = "if the answer to this create is lost, its result cannot be found: send `{action.id}` in the write and \
                use it in a rule of observe, such as in `where`; or read what is created by a parameter into a state that \
                may be absent (`absent`, or `only`) and is in `may_change`; or write `effect = \"keyed\"` if the upstream has idempotency keys; or write \
                `effect = \"opaque\"`, so that a create without an answer stays `indeterminate`";
    Err(Fault::at("effect", what))
}

/// Whether a write that is always sent has the id of the action, and the contract does not take a lost create for one
/// that was not carried out: an observation uses the id, or cannot be made without the answer, so that a person decides
/// with the id.
fn is_found_by_id(contract: &Contract) -> bool {
    let has_id = |rule: &Rule| contains(contract, rule, |source, _| source == Source::ActionId);
    // An optional write may be left out, and a write that contains a value of an answer is not sent if that answer is
    // lost, which is the case that this check is about.
    let awaits =
        |rule: &Rule| contains(contract, rule, |source, _| matches!(source, Source::Answer(_)));
    let is_sent =
        |rule: &&Rule| rule.may_write().unwrap_or(false) && !rule.optional && !awaits(rule);
    contract.perform.http.iter().filter(is_sent).any(has_id)
        && contract.observe.http.iter().any(|look| look.awaits_answer() || has_id(look))
}

/// Whether the state shows what the create makes without a value of its answer: the whole state may change, may be
/// absent, and is read by a parameter or by the id of the action. A state without `from` is read by the code of an
/// adapter, which may do the same.
fn has_natural_key(contract: &Contract, name: &str, shape: &StateShape) -> bool {
    let is_key = |source: Source<'_>, place: Place| match source {
        Source::Param { optional, .. } => !optional && place != Place::Header,
        Source::ActionId => true,
        Source::Pre(_) | Source::Answer(_) => false,
    };
    let looks: Vec<&Rule> =
        contract.sources_of(shape).filter_map(|at| contract.observe.http.get(at)).collect();
    let is_found = looks.iter().all(|look| !look.awaits_answer())
        && looks.iter().any(|look| contains(contract, look, is_key))
        && contract.may_be_absent(shape);
    let appears = contract.verify.may_change.contains(&format!("/{name}"));
    appears && (shape.from.is_none() || is_found)
}

/// Whether a rule contains such a placeholder.
fn contains(contract: &Contract, rule: &Rule, is: impl Fn(Source<'_>, Place) -> bool) -> bool {
    let body = rule.body_template().unwrap_or_default();
    let uses = rule.placeholders(body.as_deref(), contract.templates()).unwrap_or_default();
    uses.iter().any(|one| is(one.source, one.place))
}
