//! The course of an attempt along its plan: which planned write comes next, and what the guest gets for its reads.

mod values;

use self::values::{filled, ready};
use super::matching::{self, Open, asked_line, at, bounded, line};
use super::{Plan, Planned, Requested};
use crate::action::private::Prepared;
use crate::contract::Contract;
use crate::contract::template::Rule;
use crate::exchange::{Exchange, Rendered};
use crate::lifecycle::observation::answers::Answers;

/// The requests of one attempt of an action that has a plan.
#[derive(Debug)]
pub struct Course {
    plan: Plan,
    rules: Vec<Rule>,
    perform: Vec<Prepared>,
    /// How often each rule of `perform` was used for a read that contains a value of an answer.
    used: Vec<u32>,
    /// The planned writes without values of answers, as they are sent and as records contain them.
    writes: Vec<Prepared>,
    /// The reads of the rehearsal that the attempt has not asked for yet.
    reads: Vec<Exchange>,
    answers: Answers,
    /// The position of the next write in the plan.
    next: usize,
    /// Why no write follows.
    problem: Option<String>,
}

/// What the host does with a request of an attempt.
#[derive(Debug)]
pub enum Step {
    /// The rehearsal has sent this read. The guest gets the recorded answer.
    Recorded(Box<Exchange>),
    /// A read that contains a value of an answer, which is sent.
    Read(Prepared),
    /// The write at this position of the plan, from 0, with the values of the answers so far.
    Write { n: usize, request: Prepared },
}

impl Course {
    /// `perform` are the requests of the contract with the values of the state, and `reads` the exchanges of the
    /// rehearsal. If the plan does not belong to these requests, every write fails.
    pub fn new(
        contract: &Contract,
        perform: Vec<Prepared>,
        plan: &Plan,
        reads: Vec<Exchange>,
    ) -> Self {
        let writes = plan.writes.iter().map(|planned| prepared(&perform, planned));
        let writes: Option<Vec<Prepared>> = writes.collect();
        let problem = writes.is_none().then(|| {
            "denied by the plan: it has a write that the contract does not render".to_owned()
        });
        Self {
            plan: plan.clone(),
            rules: contract.perform.http.clone(),
            used: vec![0; perform.len()],
            perform,
            writes: writes.unwrap_or_default(),
            reads,
            answers: Answers::default(),
            next: 0,
            problem,
        }
    }

