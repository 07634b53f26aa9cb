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
use deed_record::statement::envelope::{Kind, Statement};
use deed_record::statement::receipt::Receipt;
use deed_spec::digest::Digest;
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
    attempts: Vec<Attempt>,
    post: Option<Observation>,
    faults: Vec<String>,
}

/// One recorded run and its inputs.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The name of the run: `look before`, `attempt 1`, `look after`.
    pub name: String,
    /// The number of the attempt, from 1; 0 for an observation.
    pub attempt: u32,
    /// The requests that the run was allowed to send.
    pub requests: Vec<Rendered>,
    /// What the rules of `observe` asked, if the run was an observation.
    pub asked: Vec<Asked<'static>>,
    /// The end of the run in Unix milliseconds.
    pub at_ms: i64,
    pub seen: Seen,
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
        let attempts = self.attempts.iter().filter(|attempt| attempt.ended_ms <= began_ms);
        let sent: Vec<&Exchange> = attempts.flat_map(|attempt| &attempt.exchanges).collect();
        let after = Answers::of(&self.contract, &self.rendering.perform, &sent);
        let look = |name: &str, look: &Observation, answers: &Answers| {
            let asked = answers.asked(&self.rendering.observe);
            Recorded {
                name: name.to_owned(),
                attempt: 0,
                requests: asked.iter().filter_map(Asked::request).cloned().collect(),
                asked: asked.into_iter().map(Asked::into_owned).collect(),
                at_ms: look.at_ms,
                seen: Seen::of_look(look, &self.contract),
            }
        };
        let attempt = |attempt: &Attempt| Recorded {
            name: format!("attempt {}", attempt.n),
            attempt: attempt.n,
            requests: self.sent(attempt),
            asked: vec![],
            at_ms: attempt.ended_ms,
            seen: Seen::from(attempt),
        };
        let none = Answers::default();
        let pre = self.pre.iter().map(|seen| look("look before", seen, &none));
        let post = self.post.iter().map(|seen| look("look after", seen, &after));
        pre.chain(self.attempts.iter().map(attempt)).chain(post).collect()
    }

    /// The requests of an attempt. Requests that the attempt sent contain the state values that were sent; the others
    /// contain the values of the state before the attempt.
    fn sent(&self, attempt: &Attempt) -> Vec<Rendered> {
        let filled = |rule: &Rendered| {
            if rule.pre.is_empty() {
                return rule.clone();
            }
            let mut sent = attempt.exchanges.iter().map(|one| &one.request);
            let sent = sent.find(|request| request.without_state() == *rule).cloned();
            let state = self.pre.as_ref().map(Observation::value).unwrap_or_default();
            sent.or_else(|| rule.with_state(&state).ok()).unwrap_or_else(|| rule.clone())
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
        json::from_value(statement.predicate.clone()).map_err(|e| format!("the receipt {e}"))?;
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
    Ok(Case {
        rendering: rendering(&action, &receipt, &contract)?,
        faults: faults(opened, &receipt)?,
        pre: look(bundle::PRE)?,
        attempts: opened.record(bundle::EXCHANGES)?,
        post: look(bundle::POST)?,
        action,
        contract,
    })
}

/// Parts of the evidence that differ from those that the receipt names.
fn faults(opened: &Opened, receipt: &Receipt) -> Result<Vec<String>, String> {
    let looks = [(bundle::PRE, &receipt.pre), (bundle::POST, &receipt.post)];
    let looks = looks.map(|(name, look)| (name, look.as_ref().map(|look| look.evidence_sha256)));
    let mut faults = Vec::new();
    for (name, named) in
        looks.into_iter().chain([(bundle::EXCHANGES, Some(receipt.exchanges_sha256))])
    {
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
