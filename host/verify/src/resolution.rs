//! Checks the resolution of an open action, which the chain contains between the receipt and the reconciliation.
//!
//! The host's own claim is never sufficient: the key that signed the resolution must belong to an operator at the
//! resolution's index in the log.

use deed_record::action::Action;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::statement::approver::ApproverKey;
use deed_record::statement::receipt::Receipt;
use deed_record::statement::resolution::{self, ROLE, Resolution};
use deed_spec::digest::Digest;

use super::approvals::{enrolled, key_at, owners};
use super::links::Links;
use super::opened::Opened;
use super::trust::Trust;
use super::{Finding, Found, pass};

/// A person's resolution, and the digest by which the host refers to it.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) resolution: Resolution,
    pub(super) payload: Digest,
}

/// The resolution of the outcome that this receipt left open, signed by a trusted key; `None` if the chain has no
/// resolution.
pub(super) fn open(
    opened: &Opened,
    links: &Links,
    digest: &Digest,
    action: &Action,
    receipt: &Receipt,
    trust: &Trust,
) -> Result<Option<Word>, Found> {
    let Some(line) = links.resolution else { return Ok(None) };
    if trust.approvers.is_none() {
        let why = "a person resolved the outcome, but the trust directory lists no operators";
        return Err(Ok(Finding::Untrusted(why.to_owned())));
    }
    word(opened, line, digest, action, receipt, trust).map(Some).map_err(Err)
}

fn word(
    opened: &Opened,
    line: usize,
    digest: &Digest,
    action: &Action,
    receipt: &Receipt,
    trust: &Trust,
) -> Result<Word, String> {
    let (Some(envelope), Some(proof)) = (opened.chain.get(line), opened.proofs.get(line)) else {
        return Err("the resolution is missing".to_owned());
    };
    let owners = owners(envelope, trust.approvers.iter().flatten())?;
    let (key, same) = key_at(&owners, Some(proof.index))?;
    let ApproverKey::File(key) = key else {
        return Err("a passkey cannot sign a resolution; only a key file can".to_owned());
    };
    let (subject, said) = resolution::open(envelope, key).map_err(|e| e.to_string())?;
    let Resolution { person, role, .. } = &said.resolution;
    enrolled(&same, person, role, Some(proof.index))?;
    let named = opened.receipt.payload_digest().map_err(|e| e.to_string())?;
    let faults = [
        (subject != *digest, "the resolution is about another action"),
        (said.receipt_sha256 != named, "the resolution is about another receipt"),
        (receipt.outcome != Outcome::Indeterminate, "the receipt left nothing open"),
        (role != ROLE, "only an operator can resolve an outcome"),
        (*person == action.person, "its signer is responsible for the agent that asked"),
        (action.requesters().has_edited(person), "its signer edited the action"),
    ];
    if let Some((_, fault)) = faults.iter().find(|(wrong, _)| *wrong) {
        return Err((*fault).to_owned());
    }
    let payload = envelope.payload_digest().map_err(|e| e.to_string())?;
    Ok(Word { resolution: said.resolution, payload })
}

pub(super) fn found(word: Option<&Word>) -> Found {
    match word {
        None => pass("there is no resolution"),
        Some(word) => pass(format!("{}: {}", word.resolution.words(), word.resolution.reason)),
    }
}
