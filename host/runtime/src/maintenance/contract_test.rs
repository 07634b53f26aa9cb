//! `deed contract test`: judges an action from recorded answers, without a host, an adapter or an upstream.
//!
//! The requests are rendered, the states are read and the outcome is judged as in a real action. Policy, approvals,
//! idempotency keys, entity tags and repeated attempts are not tested. For an open contract, the test says what the
//! adapter computes, and the plan is made of it.

mod computed;
mod script;
mod secrets;

use std::collections::BTreeMap;

use deed_record::action::id::ActionId;
use deed_record::action::{BindError, Proposal, Rendering, render_live};
use deed_record::contract::template::Rule;
use deed_record::contract::{Contract, expose};
use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, Fate, NoValue, Rendered};
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::observation::answers::{Answers, Asked};
use deed_record::lifecycle::observation::declared::{Declared, declared};
use deed_record::lifecycle::outcome::{self, Judgement, Outcome, Seen};
use deed_record::plan::Plan;
use deed_spec::json;
use serde::Deserialize;
use serde_json::Value;

pub use self::script::{Script, Scripted};

/// One test: the parameters of the action, and the answers to its requests.
#[derive(Debug)]
pub struct ContractTest<'a> {
    pub contract: &'a Contract,
    pub params: &'a Value,
    /// What the adapter computes, by the names of the parts of writes. For a write that may be sent several times, a
    /// list with one value for each call.
    pub computed: &'a BTreeMap<String, Value>,
    /// The answers before the write, to the writes, and after them.
    pub before: &'a [RecordedAnswer],
    pub writes: &'a [RecordedAnswer],
    pub after: &'a [RecordedAnswer],
}

/// The answer to one request. In its body, `{action.id}` stands for the id of the action.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedAnswer {
    /// The request of a rule, as it is written in the contract.
    request: String,
    /// The HTTP status; absent if the answer was lost.
    status: Option<u16>,
    body: Option<Value>,
    /// The body as JSON text, for what TOML cannot write.
    body_json: Option<String>,
    /// The path in the header `Location`, below the base URL of the upstream.
    location: Option<String>,
    /// The header `Retry-After` in seconds.
    retry_after_s: Option<u32>,
}

/// The result of a test.
#[derive(Debug)]
pub struct Tested {
    pub judgement: Judgement,
    /// The states before and after the action, as far as they were read.
    pub pre: Value,
    pub post: Option<Value>,
}

/// Why a test is not valid.
#[derive(Debug, thiserror::Error)]
pub enum ContractTestError {
    #[error("state `{0}` is read by an adapter; only states with `from` can be tested")]
    Adapter(String),
    #[error("the parameters do not fit the contract: {0}")]
    Params(String),
    #[error(
        "`{0}` of `params` is {1}, and the host takes only integers within ±(2^53 − 1) as numbers; for a decimal or \
         a string, write `\"{1}\"`"
    )]
    Number(String, String),
    #[error("no rule of the contract has the request `{0}`; write it as in the contract")]
    Request(String),
    #[error(
        "`{0}` is not sent then, because the write whose answer it contains was not carried out"
    )]
    NotAsked(String),
    #[error("`{0}` is not sent then: {1}")]
    Unknown(String, String),
    #[error(
        "`{0}` is not sent then: {1}, and `perform` ends at the first write that is not answered with 2xx"
    )]
    Stopped(String, String),
    #[error("`{0}` has more answers than the contract sends requests")]
    Many(String),
    #[error("`{0}` is not sent, because the action ends before its writes: {1}")]
    Unused(String, String),
    #[error("the body of `{0}` is not strict JSON: {1}")]
    Body(String, json::ParseError),
    #[error("`{0}` has both `body` and `body_json`; keep one")]
    TwoBodies(String),
    #[error(transparent)]
    NoValue(#[from] NoValue),
    #[error("`computed.{0}` is not a part of a write of the contract; {1}")]
    Part(String, String),
    #[error(
        "`{1}` contains `{0}`, which the adapter computes; add `{0}` to `computed` of the case"
    )]
    NotComputed(String, String),
    #[error(
        "`computed.{0}` must be a list with one value for each call of `{1}`, which may be sent several times"
    )]
    NotListed(String, String),
    #[error(
        "the lists in `computed` for `{0}` have different lengths; each call needs one value of each list"
    )]
    Lengths(String),
    #[error("the plan is refused: {0}")]
    Plan(String),
    #[error(
        "`{0}` is sent in the rehearsal, and `computed` already says what the adapter makes of it; leave the answer out"
    )]
    Rehearsed(String),
    #[error(
        "`{0}` in `reads` is a write; `reads` has the answers to the reads of `perform`, and `writes` those to writes"
    )]
    NotRead(String),
    #[error(
        "`{0}` is not sent then, because the plan has no such write left; the answers come in the order of the plan"
    )]
    NotPlanned(String),
}