    /// The course of a later attempt, with the exchanges of all earlier attempts. A value of an answer that an earlier
    /// attempt got does not change.
    #[must_use]
    pub fn knowing(mut self, earlier: &[&Exchange]) -> Self {
        self.answers = Answers::of_plan(&self.rules, &self.plan, earlier).known();
        self
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Matches a request with the next write of the plan, or with a read. Writes that the contract declares as optional
    /// may be skipped.
    ///
    /// # Errors
    ///
    /// Fails with a reason for the author when the request differs from the plan. Every later write then fails too.
    pub fn take(&mut self, asked: &Requested<'_>) -> Result<Step, String> {
        let text = |path: &str| self.answers.text(path);
        let is_read = |(_, one): &(usize, &Prepared)| {
            let live = one.live();
            !live.writes && matching::names(live, asked, &text) && live.body == asked.body
        };
        let read = self.perform.iter().enumerate().find(is_read).map(|(n, _)| n);
        match read {
            Some(n) => self.read(n).map_err(bounded),
            None => {
                self.unready_read(asked).map_or_else(|| self.write(asked), Err).map_err(|why| {
                    let why = bounded(why);
                    self.problem.get_or_insert(why).clone()
                })
            }
        }
    }

    /// Reads the values that later requests need from the exchange of the write at this position.
    pub fn answered(&mut self, n: usize, exchange: &Exchange) {
        let rule = self.plan.writes.get(n).and_then(|planned| usize::try_from(planned.rule).ok());
        if let Some(rule) = rule.and_then(|rule| self.rules.get(rule)) {
            self.answers.learn(rule, exchange);
        }
    }

    /// A read of the rehearsal is answered from its record. A read that contains a value of an answer is sent.
    fn read(&mut self, n: usize) -> Result<Step, String> {
        let (Some(one), Some(used)) = (self.perform.get(n), self.used.get_mut(n)) else {
            return Err("denied by the plan: there is no such read".to_owned());
        };
        let request = line(&one.public);
        if one.public.needs().is_empty() {
            let recorded = self.reads.iter().position(|read| read.request == one.public);
            let recorded = recorded.map(|at| self.reads.remove(at)).ok_or_else(|| {
                format!(
                    "denied by the plan: the rehearsal sent {request} less often, and an attempt has only the reads of \
                     the rehearsal"
                )
            })?;
            return Ok(Step::Recorded(Box::new(recorded)));
        }
        if *used >= one.public.calls {
            return Err(format!(
                "denied by the contract: {request} was sent as often as one run may; a larger `calls` in its \
                 [[perform.http]] would allow more"
            ));
        }
        ready(&self.answers, &one.public)
            .map_err(|why| format!("denied by the plan: {request} {why}"))?;
        let filled = filled(&self.answers, one)
            .map_err(|why| format!("denied by the host: {request} {why}"))?;
        *used += 1;
        Ok(Step::Read(filled))
    }

    /// The refusal of a read whose path the adapter may have made with a value that the host cannot use. Such a path
    /// need not resemble that of the rule.
    fn unready_read(&self, asked: &Requested<'_>) -> Option<String> {
        let is_unusable =
            |path: &String| self.answers.value(path).is_none() && self.answers.has_answer(path);
        let is_it = |one: &&Prepared| {
            let live = one.live();
            !live.writes && is_same(live, asked) && live.needs().iter().any(is_unusable)
        };
        let one = &self.perform.iter().find(is_it)?.public;
        let why = ready(&self.answers, one).err()?;
        Some(format!("denied by the plan: {} {why}", line(one)))
    }

    fn write(&mut self, asked: &Requested<'_>) -> Result<Step, String> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let mut first: Option<Refusal> = None;
        for n in self.next..self.writes.len() {
            let Some(write) = self.writes.get(n) else { break };
            match self.matched(n, write, asked) {
                Ok(request) => {
                    self.next = n + 1;
                    return Ok(Step::Write { n, request });
                }
                Err(why) if first.as_ref().is_none_or(|first| why.is_near && !first.is_near) => {
                    first = Some(why);
                }
                Err(_) => {}
            }
            if !write.public.optional {
                break;
            }
        }
        let past_the_end = || {
            format!(
                "denied by the plan: it has {} writes, and the adapter asked for {} after the last one; an attempt \
                 sends no other write",
                self.writes.len(),
                asked_line(asked)
            )
        };
        Err(first.map_or_else(past_the_end, |first| first.why))
    }

    /// The planned write with the values of the answers so far, if the request is equal to it.
    fn matched(
        &self,
        n: usize,
        write: &Prepared,
        asked: &Requested<'_>,
    ) -> Result<Prepared, Refusal> {
        let live = write.live();
        let is_near =
            is_same(live, asked) && (live.path == asked.path || live.is_filled_as(asked.path));
        let refuse = |by: &str, what: String| Refusal {
            is_near,
            why: format!("denied by the {by}: write {} {what}", n + 1),
        };
        match self.unlike(write, asked) {
            Some(what) => Err(refuse("plan", what)),
            None => filled(&self.answers, write).map_err(|what| refuse("host", what)),
        }
    }

    /// Why a request is not a planned write, as the end of a sentence; `None` if it is.
    fn unlike(&self, write: &Prepared, asked: &Requested<'_>) -> Option<String> {
        let live = write.live();
        // An adapter may have made the path with a value that the host cannot use, so the path is not compared first.
        if is_same(live, asked)
            && let Err(why) = ready(&self.answers, live)
        {
            return Some(why);
        }
        if !matching::names(live, asked, &|path: &str| self.answers.text(path)) {
            return Some(format!(
                "is {}, and the adapter asked for {}; an attempt sends the planned writes in their order, and no other \
                 write",
                line(&write.public),
                asked_line(asked)
            ));
        }
        let places = self.differing(live, asked);
        let differs = || {
            format!(
                "differs from the plan {}: an adapter whose writes depend on the content of an answer cannot be \
                 rehearsed",
                at(&places)
            )
        };
        (!places.is_empty()).then(differs)
    }

    /// The places at which the body of a request differs from a planned write.
    fn differing(&self, write: &Rendered, asked: &Requested<'_>) -> Vec<String> {
        let (own, sent) = (write.body.as_ref(), asked.body.as_ref());
        let compared = matching::compare(own, Open::of_plan(write), sent);
        let mut places = compared.differing;
        for (at, sent) in &compared.awaited {
            let wanted = write.awaited.get(at).and_then(|path| self.answers.value(path));
            if !matching::is_awaited_value(write, sent, wanted.as_ref()) {
                places.push(at.clone());
            }
        }
        places
    }
}

/// Why a request is not a planned write.
struct Refusal {
    /// Whether method and path are those of the planned write, so that this reason helps more than others.
    is_near: bool,
    why: String,
}

/// Whether a request has the upstream and the method of a planned write or of a rule.
fn is_same(own: &Rendered, asked: &Requested<'_>) -> bool {
    own.upstream == asked.upstream && own.method == asked.method
}

/// Whether a reason of [`Course::take`] says that the adapter asked for another write than the next one of the plan,
/// and not only that a value of an answer is not known.
pub fn is_other_write(reason: &str) -> bool {
    let says = [", and the adapter asked for ", "differs from the plan "];
    reason.starts_with("denied by the plan: ") && says.iter().any(|part| reason.contains(part))
}

/// The request of a planned write; `None` if the contract does not render it.
fn prepared(perform: &[Prepared], planned: &Planned) -> Option<Prepared> {
    let rule = perform.get(usize::try_from(planned.rule).ok()?)?;
    let request = rule.with_any(&planned.request.parts());
    (rule.public.writes && request.public == planned.request).then_some(request)
}

#[cfg(test)]
mod tests;
