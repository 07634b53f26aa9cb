//! Checks the answers of approvers in a bundle, including that trusted keys signed the answers.
//!
//! The receipt never determines who may approve. The receipt only has to agree with the trusted list of approvers.

use std::collections::BTreeMap;

use deed_record::action::Action;
use deed_record::statement::approval::{self, Answer, Terms};
use deed_record::statement::receipt::{ApprovalRef, Receipt};
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;

use super::links::Links;
use super::opened::Opened;
use super::trust::{Approver, Trust};
use super::{Finding, Found, pass};

/// A valid answer of an approver, and whether the outcome is based on this answer.
pub(super) struct Given {
    pub(super) terms: Terms,
    pub(super) counted: bool,
    /// The ID of the key that signed the answer.
    pub(super) keyid: String,
}

/// Checks every answer of an approver, and that the receipt lists exactly the answers in the bundle.
pub(super) fn check(
    opened: &Opened,
    links: &Links,
    digest: &Digest,
    action: &Action,
    receipt: &Receipt,
    trust: &Trust,
) -> (Vec<Given>, Found) {
    if receipt.approvals.is_empty() {
        return (vec![], pass("no approval was requested, or no approver answered"));
    }
    let Some(approvers) = &trust.approvers else {
        return (
            vec![],
            Ok(Finding::Untrusted("the trust directory lists no approvers".to_owned())),
        );
    };
    let mut given = Vec::new();
    for (n, (line, reference)) in links.approvals.iter().zip(&receipt.approvals).enumerate() {
        let (Some(envelope), index) = (opened.chain.get(*line), opened.proofs.get(*line)) else {
            return (vec![], Err(format!("answer {n} is missing")));
        };
        let index = index.map(|proof| proof.index);
        let terms = terms(envelope, digest, approvers, index).and_then(|terms| {
            fits(&terms, action)?;
            agrees(&terms, envelope, reference)?;
            Ok(terms)
        });
        match terms {
            Ok(terms) => {
                let keyid = envelope.key_hint().unwrap_or_default().to_owned();
                given.push(Given { terms, counted: reference.counted, keyid });
            }
            Err(fault) => return (vec![], Err(format!("answer {n}: {fault}"))),
        }
    }
    let words: Vec<String> = given.iter().map(words).collect();
    (given, pass(words.join("; ")))
}

/// The number of distinct persons whose approvals count, by role. A person with several approvals counts only once, in
/// the role of the person's first approval.
pub(super) fn counts(receipt: &Receipt) -> BTreeMap<String, u32> {
    let mut persons: BTreeMap<&str, &str> = BTreeMap::new();
    let counted = |one: &&ApprovalRef| one.counted && one.decision == Answer::Approve;
    for one in receipt.approvals.iter().filter(counted) {
        persons.entry(&one.person).or_insert(&one.role);
    }
    let mut counts = BTreeMap::new();
    for role in persons.values() {
        *counts.entry((*role).to_owned()).or_insert(0) += 1;
    }
    counts
}

/// Opens an approver's answer. At the log index of the answer, the key that signed it must belong to the person whom
/// the answer names.
fn terms(
    envelope: &Envelope,
    digest: &Digest,
    approvers: &[Approver],
    index: Option<u64>,
) -> Result<Terms, String> {
    let owners = owners(envelope, approvers)?;
    let owner = owners.first().ok_or("the signing key does not belong to an approver")?;
    let (subject, terms) = approval::open(envelope, &owner.key).map_err(|e| e.to_string())?;
    if subject != *digest {
        return Err(format!("the answer is about another action, {subject}"));
    }
    enrolled(&owners, &terms.person, &terms.role, index)?;
    Ok(terms)
}

/// The records of all approvers with the key that signed this envelope. Fails if no approver has this key.
pub(super) fn owners<'a>(
    envelope: &Envelope,
    approvers: impl IntoIterator<Item = &'a Approver>,
) -> Result<Vec<&'a Approver>, String> {
    let hint = envelope.key_hint().unwrap_or_default();
    let owners: Vec<&Approver> = approvers.into_iter().filter(|one| one.owns(hint)).collect();
    if owners.is_empty() {
        Err(format!("the key `{hint}` does not belong to an approver"))
    } else {
        Ok(owners)
    }
}

/// Checks that one of the records in `owners` has this person and role, and is valid at this index of the log.
pub(super) fn enrolled(
    owners: &[&Approver],
    person: &str,
    role: &str,
    index: Option<u64>,
) -> Result<(), String> {
    let is = |one: &Approver| one.person == person && one.roles.iter().any(|has| has == role);
    let may: Vec<&&Approver> = owners.iter().filter(|one| is(one)).collect();
    if may.is_empty() {
        return Err(format!("the signing key is not that of `{person}` in the role `{role}`"));
    }
    if !may.iter().any(|one| index.is_some_and(|index| one.is_enrolled_at(index))) {
        return Err(format!("the key of `{person}` was not enrolled at that index of the log"));
    }
    Ok(())
}

/// Checks that an answer is about exactly this action, and was not given by the person who is responsible for the
/// agent.
fn fits(terms: &Terms, action: &Action) -> Result<(), String> {
    let differs = [
        (terms.contract != action.contract.digest, "contract"),
        (terms.adapter != action.adapter, "adapter"),
        (terms.binding != action.binding, "upstream binding"),
    ];
    if let Some((_, what)) = differs.iter().find(|(differs, _)| *differs) {
        return Err(format!("the answer was given for another {what}"));
    }
    if terms.person == action.person {
        return Err(format!("`{}` is responsible for the agent that asked", terms.person));
    }
    Ok(())
}

fn agrees(terms: &Terms, envelope: &Envelope, listed: &ApprovalRef) -> Result<(), String> {
    let payload = envelope.payload_digest().map_err(|e| e.to_string())?;
    let same = payload == listed.payload_sha256
        && terms.person == listed.person
        && terms.role == listed.role
        && terms.decision == listed.decision;
    if same { Ok(()) } else { Err("the receipt lists another answer at this position".to_owned()) }
}

fn words(given: &Given) -> String {
    let Terms { person, role, decision, .. } = &given.terms;
    let said = match decision {
        Answer::Approve => "approved",
        Answer::Deny => "denied",
    };
    let counted = if given.counted { "" } else { ", which became void and does not count" };
    format!("{person} ({role}) {said}{counted}")
}
