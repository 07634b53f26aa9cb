//! Checks that the receipt summarises the full observations and exchanges, and judges the outcome again from them.
//!
//! The checks of this module run only after the digests of the evidence were checked.

mod unattempted;

use std::collections::BTreeMap;

use deed_record::action::Rendering;
use deed_record::bundle;
use deed_record::contract::Contract;
use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, ExchangeSummary, Fate, Guard, Rendered};
use deed_record::lifecycle::event::Attempt;
use deed_record::lifecycle::observation::answers::{Answers, Asked};
use deed_record::lifecycle::observation::declared::{Declared, declared};
use deed_record::lifecycle::observation::{Look, Observation};
use deed_record::lifecycle::outcome::{self, Check, Judgement, Outcome, Seen};
use deed_record::plan::{self, Plan, Rehearsal};
use deed_record::statement::receipt::{AttemptSummary, Receipt};
use deed_spec::json::Change;
use serde_json::Value;

use super::opened::Opened;
use super::proven::Proven;
use super::{Finding, Found, pass, plans, secrets};

/// The full observations and exchanges of the host.
pub(super) struct Evidence {
    pub(super) pre: Option<Observation>,
    post: Option<Observation>,
    later: Option<Observation>,
    pub(super) rehearsal: Option<Rehearsal>,
    pub(super) attempts: Vec<Attempt>,
    /// Whether the receipt leaves the outcome open.
    is_open: bool,
}

/// Reads the evidence and compares it with the receipt. Returns `None` for a copy that an agent received, which has no
/// evidence.
pub(super) fn read(opened: &Opened, proven: &Proven) -> Result<Option<Evidence>, String> {
    let receipt = &proven.receipt;
    if opened.is_agents_copy() {
        return Ok(None);
    }
    let attempts: Vec<Attempt> = opened.record(bundle::EXCHANGES)?;
    if attempts.len() != receipt.attempts.len()
        || !attempts.iter().zip(&receipt.attempts).all(|(full, short)| is_attempt(full, short))
    {
        return Err("the exchanges are not those of the receipt".to_owned());
    }
    if let Some(n) = attempts.iter().find(|one| !carries_what_was(one, &attempts)).map(|one| one.n)
    {
        return Err(format!("attempt {n} reused a response that no earlier attempt received"));
    }
    Ok(Some(Evidence {
        pre: look(opened, bundle::PRE, receipt.pre.as_ref())?,
        post: look(opened, bundle::POST, receipt.post.as_ref())?,
        later: look(
            opened,
            bundle::LATER,
            proven.settled.as_ref().and_then(|one| one.look.as_ref()),
        )?,
        rehearsal: plans::read(opened, receipt.rehearsal.as_ref())?,
        attempts,
        is_open: receipt.outcome == Outcome::Indeterminate,
    }))
}

impl Evidence {
    pub(super) fn plan(&self) -> Option<&Plan> {
        self.rehearsal.as_ref().and_then(|rehearsal| rehearsal.plan.as_ref())
    }

    /// Each observation with the requests that the rules of `observe` render for it. For the observation before the
    /// attempts, a rule that uses an answer of an attempt renders no request, because no attempt has an answer yet.
    fn looks<'a>(
        &'a self,
        contract: &Contract,
        rendering: &'a Rendering,
    ) -> Vec<(&'a Observation, Vec<Asked<'a>>)> {
        let looks = &rendering.observe;
        let before = self.pre.iter().map(|seen| (seen, Answers::default().asked(looks)));
        let post = self.post.iter().map(|seen| (seen, self.asked_after(contract, rendering, seen)));
        let all = self.attempts.len();
        let later = self.later.iter();
        let later = later.map(|seen| (seen, self.answers(contract, rendering, all).asked(looks)));
        before.chain(post).chain(later).collect()
    }

    /// What the observation after the attempts asked. If the outcome is open, the observation may be older than the last
    /// attempts: the host stopped before it could read the state again.
    fn asked_after<'a>(
        &self,
        contract: &Contract,
        rendering: &'a Rendering,
        seen: &Observation,
    ) -> Vec<Asked<'a>> {
        let all = self.attempts.len();
        let first = if self.is_open { all.min(1) } else { all };
        let asked = |count| self.answers(contract, rendering, count).asked(&rendering.observe);
        let is_its = |asked: &Vec<Asked<'_>>| {
            of_look(seen, asked).is_ok() && states_of(contract, seen, asked).is_ok()
        };
        (first..=all).rev().map(asked).find(is_its).unwrap_or_else(|| asked(all))
    }

    /// The answers to the named writes of this many attempts.
    fn answers(&self, contract: &Contract, rendering: &Rendering, count: usize) -> Answers {
        let attempts = self.attempts.iter().take(count);
        let sent: Vec<&Exchange> = attempts.flat_map(|attempt| &attempt.exchanges).collect();
        Answers::of(contract, &rendering.perform, &sent)
    }
}

