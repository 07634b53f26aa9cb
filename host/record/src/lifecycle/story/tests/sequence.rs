//! Generates legal and illegal events over small domains, and the picks that select among these events.

use std::sync::{Arc, OnceLock};

use deed_spec::digest::Digest;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::action::id::ActionId;
use crate::action::private::Openings;
use crate::action::salts::Salts;
use crate::action::{Action, Bound, ContractRef, Proposal};
use crate::exchange::claim::Claim;
use crate::exchange::{Exchange, Fate};
use crate::fixtures::{self, envelope};
use crate::lifecycle::event::{Answer, Deferral, Entry, Event, GrantRecord, Phase};
use crate::lifecycle::observation::{Observation, Sight};
use crate::lifecycle::outcome::{Judgement, Outcome};
use crate::lifecycle::status::Status;
use crate::plan::{Plan, Planned, Rehearsal};
use crate::policy::Verdict;
use crate::statement::approval::Ask;
use crate::statement::resolution::{self, Resolution};

/// Selects the next event: the candidate at the index or, with help, the next legal candidate after the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    pub(super) helped: bool,
    /// Whether a pick with help may select an event that ends the action. If picks with help often selected an event
    /// that ends the action, few sequences would become long, because an action can be judged in almost every status.
    pub(super) ends: bool,
    pub(super) index: u16,
}

pub(super) fn picks() -> impl Strategy<Value = Vec<Pick>> {
    let pick = (prop::bool::weighted(0.85), prop::bool::weighted(0.06), any::<u16>())
        .prop_map(|(helped, ends, index)| Pick { helped, ends, index });
    proptest::collection::vec(pick, 0..96)
}

const PHASES: [Phase; 3] = [Phase::Pre, Phase::Gate, Phase::Post];
const VERDICTS: [Verdict; 3] = [Verdict::Allow, Verdict::Ask, Verdict::Deny];
const OUTCOMES: [Outcome; 8] = [
    Outcome::Verified,
    Outcome::Mismatch,
    Outcome::Denied,
    Outcome::Failed,
    Outcome::Indeterminate,
    Outcome::Expired,
    Outcome::Cancelled,
    Outcome::Rehearsed,
];
/// The attempt numbers to test. Attempts are numbered from 1, so the number 0 must be refused.
const NUMBERS: [u32; 4] = [0, 1, 2, 3];

/// All statuses, without those of a dry run. The action of these tests is none.
pub(super) fn statuses() -> Vec<Status> {
    let mut all = vec![
        Status::Proposed,
        Status::Waiting,
        Status::Stale,
        Status::CancelRequested,
        Status::Cleared,
        Status::Attempting,
        Status::Attempted,
        Status::Retrying,
        Status::Resolved,
    ];
    all.extend(VERDICTS.iter().flat_map(|v| [Status::Decided(*v), Status::Gated(*v)]));
    all.extend(PHASES.iter().flat_map(|p| [Status::Observing(*p), Status::Observed(*p)]));
    let outcomes = || OUTCOMES.iter().filter(|o| **o != Outcome::Rehearsed);
    all.extend(outcomes().flat_map(|o| [Status::Judged(*o), Status::Sealed(*o)]));
    all.extend(outcomes().map(|o| Status::Ended(*o)));
    let settled = outcomes().filter(|o| **o != Outcome::Indeterminate);
    all.extend(settled.flat_map(|o| [Status::Settled(*o), Status::Reconciled(*o)]));
    all
}

/// Returns one event for each combination of values that the story distinguishes.
pub(super) fn candidates() -> &'static [Event] {
    static ALL: OnceLock<Vec<Event>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = vec![proposed().event, asked(), cleared(), sealed(), reconciled(), logged()];
        all.extend([true, false].map(answered));
        let deferral = Deferral { person: "lead".into(), reason: "later".into(), until_ms: 900 };
        all.push(Event::Deferred { deferral: Arc::new(deferral) });
        all.push(Event::Stale { reason: "the state changed".into() });
        all.push(Event::RetryPlanned { reason: "again".into(), not_before_ms: 5 });
        all.push(Event::Escalated { reason: "nobody knows".into() });
        all.push(resolved());
        all.push(Event::CancelRequested { by: "helpdesk".into() });
        for verdict in VERDICTS {
            all.extend([true, false].map(|gate| decided(gate, verdict)));
        }
        all.extend([true, false].map(rehearsed));
        for phase in PHASES {
            let observation = Sight::shared(look());
            all.extend([Event::ObserveStarted { phase }, Event::Observed { phase, observation }]);
        }
        for outcome in OUTCOMES {
            let judgement = Arc::new(Judgement::plain(outcome, "so it is"));
            all.push(Event::Judged { judgement: judgement.clone() });
            for observation in [Some(Sight::shared(look())), None] {
                all.push(Event::Settled { observation, judgement: judgement.clone() });
            }
        }
        all.extend(NUMBERS.iter().flat_map(|n| attempt(*n)));
        all
    })
}

