//! What a dry run has shown, in the form of a file of test cases.

use deed_record::action::id::ActionId;
use deed_record::action::{Proposal, Rendering, render};
use deed_record::contract::Contract;
use deed_record::contract::template::Rule;
use deed_record::exchange::{Exchange, Fate, Rendered};
use deed_record::lifecycle::outcome::Outcome;
use deed_record::plan::Plan;
use serde::Serialize;
use toml::{Table, Value};

use super::super::bench::Ran;
use super::text::of_json;
use crate::maintenance::contract_test::example;

/// What stands for the id of the action in answers.
const PLACE: &str = "{action.id}";

#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) before: Vec<Value>,
    /// Answers to reads of `perform` that are not in `before`.
    pub(super) reads: Vec<Value>,
    /// What the adapter computed, if the contract is open.
    pub(super) computed: Table,
    /// The default answers to the writes, none of which was sent.
    pub(super) writes: Vec<Value>,
    redacted: usize,
}

/// How much was recorded.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Seen {
    pub(super) before: usize,
    pub(super) reads: usize,
    /// How many values the host replaced because they held a secret.
    pub(super) redacted: usize,
}

impl Answers {
    /// Fails with the reason when a test case cannot contain what the dry run has shown.
    pub(super) fn of(contract: &Contract, proposal: &Proposal, ran: &Ran) -> Result<Self, String> {
        let id = ran.view.id.as_str();
        let Rendering { observe, perform, .. } = rendering(contract, proposal, ran)?;
        let look = ran.evidence.before.as_ref();
        let look = look.ok_or_else(|| "the host has read no state".to_owned())?;
        let rehearsal = ran.evidence.rehearsal.as_ref();
        let looked: Vec<&Exchange> = look.exchanges.iter().collect();
        let read: Vec<&Exchange> = rehearsal.into_iter().flat_map(|one| &one.exchanges).collect();
        let before = answers(&contract.observe.http, &observe, &looked, id)?;
        let mut reads = answers(&contract.perform.http, &perform, &read, id)?;
        reads.retain(|one| !before.contains(one));
        let plan = rehearsal.and_then(|one| one.plan.as_ref());
        let redacted: usize = looked.iter().chain(&read).map(|one| one.redacted.len()).sum();
        Ok(Self {
            before,
            reads,
            computed: plan.map_or_else(|| Ok(Table::new()), |plan| computed(plan, id))?,
            writes: defaults(&contract.perform.http, &perform, plan),
            redacted,
        })
    }

    pub(super) fn seen(&self) -> Seen {
        let Self { before, reads, redacted, .. } = self;
        Seen { before: before.len(), reads: reads.len(), redacted: *redacted }
    }
}

/// Why a dry run that ended like this is not the beginning of a case with this outcome.
pub(super) fn unfit(want: Outcome, found: Option<Outcome>) -> Option<String> {
    let fits = match want {
        Outcome::Denied => found == Some(Outcome::Denied),
        // Either the state cannot be read, or a write fails, which a dry run does not show.
        Outcome::Failed => matches!(found, Some(Outcome::Failed | Outcome::Rehearsed)),
        _ => found == Some(Outcome::Rehearsed),
    };
    let how = match found {
        _ if fits => return None,
        Some(found) => format!("ended as {}", found.as_str()),
        None => "did not end in time".to_owned(),
    };
    Some(format!(
        "want = \"{}\", and the dry run {how}; change `params`, `want` or the state of the upstream",
        want.as_str()
    ))
}

/// The requests of the action in their recorded form.
fn rendering(contract: &Contract, proposal: &Proposal, ran: &Ran) -> Result<Rendering, String> {
    let id: Result<ActionId, _> = ran.view.id.parse();
    let id = id.map_err(|error| error.to_string())?;
    let mut proposal = Proposal { params: ran.view.params.clone(), ..proposal.clone() };
    contract.normal_params(&mut proposal.params);
    render(contract, &proposal, &id).map_err(|error| error.to_string())
}

/// The answers in the order of the rules, because answers to rules with the same request come in this order.
fn answers(
    rules: &[Rule],
    rendered: &[Rendered],
    seen: &[&Exchange],
    id: &str,
) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    for one in seen {
        let at = position(rendered, &one.request);
        let Some((at, rule)) = at.and_then(|at| Some((at, rules.get(at)?))) else {
            let Rendered { method, path, .. } = &one.request;
            return Err(format!("a test case has no name for the request `{method} {path}`"));
        };
        found.push((at, answer(rule, one, id)?));
    }
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, answer)| answer).collect())
}

