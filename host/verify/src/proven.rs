//! The statements of a bundle that trusted keys signed, and the records that these signatures prove.

use deed_record::action::Action;
use deed_record::statement::envelope::{Kind, Statement};
use deed_record::statement::receipt::Receipt;
use deed_record::statement::reconciliation::Reconciliation;
use deed_spec::digest::Digest;

use super::approvals::Given;
use super::opened::Opened;
use super::resolution::Word;
use super::trust::Trust;

/// The records of a bundle that signatures and digests prove.
pub(super) struct Proven {
    pub(super) action: Action,
    pub(super) receipt: Receipt,
    /// The answers of approvers, in the order in which they were given.
    pub(super) given: Vec<Given>,
    /// The digest of the plan in the decision of each attempt, in the order of the attempts.
    pub(super) plans: Vec<Option<Digest>>,
    /// The resolution by a person, if the receipt left the outcome open and a person resolved it.
    pub(super) word: Option<Word>,
    /// The later settlement of an open outcome, if there is one.
    pub(super) settled: Option<Reconciliation>,
}

/// Opens the host's statement in this line of the chain, the file with all signed statements of an action. The key that
/// the envelope names must be trusted, and valid at the index of the envelope in the log. The log proof, which shows
/// that the envelope is in the log, is checked separately.
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
