//! Events: what the journal stores about an action, in order. Status and story are folds over them.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_spec::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::action::{Binding, Bound};
use crate::exchange::Exchange;
use crate::exchange::claim::Claim;
use crate::lifecycle::observation::Sight;
use crate::lifecycle::outcome::Judgement;
use crate::policy::{Decision, Facts};
use crate::statement::approval::Ask;
use crate::statement::envelope::Signed;
use crate::statement::resolution::Resolution;

/// One event and when the host wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub event: Event,
}

/// What can happen to an action. An event that starts a write is durable before it starts;
/// one that starts a look is appended while the look runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A proposal was bound to its contract.
    Proposed {
        bound: Arc<Bound>,
        bindings: Arc<BTreeMap<String, Binding>>,
        trace: Option<String>,
    },
    /// Policy was evaluated; `gate` distinguishes the two evaluations.
    Decided {
        gate: bool,
        decision: Arc<Decision>,
        facts: Arc<Facts>,
        /// Payload digest of the `activated` statement that was in force.
        activated: Digest,
    },
    /// A read-only run starts.
    ObserveStarted {
        phase: Phase,
    },
    Observed {
        phase: Phase,
        observation: Arc<Sight>,
    },
    /// People are asked to approve exactly this action in exactly this state.
    Asked {
        ask: Arc<Ask>,
    },
    /// A signed approval or denial arrived; its signature was checked.
    Answered {
        answer: Arc<Answer>,
    },
    /// What was approved is not what would happen now; the approvals so far are void.
    Stale {
        reason: String,
    },
    /// The action passed the gate: it may run once.
    Cleared {
        grant: Arc<GrantRecord>,
    },
    /// Durable, with the signed decision, before anything can be sent.
    AttemptStarted {
        n: u32,
        epoch: u64,
        deadline_ms: i64,
        decision: Arc<Signed>,
    },
    /// The intent to send a write; durable before its first byte is sent.
    WriteIntended {
        n: u32,
        /// The epoch of the attempt; absent in journals written before the field existed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
        ordinal: u32,
        request_sha256: Digest,
        deadline_ms: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idempotency_key: Option<String>,
    },
    /// The result of an intended write: written before the adapter gets it, durable before the next intent or the
    /// receipt.
    WriteEnded {
        n: u32,
        epoch: u64,
        exchange: Arc<Exchange>,
    },
    AttemptEnded {
        attempt: Arc<Attempt>,
    },
    /// What the attempt left undone is tried again, not before this time (Unix milliseconds).
    RetryPlanned {
        reason: String,
        not_before_ms: i64,
    },
    CancelRequested {
        by: String,
    },
    /// The outcome is known, or it is established that it cannot be known.
    Judged {
        judgement: Arc<Judgement>,
    },
    /// The receipt was signed.
    Sealed {
        envelope: Arc<Signed>,
    },
    /// Looks do not settle the outcome: an operator has to state what happened. The looks continue.
    Escalated {
        reason: String,
    },
    /// A signed resolution of an operator arrived; its signature was checked.
    Resolved {
        resolution: Arc<Resolution>,
        envelope: Arc<Signed>,
    },
    /// What the receipt had to leave open was settled by a later look, or concluded from a person's resolution.
    Settled {
        /// Absent if the host could not look after a person's resolution.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        observation: Option<Arc<Sight>>,
        judgement: Arc<Judgement>,
    },
    /// The reconciliation was signed.
    Reconciled {
        envelope: Arc<Signed>,
    },
    /// Every envelope is a leaf of the log, under this checkpoint.
    Logged {
        leaves: Vec<Leaf>,
        checkpoint: String,
    },
}

/// The purpose of a look at the system of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before any person is asked.
    Pre,
    /// Again at the gate, because time has passed.
    Gate,
    /// After the attempt.
    Post,
}

/// A signed answer of an approver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub person: String,
    pub role: String,
    pub approves: bool,
    pub envelope: Arc<Signed>,
}

/// What one run of the adapter was given: capabilities by name, never values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRecord {
    pub contract: Digest,
    pub adapter: Digest,
    /// Upstreams that the run may name, with their complete bindings.
    pub upstreams: Arc<BTreeMap<String, Binding>>,
    /// Wall-clock time of the run in milliseconds.
    pub timeout_ms: u64,
    /// The longest wait for one response of an upstream, in milliseconds.
    pub exchange_timeout_ms: u64,
}

/// One run of `perform`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// From 1.
    pub n: u32,
    pub claim: Claim,
    pub exchanges: Vec<Exchange>,
    /// What the adapter asked for outside its grant; nothing of it was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// Unix milliseconds.
    pub started_ms: i64,
    pub ended_ms: i64,
}

/// The position of an envelope in the tenant's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// The name of the envelope's [`crate::statement::envelope::Kind`].
    pub kind: String,
    /// SHA-256 of the envelope's payload.
    pub payload: Digest,
    pub index: u64,
}

impl Leaf {
    /// The bytes of the entry in the log: `urn:deed:entry:v1\n<kind> <hex>\n`.
    pub fn entry(&self) -> Vec<u8> {
        entry(&self.kind, &self.payload)
    }

    /// The leaf of an entry at this index; `None` if the entry does not have this form.
    pub fn of(bytes: &[u8], index: u64) -> Option<Self> {
        let line = std::str::from_utf8(bytes).ok()?.strip_prefix("urn:deed:entry:v1\n")?;
        let (kind, hex) = line.strip_suffix('\n')?.split_once(' ')?;
        let payload = Digest::from_hex(hex).ok()?;
        Some(Self { kind: kind.to_owned(), payload, index })
    }
}

/// The bytes of the log entry of an envelope.
pub fn entry(kind: &str, payload: &Digest) -> Vec<u8> {
    format!("urn:deed:entry:v1\n{kind} {}\n", payload.hex()).into_bytes()
}

impl Event {
    /// The event's name in the journal, used in the ledger and in errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "proposed",
            Self::Decided { .. } => "decided",
            Self::ObserveStarted { .. } => "observe_started",
            Self::Observed { .. } => "observed",
            Self::Asked { .. } => "asked",
            Self::Answered { .. } => "answered",
            Self::Stale { .. } => "stale",
            Self::Cleared { .. } => "cleared",
            Self::AttemptStarted { .. } => "attempt_started",
            Self::WriteIntended { .. } => "write_intended",
            Self::WriteEnded { .. } => "write_ended",
            Self::AttemptEnded { .. } => "attempt_ended",
            Self::RetryPlanned { .. } => "retry_planned",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::Judged { .. } => "judged",
            Self::Sealed { .. } => "sealed",
            Self::Escalated { .. } => "escalated",
            Self::Resolved { .. } => "resolved",
            Self::Settled { .. } => "settled",
            Self::Reconciled { .. } => "reconciled",
            Self::Logged { .. } => "logged",
        }
    }
}
