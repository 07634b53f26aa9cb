//! A signed example action for the tests: one lead approved or denied that access is restored.

use std::sync::Arc;

use deed_record::contract::Contract;
use deed_record::exchange::claim::Claim;
use deed_record::lifecycle::event::{Answer, Attempt, Entry, Event, GrantRecord, Phase};
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::outcome::{self, Judgement, Outcome, Seen};
use deed_record::lifecycle::story::Story;
use deed_record::policy::{Facts, Policies, Verdict};
use deed_record::statement::activation::{self, Activation, Granted, agent_digest, name_digest};
use deed_record::statement::approval::{self, Ask, Terms};
use deed_record::statement::decision::Clearance;
use deed_record::statement::envelope::{Kind, Signed, Statement};
use deed_spec::dsse::{Envelope, key_id};
use deed_spec::json;
use deed_spec::note::LogKey;
use ed25519_dalek::SigningKey;
use serde::Serialize;

use super::parts::{bound, compiled, contract, exchange, key, look, observed, started};

/// An example action and all records that prove it. Tests change these records before the receipt is signed and
/// bundled.
pub(super) struct World {
    pub(super) contract: Contract,
    pub(super) policies: Policies,
    pub(super) receipt_key: SigningKey,
    pub(super) log_key: LogKey,
    pub(super) approver: SigningKey,
    /// The activation in force.
    pub(super) activation: Activation,
    pub(super) entries: Vec<Event>,
    /// The number of entries of other actions that precede this action in the log.
    pub(super) before: usize,
}

/// An action that `lead` approved, that was performed, and that a second observation verified.
pub(super) fn approved() -> World {
    let mut world = proposed();
    let asked = world.decided(false);
    let pre = look(false, "a", 2_000);
    world.entries.extend([asked, started(Phase::Pre), observed(Phase::Pre, &pre)]);
    world.entries.push(world.asked(&pre));
    let answer = world.answer("lead", &world.approver, |_| {});
    world.entries.push(Event::Answered { answer: Arc::new(answer) });
    world.entries.extend([started(Phase::Gate), observed(Phase::Gate, &pre)]);
    world.run();
    world
}

fn proposed() -> World {
    let contract = contract();
    let policies = compiled(&contract);
    let (bound, bindings) = bound(&contract);
    let action = &bound.action;
    let roles = |name: &str| [name.to_owned()].into();
    let lead = activation::Approver {
        keyid: key_id(&key(3).verifying_key()).unwrap(),
        person: name_digest("lead"),
        roles: roles("support-lead"),
    };
    let agent = agent_digest(&action.person, &roles("support")).unwrap();
    let activation = Activation {
        tenant: action.tenant.clone(),
        environment: action.environment.clone(),
        policy_set: policies.digest(),
        granted: [Granted { contract: action.contract.digest, adapter: action.adapter }].into(),
        approvers: [lead].into(),
        agents: [(name_digest(&action.principal), agent)].into(),
        resources: [].into(),
        by_uid: 1000,
        at_ms: 500,
    };
    let proposed =
        Event::Proposed { bound: Arc::new(bound), bindings: Arc::new(bindings), trace: None };
    World {
        contract,
        policies,
        receipt_key: key(1),
        log_key: LogKey::new("log.example/acme", key(2)).unwrap(),
        approver: key(3),
        activation,
        entries: vec![proposed],
        before: 5,
    }
}

impl World {
    /// The state of the action after the events so far, which are one second apart.
    pub(super) fn story(&self) -> Story {
        let entry = |(n, event): (i64, &Event)| Entry { at_ms: n * 1000, event: event.clone() };
        let entries: Vec<Entry> = (1..).zip(&self.entries).map(entry).collect();
        Story::fold(&entries).unwrap()
    }

    pub(super) fn activated(&self) -> Envelope {
        self.activation.statement().unwrap().sign(&self.receipt_key).unwrap()
    }

    fn facts(&self) -> Facts {
        let story = self.story();
        let action = &story.bound.action;
        Facts {
            agent: action.principal.clone(),
            person: action.person.clone(),
            roles: ["support".to_owned()].into(),
            tenant: action.tenant.clone(),
            contract: action.contract.name.clone(),
            verb: "update".into(),
            mode: "write".into(),
            resource: action.resource.clone(),
            attributes: [].into(),
            params: action.params.clone(),
            environment: action.environment.clone(),
            on_behalf_of: None,
            sources: vec!["https://tickets.example/1".into()],
            time_s: story.at_ms.div_euclid(1000),
            approvals: story.approvals(),
            pre: story.pre.as_ref().map(|pre| pre.value()),
        }
    }

    pub(super) fn decided(&self, gate: bool) -> Event {
        let facts = self.facts();
        let decision = Arc::new(self.policies.evaluate(&facts));
        let activated = self.activated().payload_digest().unwrap();
        Event::Decided { gate, decision, facts: Arc::new(facts), activated }
    }

