//! What signatures vouch for: the statements of a bundle under trusted keys, and all of them together.

use deed_record::action::Action;
use deed_record::statement::envelope::{Kind, Statement};
use deed_record::statement::receipt::Receipt;
use deed_record::statement::reconciliation::Reconciliation;

use super::approvals::Given;
use super::opened::Opened;
use super::resolution::Word;
use super::trust::Trust;

/// What signatures and digests vouch for.
pub(super) struct Proven {
    pub(super) action: Action,
    pub(super) receipt: Receipt,
    /// The answers of approvers, in the order in which they were given.
    pub(super) given: Vec<Given>,
    /// What a person said of it, when it had been left open.
    pub(super) word: Option<Word>,
    /// What settled it later.
    pub(super) settled: Option<Reconciliation>,
}

/// What a host's key signed, under the trusted key that the envelope in this line of the chain names, and
/// that counts at its place in the log. That it stands there is for its proof to say.
pub(super) fn statement(
    opened: &Opened,
    line: usize,
    kind: Kind,
    trust: &Trust,
) -> Result<Statement, String> {
    let (Some(envelope), Some(proof)) = (opened.chain.get(line), opened.proofs.get(line)) else {
        return Err(format!("the {} is missing", kind.as_str()));
    };
    let key = trust.receipt_key(envelope.key_hint().unwrap_or_default(), proof.index)?;
    Statement::open(envelope, key, kind).map_err(|e| e.to_string())
}