/// Every request of an observation is one that its rules asked.
fn of_look(look: &Observation, asked: &[Asked<'_>]) -> Result<(), String> {
    let rules: Vec<&Rendered> = asked.iter().filter_map(Asked::request).collect();
    of_contract(&look.exchanges, |request| rules.contains(&request))?;
    let sent = |rule: &Rendered| look.exchanges.iter().filter(|one| one.request == *rule).count();
    match rules.iter().find(|rule| u32::try_from(sent(rule)).map_or(true, |sent| sent > rule.calls))
    {
        Some(Rendered { method, path, .. }) => {
            Err(format!("`{method} {path}` was sent more often than its rule allows"))
        }
        None => Ok(()),
    }
}

pub(super) fn found(evidence: Option<&Evidence>) -> Found {
    match evidence {
        Some(_) => pass("the receipt summarizes these observations and exchanges"),
        None => Ok(Finding::Skip("this copy has no evidence to compare with".to_owned())),
    }
}

/// Checks that every request in the evidence is a request that the contract renders, in every member. The summaries in
/// the receipt omit most members.
pub(super) fn requests(
    evidence: &Evidence,
    contract: &Contract,
    rendering: &Rendering,
) -> Result<(), String> {
    for (look, asked) in evidence.looks(contract, rendering) {
        of_look(look, &asked)?;
    }
    // The requests of an open contract are compared with the plan.
    let is_open = plan::is_open(&rendering.perform);
    for attempt in &evidence.attempts {
        of_contract(&attempt.exchanges, |request| {
            is_open || rendering.perform.contains(&request.without_state())
        })?;
    }
    of_state(evidence)
}

pub(super) fn of_contract(
    exchanges: &[Exchange],
    is_rule: impl Fn(&Rendered) -> bool,
) -> Result<(), String> {
    for one in exchanges {
        let Rendered { method, path, codec, .. } = &one.request;
        if !is_rule(&one.request) {
            return Err(format!(
                "`{method} {path}` in the evidence is not a request of the contract"
            ));
        }
        if !codec.could_give(one.response.as_ref()) {
            return Err(format!(
                "the answer to `{method} {path}` in the evidence has a form that its codec does not produce"
            ));
        }
    }
    Ok(())
}

/// Checks the secrets that upstreams created.
pub(super) fn secrets(evidence: &Evidence, proven: &Proven) -> Result<(), String> {
    let looks = [&evidence.pre, &evidence.post, &evidence.later];
    let looks = looks.into_iter().flatten().flat_map(|look| &look.exchanges);
    let rehearsed = evidence.rehearsal.iter().flat_map(|rehearsal| &rehearsal.exchanges);
    let (action, grant) = (proven.action.id.as_str(), proven.receipt.grant.as_ref());
    secrets::check(action, grant, &evidence.attempts, looks.chain(rehearsed))
}

/// Checks that writes sent only values of the state before the action. A write that its guard stopped is not checked,
/// because its values may be of an earlier state, which is not in the evidence.
fn of_state(evidence: &Evidence) -> Result<(), String> {
    let state = evidence.pre.as_ref().map(Observation::value).unwrap_or_default();
    let sent = evidence.attempts.iter().flat_map(|attempt| &attempt.exchanges);
    let mut sent = sent.filter(|one| one.may_have_written() && !one.is_turned_away());
    let other = |one: &&Exchange| {
        !one.request.pre.is_empty() && one.request.with_state(&state).as_ref() != Ok(&one.request)
    };
    match sent.find(other) {
        Some(one) => Err(format!(
            "`{} {}` did not send the values of the state before the action",
            one.request.method, one.request.path
        )),
        None => Ok(()),
    }
}

/// Extracts again the states that the contract reads `from` answers. Fails when an observation has a different state.
pub(super) fn states(
    evidence: &Evidence,
    contract: &Contract,
    rendering: &Rendering,
) -> Result<(), String> {
    for (seen, asked) in evidence.looks(contract, rendering) {
        states_of(contract, seen, &asked)?;
    }
    Ok(())
}

fn states_of(contract: &Contract, seen: &Observation, asked: &[Asked<'_>]) -> Result<(), String> {
    let Declared { states, problem } = declared(contract, asked, &seen.exchanges);
    let from = contract.state.iter().filter(|(_, shape)| shape.from.is_some());
    for (name, _) in from {
        if seen.state.get(name) != states.get(name) {
            return Err(format!("the state `{name}` is not that of the answer it is read from"));
        }
    }
    match (problem, &seen.problem) {
        (Some(problem), None) => Err(format!("an observation has no `problem`, but {problem}")),
        _ => Ok(()),
    }
}

/// Checks without the evidence that outputs are of a verified action, and that the contract declares them.
pub(super) fn outputs_of(
    contract: &Contract,
    outcome: Outcome,
    outputs: &BTreeMap<String, Value>,
) -> Result<(), String> {
    if outcome != Outcome::Verified && !outputs.is_empty() {
        return Err(format!("the outcome is `{}`, but there are outputs", outcome.as_str()));
    }
    match outputs.iter().find(|(name, value)| !contract.is_output(name, value)) {
        Some((name, _)) => Err(format!("`{name}` is not an output that the contract declares")),
        None => Ok(()),
    }
}

/// Judges the outcome again from the evidence.
pub(super) fn outcome(proven: &Proven, contract: &Contract, evidence: Option<&Evidence>) -> Found {
    let Receipt { attempts, post, changes, unexpected, outputs, .. } = &proven.receipt;
    let compared = !attempts.is_empty() && post.is_some();
    let unchanged = changes.is_empty() && unexpected.is_empty() && outputs.is_empty();
    if !(compared || unchanged) {
        return Err("the receipt has changes, but the state was not read after a run".to_owned());
    }
    outputs_of(contract, proven.receipt.outcome, outputs)?;
    let Some(evidence) = evidence else {
        let why = "this copy has no evidence, so the outcome cannot be judged again";
        return Ok(Finding::Skip(why.to_owned()));
    };
    if evidence.attempts.is_empty() {
        return unattempted::judged(contract, evidence, proven);
    }
    if evidence.post.is_none() {
        plans::unsent(evidence, contract, &proven.receipt)?;
    }
    if evidence.post.is_none() && !proven.receipt.may_have_changed_something() {
        return turned_away(proven.receipt.outcome);
    }
    let Some(pre) = &evidence.pre else {
        return Err("the action ran, but no state was read before it".to_owned());
    };
    let before = outcome::before(contract, &proven.action.params, pre);
    if let Some(check) = before.iter().find(|check| !check.holds) {
        return Err(format!("the action ran although `{}` did not hold", check.expression));
    }
    if let Some(write) = unmatched(pre, evidence.attempts.last()) {
        return Err(format!(
            "`{} {}` was not sent with the entity tag of the observation",
            write.method, write.path
        ));
    }
    match &evidence.post {
        Some(post) => compare(&proven.receipt, &judge(proven, contract, pre, post, evidence)),
        None if proven.receipt.outcome == Outcome::Indeterminate => {
            pass("the state was not read afterwards, so the outcome is open")
        }
        None => Err("no later state was read; the outcome must be `indeterminate`".to_owned()),
    }
}

/// Judges an action whose guarded writes were all rejected. If the host continued after a rejection, the receipt does
/// not contain the observation after the rejection.
fn turned_away(outcome: Outcome) -> Found {
    match outcome {
        Outcome::Denied | Outcome::Expired | Outcome::Cancelled | Outcome::Failed => {
            pass("nothing was carried out: the upstream rejected the guarded writes")
        }
        other => Err(format!("the outcome is `{}`, but nothing was carried out", other.as_str())),
    }
}

/// Finds a guarded write that was sent without an entity tag, or with a tag other than the one in the preceding
/// observation.
fn unmatched<'a>(pre: &Observation, last: Option<&'a Attempt>) -> Option<&'a Rendered> {
    let sent = last.iter().flat_map(|attempt| &attempt.exchanges);
    let mut guarded =
        sent.filter(|e| e.request.guard == Some(Guard::Etag) && e.fate != Fate::NotSent);
    let missed = |write: &&&Exchange| pre.tag(&write.request) != write.if_match.as_deref();
    guarded.by_ref().find(|write| write.if_match.is_none() || missed(&write)).map(|e| &e.request)
}

