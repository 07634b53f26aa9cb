//! An action as callers see it. Until the action has ended, its agent sees its status and obligations, but not the
//! observed state.

mod access;
pub mod full_plan;
mod plan;
mod secrets;
pub mod stale;

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::action::Source;
use deed_record::action::id::ActionId;
use deed_record::exchange::{Exchange, Fate, Rendered};
use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::observation::Sight;
use deed_record::lifecycle::outcome::{Check, Outcome};
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_record::plan::course;
use deed_record::policy::Decision;
use deed_record::statement::envelope::{Kind, Statement};
use deed_record::statement::resolution::{ROLE, Resolution};
use deed_record::timeline::{self, Line};
use deed_spec::digest::Digest;
use deed_spec::json::Change;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::access::Access;
use self::full_plan::Rehearsed;
pub use self::plan::PlannedRequest;
pub use self::secrets::SecretView;
pub use self::stale::StaleState;
use crate::api::StatusWord;
use crate::api::deferral::{self, Deferred};
use crate::api::draft::Edited;
use crate::engine::EngineError;

/// One action as the caller may see it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct View {
    #[schemars(with = "ActionId")]
    pub id: String,
    #[schemars(with = "StatusWord")]
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The reason for the outcome, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the host refused a write of an attempt because it differs from the plan.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub differs_from_plan: bool,
    pub contract: String,
    /// Such as `idp/users/42`.
    pub resource: String,
    pub agent: String,
    /// The person who is responsible for the agent.
    pub person: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    pub environment: String,
    /// Whether the action is a dry run, which sends no write and asks nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// How the action differs from the one that it replaces, if an approver changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edited>,
    pub intent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    pub sources: Vec<Source>,
    /// The proposed parameters. A private parameter is replaced by its commitment, `private:hmac-sha256:HEX`.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub params: Value,
    /// The writes that may be sent. The host renders the writes from the contract and the parameters, with commitments
    /// in place of private parameters. The list is empty for an action that only reads.
    #[serde(default)]
    pub writes: Vec<Rendered>,
    /// The writes of the plan without values of the state, if the contract is open; shown to the agent only, once the
    /// action has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<PlannedRequest>,
    /// Headers that the operator adds to the writes, by upstream and by lower-case name of the header; shown to people
    /// only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub added_headers: BTreeMap<String, BTreeMap<String, String>>,
    /// The credential of the writes and the way to the upstream, by upstream; shown to people only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub access: BTreeMap<String, Access>,
    /// The rehearsal with the plan, if the contract is open; shown to people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Rehearsed>,
    /// What people still have to do, such as `approve:1:support-lead`, `confirm` (only the responsible person) or
    /// `resolve:1:operator`.
    pub obligations: Vec<String>,
    /// The same in words, such as `1 more approval by support-lead (1 of 2 is there)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// A page that shows the action to people, while the action waits. The page cannot approve or deny.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uri"))]
    pub approve_url: Option<String>,
    /// The other action that holds the resource that this action needs; shown to people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ActionId>")]
    pub held_by: Option<String>,
    /// Why observations cannot settle an open outcome, so that an operator must resolve it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated: Option<String>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
    pub approvals: Vec<Said>,
    /// How approvers put the request off that waits now, in order. The last word of a person counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deferrals: Vec<Deferred>,
    /// Why earlier approvals are void.
    pub stale: Vec<String>,
    /// How the state differed from the state that people were shown, each time their approvals became void, and at the
    /// end; shown to people only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale_states: Vec<StaleState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    pub calls: Vec<Call>,
    pub changes: Vec<Change>,
    pub unexpected: Vec<Change>,
    pub checks: Vec<Check>,
    /// The values of the state after the action that the contract names in `[outputs]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
    /// The secrets that the upstreams created, without their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretView>,
    /// The observed state by name, if the action is a read that ended `verified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptRef>,
    /// A person's resolution of an outcome that the receipt left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// The statement that settled an outcome that the receipt left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconciliation: Option<ReceiptRef>,
    /// Unix milliseconds.
    pub proposed_ms: i64,
    /// When the latest event was appended, in Unix milliseconds.
    pub at_ms: i64,
    pub ledger: Vec<Line>,
}

