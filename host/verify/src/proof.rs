//! Proves the action and the receipt of a bundle: checks signatures, subject, log, approvals and digests.
//!
//! Contract, policies and evidence are only hashed here, not interpreted.

use deed_record::action::{Action, VERSIONS};
use deed_record::bundle;
use deed_record::lifecycle::event::entry;
use deed_record::statement::envelope::{Kind, Statement};
use deed_record::statement::receipt::Receipt;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;
use deed_spec::merkle::leaf_hash;
use deed_spec::note::{self, Checkpoint};

use super::links::{self, Links};
use super::opened::Opened;
use super::proven::{self, Proven};
use super::trust::Trust;
use super::{
    ACTIVATION, APPROVALS, Book, CHAIN, CHECKPOINT, CLEARANCES, Finding, Found, INCLUSION,
    RECONCILIATION, RESOLUTION, SIGNATURE, SUBJECT, WITNESSES, activation, approvals, clearances,
    digests, pass, reconciliation, resolution, witnesses,
};

/// Runs every check that needs only hashes and signatures. Returns `None` unless all checks pass.
pub(super) fn prove(opened: &Opened, trust: &Trust, book: &mut Book) -> Option<Proven> {
    let statement = match signature(opened, trust) {
        Ok(statement) => statement,
        Err(found) => {
            book.note(SIGNATURE, found);
            return None;
        }
    };
    let receipt = json::from_exact::<Receipt>(statement.predicate.clone());
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
    let links = match links::find(opened, &receipt) {
        Ok(links) => links,
        Err(fault) => {
            book.note(CHAIN, Err(fault));
            return None;
        }
    };
    book.note(CHAIN, links.found());
    let logged = log(opened, &links, &action, trust, book);
    let subject = &statement.action;
    let (given, found) = approvals::check(opened, &links, subject, &action, &receipt, trust);
    let approved = book.note(APPROVALS, found);
    let (plans, found) = clearances::check(opened, &links, subject, &action, &receipt, trust);
    let cleared = book.note(CLEARANCES, found);
    let word = match resolution::open(opened, &links, subject, &action, &receipt, trust) {
        Ok(word) => word,
        Err(found) => {
            book.note(RESOLUTION, found);
            return None;
        }
    };
    book.note(RESOLUTION, resolution::found(word.as_ref()));
    let settled = reconciliation::open(opened, &links, subject, &receipt, word.as_ref(), trust);
    let found = settled.clone().and_then(|one| reconciliation::found(one.as_ref(), &receipt));
    book.note(RECONCILIATION, found);
    let Ok(settled) = settled else { return None };
    let whole = digests::check(opened, &action, &receipt, settled.as_ref(), book);
    book.settled = settled.as_ref().map(|one| one.outcome);
    if !(logged && approved && cleared && whole) {
        return None;
    }
    let found = activation::check(opened, &links, &action, &receipt, &given, trust);
    let proven = Proven { action, receipt, given, plans, word, settled };
    book.note(ACTIVATION, found).then_some(proven)
}

/// The receipt's statement if a trusted key signed it, otherwise the finding to record for the signature check.
fn signature(opened: &Opened, trust: &Trust) -> Result<Statement, Found> {
    if trust.receipt_keys.is_empty() {
        return Err(Ok(Finding::Untrusted("no receipt key is trusted".to_owned())));
    }
    proven::statement(opened, opened.receipt_at, Kind::Receipt, trust).map_err(Err)
}

fn subject(opened: &Opened, statement: &Statement) -> Result<Action, String> {
    let found = Digest::of(opened.part(bundle::ACTION)?);
    if found != statement.action {
        return Err(format!(
            "the receipt is about {}, but action.json is {found}",
            statement.action
        ));
    }
    let action: Action = opened.record(bundle::ACTION)?;
    if !VERSIONS.contains(&action.v) {
        return Err(format!(
            "action.json has version {}, but this reader supports 1 and 2",
            action.v
        ));
    }
    if !action.has_sound_edit() {
        return Err("`edit` in action.json names no editor, or the action itself".to_owned());
    }
    // The digest is computed from the parsed action, so it does not match if this version reads a field differently
    // from what was written.
    if action.digest().ok() == Some(found) {
        Ok(action)
    } else {
        Err("action.json is not in the form that this version writes".to_owned())
    }
}

/// Checks that all proofs share one checkpoint, that a trusted key of this tenant's log signed the checkpoint, and that
/// every envelope is in the tree of the checkpoint.
fn log(opened: &Opened, links: &Links, action: &Action, trust: &Trust, book: &mut Book) -> bool {
    let tree = match checkpoint(opened, &action.tenant, trust) {
        Ok(tree) => {
            book.note(CHECKPOINT, pass(format!("{} signed {} entries", tree.origin, tree.size)));
            tree
        }
        Err(found) => {
            book.note(CHECKPOINT, found);
            let names = [INCLUSION, WITNESSES];
            book.pass_over(&names, "not checked: there is no trusted checkpoint");
            return false;
        }
    };
    let included = book.note(INCLUSION, inclusion(opened, links, &tree));
    let note = opened.proofs.first().map(|proof| proof.checkpoint.as_str()).unwrap_or_default();
    book.note(WITNESSES, witnesses::check(note, trust.witnesses.as_ref()));
    included
}

fn checkpoint(opened: &Opened, tenant: &str, trust: &Trust) -> Result<Checkpoint, Found> {
    if trust.log.is_empty() {
        return Err(Ok(Finding::Untrusted("no log key is trusted".to_owned())));
    }
    let failed = |why: &str| Err(why.to_owned());
    let note = opened.proofs.first().map(|proof| proof.checkpoint.as_str()).unwrap_or_default();
    if opened.proofs.iter().any(|proof| proof.checkpoint != note) {
        return Err(failed("the proofs do not share one checkpoint"));
    }
    let origin = note.lines().next().unwrap_or_default();
    if origin.rsplit('/').next() != Some(tenant) {
        return Err(Err(format!("the log `{origin}` is not the log of tenant `{tenant}`")));
    }
    let by_log = format!("— {origin} ");
    if note.lines().filter(|line| line.starts_with(&by_log)).count() > 1 {
        return Err(failed("the checkpoint has two signatures by its log"));
    }
    let mut fault = format!("no trusted key belongs to the log `{origin}`");
    for key in trust.log.iter().filter(|key| key.name() == origin) {
        match note::verify(note, key) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(error) => fault = error.to_string(),
        }
    }
    Err(Err(fault))
}

/// Checks that the envelopes are in the log in the order of the chain. In the chain, each envelope precedes the
/// envelopes that were signed after it.
fn inclusion(opened: &Opened, links: &Links, tree: &Checkpoint) -> Found {
    let mut places = Vec::new();
    if !opened.proofs.is_sorted_by(|one, next| one.index < next.index) {
        return Err("the chain is not in the order of the log".to_owned());
    }
    let envelopes = links.kinds().into_iter().zip(&opened.chain);
    for ((kind, envelope), proof) in envelopes.zip(&opened.proofs) {
        let leaf = leaf(kind, envelope)?;
        proof
            .leads_to(&leaf, tree)
            .map_err(|e| format!("{} {}: {e}", kind.as_str(), proof.index))?;
        places.push(proof.index.to_string());
    }
    pass(format!("every envelope is in the log, at {}", places.join(", ")))
}

fn leaf(kind: Kind, envelope: &Envelope) -> Result<deed_spec::merkle::Hash, String> {
    let payload = envelope.payload_digest().map_err(|e| e.to_string())?;
    Ok(leaf_hash(&entry(kind.as_str(), &payload)))
}
