//! A signed example action for the tests: one lead approved or denied that access is restored.

use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::action::{Action, Edit};
use deed_record::contract::Contract;
use deed_record::exchange::Exchange;
use deed_record::exchange::claim::Claim;
use deed_record::lifecycle::event::{Answer, Attempt, Entry, Event, GrantRecord, Phase};
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::outcome::{self, Judgement, Outcome, Seen};
use deed_record::lifecycle::story::Story;
use deed_record::plan::Rehearsal;
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
    pub(super) adapter: Run,
    /// The number of entries of other actions that precede this action in the log.
    pub(super) before: usize,
}

/// What the adapter does in an example action.
#[derive(Clone)]
pub(super) struct Run {
    /// The rehearsal, if the contract is open.
    pub(super) rehearsal: Option<Rehearsal>,
    /// The exchanges of the attempt.
    pub(super) sent: Vec<Exchange>,
    /// The start of the attempt, after the last decision.
    pub(super) began_ms: i64,
}

/// An action that `lead` approved, that was performed, and that a second observation verified.
pub(super) fn approved() -> World {
    let contract = contract();
    let sent = vec![exchange(&bound(&contract).0.perform[0], 204, None)];
    approved_under(contract, Run { rehearsal: None, sent, began_ms: 9_000 })
}

/// The same under this contract, with this run of the adapter.
pub(super) fn approved_under(contract: Contract, run: Run) -> World {
    approved_as(proposed(contract, run, false))
}

/// The same for an action that these persons edited, and that replaces this one.
pub(super) fn approved_edit(editors: &[&str], replaces: ActionId) -> World {
    let contract = contract();
    let sent = vec![exchange(&bound(&contract).0.perform[0], 204, None)];
    let mut world = proposed(contract, Run { rehearsal: None, sent, began_ms: 9_000 }, false);
    let Event::Proposed { bound, .. } = &mut world.entries[0] else { return world };
    let edited_by = editors.iter().map(|name| (*name).to_owned()).collect();
    let edit = Some(Edit { edited_by, replaces });
    let bound = Arc::make_mut(bound);
    bound.action = Action { edit, ..Action::clone(&bound.action) }.into();
    approved_as(world)
}

fn approved_as(mut world: World) -> World {
    let pre = world.observed();
    world.entries.push(world.asked(&pre));
    let answer = world.answer("lead", &world.approver, |_| {});
    world.entries.push(Event::Answered { answer: Arc::new(answer) });
    world.gate();
    world.run();
    world
}

/// An action whose write was rejected by its guard, that `lead` approved again, and that failed after these events.
pub(super) fn failed_again(contract: Contract, run: Run, last: Vec<Event>) -> World {
    let mut world = approved_under(contract, run);
    let judged = world.entries.pop();
    assert!(matches!(judged, Some(Event::Judged { .. })));
    let pre = look(false, "c", 17_000);
    let stale = Event::Stale { reason: "the upstream rejected the write (412)".into() };
    world.entries.extend([stale, started(Phase::Pre), observed(Phase::Pre, &pre)]);
    let rehearsed = world.rehearsed();
    world.entries.extend(rehearsed);
    let Event::Asked { mut ask } = world.asked(&pre) else { unreachable!() };
    Arc::make_mut(&mut ask).nonce = "22".repeat(16);
    world.entries.push(Event::Asked { ask });
    let answer = world.answer("lead", &world.approver, |_| {});
    let judgement = Judgement::plain(Outcome::Failed, "nothing more was sent");
    world.entries.push(Event::Answered { answer: Arc::new(answer) });
    world.entries.push(started(Phase::Gate));
    world.entries.extend(last);
    world.entries.push(Event::Judged { judgement: Arc::new(judgement) });
    world
}

/// A dry run under this contract, which was decided again after its rehearsal.
pub(super) fn dry_run(contract: Contract, run: Run) -> World {
    let mut world = proposed(contract, run, true);
    world.observed();
    let decided = world.decided(true);
    let judgement = Judgement::plain(Outcome::Rehearsed, "nothing was sent");
    world.entries.extend([decided, Event::Judged { judgement: Arc::new(judgement) }]);
    world
}