/// One answer to a request for approval.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Said {
    pub person: String,
    /// The role, or `confirm` if the responsible person confirmed the action or declined to.
    pub role: String,
    pub approves: bool,
    /// The person whose role it is, if the role was delegated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_by: Option<String>,
    /// Whether the answer still counts; false once it is void.
    pub counts: bool,
    /// The ID of the passkey that signed the answer; absent if a key file signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<String>,
    /// The signed reason; shown to people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One request to an upstream and its result.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Call {
    #[schemars(extend("enum" = ["observe", "rehearse", "perform"]))]
    pub phase: String,
    pub upstream: String,
    pub method: String,
    pub path: String,
    pub fate: Fate,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A reference to a receipt or a reconciliation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptRef {
    pub payload_sha256: Digest,
    /// Hex SHA-256 of the key's SPKI DER.
    pub keyid: String,
    /// Index of the leaf in the tenant's log.
    pub index: Option<u64>,
}

/// Returns the part of an action's story that the caller may see: all of it for a person of the tenant, and for the
/// action's agent once the action has ended.
///
/// # Errors
///
/// Fails when a part of the story has no canonical JSON form.
pub fn view(story: &Story, entries: &[Entry], person: bool) -> Result<View, EngineError> {
    let (action, proposal) = (&story.bound.action, &story.bound.proposal);
    let judged = story.concluded();
    let open = judged.is_some() || person;
    let waiting = story.status == Status::Waiting;
    Ok(View {
        id: action.id.to_string(),
        status: story.status.word().to_owned(),
        outcome: judged.map(|j| j.outcome),
        reason: judged.map(|j| j.reason.clone()),
        differs_from_plan: judged.is_some() && differs_from_plan(story),
        contract: action.contract.name.clone(),
        resource: action.resource.clone(),
        agent: action.principal.clone(),
        person: action.person.clone(),
        on_behalf_of: action.on_behalf_of.clone(),
        environment: action.environment.clone(),
        dry_run: action.dry_run,
        edit: None,
        intent: proposal.intent.clone(),
        reasoning: proposal.reasoning.clone(),
        sources: proposal.sources.clone(),
        // The agent may see the parameters at any time, and also the writes without values of the state, because they
        // come from the proposal and the contract alone.
        params: action.params.clone(),
        writes: writes(story, person),
        plan: if open && !person { plan::requests(story) } else { vec![] },
        added_headers: if person { added_headers(story) } else { BTreeMap::new() },
        access: if person { access::of_writes(story) } else { BTreeMap::new() },
        rehearsal: person.then(|| full_plan::rehearsed(story)).flatten(),
        missing: timeline::missing(&obligations(story), &story.approvals()),
        obligations: obligations(story),
        approve_url: None,
        held_by: None,
        escalated: story.escalated.clone().filter(|_| story.needs_resolution()),
        expires_ms: story.ask.as_ref().filter(|_| waiting).map(|ask| ask.expires_ms),
        approvals: story.all_answers.iter().map(|answer| said(story, answer, person)).collect(),
        deferrals: deferral::of(story, person),
        stale: story.stale.clone(),
        stale_states: vec![],
        decision: story.decision.as_ref().map(|(decision, _)| (**decision).clone()),
        calls: if open { calls(story) } else { vec![] },
        changes: judged.map(|j| j.changes.clone()).unwrap_or_default(),
        unexpected: judged.map(|j| j.unexpected.clone()).unwrap_or_default(),
        checks: judged.map(|j| j.checks.clone()).unwrap_or_default(),
        outputs: judged.map(|j| j.outputs.clone()).unwrap_or_default(),
        secrets: if open { secrets::of(story, person) } else { vec![] },
        result: result(story),
        receipt: signed(story, Kind::Receipt)?,
        resolution: story.resolution.as_ref().map(|(said, _)| (**said).clone()),
        reconciliation: signed(story, Kind::Reconciliation)?,
        proposed_ms: story.proposed_ms,
        at_ms: story.at_ms,
        ledger: ledger(entries, person),
    })
}

/// The ledger. An agent does not learn who put a request for approval off, and why.
fn ledger(entries: &[Entry], person: bool) -> Vec<Line> {
    let mut lines = timeline::tell(entries);
    for (line, entry) in lines.iter_mut().zip(entries) {
        if let Event::Deferred { deferral } = &entry.event
            && !person
        {
            line.text = timeline::deferred_by_somebody(deferral);
        }
    }
    lines
}

impl View {
    /// What people still have to do, in words if the host says so.
    pub(crate) fn waits_for(&self) -> &[String] {
        if self.missing.is_empty() { &self.obligations } else { &self.missing }
    }