/// The id of the action in every test.
pub fn example() -> ActionId {
    ActionId::new(0, [0; 10])
}

impl ContractTest<'_> {
    /// Judges the action.
    ///
    /// # Errors
    ///
    /// Fails when the test is not valid.
    pub fn run(&self) -> Result<Tested, ContractTestError> {
        let contract = self.contract;
        let adapter = contract.state.iter().find(|(_, shape)| shape.from.is_none());
        if let Some((name, _)) = adapter {
            return Err(ContractTestError::Adapter(name.clone()));
        }
        let (params, Rendering { observe, perform, .. }) = self.render()?;
        let pre = self.look(self.before, &Answers::default().asked(&observe))?;
        if contract.is_read() {
            let judgement = outcome::judge_read(contract, &pre);
            return Ok(Tested { judgement, pre: pre.value(), post: None });
        }
        if let Some(judgement) = refused(contract, &params, &pre) {
            if let Some(unused) = self.writes.iter().chain(self.after).next() {
                return Err(ContractTestError::Unused(unused.request.clone(), judgement.reason));
            }
            return Ok(Tested { judgement, pre: pre.value(), post: None });
        }
        let state = pre.value();
        let filled: Result<Vec<Rendered>, NoValue> =
            perform.iter().map(|rule| rule.with_state(&state)).collect();
        let filled = filled?;
        let (plan, sent) = self.performed(&filled)?;
        let sent: Vec<&Exchange> = sent.iter().collect();
        let answers = Answers::of(contract, &perform, &sent);
        let post = self.look(self.after, &answers.asked(&observe))?;
        let judgement = outcome::judge(&Seen {
            contract,
            params: &params,
            action: &example(),
            expect: &BTreeMap::new(),
            pre: &pre,
            post: &post,
            exchanges: &sent,
            plan: plan.as_ref(),
            may_still_land: false,
        });
        Ok(Tested { judgement, pre: state, post: Some(post.value()) })
    }

    /// The plan, if the contract is open, and the exchanges of the attempt.
    fn performed(
        &self,
        perform: &[Rendered],
    ) -> Result<(Option<Plan>, Vec<Exchange>), ContractTestError> {
        let contract = self.contract;
        if contract.is_open() {
            let plan = computed::plan(contract, perform, self.computed, self.writes)?;
            let sent = computed::exchanges(contract, perform, &plan, self.writes)?;
            return Ok((Some(plan), sent));
        }
        if let Some(name) = self.computed.keys().next() {
            let why = "the contract leaves nothing to the adapter".to_owned();
            return Err(ContractTestError::Part(name.clone(), why));
        }
        let requests: Vec<Asked<'_>> = perform.iter().map(Asked::Request).collect();
        let sent = exchanges(self.writes, &contract.perform.http, &requests)?;
        self.check_order(&sent)?;
        Ok((None, sent))
    }

    /// Checks the order of the exchanges of a closed contract: after a write that was not carried out, the same write
    /// comes next, in another attempt.
    fn check_order(&self, sent: &[Exchange]) -> Result<(), ContractTestError> {
        let mut last: Option<&Exchange> = None;
        let answered = self.writes.iter().zip(sent).filter(|(_, one)| one.request.writes);
        for (answer, next) in answered {
            let before = last.replace(next).filter(|before| before.request != next.request);
            let Some(before) = before.filter(|one| !may_go_on(self.contract, &one.request)) else {
                continue;
            };
            if let Some(how) = failure(before) {
                let what = format!("`{} {}` {how}", before.request.method, before.request.path);
                return Err(ContractTestError::Stopped(answer.request.clone(), what));
            }
        }
        Ok(())
    }

    fn render(&self) -> Result<(Value, Rendering), ContractTestError> {
        exact("", self.params)?;
        let mut proposal = Proposal {
            dry_run: false,
            contract: self.contract.action.name.clone(),
            params: self.params.clone(),
            intent: "test".to_owned(),
            reasoning: None,
            on_behalf_of: None,
            sources: vec![],
            environment: None,
            expect: BTreeMap::new(),
        };
        self.contract.normal_params(&mut proposal.params);
        let rendering = render_live(self.contract, &proposal, &example());
        let rendering = rendering.map_err(|error| ContractTestError::Params(detail(&error)))?;
        Ok((proposal.params, rendering))
    }

    fn look(
        &self,
        answers: &[RecordedAnswer],
        asked: &[Asked<'_>],
    ) -> Result<Observation, ContractTestError> {
        let exchanges = exchanges(answers, &self.contract.observe.http, asked)?;
        let Declared { states, problem } = declared(self.contract, asked, &exchanges);
        Ok(Observation {
            state: states,
            derived: [].into(),
            exchanges,
            claim: Some(Claim::Done),
            refused: vec![],
            at_ms: 0,
            problem,
        })
    }
}

