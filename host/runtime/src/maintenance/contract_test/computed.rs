//! Tests of open contracts. The test says what the adapter computes; the plan and the attempt follow from it by the
//! same code as in a rehearsal and in an attempt.

use std::collections::BTreeMap;

use deed_record::action::private::Prepared;
use deed_record::contract::Contract;
use deed_record::contract::template::Rule;
use deed_record::exchange::{Exchange, Rendered};
use deed_record::plan::course::{Course, Step};
use deed_record::plan::draft::Draft;
use deed_record::plan::{Plan, Requested};
use deed_spec::digest::Digest;
use serde_json::Value;

use super::{ContractTestError, RecordedAnswer, failure, may_go_on};

/// The parts of one call of a write, by their pointers into the body.
type Parts = BTreeMap<String, Value>;

/// The plan of an adapter that computes these values, and sends the writes in the order of their rules. An optional
/// write without computed parts is planned if the test answers it.
pub(super) fn plan(
    contract: &Contract,
    perform: &[Rendered],
    computed: &BTreeMap<String, Value>,
    answers: &[RecordedAnswer],
) -> Result<Plan, ContractTestError> {
    check_names(perform, computed)?;
    let seed = Digest::of(b"deed contract test");
    let mut draft = Draft::new(contract, prepared(perform), vec![], seed);
    for (rule, request) in contract.perform.http.iter().zip(perform) {
        if !request.writes {
            continue;
        }
        let is_answered = answers.iter().any(|answer| answer.request == rule.request);
        for parts in calls(rule, request, computed, is_answered)? {
            let asked = request.with_any(&parts);
            draft.take(&requested(&asked)).map_err(ContractTestError::Plan)?;
        }
    }
    draft.finish().map_err(ContractTestError::Plan)
}

/// The exchanges of an attempt along the plan that gets these answers.
pub(super) fn exchanges(
    contract: &Contract,
    perform: &[Rendered],
    plan: &Plan,
    answers: &[RecordedAnswer],
) -> Result<Vec<Exchange>, ContractTestError> {
    let course = Course::new(contract, prepared(perform), plan, vec![]);
    let mut attempt = Attempt { contract, perform, plan, course, next: 0, sent: vec![] };
    for answer in answers {
        attempt.answer(answer)?;
    }
    Ok(attempt.sent)
}

/// An attempt along a plan.
struct Attempt<'a> {
    contract: &'a Contract,
    perform: &'a [Rendered],
    plan: &'a Plan,
    course: Course,
    /// The position of the next write of the plan, from 0.
    next: usize,
    sent: Vec<Exchange>,
}

impl Attempt<'_> {
    /// Sends the request that the answer names, and records the answer.
    fn answer(&mut self, answer: &RecordedAnswer) -> Result<(), ContractTestError> {
        let (contract, perform, plan) = (self.contract, self.perform, self.plan);
        let rules = contract.perform.http.iter().zip(perform);
        let mut named = rules.filter(|(rule, _)| rule.request == answer.request);
        let (_, request) =
            named.next().ok_or_else(|| ContractTestError::Request(answer.request.clone()))?;
        if !request.writes {
            return self.read(answer, request);
        }
        let last = self.sent.iter().rfind(|one| one.request.writes);
        if let Some((last, how)) = last.and_then(|last| Some((last, failure(last)?))) {
            let at = self.next.checked_sub(1);
            // A write that was not carried out may be sent again, in another attempt.
            if self.is_of(at, answer) {
                let request = last.request.clone();
                return self.record(answer, request, at);
            }
            if !may_go_on(contract, &last.request) {
                let what = format!("write {} {how}", self.next);
                return Err(ContractTestError::Stopped(answer.request.clone(), what));
            }
        }
        let at = (self.next..plan.writes.len()).find(|at| self.is_of(Some(*at), answer));
        let planned = at.and_then(|at| plan.writes.get(at));
        let missing = || ContractTestError::NotPlanned(answer.request.clone());
        let step = self.course.take(&requested(&planned.ok_or_else(missing)?.request));
        match step.map_err(|why| ContractTestError::Unknown(answer.request.clone(), why))? {
            Step::Write { n, request } => {
                self.next = n + 1;
                self.record(answer, request.public, Some(n))
            }
            Step::Recorded(_) | Step::Read(_) => Err(missing()),
        }
    }

    /// A read of `perform` is sent in an attempt only if it contains a value of an answer.
    fn read(
        &mut self,
        answer: &RecordedAnswer,
        request: &Rendered,
    ) -> Result<(), ContractTestError> {
        if !request.awaits_answer() {
            return Err(ContractTestError::Rehearsed(answer.request.clone()));
        }
        let unknown = |why: String| ContractTestError::Unknown(answer.request.clone(), why);
        match self.course.take(&requested(request)).map_err(unknown)? {
            Step::Read(request) => self.record(answer, request.public, None),
            Step::Recorded(_) | Step::Write { .. } => {
                Err(ContractTestError::Rehearsed(answer.request.clone()))
            }
        }
    }

    /// Records the answer to a request, which is the planned write at position `n` if it is a write.
    fn record(
        &mut self,
        answer: &RecordedAnswer,
        request: Rendered,
        n: Option<usize>,
    ) -> Result<(), ContractTestError> {
        let ordinal = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        let exchange = answer.answering(ordinal, request)?;
        if let Some(n) = n {
            self.course.answered(n, &exchange);
        }
        self.sent.push(exchange);
        Ok(())
    }

    /// Whether the planned write at this position is of a rule that the answer names.
    fn is_of(&self, at: Option<usize>, answer: &RecordedAnswer) -> bool {
        let planned = at.and_then(|at| self.plan.writes.get(at));
        let rule = planned.and_then(|planned| {
            self.contract.perform.http.get(usize::try_from(planned.rule).ok()?)
        });
        rule.is_some_and(|rule| rule.request == answer.request)
    }
}