/// The rule of a request, whose body may have values that were not known when the rule was rendered.
fn position(rendered: &[Rendered], request: &Rendered) -> Option<usize> {
    let is_to_same_place = |one: &Rendered| {
        one.upstream == request.upstream && one.method == request.method && one.path == request.path
    };
    let whole = rendered.iter().position(|one| one == request);
    whole.or_else(|| rendered.iter().position(is_to_same_place))
}

fn answer(rule: &Rule, one: &Exchange, id: &str) -> Result<Value, String> {
    let problem = one.problem.as_deref();
    let status = match one.fate {
        // An error need not have a body in the encoding of the contract.
        Fate::Answered { status } if problem.is_none() || !(200..300).contains(&status) => status,
        Fate::Answered { .. } | Fate::NoAnswer | Fate::NotSent => {
            let why = problem.unwrap_or("there is none");
            return Err(format!("the answer to `{}` cannot be recorded: {why}", rule.request));
        }
    };
    let mut table = named(rule, status);
    if let Some(body) = &one.response {
        let text = body.to_string().replace(id, PLACE);
        let (name, value) = match toml_of(&text) {
            Some(body) => ("body", body),
            None => ("body_json", Value::String(text)),
        };
        table.insert(name.to_owned(), value);
    }
    // A case has the path that the contract describes, and no other `Location`.
    let path = one.headers.get("location").filter(|_| one.request.location.is_some());
    if let Some(path) = path {
        table.insert("location".to_owned(), Value::String(path.replace(id, PLACE)));
    }
    if let Some(seconds) = one.retry_after_s {
        table.insert("retry_after_s".to_owned(), Value::Integer(seconds.into()));
    }
    Ok(Value::Table(table))
}

/// An answer without a body.
fn named(rule: &Rule, status: u16) -> Table {
    let request = Value::String(rule.request.clone());
    let status = Value::Integer(status.into());
    [("request".to_owned(), request), ("status".to_owned(), status)].into_iter().collect()
}

/// A JSON text as TOML; `None` if TOML cannot write it.
fn toml_of(text: &str) -> Option<Value> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    of_json(&value)
}

/// What the adapter computed, by the names of the parts. A write that may be sent several times has a list.
fn computed(plan: &Plan, id: &str) -> Result<Table, String> {
    let mut table = Table::new();
    for request in plan.writes.iter().map(|one| &one.request) {
        for (pointer, value) in request.parts() {
            let Some(name) = request.any.get(&pointer) else { continue };
            let value = toml_of(&value.to_string().replace(id, example().as_str()));
            let value = value.ok_or_else(|| {
                format!("`computed.{name}` has a null or too many levels, which TOML cannot write")
            })?;
            if request.calls <= 1 {
                table.insert(name.clone(), value);
                continue;
            }
            let list = table.entry(name.clone()).or_insert_with(|| Value::Array(vec![]));
            if let Value::Array(list) = list {
                list.push(value);
            }
        }
    }
    Ok(table)
}

/// The answer 200 to each write of the plan, or of a closed contract.
fn defaults(rules: &[Rule], perform: &[Rendered], plan: Option<&Plan>) -> Vec<Value> {
    let answer = |rule: &Rule| Value::Table(named(rule, 200));
    let Some(plan) = plan else {
        let writes = rules.iter().zip(perform).filter(|(_, one)| one.writes && !one.optional);
        return writes.map(|(rule, _)| answer(rule)).collect();
    };
    let rules = plan.writes.iter().filter_map(|one| rules.get(usize::try_from(one.rule).ok()?));
    rules.map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_that_ends_otherwise_is_not_the_beginning_of_a_case() {
        let (rehearsed, failed) = (Some(Outcome::Rehearsed), Some(Outcome::Failed));
        for (want, found, is_fit) in [
            (Outcome::Verified, rehearsed, true),
            (Outcome::Mismatch, rehearsed, true),
            (Outcome::Failed, rehearsed, true),
            (Outcome::Failed, failed, true),
            (Outcome::Denied, Some(Outcome::Denied), true),
            (Outcome::Denied, rehearsed, false),
            (Outcome::Verified, failed, false),
            (Outcome::Failed, Some(Outcome::Denied), false),
            (Outcome::Failed, None, false),
        ] {
            assert_eq!(unfit(want, found).is_none(), is_fit, "{want:?} {found:?}");
        }
    }
}
