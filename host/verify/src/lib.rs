//! Verifies a bundle with the keys that the reader trusts. The result is a verdict, with one line for every check.
//!
//! A record is read only after the signature or digest that covers the record was checked, and no key or rule from the
//! bundle is trusted.

mod activation;
mod approvals;
pub mod audit;
mod clearances;
mod content;
mod decision;
mod digests;
mod evidence;
mod gate;
mod links;
mod opened;
pub mod page;
mod plans;
mod proof;
mod proven;
mod reconciliation;
pub mod replay;
mod resolution;
mod secrets;
mod trust;
mod witnesses;

use deed_record::lifecycle::outcome::Outcome;
use serde::Serialize;

pub use self::content::rendering;
pub use self::opened::{Opened, open};
pub use self::trust::{Approver, ReceiptKey, Trust, TrustError};
pub use self::witnesses::shortfall;

/// How many bytes of a file a caller of [`verify`] reads at most. A bundle has at most 64 MiB. One byte more than the
/// limit is read, so that a file beyond the limit is recognised and refused.
pub const READ_MAX: u32 = (64 << 20) + 1;

/// Checks a `.deed` file with keys from a source other than the file.
///
/// Container, signatures, log proofs and digests are checked first. If all of these are valid, the evidence of the
/// bundle is read, and decision and outcome are computed again. Without trusted keys nothing can be verified, but a
/// damaged container still fails. For a copy without evidence, such as agents receive, [`Verdict::SignaturesOnly`] is
/// the best possible verdict.
pub fn verify(bundle: &[u8], trust: Option<&Trust>) -> Report {
    let mut book = Book::default();
    check(bundle, trust, &mut book);
    book.close()
}

/// The verdict, and the checks on which it is based.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub verdict: Verdict,
    /// The action's id; present once a receipt with a trusted signature proves that the bundle is about this action.
    pub action: Option<String>,
    /// The outcome in the receipt; present once the signature of the receipt was checked.
    pub outcome: Option<Outcome>,
    /// The outcome that was settled later, if the receipt left it open.
    pub settled: Option<Outcome>,
    /// Every check in order, including skipped checks.
    pub checks: Vec<Line>,
}

/// What a reader may conclude from the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All checks that a proof needs have passed. A line that is marked as skipped names a check that was not made and
    /// that the proof does not need.
    Verified,
    /// Signatures, log proofs and digests are valid, but the copy has no evidence. Without evidence, the outcome rests
    /// on the host's statement alone.
    SignaturesOnly,
    /// At least one check failed.
    Failed,
    /// No check failed, but trusted keys for a required check are missing.
    Unverifiable,
}

impl Verdict {
    /// Whether all checks that could be made have passed, and no trusted keys were missing.
    pub fn holds(self) -> bool {
        matches!(self, Self::Verified | Self::SignaturesOnly)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::SignaturesOnly => "signatures_only",
            Self::Failed => "failed",
            Self::Unverifiable => "unverifiable",
        }
    }

    /// The exit code of a command with this verdict.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Failed => 1,
            Self::Unverifiable => 2,
            Self::SignaturesOnly => 3,
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub name: &'static str,
    pub status: Status,
    /// What the check found, as text for people.
    pub detail: String,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pass,
    Fail,
    Skip,
}

/// Names of the checks, in the order of the report.
const CONTAINER: &str = "container";
const SIGNATURE: &str = "receipt signature";
const SUBJECT: &str = "subject";
const CHAIN: &str = "chain";
const CHECKPOINT: &str = "checkpoint";
const INCLUSION: &str = "inclusion";
const WITNESSES: &str = "witnesses";
const APPROVALS: &str = "approvals";
const CLEARANCES: &str = "decisions";
const RESOLUTION: &str = "resolution";
const RECONCILIATION: &str = "reconciliation";
const CONTRACT: &str = "contract";
const GRANT: &str = "grant";
const POLICY_SET: &str = "policy set";
const QUESTION: &str = "question";
const EVIDENCE: &str = "evidence";
const ACTIVATION: &str = "activation";
const SUMMARY: &str = "summary";
const REQUESTS: &str = "requests";
const DECISION: &str = "decision";
const GATE: &str = "gate";
const OUTCOME: &str = "outcome";
const SETTLED: &str = "settled";
const PROOFS: [&str; 16] = [
    SIGNATURE,
    SUBJECT,
    CHAIN,
    CHECKPOINT,
    INCLUSION,
    WITNESSES,
    APPROVALS,
    CLEARANCES,
    RESOLUTION,
    RECONCILIATION,
    CONTRACT,
    GRANT,
    POLICY_SET,
    QUESTION,
    EVIDENCE,
    ACTIVATION,
];
const CONTENTS: [&str; 6] = [SUMMARY, REQUESTS, DECISION, GATE, OUTCOME, SETTLED];

