//! What signatures prove: the statements of a bundle under trusted keys, and all of them together.

use deed_record::action::Action;
use deed_record::statement::envelope::{Kind, Statement};
use deed_record::statement::receipt::Receipt;
use deed_record::statement::reconciliation::Reconciliation;

use super::approvals::Given;
use super::opened::Opened;
use super::resolution::Word;
use super::trust::Trust;

/// What signatures and digests prove.
pub(super) struct Proven {
    pub(super) action: Action,
    pub(super) receipt: Receipt,
    /// The answers of approvers, in the order in which they were given.
    pub(super) given: Vec<Given>,
    /// The resolution of a person, if the outcome had been left open.
    pub(super) word: Option<Word>,
    /// The later settlement.
    pub(super) settled: Option<Reconciliation>,
}

/// A statement of the host, under the trusted key that the envelope in this line of the chain names and that is valid
/// at its index. Its log proof, checked separately, shows that it is in the log.
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