    /// The reason for the outcome. The signed reason does not say that a write differed from the plan.
    pub(crate) fn because(&self) -> Option<String> {
        let note = "; the host refused a request that differs from the plan";
        let note = if self.differs_from_plan { note } else { "" };
        self.reason.as_ref().map(|reason| format!("{reason}{note}"))
    }
}

fn differs_from_plan(story: &Story) -> bool {
    story.attempts.iter().flat_map(|one| &one.refused).any(|why| course::is_other_write(why))
}

fn obligations(story: &Story) -> Vec<String> {
    match story.status {
        Status::Waiting => story.open_obligations(),
        _ if story.needs_resolution() => vec![format!("resolve:1:{ROLE}")],
        _ => vec![],
    }
}

/// The writes of the action. A person also sees the values of the state that the writes send, once the host has read
/// the state.
fn writes(story: &Story, person: bool) -> Vec<Rendered> {
    let filled = story.perform().ok().filter(|_| person);
    let perform = filled.as_deref().unwrap_or(&story.bound.perform);
    perform.iter().filter(|request| request.writes).cloned().collect()
}

/// The headers that the operator adds to the writes, by upstream.
fn added_headers(story: &Story) -> BTreeMap<String, BTreeMap<String, String>> {
    let written = |upstream: &String| {
        story.bound.perform.iter().any(|request| request.writes && request.upstream == *upstream)
    };
    let added = story
        .bindings
        .iter()
        .filter(|(name, binding)| !binding.headers.is_empty() && written(name));
    added.map(|(name, binding)| (name.clone(), binding.headers.clone())).collect()
}

fn said(story: &Story, answer: &Arc<deed_record::lifecycle::event::Answer>, person: bool) -> Said {
    // Only people see the reason, so an agent's view does not parse the signed statement.
    let signed = || Statement::unverified(&answer.envelope, Kind::Approval).ok();
    let reason = person
        .then(signed)
        .flatten()
        .and_then(|statement| Some(statement.predicate.get("reason")?.as_str()?.to_owned()));
    let passkey = answer.envelope.assertion().and(answer.envelope.key_hint());
    Said {
        person: answer.person.clone(),
        role: answer.role.clone(),
        approves: answer.approves,
        delegated_by: answer.delegated_by.clone(),
        counts: story.answers.contains(answer),
        passkey: passkey.map(str::to_owned),
        reason,
    }
}

fn calls(story: &Story) -> Vec<Call> {
    let seen = |look: Option<&Arc<Sight>>| {
        let exchanges = look.map_or(&[][..], |look| &look.exchanges);
        exchanges.iter().map(|exchange| call("observe", exchange)).collect::<Vec<_>>()
    };
    let sent = story.exchanges().into_iter().map(|exchange| call("perform", exchange)).collect();
    let reads = story.rehearsal.iter().flat_map(|rehearsal| &rehearsal.exchanges);
    let rehearsed = reads.map(|exchange| call("rehearse", exchange)).collect();
    let later = story.later.as_ref().and_then(|(look, _)| look.as_ref());
    [seen(story.pre.as_ref()), rehearsed, sent, seen(story.post.as_ref()), seen(later)].concat()
}

fn call(phase: &str, exchange: &Exchange) -> Call {
    let request = &exchange.request;
    Call {
        phase: phase.to_owned(),
        upstream: request.upstream.clone(),
        method: request.method.clone(),
        path: request.path.clone(),
        fate: exchange.fate,
        at_ms: exchange.started_ms,
    }
}

/// The result of an action that only reads is the observed state.
fn result(story: &Story) -> Option<Value> {
    let verified = story.status == Status::Ended(Outcome::Verified);
    let read = verified && story.attempts.is_empty();
    story.pre.as_ref().filter(|_| read).map(|pre| pre.value())
}

fn signed(story: &Story, kind: Kind) -> Result<Option<ReceiptRef>, EngineError> {
    // A person's resolution is skipped here, although it has the same kind as the host's own reconciliation.
    let word = story.resolution.as_ref().map(|(_, envelope)| envelope);
    let mut chain = story.chain.iter().rev().filter(|(_, envelope)| Some(envelope) != word);
    let Some((_, envelope)) = chain.find(|(is, _)| *is == kind) else {
        return Ok(None);
    };
    let payload = envelope.payload_digest()?;
    Ok(Some(ReceiptRef {
        payload_sha256: payload,
        keyid: envelope.key_hint().unwrap_or_default().to_owned(),
        index: story.leaves.iter().find(|leaf| leaf.payload == payload).map(|leaf| leaf.index),
    }))
}
