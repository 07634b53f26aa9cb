//! Checks the answers of approvers in a bundle, including that trusted keys signed the answers.
//!
//! The receipt never determines who may approve. The receipt only has to agree with the trusted list of approvers.

use std::collections::BTreeMap;

use deed_record::action::Action;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::policy::CONFIRM;
use deed_record::statement::activation::relying_party_digest;
use deed_record::statement::approval::{self, Answer, Terms};
use deed_record::statement::approver::ApproverKey;
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
    /// What an activation may say of this key: the digest of each relying party for which the answer is valid; `None`
    /// for a key file.
    pub(super) passkeys: Vec<Option<Digest>>,
}

impl Given {
    fn is_by_passkey(&self) -> bool {
        self.passkeys.iter().any(Option::is_some)
    }
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
    if let Err(fault) = unapproved(action, receipt) {
        return (vec![], Err(fault));
    }
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
        let terms = terms(envelope, digest, approvers, index).and_then(|(terms, passkeys)| {
            fits(&terms, action)?;
            agrees(&terms, envelope, reference)?;
            Ok((terms, passkeys))
        });
        match terms {
            Ok((terms, passkeys)) => {
                let keyid = envelope.key_hint().unwrap_or_default().to_owned();
                given.push(Given { terms, counted: reference.counted, keyid, passkeys });
            }
            Err(fault) => return (vec![], Err(format!("answer {n}: {fault}"))),
        }
    }
    let words: Vec<String> = given.iter().map(words).collect();
    (given, pass(words.join("; ")))
}

/// Checks that somebody approved or confirmed a changed version that was attempted or verified (formats, section 14.3).
fn unapproved(action: &Action, receipt: &Receipt) -> Result<(), String> {
    let has_acted = !receipt.attempts.is_empty() || receipt.outcome == Outcome::Verified;
    let is_approved = receipt.approvals.iter().any(|one| one.decision == Answer::Approve);
    if action.edit.is_none() || !has_acted || is_approved {
        return Ok(());
    }
    Err("a person changed the action, and nobody approved the changed version".to_owned())
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
/// the answer names. Also returns what an activation may say of the key, see [`Given::passkeys`].
fn terms(
    envelope: &Envelope,
    digest: &Digest,
    approvers: &[Approver],
    index: Option<u64>,
) -> Result<(Terms, Vec<Option<Digest>>), String> {
    let owners = owners(envelope, approvers)?;
    let (key, same) = key_at(&owners, index)?;
    let (subject, terms) = approval::open(envelope, key).map_err(|e| e.to_string())?;
    if subject != *digest {
        return Err(format!("the answer is about another action, {subject}"));
    }
    enrolled(&same, &terms.person, &terms.role, index)?;
    let passkeys = parties(envelope, &owners, &terms)?;
    Ok((terms, passkeys))
}

/// The relying parties of all records of this person and role for which the answer is valid. The origins of a passkey
/// may change between the answer and the decision, and the answer still counts if its own origin remains.
fn parties(
    envelope: &Envelope,
    owners: &[&Approver],
    terms: &Terms,
) -> Result<Vec<Option<Digest>>, String> {
    let may = owners.iter().filter(|one| one.has_role(&terms.person, &terms.role));
    let valid = may.filter(|one| approval::open(envelope, &one.key).is_ok());
    let digest = |one: &&Approver| {
        let party = one.key.passkey().map(|passkey| &passkey.relying_party);
        party.map(relying_party_digest).transpose().map_err(|e| e.to_string())
    };
    valid.map(digest).collect()
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

/// The key of the first record that is valid at this index of the log, and all records with this key, of the same kind
/// and for the same origins. At another time, the key may have been of another kind or for other origins.
pub(super) fn key_at<'a>(
    owners: &[&'a Approver],
    index: Option<u64>,
) -> Result<(&'a ApproverKey, Vec<&'a Approver>), String> {
    let of_index = |one: &&&Approver| index.is_some_and(|index| one.is_enrolled_at(index));
    let owner = owners.iter().find(of_index).or(owners.first()).copied();
    let key = &owner.ok_or("the signing key does not belong to an approver")?.key;
    Ok((key, owners.iter().copied().filter(|one| one.key == *key).collect()))
}

/// Checks that one of the records in `owners` has this person and role, and is valid at this index of the log.
pub(super) fn enrolled(
    owners: &[&Approver],
    person: &str,
    role: &str,
    index: Option<u64>,
) -> Result<(), String> {
    let may: Vec<&&Approver> = owners.iter().filter(|one| one.has_role(person, role)).collect();
    if may.is_empty() && role == CONFIRM {
        return Err(format!("the signing key is not that of `{person}`"));
    }
    if may.is_empty() {
        return Err(format!("the signing key is not that of `{person}` in the role `{role}`"));
    }
    if !may.iter().any(|one| index.is_some_and(|index| one.is_enrolled_at(index))) {
        return Err(format!("the key of `{person}` was not enrolled at that index of the log"));
    }
    Ok(())
}

/// Checks that an answer is about exactly this action. A confirmation must be given by the person who is responsible for
/// the agent. An approval or denial must not be given by this person, or by a person who edited the action.
fn fits(terms: &Terms, action: &Action) -> Result<(), String> {
    let differs = [
        (terms.contract != action.contract.digest, "contract"),
        (terms.adapter != action.adapter, "adapter"),
        (terms.binding != action.binding, "upstream binding"),
    ];
    if let Some((_, what)) = differs.iter().find(|(differs, _)| *differs) {
        return Err(format!("the answer was given for another {what}"));
    }
    if action.requesters().has_edited(&terms.person) {
        return Err(format!("`{}` edited the action, and cannot answer about it", terms.person));
    }
    if terms.role == CONFIRM {
        let (person, responsible) = (&terms.person, &action.person);
        return if person == responsible {
            Ok(())
        } else {
            Err(format!("`{person}` cannot confirm the action; only `{responsible}` can"))
        };
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
        Answer::Approve if role == CONFIRM => "confirmed",
        Answer::Approve => "approved",
        Answer::Deny => "denied",
    };
    let role: &str = if role == CONFIRM { "responsible" } else { role };
    let how =
        if given.is_by_passkey() { format!(" by passkey {}", given.keyid) } else { String::new() };
    let counted = if given.counted { "" } else { ", which became void and does not count" };
    format!("{person} ({role}) {said}{how}{counted}")
}
