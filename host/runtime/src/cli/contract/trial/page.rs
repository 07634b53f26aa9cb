//! The result of a trial: the action as people see it, the state before it, and what the adapter and the upstreams said.
//!
//! Texts of adapters and upstreams are escaped and shortened.

use std::collections::BTreeMap;

use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, Fate};
use deed_record::lifecycle::outcome::Outcome;
use deed_record::timeline::fate;
use deed_spec::text::safe;
use serde::Serialize;
use serde_json::Value;

use super::advice::advice;
use super::evidence::Evidence;
use super::inputs::Inputs;
use super::undeclared::{self, Undeclared};
use crate::api::view::View;
use crate::cli::page;
use crate::cli::text::{compact, line, pretty, short};

#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The contract, as the author named it.
    file: String,
    /// The action as a person sees it.
    pub(super) action: View,
    /// The states before the action, as the contract keeps them; null if the host read none.
    state: Option<BTreeMap<String, Value>>,
    /// Members of the answers that these states do not have, by the name of the state.
    undeclared: BTreeMap<String, Undeclared>,
    /// The conditions of the contract on this state.
    before: Vec<Condition>,
    /// Answers other than 2xx, and requests without an answer.
    answers: Vec<Answer>,
    /// What the adapter reported of a run that it did not complete.
    claims: Vec<String>,
    /// Lines of the adapter's log, and of the host's log about the runs.
    log: Vec<String>,
    /// What the author can do about upstreams that refuse requests or cannot be reached, and about the contract.
    advice: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Condition {
    expression: String,
    /// True if the action was rehearsed; otherwise the reason of the action says which condition does not hold.
    holds: Option<bool>,
}

/// An answer of an upstream that is not a success.
#[derive(Debug, Serialize)]
struct Answer {
    run: &'static str,
    upstream: String,
    method: String,
    path: String,
    fate: Fate,
    /// The decoded body without secrets, as far as the contract exposes it.
    body: Option<Value>,
    /// Why there is no answer or no body, with an excerpt of a body that is not in the expected encoding.
    problem: Option<String>,
}

impl Report {
    pub(super) fn new(inputs: &Inputs, action: View, evidence: Evidence, log: Vec<String>) -> Self {
        let holds = (action.outcome == Some(Outcome::Rehearsed)).then_some(true);
        let conditions = inputs.contract.verify.before.iter();
        let before = evidence.before.as_ref();
        let undeclared = before
            .map(|one| undeclared::of(&inputs.contract, &one.state, &one.exchanges))
            .unwrap_or_default();
        Self {
            file: inputs.file.name.clone(),
            before: conditions
                .map(|one| Condition { expression: one.to_string(), holds })
                .collect(),
            answers: evidence.exchanges().filter_map(answer).collect(),
            claims: evidence.claims().map(claim).collect(),
            advice: advice(inputs, &evidence),
            undeclared,
            state: evidence.before.map(|one| one.state).filter(|state| !state.is_empty()),
            action,
            log,
        }
    }
}

fn answer((run, exchange): (&'static str, &Exchange)) -> Option<Answer> {
    if exchange.is_success() {
        return None;
    }
    let request = &exchange.request;
    Some(Answer {
        run,
        upstream: request.upstream.clone(),
        method: request.method.clone(),
        path: request.path.clone(),
        fate: exchange.fate,
        body: exchange.response.clone(),
        problem: exchange.problem.clone(),
    })
}

fn claim((run, claim): (&'static str, &Claim)) -> String {
    let word = match claim {
        Claim::Done => "done",
        Claim::Refused(_) => "refused",
        Claim::Unavailable(_) => "unavailable",
        Claim::Unknown(_) => "unknown",
        Claim::Invalid(_) => "invalid",
        Claim::Trapped(_) => "trapped",
        Claim::TimedOut => "timed out",
        Claim::Lost => "lost",
    };
    let said = claim.words().map_or(String::new(), |words| format!(": {words}"));
    format!("{run} {word}{said}")
}

/// The page of the action, followed by what only a trial shows.
pub(super) fn page(report: &Report) -> String {
    let mut text = format!("{}\ntrial of {}\n", page::of(&report.action), safe(&report.file));
    match &report.state {
        None => text += "state before the action: not read\n",
        Some(state) => {
            text += "state before the action\n";
            for (name, value) in state {
                line(&mut text, format_args!("  {}", safe(name)));
                text += &pretty(value, "    ");
            }
        }
    }
    undeclared::list(&mut text, &report.undeclared);
    for Condition { expression, holds } in &report.before {
        let holds = if holds.is_some() { ": holds" } else { "" };
        line(&mut text, format_args!("only if      {}{holds}", safe(expression)));
    }
    text += &answers(&report.answers);
    for claim in &report.claims {
        line(&mut text, format_args!("adapter      {}", short(claim)));
    }
    for one in &report.log {
        line(&mut text, format_args!("log          {}", short(one)));
    }
    for one in &report.advice {
        line(&mut text, format_args!("remedy       {}", safe(one)));
    }
    text
}

fn answers(answers: &[Answer]) -> String {
    let mut text = String::new();
    for one in answers {
        let (upstream, method) = (safe(&one.upstream), safe(&one.method));
        let request = format!("{upstream} {method} {}", safe(&one.path));
        line(&mut text, format_args!("answer       {} {request}: {}", one.run, fate(one.fate)));
        if let Some(body) = &one.body {
            line(&mut text, format_args!("  {}", compact(body)));
        }
        if let Some(problem) = &one.problem {
            line(&mut text, format_args!("  {}", short(problem)));
        }
    }
    text
}