fn look(opened: &Opened, name: &str, short: Option<&Look>) -> Result<Option<Observation>, String> {
    let Some(short) = short else { return Ok(None) };
    let full: Observation = opened.record(name)?;
    let same = full.derived.iter().eq(&short.derived)
        && is_same(&full.exchanges, &short.exchanges)
        && full.at_ms == short.at_ms
        && full.problem == short.problem;
    if !same {
        return Err(format!("`{name}` is not the observation in the receipt"));
    }
    if hides_its_problem(&full) {
        return Err(format!(
            "`{name}` has no `problem`, but its run did not end as `done` or made refused requests"
        ));
    }
    Ok(Some(full))
}

/// Whether an observation has no `problem`, although its run failed or made refused requests. The judgement would
/// accept such an observation, because the judgement reads only `problem`.
fn hides_its_problem(look: &Observation) -> bool {
    let is_clean = look.claim == Some(Claim::Done) && look.refused.is_empty();
    look.problem.is_none() && !is_clean
}

fn is_attempt(full: &Attempt, short: &AttemptSummary) -> bool {
    full.n == short.n
        && full.claim == short.claim
        && full.refused == short.refused
        && full.started_ms == short.started_ms
        && full.ended_ms == short.ended_ms
        && is_same(&full.exchanges, &short.exchanges)
}