/// The adapter that ships with the host. It stops at every request that is not answered with 2xx.
const DECLARED: &str = "declared";

/// Whether an adapter may send other writes after this one was not carried out. In an open contract, adapters end their
/// run then, unless the contract declares the write as optional.
fn may_go_on(contract: &Contract, failed: &Rendered) -> bool {
    contract.action.adapter != DECLARED && (failed.optional || !contract.is_open())
}

/// How a write ended that was not answered with 2xx; `None` if it was.
fn failure(sent: &Exchange) -> Option<String> {
    match sent.fate {
        _ if sent.is_success() => None,
        Fate::Answered { status } => Some(format!("was answered {status}")),
        Fate::NoAnswer | Fate::NotSent => Some("got no answer".to_owned()),
    }
}

/// Checks that a value has only numbers that the host takes in a proposal. Fails at the first other number.
fn exact(at: &str, value: &Value) -> Result<(), ContractTestError> {
    let is_safe = |n: i64| n.unsigned_abs() <= json::MAX_INTEGER.unsigned_abs();
    match value {
        Value::Number(number) if !number.as_i64().is_some_and(is_safe) => {
            Err(ContractTestError::Number(at.to_owned(), number.to_string()))
        }
        Value::Array(items) => {
            (0_usize..).zip(items).try_for_each(|(n, one)| exact(&format!("{at}/{n}"), one))
        }
        Value::Object(members) => {
            members.iter().try_for_each(|(name, one)| exact(&json::child(at, name), one))
        }
        _ => Ok(()),
    }
}

/// The judgement if no write would be sent.
fn refused(contract: &Contract, params: &Value, pre: &Observation) -> Option<Judgement> {
    if let Some(problem) = pre.unusable(contract) {
        let reason = format!("the state before could not be observed: {problem}");
        return Some(Judgement::plain(Outcome::Failed, reason));
    }
    let checks = outcome::before(contract, params, pre);
    let failed = checks.iter().find(|check| !check.holds)?;
    let reason = format!("precondition `{}` does not hold", failed.expression);
    Some(Judgement { checks, ..Judgement::plain(Outcome::Denied, reason) })
}

