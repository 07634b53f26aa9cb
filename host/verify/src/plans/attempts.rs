//! Whether the attempts sent the writes of the plan, in the order of the plan, and nothing else.

use deed_record::contract::Contract;
use deed_record::exchange::{Exchange, Rendered};
use deed_record::lifecycle::event::Attempt;
use deed_record::plan::sent::with_answers_so_far;
use deed_record::plan::{Plan, Planned};

use super::legal::exceeds;

/// Checks all attempts, each with whether it followed the plan of the evidence. An attempt under an earlier plan, which
/// is not in the evidence, must have been without effect.
pub(super) fn check<'a>(
    contract: &Contract,
    perform: &[Rendered],
    plan: Option<&Plan>,
    runs: impl Iterator<Item = (&'a Attempt, bool)>,
) -> Result<(), String> {
    let mut path = Path::new(contract, perform, plan);
    for (attempt, follows) in runs {
        let checked = if follows { path.follow(attempt) } else { idle(perform, attempt) };
        checked.map_err(|why| format!("attempt {} {why}", attempt.n))?;
    }
    Ok(())
}

/// What the attempts may send, with the values of the answers so far.
struct Path<'a> {
    contract: &'a Contract,
    /// The writes of the plan, then the rules of reads that contain values of answers.
    steps: Plan,
    /// The number of writes.
    writes: usize,
    /// `steps` with the values of the answers so far.
    filled: Vec<Rendered>,
    sent: Vec<&'a Exchange>,
}

impl<'a> Path<'a> {
    fn new(contract: &'a Contract, perform: &[Rendered], plan: Option<&Plan>) -> Self {
        let planned = plan.map(|plan| plan.writes.clone()).unwrap_or_default();
        let writes = planned.len();
        let is_read = |(_, rule): &(u32, &Rendered)| !rule.writes && super::needs_answer(rule);
        let reads = (0..).zip(perform).filter(is_read);
        let reads = reads.map(|(rule, request)| Planned { rule, request: request.clone() });
        let steps = Plan { writes: planned.into_iter().chain(reads).collect() };
        let filled = steps.writes.iter().map(|step| step.request.clone()).collect();
        Self { contract, steps, writes, filled, sent: vec![] }
    }

    /// Checks an attempt under the plan.
    fn follow(&mut self, attempt: &'a Attempt) -> Result<(), String> {
        let mut next = 0;
        let mut reads = vec![0_usize; self.filled.len()];
        for exchange in &attempt.exchanges {
            let request = &exchange.request;
            if request.writes {
                next = self.after(next, request)?;
            } else {
                let rule = self.read(request)?;
                if let Some(count) = reads.get_mut(rule) {
                    *count += 1;
                }
            }
            self.sent.push(exchange);
            if request.writes && request.name.is_some() {
                self.filled = with_answers_so_far(self.contract, &self.steps, &self.sent);
            }
        }
        let is_often = |(count, rule): (&usize, &Rendered)| exceeds(*count, rule.calls);
        if reads.iter().zip(&self.filled).any(is_often) {
            return Err("sent a read more often than its rule allows".to_owned());
        }
        Ok(())
    }

    /// The position after the write of the plan that this request is. Only optional writes may be left out before it.
    fn after(&self, next: usize, request: &Rendered) -> Result<usize, String> {
        let writes = self.filled.iter().enumerate().take(self.writes);
        for (n, write) in writes.skip(next) {
            if is_sent_as(write, request) {
                return Ok(n + 1);
            }
            if !write.optional {
                break;
            }
        }
        let Rendered { method, path, .. } = request;
        Err(format!("sent `{method} {path}`, which is not the next write of the plan"))
    }

    /// The position of the rule of a read that contains values of answers.
    fn read(&self, request: &Rendered) -> Result<usize, String> {
        let mut reads = self.filled.iter().enumerate().skip(self.writes);
        let found = reads.find(|(_, rule)| is_sent_as(rule, request));
        found.map(|(n, _)| n).ok_or_else(|| {
            let Rendered { method, path, .. } = request;
            format!("sent the read `{method} {path}`, which only a rehearsal may send")
        })
    }
}

/// Whether a request is this step in every member. A step whose values are not all known was not sent.
fn is_sent_as(step: &Rendered, request: &Rendered) -> bool {
    step == request && step.needs().is_empty()
}

/// Checks an attempt under another plan.
fn idle(perform: &[Rendered], attempt: &Attempt) -> Result<(), String> {
    let rules = super::attempted(perform);
    for exchange in &attempt.exchanges {
        let request = &exchange.request;
        let Rendered { method, path, .. } = request;
        if !rules.iter().any(|rule| is_of(rule, request)) {
            return Err(format!("sent `{method} {path}`, which is not a request of the contract"));
        }
        if exchange.may_have_written() && !exchange.is_turned_away() {
            return Err(format!("sent `{method} {path}` under a plan that is not in the evidence"));
        }
    }
    Ok(())
}

/// Whether a request is of this rule, with any values in the places that the contract leaves open.
fn is_of(rule: &Rendered, request: &Rendered) -> bool {
    let is_path = if rule.awaits_answer() {
        rule.is_filled_as(&request.path)
    } else {
        rule.path == request.path
    };
    is_path && Rendered { path: rule.path.clone(), ..request.without_state() } == *rule
}
