//! The inputs that are needed to run the adapter of a bundle again.
//!
//! The parts must belong together: action, contract and grant must be those that the receipt names, regardless of who
//! signed the receipt. Evidence that does not match the receipt is replayed, and the mismatch is reported.

use deed_record::action::{Action, Rendering};
use deed_record::bundle;
use deed_record::contract::Contract;
use deed_record::exchange::{Exchange, Rendered};
use deed_record::lifecycle::event::Attempt;
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::observation::answers::{Answers, Asked};
use deed_record::plan::{self, Plan, Rehearsal};
use deed_record::statement::decision::Clearance;
use deed_record::statement::envelope::{Kind, Statement};
use deed_record::statement::receipt::Receipt;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;

use super::{Line, ReplayVerdict, Report, Seen};
use crate::{Opened, open, rendering};

/// A bundle that can be replayed.
#[derive(Clone, Debug)]
pub struct Case {
    pub action: Action,
    pub contract: Contract,
    rendering: Rendering,
    pre: Option<Observation>,
    rehearsal: Option<Rehearsal>,
    /// Each attempt with the digest of the plan that its decision names.
    attempts: Vec<(Attempt, Option<Digest>)>,
    post: Option<Observation>,
    faults: Vec<String>,
}

/// One recorded run and its inputs.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The name of the run: `look before`, `rehearsal`, `attempt 1`, `look after`.
    pub name: String,
    /// The number of the attempt, from 1; 0 for an observation or a rehearsal.
    pub attempt: u32,
    pub part: Part,
    /// The requests that the run was allowed to send.
    pub requests: Vec<Rendered>,
    /// What the rules of `observe` asked, if the run was an observation.
    pub asked: Vec<Asked<'static>>,
    /// The end of the run in Unix milliseconds.
    pub at_ms: i64,
    pub seen: Seen,
}

/// The part of a run in a rehearsed action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The run is an observation, or an attempt under a closed contract.
    None,
    /// The rehearsal, with the seed from which the host made its answers.
    Rehearsal { seed: Digest },
    /// An attempt under this plan. `reads` are the exchanges of the rehearsal, and `earlier` those of all earlier attempts.
    Attempt { plan: Plan, reads: Vec<Exchange>, earlier: Vec<Exchange> },
    /// An attempt under a plan that is not in the bundle, so that the attempt cannot be repeated.
    OtherPlan,
}

/// Why a bundle cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error("the bundle cannot be replayed: {0}")]
    Bundle(String),
    #[error("the file is an agent's copy, which has no evidence; fetch the bundle as an approver")]
    AgentsCopy,
    #[error(
        "the digest of the adapter is {found}, but the receipt names {named}; use the component that ran"
    )]
    OtherAdapter { found: Digest, named: Digest },
}

impl Case {
    /// Opens a bundle without checking any signatures.
    ///
    /// # Errors
    ///
    /// Fails when the bundle is damaged, has no evidence, or has parts that do not belong together.
    pub fn open(bytes: &[u8]) -> Result<Self, ReplayError> {
        let opened = open(bytes).map_err(ReplayError::Bundle)?;
        if opened.is_agents_copy() {
            return Err(ReplayError::AgentsCopy);
        }
        read(&opened).map_err(ReplayError::Bundle)
    }

    /// Checks that the adapter with this digest is the adapter that ran.
    ///
    /// # Errors
    ///
    /// Fails when another adapter ran.
    pub fn check_adapter(&self, found: Digest) -> Result<(), ReplayError> {
        let named = self.action.adapter;
        if found == named { Ok(()) } else { Err(ReplayError::OtherAdapter { found, named }) }
    }

