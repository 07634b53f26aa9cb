//! Checks the statements after a receipt that left the outcome open: whether a later observation or a person settled
//! the outcome.
//!
//! A receipt with a definite outcome cannot be settled again.

use deed_record::contract::Contract;
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::statement::envelope::Kind;
use deed_record::statement::receipt::Receipt;
use deed_record::statement::reconciliation::Reconciliation;
use deed_spec::digest::Digest;
use deed_spec::json;

use super::evidence::{self, Evidence};
use super::links::Links;
use super::opened::Opened;
use super::proven::{self, Proven};
use super::resolution::Word;
use super::trust::Trust;
use super::{Finding, Found, pass};

/// Opens the reconciliation (the host's later conclusion), which must be signed by a trusted key and be about this
/// receipt.
pub(super) fn open(
    opened: &Opened,
    links: &Links,
    digest: &Digest,
    receipt: &Receipt,
    word: Option<&Word>,
    trust: &Trust,
) -> Result<Option<Reconciliation>, String> {
    let Some(line) = links.reconciliation else { return Ok(None) };
    let statement = proven::statement(opened, line, Kind::Reconciliation, trust)?;
    if statement.action != *digest {
        return Err(format!("the reconciliation is about another action, {}", statement.action));
    }
    let settled: Reconciliation =
        json::from_exact(statement.predicate).map_err(|e| e.to_string())?;
    let named = opened.receipt.payload_digest().map_err(|e| e.to_string())?;
    let faults = [
        (settled.receipt_sha256 != named, "the reconciliation is about another receipt"),
        (receipt.outcome != Outcome::Indeterminate, "the receipt left nothing open"),
        (settled.outcome == Outcome::Indeterminate, "the reconciliation settles nothing"),
        (settled.resolved_by != word.map(|word| word.payload), "it is based on another resolution"),
    ];
    if let Some((_, fault)) = faults.iter().find(|(wrong, _)| *wrong) {
        return Err((*fault).to_owned());
    }
    look(&settled, receipt, word)?;
    Ok(Some(settled))
}

/// Checks that the reconciliation is based on an observation after the receipt, or only on a person's resolution.
fn look(settled: &Reconciliation, receipt: &Receipt, word: Option<&Word>) -> Result<(), String> {
    let Some(look) = &settled.look else {
        let word = word.ok_or("no observation settled the outcome")?;
        return agrees(settled, &word.resolution.conclude(None), "the resolution alone");
    };
    if look.began_ms() < receipt.judged_ms {
        return Err("the observation that settled the outcome began before the receipt".to_owned());
    }
    if settled.settled_ms < look.at_ms {
        return Err("the reconciliation was made before its observation".to_owned());
    }
    Ok(())
}

/// Checks that the reconciliation states the judgement `wanted`.
fn agrees(settled: &Reconciliation, wanted: &Judgement, from: &str) -> Result<(), String> {
    if wanted.outcome == settled.outcome
        && wanted.changes == settled.changes
        && wanted.unexpected == settled.unexpected
        && wanted.outputs == settled.outputs
        && evidence::answers(&wanted.checks) == evidence::answers(&settled.checks)
    {
        return Ok(());
    }
    Err(format!("{from} gives `{}` or other changes", wanted.outcome.as_str()))
}

/// Describes how the outcome was settled, before the outcome is judged again.
pub(super) fn found(settled: Option<&Reconciliation>, receipt: &Receipt) -> Found {
    match settled {
        Some(settled) => {
            let by = match (&settled.resolved_by, &settled.look) {
                (None, _) => "a later observation settled the outcome",
                (Some(_), Some(_)) => "a person and a later observation settled the outcome",
                (Some(_), None) => "a person settled the outcome, without an observation",
            };
            pass(format!("{by}: `{}`", settled.outcome.as_str()))
        }
        None if receipt.outcome == Outcome::Indeterminate => pass("the outcome is still open"),
        None => pass("the receipt left nothing open"),
    }
}

/// Judges the outcome again, with the later observation in place of the observation after the run.
pub(super) fn judged(proven: &Proven, contract: &Contract, evidence: Option<&Evidence>) -> Found {
    let Some(settled) = &proven.settled else { return pass("nothing was settled") };
    evidence::outputs_of(contract, settled.outcome, &settled.outputs)?;
    if settled.look.is_none() {
        return pass(format!("`{}`, from the person's resolution", settled.outcome.as_str()));
    }
    let Some(evidence) = evidence else {
        let why = "this copy has no evidence, so the outcome cannot be judged again";
        return Ok(Finding::Skip(why.to_owned()));
    };
    let seen = evidence::later(proven, contract, evidence)?;
    let shows_it = seen.outcome != Outcome::Indeterminate;
    let judged = match &proven.word {
        Some(word) => word.resolution.conclude(Some(seen)),
        None => seen,
    };
    agrees(settled, &judged, "the later observation")?;
    let from = if shows_it { "the later observation" } else { "the person's resolution" };
    pass(format!("`{}` again, from {from}", settled.outcome.as_str()))
}