/// What a check found, with a text for people.
enum Finding {
    Pass(String),
    Fail(String),
    /// The check could not be made, but the proof is valid without it.
    Skip(String),
    /// The check could not be made, and without it there is no proof.
    Untrusted(String),
}

/// The result of a check; `Err` describes what is wrong.
type Found = Result<Finding, String>;

#[expect(clippy::unnecessary_wraps, reason = "every check ends in a `Found`")]
fn pass(detail: impl Into<String>) -> Found {
    Ok(Finding::Pass(detail.into()))
}

/// The report under construction.
#[derive(Default)]
struct Book {
    lines: Vec<Line>,
    failed: bool,
    untrusted: bool,
    /// Whether the bundle has no evidence for checking the outcome.
    without_evidence: bool,
    action: Option<String>,
    outcome: Option<Outcome>,
    settled: Option<Outcome>,
}

impl Book {
    /// Records a finding. Returns whether the check neither failed nor lacked trusted keys.
    fn note(&mut self, name: &'static str, found: Found) -> bool {
        let (status, detail, stands) = match found.unwrap_or_else(Finding::Fail) {
            Finding::Pass(detail) => (Status::Pass, detail, true),
            Finding::Fail(detail) => (Status::Fail, detail, false),
            Finding::Skip(detail) => (Status::Skip, detail, true),
            Finding::Untrusted(detail) => {
                self.untrusted = true;
                (Status::Skip, detail, false)
            }
        };
        self.failed |= status == Status::Fail;
        self.lines.push(Line { name, status, detail });
        stands
    }

    /// Records as skipped the checks that were not made because of an earlier result.
    fn pass_over(&mut self, names: &[&'static str], why: &str) {
        let done = |name: &str| self.lines.iter().any(|line| line.name == name);
        let open: Vec<&'static str> = names.iter().copied().filter(|name| !done(name)).collect();
        for name in open {
            self.lines.push(Line { name, status: Status::Skip, detail: why.to_owned() });
        }
    }

    fn close(self) -> Report {
        let verdict = match (self.failed, self.untrusted) {
            (true, _) => Verdict::Failed,
            (false, true) => Verdict::Unverifiable,
            (false, false) if self.without_evidence => Verdict::SignaturesOnly,
            (false, false) => Verdict::Verified,
        };
        Report {
            verdict,
            action: self.action,
            outcome: self.outcome,
            settled: self.settled,
            checks: self.lines,
        }
    }
}

fn check(bundle: &[u8], trust: Option<&Trust>, book: &mut Book) {
    let opened = match opened::open(bundle) {
        Ok(opened) => opened,
        Err(fault) => {
            book.note(CONTAINER, Err(fault));
            return book
                .pass_over(&[PROOFS.as_slice(), &CONTENTS].concat(), "the container is damaged");
        }
    };
    book.without_evidence = opened.is_agents_copy();
    let envelopes = opened.chain.len();
    book.note(CONTAINER, pass(format!("{} parts, {envelopes} envelope(s)", opened.files.len())));
    let Some(trust) = trust else {
        book.note(SIGNATURE, Ok(Finding::Untrusted("no trust directory was given".to_owned())));
        return book
            .pass_over(&[PROOFS.as_slice(), &CONTENTS].concat(), "no trust directory was given");
    };
    if let Some(proven) = proof::prove(&opened, trust, book) {
        return content::check(&opened, &proven, book);
    }
    let why = "not checked: signatures and digests are not proved";
    book.pass_over(&[PROOFS.as_slice(), &CONTENTS].concat(), why);
}

#[cfg(test)]
mod tests;