fn proposed(contract: Contract, run: Run, dry_run: bool) -> World {
    let policies = compiled(&contract);
    let (mut bound, bindings) = bound(&contract);
    bound.proposal.dry_run = dry_run;
    bound.action = Action { dry_run, ..Action::clone(&bound.action) }.into();
    let action = &bound.action;
    let roles = |name: &str| [name.to_owned()].into();
    let lead = activation::Approver {
        keyid: key_id(&key(3).verifying_key()).unwrap(),
        person: name_digest("lead"),
        roles: roles("support-lead"),
        passkey: None,
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
        adapter: run,
        before: 5,
    }
}

impl World {
    /// Adds the first decision, the first observation and the rehearsal.
    fn observed(&mut self) -> Observation {
        let decided = self.decided(false);
        let pre = look(false, "a", 2_000);
        self.entries.extend([decided, started(Phase::Pre), observed(Phase::Pre, &pre)]);
        self.entries.extend(self.rehearsed());
        pre
    }

    /// Adds the observation and the rehearsal at the gate.
    fn gate(&mut self) {
        let pre = look(false, "a", 2_000);
        self.entries.extend([started(Phase::Gate), observed(Phase::Gate, &pre)]);
        self.entries.extend(self.rehearsed());
    }

    fn rehearsed(&self) -> Option<Event> {
        let rehearsal = self.adapter.rehearsal.clone()?;
        Some(Event::Rehearsed { rehearsal: Arc::new(rehearsal) })
    }

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
            plan: story.plan().map(|plan| self.contract.policy_plan(plan)),
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
            plan: self.story().plan().map(|plan| plan.digest().unwrap()),
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
            plan: ask.plan,
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
            shown: None,
        };
        change(&mut terms);
        let envelope = approval::sign(action.digest().unwrap(), &terms, key).unwrap();
        Answer {
            person: terms.person.clone(),
            role: terms.role.clone(),
            approves: terms.decision == approval::Answer::Approve,
            delegated_by: None,
            envelope: Signed::shared(envelope),
        }
    }

    /// Replaces the only answer, and all events that follow from it.
    pub(super) fn answered(mut self, answer: Answer) -> Self {
        let at = self.entries.iter().position(|e| matches!(e, Event::Answered { .. })).unwrap();
        self.entries.truncate(at);
        self.entries.push(Event::Answered { answer: Arc::new(answer) });
        self.gate();
        self.run();
        self
    }

    /// The same action under these policies, with these answers to the request for approval, up to the gate.
    pub(super) fn answered_under(
        mut self,
        policies: Policies,
        answers: impl FnOnce(&Self) -> Vec<Answer>,
    ) -> Self {
        self.activation.policy_set = policies.digest();
        self.policies = policies;
        self.entries.truncate(1);
        let pre = self.observed();
        self.entries.push(self.asked(&pre));
        let given = answers(&self).into_iter().map(Arc::new);
        self.entries.extend(given.map(|answer| Event::Answered { answer }));
        self.gate();
        self
    }

    /// Adds the events from the decision to the judgement.
    pub(super) fn run(&mut self) {
        let decided = self.decided(true);
        self.run_as(decided);
    }

    /// Adds this decision at the gate, which the policies need not give, and the events to the judgement.
    pub(super) fn run_as(&mut self, decided: Event) {
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
            exchanges: self.adapter.sent.clone(),
            refused: vec![],
            started_ms: self.adapter.began_ms,
            ended_ms: self.adapter.began_ms + 1_000,
        };
        self.entries.push(Event::Cleared { grant: Arc::new(grant) });
        let decision = Signed::shared(self.decision(|_| {}));
        self.entries.extend([
            Event::AttemptStarted { n: 1, epoch: 1, deadline_ms: 60_000, decision },
            Event::AttemptEnded { attempt: Arc::new(attempt) },
            started(Phase::Post),
            observed(Phase::Post, &look(true, "b", self.adapter.began_ms + 3_000)),
        ]);
        let judged = self.judged();
        self.entries.push(Event::Judged { judgement: Arc::new(judged) });
    }

    /// The signed decision on the attempt, which the test can change before it is signed.
    pub(super) fn decision(&self, change: impl FnOnce(&mut Clearance)) -> Envelope {
        let story = self.story();
        let (_, facts) = story.decision.as_ref().unwrap();
        let asked = self.policies.question(facts).unwrap();
        let mut clearance = Clearance::of(&story, &asked, self.adapter.began_ms, 60_000).unwrap();
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
            plan: story.plan(),
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