/// Checks that each recorded response that this attempt reused is one that an earlier attempt received from the
/// upstream.
fn carries_what_was(one: &Attempt, attempts: &[Attempt]) -> bool {
    let plain = |e: &Exchange| Exchange { ordinal: 0, carried_from: None, ..e.clone() };
    one.exchanges.iter().all(|carried| {
        let Some(n) = carried.carried_from else { return true };
        let mut earlier = attempts.iter().filter(|before| before.n == n && n < one.n);
        earlier.any(|before| {
            let first = before.exchanges.iter().filter(|e| e.carried_from.is_none());
            first.into_iter().any(|first| plain(first) == plain(carried))
        })
    })
}

fn is_same(full: &[Exchange], short: &[ExchangeSummary]) -> bool {
    full.iter().map(Exchange::summary).eq(short.iter().cloned())
}

fn judge(
    proven: &Proven,
    contract: &Contract,
    pre: &Observation,
    post: &Observation,
    evidence: &Evidence,
) -> Judgement {
    let exchanges: Vec<&Exchange> =
        evidence.attempts.iter().flat_map(|attempt| &attempt.exchanges).collect();
    let open = exchanges.iter().filter(|e| e.is_open());
    let settle_ms = contract.verify.settle.as_signed();
    let until = open.map(|e| e.deadline_ms.saturating_add(settle_ms)).max();
    outcome::judge(&Seen {
        contract,
        params: &proven.action.params,
        action: &proven.action.id,
        expect: &proven.receipt.expect,
        pre,
        post,
        exchanges: &exchanges,
        plan: evidence.plan(),
        may_still_land: until.is_some_and(|until| post.began_ms() < until),
    })
}

/// Judges a later settlement again, from the observation that settled the outcome.
pub(super) fn later(
    proven: &Proven,
    contract: &Contract,
    evidence: &Evidence,
) -> Result<Judgement, String> {
    let look =
        |look: &Option<Observation>| look.clone().ok_or("no observation settled the outcome");
    let (pre, later) = (look(&evidence.pre)?, look(&evidence.later)?);
    Ok(judge(proven, contract, &pre, &later, evidence))
}