    /// Every run in the evidence, in the original order.
    pub fn runs(&self) -> Vec<Recorded> {
        // If the host stopped before it could read the state again, the observation is older than the last attempt.
        let began_ms = self.post.as_ref().map_or(i64::MAX, Observation::began_ms);
        let attempts = self.attempts.iter().map(|(attempt, _)| attempt);
        let attempts = attempts.filter(|attempt| attempt.ended_ms <= began_ms);
        let sent: Vec<&Exchange> = attempts.flat_map(|attempt| &attempt.exchanges).collect();
        let after = Answers::of(&self.contract, &self.rendering.perform, &sent);
        let look = |name: &str, look: &Observation, answers: &Answers| {
            let asked = answers.asked(&self.rendering.observe);
            Recorded {
                name: name.to_owned(),
                attempt: 0,
                part: Part::None,
                requests: asked.iter().filter_map(Asked::request).cloned().collect(),
                asked: asked.into_iter().map(Asked::into_owned).collect(),
                at_ms: look.at_ms,
                seen: Seen::of_look(look, &self.contract),
            }
        };
        let attempt = |(attempt, plan): &(Attempt, Option<Digest>)| Recorded {
            name: format!("attempt {}", attempt.n),
            attempt: attempt.n,
            part: self.part(attempt.n, plan.as_ref()),
            requests: self.sent(attempt),
            asked: vec![],
            at_ms: attempt.ended_ms,
            seen: Seen::from(attempt),
        };
        let none = Answers::default();
        let pre = self.pre.iter().map(|seen| look("look before", seen, &none));
        let post = self.post.iter().map(|seen| look("look after", seen, &after));
        let rehearsal = self.rehearsal.iter().map(|one| self.rehearsed(one));
        pre.chain(rehearsal).chain(self.attempts.iter().map(attempt)).chain(post).collect()
    }

    fn rehearsed(&self, rehearsal: &Rehearsal) -> Recorded {
        Recorded {
            name: "rehearsal".to_owned(),
            attempt: 0,
            part: Part::Rehearsal { seed: rehearsal.seed },
            requests: self.rendering.perform.iter().map(|rule| self.with_state(rule)).collect(),
            asked: vec![],
            at_ms: rehearsal.ended_ms,
            seen: Seen::from(rehearsal),
        }
    }

    /// The part of the attempt with this number, whose decision names this plan.
    fn part(&self, n: u32, plan: Option<&Digest>) -> Part {
        if !plan::is_open(&self.rendering.perform) {
            return Part::None;
        }
        let found = self.rehearsal.as_ref();
        let found = found.and_then(|one| Some((one.plan.as_ref()?, &one.exchanges)));
        match (found, plan) {
            (Some((found, reads)), Some(named)) if found.digest().is_ok_and(|it| it == *named) => {
                let earlier = self.attempts.iter().map(|(attempt, _)| attempt);
                let earlier = earlier.filter(|attempt| attempt.n < n);
                let earlier = earlier.flat_map(|attempt| &attempt.exchanges).cloned().collect();
                Part::Attempt { plan: found.clone(), reads: reads.clone(), earlier }
            }
            _ => Part::OtherPlan,
        }
    }

    /// A rule with the values of the state before the action.
    fn with_state(&self, rule: &Rendered) -> Rendered {
        let state = self.pre.as_ref().map(Observation::value).unwrap_or_default();
        rule.with_state(&state).unwrap_or_else(|_no_value| rule.clone())
    }

    /// The requests of an attempt. Requests that the attempt sent contain the state values that were sent; the others
    /// contain the values of the state before the attempt.
    fn sent(&self, attempt: &Attempt) -> Vec<Rendered> {
        let filled = |rule: &Rendered| {
            if rule.pre.is_empty() {
                return rule.clone();
            }
            // The adapter gets the rule of an open request, in which the open parts are not filled in.
            if plan::is_open(&self.rendering.perform) {
                return self.with_state(rule);
            }
            let mut sent = attempt.exchanges.iter().map(|one| &one.request);
            let sent = sent.find(|request| request.without_state() == *rule).cloned();
            sent.unwrap_or_else(|| self.with_state(rule))
        };
        self.rendering.perform.iter().map(filled).collect()
    }