    fn asked(&self, pre: &Observation) -> Event {
        let decision = self.policies.evaluate(&self.facts());
        assert_eq!(decision.verdict, Verdict::Ask);
        let ask = Ask {
            nonce: "11".repeat(16),
            expires_ms: 1_000_000,
            pre_state: pre.digest(&self.contract).unwrap(),
            policy_set: decision.policy_set,
            obligations: decision.obligations,
        };
        Event::Asked { ask: Arc::new(ask) }
    }

    /// A signed answer to the request for approval, whose terms the test can change before they are signed.
    pub(super) fn answer(
        &self,
        person: &str,
        key: &SigningKey,
        change: impl FnOnce(&mut Terms),
    ) -> Answer {
        let story = self.story();
        let (action, ask) = (&story.bound.action, story.ask.as_ref().unwrap());
        let mut terms = Terms {
            contract: action.contract.digest,
            adapter: action.adapter,
            binding: action.binding.clone(),
            pre_state: ask.pre_state,
            policy_set: ask.policy_set,
            decision: approval::Answer::Approve,
            person: person.into(),
            role: "support-lead".into(),
            nonce: ask.nonce.clone(),
            expires_ms: ask.expires_ms,
            reason: None,
        };
        change(&mut terms);
        let envelope = approval::sign(action.digest().unwrap(), &terms, key).unwrap();
        Answer {
            person: terms.person.clone(),
            role: terms.role.clone(),
            approves: terms.decision == approval::Answer::Approve,
            envelope: Signed::shared(envelope),
        }
    }

    /// Replaces the only answer, and all events that follow from it.
    pub(super) fn answered(mut self, answer: Answer) -> Self {
        let at = self.entries.iter().position(|e| matches!(e, Event::Answered { .. })).unwrap();
        self.entries.truncate(at);
        self.entries.push(Event::Answered { answer: Arc::new(answer) });
        let pre = look(false, "a", 2_000);
        self.entries.extend([started(Phase::Gate), observed(Phase::Gate, &pre)]);
        self.run();
        self
    }

    /// Adds the events from the decision to the judgement.
    fn run(&mut self) {
        let decided = self.decided(true);
        self.entries.push(decided);
        let story = self.story();
        let action = &story.bound.action;
        let grant = GrantRecord {
            contract: action.contract.digest,
            adapter: action.adapter,
            upstreams: story.bindings.clone(),
            timeout_ms: 30_000,
            exchange_timeout_ms: 10_000,
        };
        let attempt = Attempt {
            n: 1,
            claim: Claim::Done,
            exchanges: vec![exchange(&story.bound.perform[0], 204, None)],
            refused: vec![],
            started_ms: 9_000,
            ended_ms: 10_000,
        };
        self.entries.push(Event::Cleared { grant: Arc::new(grant) });
        let decision = Signed::shared(self.decision(|_| {}));
        self.entries.extend([
            Event::AttemptStarted { n: 1, epoch: 1, deadline_ms: 60_000, decision },
            Event::AttemptEnded { attempt: Arc::new(attempt) },
            started(Phase::Post),
            observed(Phase::Post, &look(true, "b", 12_000)),
        ]);
        let judged = self.judged();
        self.entries.push(Event::Judged { judgement: Arc::new(judged) });
    }

    /// The signed decision on the attempt, which the test can change before it is signed.
    pub(super) fn decision(&self, change: impl FnOnce(&mut Clearance)) -> Envelope {
        let story = self.story();
        let (_, facts) = story.decision.as_ref().unwrap();
        let asked = self.policies.question(facts).unwrap();
        let mut clearance = Clearance::of(&story, &asked, 9_000, 60_000).unwrap();
        change(&mut clearance);
        self.sign(Kind::Decision, &clearance)
    }

    pub(super) fn sign<T: Serialize>(&self, kind: Kind, predicate: &T) -> Envelope {
        let predicate = json::parse(&json::to_canonical(predicate).unwrap()).unwrap();
        let action = self.story().bound.action.digest().unwrap();
        Statement { kind, action, predicate }.sign(&self.receipt_key).unwrap()
    }

    pub(super) fn judged(&self) -> Judgement {
        let story = self.story();
        outcome::judge(&Seen {
            contract: &self.contract,
            params: &story.bound.action.params,
            action: &story.bound.action.id,
            expect: &story.bound.proposal.expect,
            pre: story.pre.as_ref().unwrap(),
            post: story.post.as_ref().unwrap(),
            exchanges: &story.exchanges(),
            may_still_land: false,
        })
    }
}

/// An action that a person with the right role denied, so that nothing ran.
pub(super) fn denied() -> World {
    let world = approved();
    let answer = world.answer("lead", &world.approver, |terms| {
        terms.decision = approval::Answer::Deny;
    });
    let at = world.entries.iter().position(|e| matches!(e, Event::Answered { .. })).unwrap();
    let mut entries = world.entries.clone();
    entries.truncate(at);
    let judgement = Judgement::plain(Outcome::Denied, "lead (support-lead) denied it");
    entries.push(Event::Answered { answer: Arc::new(answer) });
    entries.push(Event::Judged { judgement: Arc::new(judgement) });
    World { entries, ..world }
}