/// The expressions and results of a judgement's checks, without their explanations.
pub(super) fn answers(checks: &[Check]) -> Vec<(String, bool)> {
    checks.iter().map(|check| (check.expression.clone(), check.holds)).collect()
}

fn compare(receipt: &Receipt, judged: &Judgement) -> Found {
    let same = judged.outcome == receipt.outcome
        && judged.changes == receipt.changes
        && judged.unexpected == receipt.unexpected
        && judged.outputs == receipt.outputs
        && judged.unsent == receipt.unsent
        && answers(&judged.checks) == answers(&receipt.checks);
    let word = judged.outcome.as_str();
    if same {
        return pass(format!("`{word}` again, from the evidence"));
    }
    // A host may claim less than the evidence shows, because that harms no party. A host must not claim more than the
    // evidence shows.
    let less = |said: &[Change], seen: &[Change]| said.is_empty() || said == seen;
    if receipt.outcome == Outcome::Indeterminate
        && less(&receipt.changes, &judged.changes)
        && less(&receipt.unexpected, &judged.unexpected)
        && (receipt.outputs.is_empty() || receipt.outputs == judged.outputs)
        && (receipt.unsent.is_empty() || receipt.unsent == judged.unsent)
    {
        let reason = &receipt.reason;
        return Ok(Finding::Skip(format!(
            "the evidence gives `{word}`; the host left the outcome open: {reason}"
        )));
    }
    Err(format!("the evidence gives `{word}` or changes that are not those of the receipt"))
}

#[cfg(test)]
mod tests {
    use deed_record::exchange::codec::{Codec, Incoming};
    use serde_json::json;

    use super::*;
    use crate::tests::parts::{contract, exchange, request};

    /// Checks the evidence of one write, given the codec of its response and the recorded body.
    fn recorded(response: Incoming, body: Option<Value>) -> Result<(), String> {
        let codec = Codec { response, ..Codec::default() };
        let write = Rendered { codec, ..request("PATCH", "/Users/1") };
        let (claim, exchanges) = (Claim::Done, vec![exchange(&write, 200, body)]);
        let attempt =
            Attempt { n: 1, claim, exchanges, refused: vec![], started_ms: 0, ended_ms: 0 };
        let attempts = vec![attempt];
        let (pre, post, later, rehearsal) = (None, None, None, None);
        let evidence = Evidence { pre, post, later, rehearsal, attempts, is_open: false };
        let (observe, perform) = (vec![], vec![write]);
        let rendering = Rendering { resource: String::new(), observe, perform };
        requests(&evidence, &contract(), &rendering)
    }

    #[test]
    fn an_answer_that_its_codec_cannot_give_is_found() {
        for (response, body, holds) in [
            (Incoming::Text, Some(json!("OK")), true),
            (Incoming::Text, None, true),
            (Incoming::Text, Some(json!({"ok": true})), false),
            (Incoming::None, None, true),
            (Incoming::None, Some(json!("OK")), false),
            (Incoming::Json, Some(json!({"ok": true})), true),
        ] {
            let found = recorded(response, body.clone());
            assert_eq!(found.is_ok(), holds, "{response:?} {body:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_carried_is_what_an_earlier_attempt_had() {
        let done = exchange(&request("PATCH", "/Users/1"), 204, None);
        let attempt = |n, exchange| {
            let (claim, exchanges) = (Claim::Done, vec![exchange]);
            Attempt { n, claim, exchanges, refused: vec![], started_ms: 0, ended_ms: 0 }
        };
        let carried = |n| Exchange { carried_from: Some(n), ordinal: 7, ..done.clone() };
        let fits = |second: Exchange| {
            let attempts = [attempt(1, done.clone()), attempt(2, second)];
            attempts.iter().all(|one| carries_what_was(one, &attempts))
        };
        assert!(fits(done.clone()) && fits(carried(1)));
        assert!(!fits(carried(2)) && !fits(carried(3)));
        assert!(!fits(Exchange { fate: Fate::Answered { status: 200 }, ..carried(1) }));
        let twice = [attempt(1, done.clone()), attempt(2, carried(1)), attempt(3, carried(2))];
        assert!(!twice.iter().all(|one| carries_what_was(one, &twice)), "the first is named");
    }
}
