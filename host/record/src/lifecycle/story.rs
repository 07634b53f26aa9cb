//! The story of an action: its status and every fact so far, computed from its events.
//!
//! The receipt, the bundle, the ledger and every interface read only the story.

mod attempt;
mod dry_run;
mod lost;
mod open;
mod planned;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use deed_spec::digest::Digest;
use serde_json::Value;

use crate::action::{Binding, Bound};
use crate::contract::Contract;
use crate::exchange::{Exchange, Guard, NoValue, Rendered};
use crate::lifecycle::event::{Answer, Attempt, Deferral, Entry, Event, GrantRecord, Leaf, Phase};
use crate::lifecycle::observation::Sight;
use crate::lifecycle::observation::answers::Answers;
use crate::lifecycle::outcome::Judgement;
use crate::lifecycle::status::{Illegal, Status};
use crate::plan::Rehearsal;
use crate::policy::{Decision, Facts};
use crate::statement::approval::Ask;
use crate::statement::envelope::{Kind, Signed};
use crate::statement::resolution::Resolution;

/// A policy decision and its facts.
pub type Decided = (Arc<Decision>, Arc<Facts>);

/// One action, from its first event to its last. Large parts are shared with the events, so that a copy is cheap.
#[derive(Clone, Debug)]
pub struct Story {
    pub status: Status,
    /// The number of events, which the journal uses for compare-and-swap.
    pub version: u64,
    pub bound: Arc<Bound>,
    pub bindings: Arc<BTreeMap<String, Binding>>,
    pub trace: Option<String>,
    /// Unix milliseconds of the proposal.
    pub proposed_ms: i64,
    /// Unix milliseconds of the latest event.
    pub at_ms: i64,
    /// The latest policy decision and its facts.
    pub decision: Option<Decided>,
    /// Payload digest of the `activated` statement in force at that decision.
    pub activated: Option<Digest>,
    /// The activations that were in force at the decisions about the attempts, without duplicates.
    attempted_under: Vec<Digest>,
    /// The decision and the activation of the latest attempt. The outcome is not based on later decisions that led to
    /// no attempt.
    attempted_on: Option<(Decided, Digest)>,
    /// The observation that a decision or approval is based on.
    pub pre: Option<Arc<Sight>>,
    /// Whether an attempt was based on `pre`. If approval has to be requested again after that attempt, a new
    /// observation is needed.
    pub pre_is_spent: bool,
    pub post: Option<Arc<Sight>>,
    /// The rehearsal under `pre`, if the contract is open.
    pub rehearsal: Option<Arc<Rehearsal>>,
    /// The current request for approval.
    pub ask: Option<Arc<Ask>>,
    /// The time of the latest request for approval in Unix milliseconds; 0 before the first one.
    pub asked_ms: i64,
    /// The rehearsal whose plan the current request for approval shows, if the contract is open.
    pub asked_plan: Option<Arc<Rehearsal>>,
    /// Answers to the current request for approval.
    pub answers: Vec<Arc<Answer>>,
    /// Every answer so far, for the receipt.
    pub all_answers: Vec<Arc<Answer>>,
    /// How people put the current request for approval off, in order.
    pub deferrals: Vec<Arc<Deferral>>,
    /// Why the answers to earlier requests for approval became void.
    pub stale: Vec<String>,
    pub grant: Option<Arc<GrantRecord>>,
    pub attempts: Arc<Vec<Attempt>>,
    /// The epoch of the latest attempt; events of an earlier epoch are refused.
    pub epoch: u64,
    /// When the next attempt may start (Unix milliseconds), while one is planned.
    pub not_before_ms: i64,
    /// The attempt that is under way: its number, start, deadline and the writes that may have been sent.
    pub running: Option<Running>,
    pub cancelled_by: Option<String>,
    pub judgement: Option<Arc<Judgement>>,
    /// The time of the judgement in Unix milliseconds; 0 before the judgement.
    pub judged_ms: i64,
    /// The receipt.
    pub envelope: Option<Arc<Signed>>,
    /// Why reading the state cannot settle the outcome that the receipt left open.
    pub escalated: Option<String>,
    /// The signed resolution of a person.
    pub resolution: Option<(Arc<Resolution>, Arc<Signed>)>,
    /// The settlement of the outcome that the receipt left open, and the observation that the settlement is based on,
    /// if any.
    pub later: Option<(Option<Arc<Sight>>, Arc<Judgement>)>,
    /// Every envelope, in the order of creation.
    pub chain: Vec<(Kind, Arc<Signed>)>,
    /// The log positions of the envelopes in the chain, followed by the log positions of the activations.
    pub leaves: Vec<Leaf>,
    pub checkpoint: Option<String>,
}

