//! Takes what stands behind the receipt, gives whether a later look settled what the receipt left open.
//!
//! Never lets a receipt with an answer be answered again.

use super::evidence::{self, Evidence};
use super::links::Links;
use super::opened::Opened;
use super::proof::{self, Proven};
use super::trust::Trust;
use super::{Finding, Found, pass};
use crate::contract::Contract;
use crate::digest::Digest;
use crate::envelope::Kind;
use crate::json;
use crate::outcome::Outcome;
use crate::receipt::Receipt;
use crate::reconciliation::Reconciliation;

/// The statement of the line behind the receipt, under a trusted key and about this receipt.
pub(super) fn open(
    opened: &Opened,
    links: &Links,
    digest: &Digest,
    receipt: &Receipt,
    trust: &Trust,
) -> Result<Option<Reconciliation>, String> {
    let Some(line) = links.reconciliation else { return Ok(None) };
    let envelope = opened.chain.get(line).ok_or("the reconciliation is missing")?;
    let statement = proof::statement(envelope, Kind::Reconciliation, trust)?;
    if statement.action != *digest {
        return Err(format!("it is about another action, {}", statement.action));
    }
    let settled: Reconciliation =
        json::from_value(statement.predicate).map_err(|e| e.to_string())?;
    let named = opened.receipt.payload_digest().map_err(|e| e.to_string())?;
    let faults = [
        (settled.receipt_sha256 != named, "it settles another receipt"),
        (receipt.outcome != Outcome::Indeterminate, "the receipt left nothing open"),
        (settled.outcome == Outcome::Indeterminate, "it settles nothing"),
        (settled.look.began_ms() < receipt.judged_ms, "its look began before the receipt"),
        (settled.settled_ms < settled.look.at_ms, "it was made before its look"),
    ];
    match faults.iter().find(|(wrong, _)| *wrong) {
        Some((_, fault)) => Err((*fault).to_owned()),
        None => Ok(Some(settled)),
    }
}

/// What was found, in words, before anything is judged again.
pub(super) fn found(settled: Option<&Reconciliation>, receipt: &Receipt) -> Found {
    match settled {
        Some(settled) => pass(format!("a later look settled it: `{}`", settled.outcome.as_str())),
        None if receipt.outcome == Outcome::Indeterminate => pass("it is still open"),
        None => pass("the receipt left nothing open"),
    }
}

/// Judges again, with the later look in the place of the look after.
pub(super) fn judged(proven: &Proven, contract: &Contract, evidence: Option<&Evidence>) -> Found {
    let Some(settled) = &proven.settled else { return pass("there is none") };
    let Some(evidence) = evidence else {
        let why = "without evidence, which this copy lacks, nothing can be judged again";
        return Ok(Finding::Skip(why.to_owned()));
    };
    let judged = evidence::later(proven, contract, evidence)?;
    if judged.outcome == settled.outcome
        && judged.changes == settled.changes
        && judged.unexpected == settled.unexpected
        && evidence::answers(&judged.checks) == evidence::answers(&settled.checks)
    {
        return pass(format!("`{}` again, from the later look", judged.outcome.as_str()));
    }
    Err(format!("the later look gives `{}` or other changes", judged.outcome.as_str()))
}
