//! Takes a container and trust, gives the action and the receipt once everything that covers them
//! holds: signatures, subject, log, approvals, digests.
//!
//! Never reads contract, policies or evidence; it hashes them.

use super::approvals::{self, Given};
use super::opened::Opened;
use super::trust::Trust;
use super::{
    APPROVALS, Book, CHECKPOINT, Finding, Found, INCLUSION, SIGNATURE, SUBJECT, digests, pass,
};
use crate::action::Action;
use crate::bundle;
use crate::digest::Digest;
use crate::envelope::{Envelope, Kind, Statement};
use crate::event::entry;
use crate::json;
use crate::merkle::leaf_hash;
use crate::note::{self, VerifierKey};
use crate::receipt::Receipt;

/// What signatures and digests vouch for.
pub(super) struct Proven {
    pub(super) action: Action,
    pub(super) receipt: Receipt,
    /// The answers of approvers, in the order of the chain.
    pub(super) given: Vec<Given>,
}

/// Makes every check that needs nothing but hashing and signatures; none unless all of them pass.
pub(super) fn prove(opened: &Opened, trust: &Trust, book: &mut Book) -> Option<Proven> {
    let statement = match signature(opened, trust) {
        Ok(statement) => statement,
        Err(found) => {
            book.note(SIGNATURE, found);
            return None;
        }
    };
    let receipt = json::from_value::<Receipt>(statement.predicate.clone());
    let receipt = match receipt.map_err(|e| format!("the receipt {e}")) {
        Ok(receipt) => receipt,
        Err(fault) => {
            book.note(SIGNATURE, Err(fault));
            return None;
        }
    };
    let key = opened.receipt.key_hint().unwrap_or_default();
    book.note(SIGNATURE, pass(format!("by the trusted key {key}")));
    book.outcome = Some(receipt.outcome);
    let action = match subject(opened, &statement) {
        Ok(action) => action,
        Err(fault) => {
            book.note(SUBJECT, Err(fault));
            return None;
        }
    };
    book.note(SUBJECT, pass(format!("action.json is what was signed, {}", statement.action)));
    book.action = Some(action.id.to_string());
    let logged = log(opened, &action, trust, book);
    let (given, found) = approvals::check(opened, &statement.action, &action, &receipt, trust);
    let approved = book.note(APPROVALS, found);
    let whole = digests::check(opened, &action, &receipt, book);
    (logged && approved && whole).then_some(Proven { action, receipt, given })
}

/// The receipt's statement under a trusted key, or what is to be noted instead.
fn signature(opened: &Opened, trust: &Trust) -> Result<Statement, Found> {
    if trust.receipt_keys.is_empty() {
        return Err(Ok(Finding::Untrusted("no receipt key is trusted".to_owned())));
    }
    let hint = opened.receipt.key_hint().unwrap_or_default();
    let key = trust.receipt_key(hint);
    let key = key.ok_or_else(|| Err(format!("signed by `{hint}`, which is no trusted key")))?;
    opened.receipt.verify(key, Kind::Receipt).map_err(|e| Err(e.to_string()))
}

fn subject(opened: &Opened, statement: &Statement) -> Result<Action, String> {
    let found = Digest::of(opened.part(bundle::ACTION)?);
    if found != statement.action {
        return Err(format!("the receipt is about {}, action.json is {found}", statement.action));
    }
    let action: Action = opened.record(bundle::ACTION)?;
    // A field that this version reads otherwise than it was written would go unnoticed.
    if action.digest().ok() == Some(found) {
        Ok(action)
    } else {
        Err("action.json is not what this version writes".to_owned())
    }
}

/// One checkpoint for all proofs, signed by a trusted key of this tenant's log, and every envelope in it.
fn log(opened: &Opened, action: &Action, trust: &Trust, book: &mut Book) -> bool {
    let key = match checkpoint(opened, &action.tenant, trust) {
        Ok((key, size)) => {
            book.note(CHECKPOINT, pass(format!("{} signed {size} entries", key.name())));
            key
        }
        Err(found) => {
            book.note(CHECKPOINT, found);
            book.pass_over(&[INCLUSION], "not looked at: there is no trusted checkpoint");
            return false;
        }
    };
    book.note(INCLUSION, inclusion(opened, key))
}

fn checkpoint<'a>(
    opened: &Opened,
    tenant: &str,
    trust: &'a Trust,
) -> Result<(&'a VerifierKey, u64), Found> {
    if trust.log.is_empty() {
        return Err(Ok(Finding::Untrusted("no log key is trusted".to_owned())));
    }
    let failed = |why: &str| Err(why.to_owned());
    let note = opened.proofs.first().map(|proof| proof.checkpoint.as_str()).unwrap_or_default();
    if opened.proofs.iter().any(|proof| proof.checkpoint != note) {
        return Err(failed("the proofs are not under one checkpoint"));
    }
    let origin = note.lines().next().unwrap_or_default();
    if origin.rsplit('/').next() != Some(tenant) {
        return Err(Err(format!("the log `{origin}` is not that of tenant `{tenant}`")));
    }
    let by_log = format!("— {origin} ");
    if note.lines().filter(|line| line.starts_with(&by_log)).count() > 1 {
        return Err(failed("the checkpoint has two signatures of its log"));
    }
    let mut fault = format!("no trusted key is one of the log `{origin}`");
    for key in trust.log.iter().filter(|key| key.name() == origin) {
        match note::verify(note, key) {
            Ok(checkpoint) => return Ok((key, checkpoint.size)),
            Err(error) => fault = error.to_string(),
        }
    }
    Err(Err(fault))
}

fn inclusion(opened: &Opened, key: &VerifierKey) -> Found {
    let approvals = opened.approvals.iter().map(|envelope| (Kind::Approval, envelope));
    let envelopes = approvals.chain([(Kind::Receipt, &opened.receipt)]);
    let mut places = Vec::new();
    for ((kind, envelope), proof) in envelopes.zip(&opened.proofs) {
        let leaf = leaf(kind, envelope)?;
        proof.verify(&leaf, key).map_err(|e| format!("{} {}: {e}", kind.as_str(), proof.index))?;
        places.push(proof.index.to_string());
    }
    pass(format!("every envelope is in the log, at {}", places.join(", ")))
}

fn leaf(kind: Kind, envelope: &Envelope) -> Result<crate::merkle::Hash, String> {
    let payload = envelope.payload_digest().map_err(|e| e.to_string())?;
    Ok(leaf_hash(&entry(kind.as_str(), &payload)))
}