/// An attempt that has not ended.
#[derive(Clone, Debug)]
pub struct Running {
    pub n: u32,
    pub epoch: u64,
    pub started_ms: i64,
    pub deadline_ms: i64,
    /// All writes that the attempt intended to send.
    pub writes: Vec<Intended>,
    /// The results of the writes that have ended.
    pub ended: Vec<Arc<Exchange>>,
}

/// A write that may have been sent.
#[derive(Clone, Debug)]
pub struct Intended {
    pub ordinal: u32,
    pub request_sha256: Digest,
    pub deadline_ms: i64,
    pub idempotency_key: Option<String>,
    /// The time of the intent in Unix milliseconds.
    pub at_ms: i64,
}

/// Why events do not form a story. Each variant is a sequence of journal entries that the host never writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoryError {
    #[error("the action has no events")]
    Empty,
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// The event belongs to an old epoch, because another epoch of the action has begun.
    #[error(
        "event `{event}` belongs to attempt {n} in epoch {epoch}, but the action is in epoch {now}"
    )]
    StaleEpoch { event: &'static str, n: u32, epoch: u64, now: u64 },
    #[error(
        "event `write_ended` refers to exchange {0}, but no write intent is open for this exchange"
    )]
    NotIntended(u32),
    #[error("event `{0}` cannot follow in a dry run, which ends before approvals and attempts")]
    DryRun(&'static str),
    #[error("the outcome of event `{0}` is for dry runs only")]
    NoDryRun(&'static str),
}

impl Story {
    /// Folds events in order.
    ///
    /// # Errors
    ///
    /// Fails when there are no events, or at the first illegal event.
    pub fn fold(entries: &[Entry]) -> Result<Self, StoryError> {
        let (first, rest) = entries.split_first().ok_or(StoryError::Empty)?;
        let mut story = Self::begin(first)?;
        rest.iter().try_for_each(|entry| story.apply(entry))?;
        Ok(story)
    }

    fn begin(entry: &Entry) -> Result<Self, StoryError> {
        let status = Status::next(None, &entry.event)?;
        let Event::Proposed { bound, bindings, trace } = &entry.event else {
            return Err(StoryError::Empty);
        };
        Ok(Self {
            status,
            version: 1,
            bound: Arc::clone(bound),
            bindings: Arc::clone(bindings),
            trace: trace.clone(),
            proposed_ms: entry.at_ms,
            at_ms: entry.at_ms,
            decision: None,
            activated: None,
            attempted_under: vec![],
            attempted_on: None,
            pre: None,
            pre_is_spent: false,
            post: None,
            rehearsal: None,
            ask: None,
            asked_ms: 0,
            asked_plan: None,
            answers: vec![],
            all_answers: vec![],
            deferrals: vec![],
            stale: vec![],
            grant: None,
            attempts: Arc::default(),
            epoch: 0,
            not_before_ms: 0,
            running: None,
            cancelled_by: None,
            judgement: None,
            judged_ms: 0,
            envelope: None,
            escalated: None,
            resolution: None,
            later: None,
            chain: vec![],
            leaves: vec![],
            checkpoint: None,
        })
    }

    /// Applies one more event.
    ///
    /// # Errors
    ///
    /// Fails for an illegal event and then leaves the story unchanged.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), StoryError> {
        let status = Status::next(Some(self.status), &entry.event)?;
        self.check_epoch(&entry.event)?;
        self.check_dry_run(&entry.event)?;
        self.status = status;
        self.version += 1;
        self.at_ms = entry.at_ms;
        match entry.event.clone() {
            Event::Proposed { .. } | Event::ObserveStarted { .. } => {}
            Event::Decided { decision, facts, activated, .. } => {
                self.decision = Some((decision, facts));
                self.activated = Some(activated);
            }
            Event::Observed { phase: Phase::Post, observation } => self.post = Some(observation),
            Event::Observed { observation, .. } => {
                self.pre = Some(observation);
                self.pre_is_spent = false;
                // A plan belongs to the state under which it was made.
                self.rehearsal = None;
            }
            Event::Rehearsed { rehearsal } => self.rehearsal = Some(rehearsal),
            Event::Asked { ask } => {
                self.ask = Some(ask);
                self.asked_ms = entry.at_ms;
                self.asked_plan.clone_from(&self.rehearsal);
            }
            Event::Answered { answer } => self.answer(answer),
            Event::Deferred { deferral } => self.deferrals.push(deferral),
            Event::Stale { reason } => self.forget_answers(reason),
            Event::Cleared { grant } => self.grant = Some(grant),
            event @ (Event::AttemptStarted { .. }
            | Event::WriteIntended { .. }
            | Event::WriteEnded { .. }
            | Event::AttemptEnded { .. }) => self.run(event, entry.at_ms),
            Event::RetryPlanned { not_before_ms, .. } => self.not_before_ms = not_before_ms,
            Event::CancelRequested { by } => self.cancelled_by = Some(by),
            Event::Judged { judgement } => {
                self.rest_on_attempt();
                self.judged_ms = entry.at_ms;
                self.judgement = Some(judgement);
            }
            Event::Sealed { envelope } => {
                self.chain.push((Kind::Receipt, Arc::clone(&envelope)));
                self.envelope = Some(envelope);
            }
            Event::Escalated { reason } => self.escalated = Some(reason),
            Event::Resolved { resolution, envelope } => {
                self.chain.push((Kind::Reconciliation, Arc::clone(&envelope)));
                self.resolution = Some((resolution, envelope));
            }
            Event::Settled { observation, judgement } => {
                self.later = Some((observation, judgement));
            }
            Event::Reconciled { envelope } => {
                self.chain.push((Kind::Reconciliation, envelope));
            }
            Event::Logged { leaves, checkpoint } => {
                self.leaves = leaves;
                self.checkpoint = Some(checkpoint);
            }
        }
        Ok(())
    }

    /// If a planned attempt was allowed but did not start, restores the decision and activation of the last attempt
    /// that did start, because the outcome is based on that attempt.
    fn rest_on_attempt(&mut self) {
        if let Some((decision, activated)) = self.attempted_on.clone().filter(|_| self.pre_is_spent)
        {
            self.decision = Some(decision);
            self.activated = Some(activated);
        }
    }

    fn answer(&mut self, answer: Arc<Answer>) {
        self.chain.push((Kind::Approval, Arc::clone(&answer.envelope)));
        self.all_answers.push(Arc::clone(&answer));
        self.answers.push(answer);
    }

    fn forget_answers(&mut self, reason: String) {
        // If nobody was asked yet, no answer becomes void: the reason is then why people are asked for the first time.
        if self.ask.is_some() {
            self.stale.push(reason);
        }
        self.post = None;
        self.ask = None;
        self.asked_plan = None;
        self.answers.clear();
        self.deferrals.clear();
    }

    /// The payload digests of the activations that the action's decisions are based on, without duplicates, the latest
    /// last.
    pub fn activations(&self) -> Vec<Digest> {
        let mut all = self.attempted_under.clone();
        all.extend(self.activated.filter(|latest| !all.contains(latest)));
        all
    }

    /// The number of the next attempt, from 1.
    pub fn next_attempt(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The judgement that is in the log, from the receipt or from the later settlement.
    pub fn concluded(&self) -> Option<&Judgement> {
        let settled = self.later.as_ref().map(|(_, judgement)| &**judgement);
        match self.status {
            Status::Ended(_) => settled.or(self.judgement.as_deref()),
            Status::Resolved | Status::Settled(_) | Status::Reconciled(_) => {
                self.judgement.as_deref()
            }
            _ => None,
        }
    }

    /// The exchanges of every attempt, in order.
    pub fn exchanges(&self) -> Vec<&Exchange> {
        self.attempts.iter().flat_map(|attempt| &attempt.exchanges).collect()
    }

    /// The number of distinct persons who approved, by role. Each person counts only once per action. A confirmation
    /// counts as `confirm`, which is no role.
    pub fn approvals(&self) -> BTreeMap<String, u32> {
        let mut persons: BTreeMap<&str, &str> = BTreeMap::new();
        for answer in self.answers.iter().filter(|a| a.approves) {
            persons.entry(&answer.person).or_insert(&answer.role);
        }
        let mut counts = BTreeMap::new();
        for role in persons.values() {
            *counts.entry((*role).to_owned()).or_insert(0) += 1;
        }
        counts
    }

    /// Until when each person has put the current request for approval off, in Unix milliseconds. The last word of a
    /// person counts.
    pub fn put_off(&self) -> BTreeMap<&str, i64> {
        self.deferrals.iter().map(|one| (one.person.as_str(), one.until_ms)).collect()
    }

    /// The obligations that no approval, and no confirmation, meets yet.
    pub fn open_obligations(&self) -> Vec<String> {
        let counts = self.approvals();
        let asked = self.ask.iter().flat_map(|ask| &ask.obligations);
        asked
            .filter(|o| counts.get(&o.role).copied().unwrap_or(0) < o.count)
            .map(ToString::to_string)
            .collect()
    }

    /// Whether an attempt may have changed something. Guarded writes whose precondition failed changed nothing.
    pub fn may_have_changed_something(&self) -> bool {
        self.exchanges().iter().any(|e| e.may_have_written() && !e.is_turned_away())
    }

    /// Whether a guard stopped the latest attempt: a precondition failed, and no other write took effect.
    pub fn was_turned_away(&self) -> bool {
        let latest = self.attempts.last().map_or(&[][..], |attempt| &attempt.exchanges);
        latest.iter().any(Exchange::is_turned_away) && !self.may_have_changed_something()
    }

    /// The requests of the next or the running attempt: the contract's requests, filled with the values of the state
    /// before the action. After an attempt that may have changed something, further attempts use the state that was
    /// read before the first attempt.
    ///
    /// # Errors
    ///
    /// Fails when the state lacks a value that a request sends.
    pub fn perform(&self) -> Result<Cow<'_, [Rendered]>, NoValue> {
        let rules = &self.bound.perform;
        if rules.iter().all(|rule| rule.pre.is_empty()) {
            return Ok(Cow::Borrowed(rules));
        }
        let state = self.pre.as_ref().map_or(Value::Null, |pre| pre.value());
        let filled: Result<Vec<_>, _> = rules.iter().map(|rule| rule.with_state(&state)).collect();
        filled.map(Cow::Owned)
    }

    /// The answers to the named writes of the attempts so far, for an observation after these attempts.
    pub fn answers(&self, contract: &Contract) -> Answers {
        Answers::of(contract, &self.bound.perform, &self.exchanges())
    }

    /// The first guarded write for which the host read no entity tag.
    pub fn untagged(&self) -> Option<&Rendered> {
        let seen = |write: &Rendered| self.pre.as_ref().is_some_and(|pre| pre.tag(write).is_some());
        self.bound.perform.iter().find(|write| write.guard == Some(Guard::Etag) && !seen(write))
    }

    /// The time after which no write without a definite response can take effect: the latest deadline plus the
    /// contract's settle time.
    ///
    /// If the host was restarted after an attempt ended, its clock started again at that restart. The time that was
    /// left until the deadline when the attempt ended then counts again in full from the restart, because the system
    /// clock may have been changed.
    pub fn lands_until_ms(&self, settle_ms: i64, clock_began_ms: i64) -> Option<i64> {
        let landing = |attempt: &Attempt, deadline_ms: i64| {
            let left_ms = deadline_ms.saturating_sub(attempt.ended_ms).max(0);
            let again_ms = clock_began_ms.saturating_add(left_ms);
            let is_ours = attempt.ended_ms >= clock_began_ms;
            if is_ours { deadline_ms } else { deadline_ms.max(again_ms) }
        };
        let until = self.attempts.iter().flat_map(|attempt| {
            let open = attempt.exchanges.iter().filter(|e| e.is_open());
            open.map(move |e| landing(attempt, e.deadline_ms))
        });
        until.max().map(|until| until.saturating_add(settle_ms))
    }
}

#[cfg(test)]
mod tests;