/// The events of an attempt with this number, under its own epoch and under others.
fn attempt(n: u32) -> Vec<Event> {
    let ended = fixtures::attempt(n, Claim::Done, vec![]);
    let mut all = vec![Event::AttemptEnded { attempt: Arc::new(ended) }, intended(n, None, 0)];
    for epoch in [u64::from(n), u64::from(n) + 1] {
        let decision = envelope();
        all.push(Event::AttemptStarted { n, epoch, deadline_ms: 10, decision });
        for ordinal in [0, 1] {
            let exchange = Arc::new(exchange(ordinal));
            all.extend([
                intended(n, Some(epoch), ordinal),
                Event::WriteEnded { n, epoch, exchange },
            ]);
        }
    }
    all
}

pub(super) fn intended(n: u32, epoch: Option<u64>, ordinal: u32) -> Event {
    Event::WriteIntended {
        n,
        epoch,
        ordinal,
        request_sha256: digest(),
        deadline_ms: 9,
        idempotency_key: None,
    }
}

pub(super) fn exchange(ordinal: u32) -> Exchange {
    let open = fixtures::exchange("POST", "/Users", Fate::NoAnswer);
    Exchange { ordinal, started_ms: 1, ended_ms: 2, deadline_ms: 9, ..open }
}

pub(super) fn proposed() -> Entry {
    let name = "idp.restore_access".to_owned();
    let params = json!({"user_id": "42"});
    let action = Action {
        v: 1,
        id: ActionId::new(1, [0; 10]),
        tenant: "acme".into(),
        environment: "production".into(),
        principal: "helpdesk".into(),
        person: "owner".into(),
        on_behalf_of: None,
        dry_run: false,
        edit: None,
        contract: ContractRef { name: name.clone(), version: "1.0.0".into(), digest: digest() },
        adapter: digest(),
        resource: "idp/users/42".into(),
        params: params.clone(),
        binding: [].into(),
        nonce: "00".repeat(16),
    };
    let proposal = Proposal {
        contract: name,
        params,
        intent: "let them work again".into(),
        reasoning: None,
        on_behalf_of: None,
        sources: vec![],
        environment: None,
        expect: [].into(),
        dry_run: false,
    };
    let (observe, perform) = (vec![], vec![]);
    let (private, salts) = (Openings::default(), Salts::default());
    let bound = Bound { action: action.into(), proposal, observe, perform, private, salts };
    let event = Event::Proposed { bound: Arc::new(bound), bindings: Arc::default(), trace: None };
    Entry { at_ms: 1, event }
}

/// A rehearsal that gave a plan with one write, or none.
pub(super) fn rehearsed(is_planned: bool) -> Event {
    let planned = Planned { rule: 0, request: fixtures::request("POST", "/Users") };
    let rehearsal = Rehearsal {
        seed: digest(),
        claim: Claim::Done,
        exchanges: vec![],
        refused: vec![],
        plan: is_planned.then(|| Plan { writes: vec![planned] }),
        problem: (!is_planned).then(|| "a request was refused".to_owned()),
        started_ms: 1,
        ended_ms: 2,
    };
    Event::Rehearsed { rehearsal: Arc::new(rehearsal) }
}

pub(super) fn decided(gate: bool, verdict: Verdict) -> Event {
    let (decision, facts) = (fixtures::decision(verdict), fixtures::facts());
    let (decision, facts) = (Arc::new(decision), Arc::new(facts));
    Event::Decided { gate, decision, facts, activated: digest() }
}

pub(super) fn asked() -> Event {
    let ask = Ask {
        nonce: "11".repeat(16),
        expires_ms: 1_000,
        pre_state: digest(),
        plan: None,
        policy_set: digest(),
        obligations: vec![],
    };
    Event::Asked { ask: Arc::new(ask) }
}

fn answered(approves: bool) -> Event {
    let (person, role) = ("lead".to_owned(), "support-lead".to_owned());
    let (delegated_by, envelope) = (None, envelope());
    Event::Answered { answer: Arc::new(Answer { person, role, approves, delegated_by, envelope }) }
}

pub(super) fn cleared() -> Event {
    let grant = GrantRecord {
        contract: digest(),
        adapter: digest(),
        upstreams: Arc::default(),
        timeout_ms: 30_000,
        exchange_timeout_ms: 10_000,
    };
    Event::Cleared { grant: Arc::new(grant) }
}

fn sealed() -> Event {
    Event::Sealed { envelope: envelope() }
}

fn reconciled() -> Event {
    Event::Reconciled { envelope: envelope() }
}

fn resolved() -> Event {
    let resolution = Resolution {
        person: "oscar".into(),
        role: "operator".into(),
        verdict: resolution::ResolutionVerdict::Applied,
        reason: "seen".into(),
        nonce: "22".repeat(16),
        signed_ms: 1,
    };
    Event::Resolved { resolution: Arc::new(resolution), envelope: envelope() }
}

fn logged() -> Event {
    Event::Logged { leaves: vec![], checkpoint: "a checkpoint".into() }
}

pub(super) fn look() -> Observation {
    Observation { state: [].into(), ..fixtures::look(Value::Null) }
}

fn digest() -> Digest {
    Digest::of(b"whatever")
}
