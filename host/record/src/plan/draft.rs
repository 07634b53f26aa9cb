//! The draft of a plan, which grows while a rehearsal runs.

mod checks;
mod refusal;

use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_spec::json;
use serde_json::Value;

pub use super::bounds::{BYTES_MAX, PARTS_MAX, VALUES_MAX, WRITES_MAX};
use super::made::{Made, made};
use super::matching::{self, Compared, Open, bounded, line, text};
use super::refusal::Refusal;
use super::{Plan, Planned, Requested, bounds};
use crate::action::commitment::Live;
use crate::action::private::Prepared;
use crate::contract::Contract;
use crate::contract::schema::Schema;
use crate::contract::template::{self, Rule};

/// The requests of a rehearsal, and the writes that were recorded so far.
#[derive(Debug)]
pub struct Draft {
    contract: String,
    seed: Digest,
    rules: Vec<Choice>,
    private: Live<Vec<String>>,
    writes: Vec<Planned>,
    bytes: usize,
    /// The number of values in the bodies, and the bytes of the computed parts as policies read them.
    values: usize,
    parts_bytes: usize,
    /// The declared members of the answers that were made so far, by the name of the request.
    answers: BTreeMap<String, Value>,
    /// The tokens that were given so far: their name `NAME.MEMBER`, and how they appear in text.
    tokens: Vec<(String, String)>,
    /// Why there will be no plan, as the adapter is told.
    problem: Option<String>,
    /// The reason for the first refusal, without values.
    reason: Option<String>,
}

/// A rule of `perform`, and how often it was used.
#[derive(Debug)]
struct Choice {
    rule: Rule,
    request: Prepared,
    /// The schemas of the parts that the adapter computes, by JSON pointer into the body.
    parts: BTreeMap<String, Option<Schema>>,
    used: u32,
}

/// What the host does with a request of a rehearsal.
#[derive(Debug)]
pub enum Taken {
    /// A read, which is sent with the read credential.
    Read(Box<Prepared>),
    /// A request that the host answers itself: a write, or a read that contains a value of an answer.
    Answered(Answered),
}

/// An answer that the host made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    /// The headers that the adapter sees, by lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: Option<Value>,
}

impl Draft {
    /// A draft for the requests `perform` of the contract, which contain the values of the state. `private` are the
    /// texts of private values and their commitments, which must not occur in a plan.
    pub fn new(
        contract: &Contract,
        perform: Vec<Prepared>,
        private: Vec<String>,
        seed: Digest,
    ) -> Self {
        let choice = |(n, (rule, request)): (usize, (&Rule, Prepared))| {
            let any = request.public.any.iter();
            let parts = any.map(|(place, name)| (place.clone(), contract.part_schema(n, name)));
            Choice { rule: rule.clone(), parts: parts.collect(), request, used: 0 }
        };
        let rules = contract.perform.http.iter().zip(perform).enumerate().map(choice).collect();
        let private = private.into_iter().filter(|text| !text.is_empty()).collect();
        Self::empty(contract.action.name.clone(), rules, Live::new(private), seed)
    }

    fn empty(
        contract: String,
        rules: Vec<Choice>,
        private: Live<Vec<String>>,
        seed: Digest,
    ) -> Self {
        Self {
            contract,
            seed,
            rules,
            private,
            writes: Vec::new(),
            bytes: 0,
            values: 0,
            parts_bytes: 0,
            answers: BTreeMap::new(),
            tokens: Vec::new(),
            problem: None,
            reason: None,
        }
    }

    /// An empty draft for the same contract, requests and private texts, with another seed.
    #[must_use]
    pub fn again(&self, seed: Digest) -> Self {
        let again = |one: &Choice| Choice {
            rule: one.rule.clone(),
            request: one.request.clone(),
            parts: one.parts.clone(),
            used: 0,
        };
        let rules = self.rules.iter().map(again).collect();
        Self::empty(self.contract.clone(), rules, self.private.clone(), seed)
    }

    /// The seed of the answers.
    pub fn seed(&self) -> Digest {
        self.seed
    }

