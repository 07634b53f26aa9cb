//! Finds out which statement each signed envelope of a bundle contains, from the digests in the signed receipt.
//!
//! No payload is read here: an envelope is identified by its digest in the receipt.

use deed_record::statement::envelope::Kind;
use deed_record::statement::receipt::Receipt;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;

use super::opened::Opened;
use super::{Found, pass};

/// Line numbers of the chain, in the order in which the receipt names them.
pub(super) struct Links {
    pub(super) approvals: Vec<usize>,
    pub(super) decisions: Vec<usize>,
    /// The activations (signed configurations) that were in force when the decisions were made.
    pub(super) activated: Vec<usize>,
    receipt: usize,
    /// A person's resolution of a receipt that left the outcome open. The host's conclusion always follows the
    /// resolution.
    pub(super) resolution: Option<usize>,
    /// The host's last statement, which follows the receipt and a person's resolution, if there is one.
    pub(super) reconciliation: Option<usize>,
}

/// Checks that the receipt names every envelope that precedes it in the chain exactly once, and that all envelopes that
/// the receipt names are present.
pub(super) fn find(opened: &Opened, receipt: &Receipt) -> Result<Links, String> {
    let (before, after) = opened.chain.split_at(opened.receipt_at);
    let digests: Result<Vec<Digest>, String> = before.iter().map(digest).collect();
    let digests = digests?;
    let line = |named: &Digest, what: &str| {
        let at = digests.iter().position(|found| found == named);
        at.ok_or_else(|| format!("the receipt names the {what} {named}, which is missing"))
    };
    let named = receipt.approvals.iter().map(|one| line(&one.payload_sha256, "approval"));
    let approvals: Vec<usize> = named.collect::<Result<_, _>>()?;
    let named = receipt.attempts.iter().map(|one| line(&one.decision_sha256, "decision"));
    let decisions: Vec<usize> = named.collect::<Result<_, _>>()?;
    let named = receipt.activated.iter().map(|one| line(one, "activation"));
    let activated: Vec<usize> = named.collect::<Result<_, _>>()?;
    let mut lines: Vec<usize> = [approvals.as_slice(), &decisions, &activated].concat();
    lines.sort_unstable();
    if !lines.iter().copied().eq(0..before.len()) {
        return Err("an envelope occurs twice, or the receipt does not name it".to_owned());
    }
    let receipt = opened.receipt_at;
    let (resolution, reconciliation) = match after.len() {
        0 | 1 => (None, None),
        2 => (None, Some(receipt + 1)),
        3 => (Some(receipt + 1), Some(receipt + 2)),
        _ => return Err("more than two envelopes follow the receipt".to_owned()),
    };
    Ok(Links { approvals, decisions, activated, receipt, resolution, reconciliation })
}

impl Links {
    /// The kind of every envelope, in the order of the chain.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let of = |kind| move |line: &usize| (*line, kind);
        let mut kinds: Vec<(usize, Kind)> = self.approvals.iter().map(of(Kind::Approval)).collect();
        kinds.extend(self.decisions.iter().map(of(Kind::Decision)));
        kinds.extend(self.activated.iter().map(of(Kind::Activated)));
        kinds.push((self.receipt, Kind::Receipt));
        let settles = self.resolution.iter().chain(&self.reconciliation);
        kinds.extend(settles.map(of(Kind::Reconciliation)));
        kinds.sort_unstable_by_key(|(line, _)| *line);
        kinds.into_iter().map(|(_, kind)| kind).collect()
    }

    pub(super) fn found(&self) -> Found {
        let words: Vec<&str> = self.kinds().into_iter().map(Kind::as_str).collect();
        pass(words.join(", "))
    }
}

fn digest(envelope: &Envelope) -> Result<Digest, String> {
    envelope.payload_digest().map_err(|e| e.to_string())
}
