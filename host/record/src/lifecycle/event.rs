//! Events: what the journal stores about an action, in order. The status and the story of an action are computed by
//! applying its events one after another.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_spec::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::action::{Binding, Bound};
use crate::exchange::Exchange;
use crate::exchange::claim::Claim;
use crate::lifecycle::observation::Sight;
use crate::lifecycle::outcome::Judgement;
use crate::plan::Rehearsal;
use crate::policy::{Decision, Facts};
use crate::statement::approval::Ask;
use crate::statement::envelope::Signed;
use crate::statement::resolution::Resolution;

/// One event and the time at which the host wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub event: Event,
}

/// The events that can occur in an action's lifecycle. An event that announces a write is durable before the write
/// starts. An event that announces a read of the state is appended while the read runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A proposal was bound to its contract.
    Proposed {
        bound: Arc<Bound>,
        bindings: Arc<BTreeMap<String, Binding>>,
        trace: Option<String>,
    },
    /// Policy was evaluated. `gate` is true for the evaluation at the gate, directly before an attempt, and false for
    /// the evaluation of the proposal.
    Decided {
        gate: bool,
        decision: Arc<Decision>,
        facts: Arc<Facts>,
        /// Payload digest of the `activated` statement that was in force.
        activated: Digest,
    },
    /// A read-only run of the adapter starts.
    ObserveStarted {
        phase: Phase,
    },
    Observed {
        phase: Phase,
        observation: Arc<Sight>,
    },
    /// The adapter's function `perform` ran in a rehearsal, in which no write was sent. Only actions with an open
    /// contract are rehearsed.
    Rehearsed {
        rehearsal: Arc<Rehearsal>,
    },
    /// People are asked to approve exactly this action in exactly this state.
    Asked {
        ask: Arc<Ask>,
    },
    /// A signed approval or denial arrived; its signature was checked.
    Answered {
        answer: Arc<Answer>,
    },
    /// A person who may answer puts the request for approval off. This changes only what this person is shown.
    Deferred {
        deferral: Arc<Deferral>,
    },
    /// The approvals so far became void, because the action would now differ from what was approved. If nobody was asked
    /// yet, policy requires an approval only now, for the state or the plan.
    Stale {
        reason: String,
    },
    /// The action passed the last checks before an attempt (the gate), so the adapter may run once.
    Cleared {
        grant: Arc<GrantRecord>,
    },
    /// An attempt starts. The start of an attempt and its signed decision are durable before the attempt can send
    /// anything.
    AttemptStarted {
        n: u32,
        epoch: u64,
        deadline_ms: i64,
        decision: Arc<Signed>,
    },
    /// The intent to send a write. This event is durable before the first byte of the write is sent.
    WriteIntended {
        n: u32,
        /// The epoch of the attempt; absent in journals that are older than this field.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
        ordinal: u32,
        request_sha256: Digest,
        deadline_ms: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idempotency_key: Option<String>,
    },
    /// The result of an intended write. This event is written before the adapter gets the result, and is durable before
    /// the next intent or the receipt.
    WriteEnded {
        n: u32,
        epoch: u64,
        exchange: Arc<Exchange>,
    },
    AttemptEnded {
        attempt: Arc<Attempt>,
    },
    /// Another attempt is planned for the writes that are still undone, at `not_before_ms` (Unix milliseconds) or
    /// later.
    RetryPlanned {
        reason: String,
        not_before_ms: i64,
    },
    CancelRequested {
        by: String,
    },
    /// The outcome was judged, possibly as `indeterminate`.
    Judged {
        judgement: Arc<Judgement>,
    },
    /// The receipt was signed.
    Sealed {
        envelope: Arc<Signed>,
    },
    /// The host could not settle the outcome by reading the state, so an operator has to state what happened. While the
    /// host waits for the operator, it continues to read the state.
    Escalated {
        reason: String,
    },
    /// A signed resolution of an operator arrived; its signature was checked.
    Resolved {
        resolution: Arc<Resolution>,
        envelope: Arc<Signed>,
    },
    /// The outcome that the receipt left open was settled by a later observation or by a person's resolution.
    Settled {
        /// The later observation; absent if the host could not read the state after a person's resolution.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        observation: Option<Arc<Sight>>,
        judgement: Arc<Judgement>,
    },
    /// The reconciliation was signed.
    Reconciled {
        envelope: Arc<Signed>,
    },
    /// Every envelope is now an entry of the log under this checkpoint.
    Logged {
        leaves: Vec<Leaf>,
        checkpoint: String,
    },
}

/// The purpose of reading the state from the system of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The read before any person is asked for approval.
    Pre,
    /// The read directly before an attempt (at the gate), because time has passed since the first read.
    Gate,
    /// The read after the attempt.
    Post,
}

/// An approver's signed answer to a request for approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub person: String,
    pub role: String,
    pub approves: bool,
    /// The person whose role it is, if the role was delegated. The signed statement does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_by: Option<String>,
    pub envelope: Arc<Signed>,
}

/// That a person puts a request for approval off. It is not signed, and occurs in the journal only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deferral {
    pub person: String,
    pub reason: String,
    /// Unix milliseconds.
    pub until_ms: i64,
}

/// What one run of the adapter was granted. Credentials occur by name, never by value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRecord {
    pub contract: Digest,
    pub adapter: Digest,
    /// The upstreams that the run may use, with their complete bindings.
    pub upstreams: Arc<BTreeMap<String, Binding>>,
    /// The maximum wall-clock time of the run in milliseconds.
    pub timeout_ms: u64,
    /// The longest wait for one response of an upstream, in milliseconds.
    pub exchange_timeout_ms: u64,
}

/// One run of `perform`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The number of the attempt, from 1.
    pub n: u32,
    pub claim: Claim,
    pub exchanges: Vec<Exchange>,
    /// The requests that the adapter made outside its grant. None of the refused requests was sent.
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

    /// Parses an entry of the log and returns the leaf for this index; `None` if the entry does not have the form
    /// `urn:deed:entry:v1\n<kind> <hex>\n`.
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
            Self::Rehearsed { .. } => "rehearsed",
            Self::Asked { .. } => "asked",
            Self::Answered { .. } => "answered",
            Self::Deferred { .. } => "deferred",
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
