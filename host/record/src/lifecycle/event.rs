//! Events: what the journal keeps of an action, in order. Status and story are folds over them.

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

/// What can happen to an action. An event that *starts* something is written before it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A proposal was bound to its contract.
    Proposed {
        bound: Arc<Bound>,
        bindings: Arc<BTreeMap<String, Binding>>,
        trace: Option<String>,
    },
    /// Policy was asked; `gate` tells the two times apart.
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
    /// People are asked for approval of exactly this, in exactly this world.
    Asked {
        ask: Arc<Ask>,
    },
    /// A signed approval or denial came in; its signature was checked.
    Answered {
        answer: Arc<Answer>,
    },
    /// What was approved is not what would happen now; the approvals so far count for nothing.
    Stale {
        reason: String,
    },
    /// The gate was passed: this may run once.
    Cleared {
        grant: Arc<GrantRecord>,
    },
    /// Durable, with the signed decision, before anything can leave.
    AttemptStarted {
        n: u32,
        epoch: u64,
        deadline_ms: i64,
        decision: Arc<Signed>,
    },
    /// The intent to send a write; durable before its first byte.
    WriteIntended {
        n: u32,
        /// That of the attempt; none in journals from before there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
        ordinal: u32,
        request_sha256: Digest,
        deadline_ms: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idempotency_key: Option<String>,
    },
    /// What became of an intended write; durable before the adapter is told.
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
    /// The outcome is known, or that it cannot be known.
    Judged {
        judgement: Arc<Judgement>,
    },
    /// The receipt was signed.
    Sealed {
        envelope: Arc<Signed>,
    },
    /// Looks do not settle it: an operator has to say what happened. The looks go on.
    Escalated {
        reason: String,
    },
    /// A signed word of an operator came in; its signature was checked.
    Resolved {
        resolution: Arc<Resolution>,
        envelope: Arc<Signed>,
    },
    /// What the receipt had to leave open was found out by a later look, or concluded from a person's word.
    Settled {
        /// Absent when the host could not look after a person's word.
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

/// Which look at the system of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before anybody was asked.
    Pre,
    /// Again at the gate, because time passed.
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
    /// Upstreams the run may name, with everything that binds them.
    pub upstreams: Arc<BTreeMap<String, Binding>>,
    /// Wall clock of the run in milliseconds.
    pub timeout_ms: u64,
    /// The longest an upstream waits for one answer, in milliseconds.
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
    /// What the adapter asked for outside of its grant; nothing of it left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// Unix milliseconds.
    pub started_ms: i64,
    pub ended_ms: i64,
}

/// Where an envelope stands in the tenant's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// The word of the envelope's [`crate::statement::envelope::Kind`].
    pub kind: String,
    /// SHA-256 of the envelope's payload.
    pub payload: Digest,
    pub index: u64,
}

impl Leaf {
    /// The entry's bytes in the log: `urn:deed:entry:v1\n<kind> <hex>\n`.
    pub fn entry(&self) -> Vec<u8> {
        entry(&self.kind, &self.payload)
    }

    /// The leaf of an entry at this index; none of one that is not written so.
    pub fn of(bytes: &[u8], index: u64) -> Option<Self> {
        let line = std::str::from_utf8(bytes).ok()?.strip_prefix("urn:deed:entry:v1\n")?;
        let (kind, hex) = line.strip_suffix('\n')?.split_once(' ')?;
        let payload = Digest::from_hex(hex).ok()?;
        Some(Self { kind: kind.to_owned(), payload, index })
    }
}

/// The bytes that stand in the log for an envelope.
pub fn entry(kind: &str, payload: &Digest) -> Vec<u8> {
    format!("urn:deed:entry:v1\n{kind} {}\n", payload.hex()).into_bytes()
}

impl Event {
    /// The event's name as the journal writes it; for the ledger and for errors.
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