    /// Matches a request with its rule. A write is recorded. After the first error, every request fails.
    ///
    /// # Errors
    ///
    /// Fails with a reason for the author of the adapter when the contract does not allow the request.
    pub fn take(&mut self, asked: &Requested<'_>) -> Result<Taken, String> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        self.taken(asked).map_err(|refusal| {
            let Refusal { told, reason } = if self.has_private(&refusal.told) {
                let what = "a request has a private value outside of its place";
                self.denied(what).into()
            } else {
                refusal.map(bounded)
            };
            self.refuse(reason);
            self.problem.insert(told).clone()
        })
    }

    /// Keeps the reason for a refused request. There is no plan after a refused request, whatever refused it.
    pub fn refuse(&mut self, reason: String) {
        self.reason.get_or_insert(reason);
    }

    /// The reason for the first refusal, without any value that the adapter read or computed; `None` if no request was
    /// refused.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether an answer so far had a token: a random value in the place of a value that only the real answer will
    /// have.
    pub fn gave_tokens(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// The plan, once the run has ended.
    ///
    /// # Errors
    ///
    /// Fails with a reason for the author when a write is missing that the contract does not declare as optional, or
    /// when a request was refused. The reason has no value that the adapter read or computed.
    pub fn finish(self) -> Result<Plan, String> {
        if let Some(reason) = self.reason {
            return Err(reason);
        }
        let is_missing = |one: &&Choice| {
            one.request.public.writes && !one.request.public.optional && one.used == 0
        };
        match self.rules.iter().find(is_missing) {
            Some(one) => Err(format!(
                "the plan lacks {}: the adapter did not send it, and its [[perform.http]] does not have \
                 `optional = true`",
                line(&one.request.public)
            )),
            None => Ok(Plan { writes: self.writes }),
        }
    }

    fn taken(&mut self, asked: &Requested<'_>) -> Result<Taken, Refusal> {
        let (n, compared) = self.find(asked)?;
        let Some(one) = self.rules.get(n) else { return Err(self.unknown(asked)) };
        self.check_needs(one)?;
        self.check_awaited(one, &compared)?;
        self.check_parts(one, &compared)?;
        let public = &one.request.public;
        let taken = if public.writes {
            let rule = u32::try_from(n).unwrap_or(u32::MAX);
            let request = public.with_any(&compared.parts);
            let made = made(&one.rule, &self.seed)?;
            let parts = bounds::for_policies(&one.parts, &compared.parts);
            self.record(Planned { rule, request }, parts)?;
            self.give(n, made)
        } else if public.needs().is_empty() {
            Taken::Read(Box::new(one.request.clone()))
        } else {
            let made = made(&one.rule, &self.seed)?;
            self.give(n, made)
        };
        if let Some(one) = self.rules.get_mut(n) {
            one.used += 1;
        }
        Ok(taken)
    }

    /// The rule of a request, and what the body has at the open places of the rule.
    fn find(&self, asked: &Requested<'_>) -> Result<(usize, Compared), Refusal> {
        let text = |path: &str| self.value(path).map(encoded);
        let mut refusal = None;
        for (n, one) in self.rules.iter().enumerate() {
            let live = one.request.live();
            if !matching::names(live, asked, &text) {
                continue;
            }
            let (own, sent) = (live.body.as_ref(), asked.body.as_ref());
            let compared = matching::compare(own, Open::of_rule(live), sent);
            if !compared.differing.is_empty() {
                refusal.get_or_insert_with(|| self.other_body(one, asked, &compared));
            } else if one.used >= live.calls {
                refusal = Some(self.spent(one).into());
            } else {
                return Ok((n, compared));
            }
        }
        Err(refusal.unwrap_or_else(|| self.unknown(asked)))
    }

    /// Adds a write to the plan. `parts` is the size of its computed parts as policies read them.
    fn record(&mut self, planned: Planned, parts: usize) -> Result<(), String> {
        let request = line(&planned.request);
        let depth = planned.request.body.as_ref().map_or(0, json::depth);
        if depth > json::NESTED_MAX {
            let most = json::NESTED_MAX;
            return Err(
                self.denied(&format!("the body of {request} is nested deeper than {most} levels"))
            );
        }
        let bytes = json::to_canonical(&planned)
            .map_err(|error| self.denied(&format!("{request} has no canonical form: {error}")))?;
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.writes.len() >= WRITES_MAX || self.bytes > BYTES_MAX {
            return Err(format!(
                "denied by the host: a plan has at most {WRITES_MAX} writes and {} MiB, and {request} exceeds this",
                BYTES_MAX >> 20
            ));
        }
        let values = planned.request.body.as_ref().map_or(0, bounds::count);
        self.values = self.values.saturating_add(values);
        self.parts_bytes = self.parts_bytes.saturating_add(parts);
        if self.values > VALUES_MAX || self.parts_bytes > PARTS_MAX {
            return Err(format!(
                "denied by the host: the bodies of a plan have at most {VALUES_MAX} values, and its computed parts at \
                 most {} MiB in the form for policies, and {request} exceeds this",
                PARTS_MAX >> 20
            ));
        }
        self.writes.push(planned);
        Ok(())
    }

    /// Keeps the values of an answer that the host made for rule `n`.
    fn give(&mut self, n: usize, made: Made) -> Taken {
        if let Some(name) = self.rules.get(n).and_then(|one| one.rule.name.clone()) {
            self.answers.insert(name, made.value);
        }
        let tokens = made.tokens.into_iter().map(|(path, value)| (path, text(&value)));
        self.tokens.extend(tokens);
        Taken::Answered(made.answered)
    }

    /// The value of a member of an answer that was made, by `NAME.MEMBER`.
    fn value(&self, path: &str) -> Option<&Value> {
        let (name, steps) = path.split_once('.')?;
        steps.split('.').try_fold(self.answers.get(name)?, |value, step| value.get(step))
    }

    /// The name of the token that a text contains.
    fn token_in(&self, text: &str) -> Option<String> {
        self.tokens.iter().find(|(_, token)| text.contains(token)).map(|(path, _)| path.clone())
    }

    fn has_private(&self, text: &str) -> bool {
        self.private.reveal().iter().any(|private| text.contains(private))
    }
}

/// A value of an answer as it appears in a path.
fn encoded(value: &Value) -> String {
    template::percent_encode(&text(value))
}

#[cfg(test)]
mod tests;
