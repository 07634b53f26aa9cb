//! Checks the decisions in a bundle, including that a trusted key signed them.
//!
//! Policies are not evaluated again here, because a bundle contains only the latest request to the policies.

use deed_record::action::Action;
use deed_record::policy::Verdict;
use deed_record::statement::approval::Answer;
use deed_record::statement::decision::Clearance;
use deed_record::statement::envelope::{Kind, Statement};
use deed_record::statement::receipt::{ApprovalRef, AttemptSummary, Receipt};
use deed_spec::digest::Digest;
use deed_spec::json;

use super::links::Links;
use super::opened::Opened;
use super::trust::Trust;
use super::{Found, pass};

/// Checks that each attempt has its own decision, made before the attempt, and that the receipt is based on the last
/// decision. Also returns the digest of the plan in the decision of each attempt.
pub(super) fn check(
    opened: &Opened,
    links: &Links,
    digest: &Digest,
    action: &Action,
    receipt: &Receipt,
    trust: &Trust,
) -> (Vec<Option<Digest>>, Found) {
    if receipt.attempts.is_empty() {
        return (vec![], pass("nothing was attempted; the receipt has the decision"));
    }
    match decided(opened, links, digest, action, receipt, trust) {
        Ok(plans) => {
            let count = plans.len();
            (plans, pass(format!("{count} attempt(s), each allowed by a signed decision")))
        }
        Err(fault) => (vec![], Err(fault)),
    }
}

/// The digest of the plan of each attempt, after all checks of its decision.
fn decided(
    opened: &Opened,
    links: &Links,
    digest: &Digest,
    action: &Action,
    receipt: &Receipt,
    trust: &Trust,
) -> Result<Vec<Option<Digest>>, String> {
    if receipt.decision.is_none() {
        return Err("the action was attempted, but the receipt has no decision".to_owned());
    }
    // The attempt numbers must have no gaps, because a receipt without an attempt would hide the requests of that
    // attempt.
    if !receipt.attempts.iter().map(|attempt| attempt.n).eq(1..=count(receipt)) {
        return Err("the attempts are not numbered from 1".to_owned());
    }
    if !links.decisions.is_sorted() {
        return Err("the decisions are not in the order of their attempts".to_owned());
    }
    let (mut plans, mut last) = (vec![], None);
    for (attempt, line) in receipt.attempts.iter().zip(&links.decisions) {
        let clearance = open(opened, *line, digest, trust).and_then(|clearance| {
            fits(&clearance, attempt, action, receipt)?;
            follows(&clearance, *line, links, receipt)?;
            Ok(clearance)
        });
        let clearance = clearance.map_err(|why| format!("decision {}: {why}", attempt.n))?;
        plans.push(clearance.plan);
        last = Some(clearance);
    }
    match last {
        Some(last) if !receipt.is_given_up() => rests_on(receipt, &last)?,
        _ => {}
    }
    Ok(plans)
}

/// Reads the decision in a line of the chain, after its signature was checked. Fails when the line is missing or is not
/// a decision.
pub(super) fn read(opened: &Opened, line: usize) -> Result<Clearance, String> {
    let envelope = opened.chain.get(line).ok_or("the decision is missing")?;
    let statement = Statement::unverified(envelope, Kind::Decision).map_err(|e| e.to_string())?;
    json::from_exact(statement.predicate).map_err(|e| e.to_string())
}

fn open(opened: &Opened, line: usize, digest: &Digest, trust: &Trust) -> Result<Clearance, String> {
    let statement = super::proven::statement(opened, line, Kind::Decision, trust)?;
    if statement.action != *digest {
        return Err(format!("the decision is about another action, {}", statement.action));
    }
    json::from_exact(statement.predicate).map_err(|e| e.to_string())
}

/// Checks that the decision allows this attempt of this action, was made before the attempt started, and depends only
/// on approvals that the receipt lists.
fn fits(
    clearance: &Clearance,
    attempt: &AttemptSummary,
    action: &Action,
    receipt: &Receipt,
) -> Result<(), String> {
    let approves = |digest: &Digest| {
        let is_it = |one: &&ApprovalRef| one.payload_sha256 == *digest;
        receipt.approvals.iter().find(is_it).is_some_and(|one| one.decision == Answer::Approve)
    };
    let faults = [
        (clearance.attempt != attempt.n, "the decision is for another attempt"),
        (clearance.decision.verdict != Verdict::Allow, "the decision does not allow anything"),
        (!clearance.decision.obligations.is_empty(), "it allows the attempt and has obligations"),
        (clearance.cleared_ms > attempt.started_ms, "it was made after the attempt had started"),
        (!clearance.approvals.iter().all(approves), "an approval of the decision is missing"),
        (clearance.pre.at_ms > clearance.cleared_ms, "it was made before its observation"),
    ];
    if let Some((_, fault)) = faults.iter().find(|(wrong, _)| *wrong) {
        return Err((*fault).to_owned());
    }
    super::digests::granted(&clearance.grant, action).map(|_| ())
}

/// Checks that the decision was logged after the approvals on which it is based.
fn follows(
    clearance: &Clearance,
    line: usize,
    links: &Links,
    receipt: &Receipt,
) -> Result<(), String> {
    let given = receipt.approvals.iter().zip(&links.approvals);
    let mut behind = given.filter(|(_, place)| **place > line);
    match behind.find(|(one, _)| clearance.approvals.contains(&one.payload_sha256)) {
        Some((one, _)) => Err(format!("it was logged before the approval by `{}`", one.person)),
        None => Ok(()),
    }
}

fn count(receipt: &Receipt) -> u32 {
    u32::try_from(receipt.attempts.len()).unwrap_or(u32::MAX)
}

/// Checks that the receipt of an action that ran has the decision, grant, observation, plan and approvals that were
/// signed before the run.
fn rests_on(receipt: &Receipt, last: &Clearance) -> Result<(), String> {
    let counted = receipt.approvals.iter().filter(|one| one.counted).map(|one| one.payload_sha256);
    let plan = receipt.rehearsal.as_ref().and_then(|one| one.plan_sha256);
    let differs = [
        (receipt.decision.as_ref() != Some(&last.decision), "decision"),
        (receipt.question.as_ref() != Some(&last.question), "question"),
        (receipt.activated.last() != Some(&last.activated), "activation"),
        (receipt.grant.as_ref() != Some(&last.grant), "grant"),
        (receipt.pre.as_ref() != Some(&last.pre), "observation before the run"),
        (plan != last.plan, "plan"),
        (!counted.eq(last.approvals.iter().copied()), "approvals"),
    ];
    match differs.iter().find(|(differs, _)| *differs) {
        Some((_, what)) => Err(format!("the receipt and the last decision differ in the {what}")),
        None => Ok(()),
    }
}