    /// The report on all runs, which were repeated with the adapter of this digest.
    pub fn report(&self, adapter: Digest, runs: Vec<Line>) -> Report {
        Report {
            verdict: ReplayVerdict::of(&self.faults, &runs),
            action: self.action.id.to_string(),
            adapter,
            recorded_adapter: Some(self.action.adapter).filter(|recorded| *recorded != adapter),
            faults: self.faults.clone(),
            runs,
        }
    }
}

fn read(opened: &Opened) -> Result<Case, String> {
    let statement =
        Statement::unverified(&opened.receipt, Kind::Receipt).map_err(|e| e.to_string())?;
    let receipt: Receipt =
        json::from_exact(statement.predicate.clone()).map_err(|e| format!("the receipt {e}"))?;
    let found = Digest::of(opened.part(bundle::ACTION)?);
    if found != statement.action {
        return Err(format!(
            "the receipt is about {}, but action.json is {found}",
            statement.action
        ));
    }
    let action: Action = opened.record(bundle::ACTION)?;
    let found = Digest::of(opened.part(bundle::CONTRACT)?);
    if found != action.contract.digest {
        return Err(format!(
            "the action names {}, but contract.json is {found}",
            action.contract.digest
        ));
    }
    let contract =
        Contract::from_json(opened.json(bundle::CONTRACT)?).map_err(|e| e.to_string())?;
    if receipt.grant.as_ref().is_some_and(|grant| grant.adapter != action.adapter) {
        return Err(
            "the adapter in the receipt's grant is not the one that the action names".to_owned()
        );
    }
    let look = |name: &str| opened.has(name).then(|| opened.record(name)).transpose();
    let rehearsal = opened.has(bundle::REHEARSAL).then(|| opened.record(bundle::REHEARSAL));
    let attempts: Vec<Attempt> = opened.record(bundle::EXCHANGES)?;
    let plans = plans(opened, &receipt).into_iter().chain(std::iter::repeat(None));
    Ok(Case {
        rendering: rendering(&action, &receipt, &contract)?,
        faults: faults(opened, &receipt)?,
        pre: look(bundle::PRE)?,
        rehearsal: rehearsal.transpose()?,
        attempts: attempts.into_iter().zip(plans).collect(),
        post: look(bundle::POST)?,
        action,
        contract,
    })
}

/// The digest of the plan in the decision about each attempt that the receipt names, as far as the decision is present.
fn plans(opened: &Opened, receipt: &Receipt) -> Vec<Option<Digest>> {
    let plan = |decision: &Digest| {
        let is_it = |one: &&Envelope| one.payload_digest().is_ok_and(|found| found == *decision);
        let envelope = opened.chain.iter().find(is_it)?;
        let statement = Statement::unverified(envelope, Kind::Decision).ok()?;
        json::from_exact::<Clearance>(statement.predicate).ok()?.plan
    };
    receipt.attempts.iter().map(|attempt| plan(&attempt.decision_sha256)).collect()
}

/// Parts of the evidence that differ from those that the receipt names.
fn faults(opened: &Opened, receipt: &Receipt) -> Result<Vec<String>, String> {
    let looks = [(bundle::PRE, &receipt.pre), (bundle::POST, &receipt.post)];
    let looks = looks.map(|(name, look)| (name, look.as_ref().map(|look| look.evidence_sha256)));
    let rehearsal = receipt.rehearsal.as_ref().map(|one| one.evidence_sha256);
    let others =
        [(bundle::REHEARSAL, rehearsal), (bundle::EXCHANGES, Some(receipt.exchanges_sha256))];
    let mut faults = Vec::new();
    for (name, named) in looks.into_iter().chain(others) {
        let found = opened.has(name).then(|| opened.part(name).map(Digest::of)).transpose()?;
        match (found, named) {
            (Some(found), Some(named)) if found != named => {
                faults.push(format!("`{name}` is {found}, but the receipt names {named}"));
            }
            (None, Some(_)) => {
                faults.push(format!("`{name}` is missing, but the receipt names it"));
            }
            (Some(_), None) => {
                faults.push(format!("`{name}` is present, but the receipt does not name it"));
            }
            _ => {}
        }
    }
    Ok(faults)
}