fn prepared(perform: &[Rendered]) -> Vec<Prepared> {
    perform.iter().cloned().map(Prepared::plain).collect()
}

/// A request as an adapter asks for it, with the placeholders for values of answers.
fn requested(request: &Rendered) -> Requested<'_> {
    Requested {
        upstream: &request.upstream,
        method: &request.method,
        path: &request.path,
        body: request.body.clone(),
    }
}

/// The calls of one write, each with the values of its parts.
fn calls(
    rule: &Rule,
    request: &Rendered,
    computed: &BTreeMap<String, Value>,
    is_answered: bool,
) -> Result<Vec<Parts>, ContractTestError> {
    let is_computed = request.any.values().any(|name| computed.contains_key(name));
    if request.optional && !is_computed && (!is_answered || !request.any.is_empty()) {
        return Ok(vec![]);
    }
    let mut found: Option<Vec<Parts>> = None;
    for (pointer, name) in &request.any {
        let values = values(rule, request, name, computed)?;
        let calls = found.get_or_insert_with(|| vec![Parts::new(); values.len()]);
        if calls.len() != values.len() {
            return Err(ContractTestError::Lengths(rule.request.clone()));
        }
        for (parts, value) in calls.iter_mut().zip(values) {
            parts.insert(pointer.clone(), value);
        }
    }
    Ok(found.unwrap_or_else(|| vec![Parts::new()]))
}

/// The values of one part, one for each call.
fn values(
    rule: &Rule,
    request: &Rendered,
    name: &str,
    computed: &BTreeMap<String, Value>,
) -> Result<Vec<Value>, ContractTestError> {
    let (part, line) = (name.to_owned(), rule.request.clone());
    match computed.get(name) {
        None => Err(ContractTestError::NotComputed(part, line)),
        Some(Value::Array(values)) if request.calls > 1 => Ok(values.clone()),
        Some(_) if request.calls > 1 => Err(ContractTestError::NotListed(part, line)),
        Some(value) => Ok(vec![value.clone()]),
    }
}

/// Checks that each computed value belongs to a part of a write.
fn check_names(
    perform: &[Rendered],
    computed: &BTreeMap<String, Value>,
) -> Result<(), ContractTestError> {
    let names: Vec<&String> = perform.iter().flat_map(|rule| rule.any.values()).collect();
    let Some(unknown) = computed.keys().find(|name| !names.contains(name)) else { return Ok(()) };
    let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let known = if known.is_empty() {
        "the adapter computes no part of them".to_owned()
    } else {
        format!("the adapter computes {}", known.join(", "))
    };
    Err(ContractTestError::Part(unknown.clone(), known))
}

#[cfg(test)]
mod tests;