fn exchanges(
    answers: &[RecordedAnswer],
    rules: &[Rule],
    asked: &[Asked<'_>],
) -> Result<Vec<Exchange>, ContractTestError> {
    let mut all: Vec<Exchange> = Vec::new();
    for (n, answer) in (0..).zip(answers) {
        let one = answer.exchange(n, rules, asked, &all)?;
        all.push(one);
    }
    // A write that was not carried out may be sent again, in another attempt.
    let counts = |one: &&Exchange| one.is_success() || one.says_absent();
    let sent = |one: &Exchange| {
        all.iter().filter(counts).filter(|other| other.request == one.request).count()
    };
    let is_many =
        |one: &&Exchange| u32::try_from(sent(one)).map_or(true, |sent| sent > one.request.calls);
    match all.iter().find(is_many) {
        Some(Exchange { request, .. }) => {
            Err(ContractTestError::Many(format!("{} {}", request.method, request.path)))
        }
        None => Ok(all),
    }
}

impl RecordedAnswer {
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    pub fn retry_after_s(&self) -> Option<u32> {
        self.retry_after_s
    }

    /// The body as JSON text, with `{action.id}` as the case has it; `None` if there is no body.
    pub fn text(&self) -> Option<String> {
        self.body_json.clone().or_else(|| self.body.as_ref().map(Value::to_string))
    }

    fn exchange(
        &self,
        ordinal: u32,
        rules: &[Rule],
        asked: &[Asked<'_>],
        before: &[Exchange],
    ) -> Result<Exchange, ContractTestError> {
        let named = || self.request.clone();
        // Rules with the same request have different bodies; their answers come in the order of the rules.
        let of_rule = |request: &Rendered| {
            before.iter().any(|one| one.request == *request && one.is_success())
        };
        let mut same = rules.iter().zip(asked).filter(|(rule, _)| rule.request == self.request);
        let first = same.clone().next();
        let next = same.find(|(_, asked)| !asked.request().is_some_and(of_rule));
        let asked = next.or(first).map(|(_, asked)| asked);
        let request = match asked.ok_or_else(|| ContractTestError::Request(named()))? {
            Asked::Request(request) => (*request).clone(),
            Asked::Filled(request) => (**request).clone(),
            Asked::Nothing => return Err(ContractTestError::NotAsked(named())),
            Asked::Unknown(why) => return Err(ContractTestError::Unknown(named(), why.clone())),
        };
        self.answering(ordinal, request)
    }

    /// This answer to a request.
    fn answering(&self, ordinal: u32, request: Rendered) -> Result<Exchange, ContractTestError> {
        let exposed = |body: Value| match &request.expose {
            Some(pointers) => expose::only(body, pointers),
            None => body,
        };
        let mut body = self.body()?;
        let secrets = secrets::take(&request, self.status, body.as_mut());
        let response = body.map(exposed).filter(|body| !body.is_null());
        let location = self.location.clone().filter(|_| request.location.is_some());
        Ok(Exchange {
            ordinal,
            request,
            fate: self.status.map_or(Fate::NoAnswer, |status| Fate::Answered { status }),
            response,
            etag: None,
            if_match: None,
            idempotency_key: None,
            carried_from: None,
            retry_after_s: self.retry_after_s,
            redacted: vec![],
            problem: self.status.is_none().then(|| "the answer was lost".to_owned()),
            headers: location.map(|path| ("location".to_owned(), path)).into_iter().collect(),
            failure: None,
            secrets,
            started_ms: 0,
            ended_ms: 0,
            deadline_ms: 0,
        })
    }

    fn parsed(&self, text: &str) -> Result<Value, ContractTestError> {
        let body = json::parse(text.as_bytes());
        body.map_err(|error| ContractTestError::Body(self.request.clone(), error))
    }

    /// The body, with the id of the action in place of `{action.id}`.
    fn body(&self) -> Result<Option<Value>, ContractTestError> {
        let body = match (&self.body, &self.body_json) {
            (Some(_), Some(_)) => return Err(ContractTestError::TwoBodies(self.request.clone())),
            // As the host reads it: a fraction becomes text.
            (Some(body), None) => Some(self.parsed(&body.to_string())?),
            (None, Some(text)) => Some(self.parsed(text)?),
            (None, None) => None,
        };
        Ok(body.map(with_id))
    }
}

fn with_id(body: Value) -> Value {
    match body {
        Value::String(text) => text.replace("{action.id}", example().as_str()).into(),
        Value::Array(items) => items.into_iter().map(with_id).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, with_id(value))).collect()
        }
        other => other,
    }
}

/// The error with its first violation.
fn detail(error: &BindError) -> String {
    match error {
        BindError::Params(violations) => {
            violations.first().map_or_else(|| error.to_string(), ToString::to_string)
        }
        error => error.to_string(),
    }
}
