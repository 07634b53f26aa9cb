//! Runs of the adapter: looks and attempts, each under a grant, each announced before it starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deed_record::action::Bound;
use deed_record::contract::Effect;
use deed_record::digest::Digest;
use deed_record::envelope::Signed;
use deed_record::event::{Attempt, Event, Phase};
use deed_record::exchange::Rendered;
use deed_record::json;
use deed_record::observation::{Observation, Sight};
use deed_record::outcome::{Judgement, Outcome};
use deed_record::private::{OpeningError, Prepared};
use deed_record::receipt::Question;
use deed_record::recovery;
use deed_record::story::{Decided, Story};
use tokio::sync::Mutex;

use super::Pipeline;
use super::drive::{Drive, Step};
use super::ledger::LedgerError;
use super::pages::Pages;
use super::turn::Taken;
use crate::config::Granted;
use crate::grant::{self, Once, Scope};
use crate::observe;
use crate::receipt::{self, SealError};
use crate::sandbox::{Adapter, Intent, Keep, Run, Turn, WriteStep};

impl Drive<'_> {
    /// One look at the system of record, in a fresh instance under a read grant.
    pub(super) async fn observe(&mut self, phase: Phase) -> Result<Step, LedgerError> {
        let Some(granted) = self.granted() else { return self.gone().await };
        let Some(adapter) = self.pipeline.adapters.get(&granted.adapter) else {
            return self.gone().await;
        };
        if let Some(what) = self.other_world(&granted)? {
            return self.judge_other_world(what).await;
        }
        let turn = match self.take_turn(&granted).await? {
            Taken::Turn(turn) => turn,
            Taken::Ended(step) => return Ok(step),
        };
        self.append(vec![Event::ObserveStarted { phase }], false).await?;
        // A look changes nothing, so nobody waits for the journal before it; and nothing comes of one that the
        // journal does not stand behind.
        let mut pages = self.pages.take();
        let handed = self.pipeline.hand_over(&self.story, &mut pages, vec![], false);
        let (handed, seen) = tokio::join!(handed, self.look(&granted, adapter, &turn));
        self.pages = pages;
        handed?;
        let observation = seen?;
        self.turn = Some(turn);
        self.append(vec![Event::Observed { phase, observation: Sight::shared(observation) }], false)
            .await
    }

    pub(super) async fn look(
        &self,
        granted: &Granted,
        adapter: &Adapter,
        turn: &Turn,
    ) -> Result<Observation, LedgerError> {
        let scope = self.scope(granted, 0)?;
        let decision = self.story.decision.as_ref().map(|(d, _)| d);
        let clock = self.pipeline.clock.clone();
        Ok(match decision.map(|d| grant::read(d, scope)) {
            Some(Ok(grant)) => {
                observe::look(&self.pipeline.sandbox, adapter, grant, turn, || clock.now_ms()).await
            }
            Some(Err(error)) => unseen(error.to_string(), clock.now_ms()),
            None => unseen("policy has not decided".to_owned(), clock.now_ms()),
        })
    }

    /// One attempt: the start is durable before the grant is live, each write before its first byte.
    pub(super) async fn attempt(&mut self) -> Result<Step, LedgerError> {
        let Some(granted) = self.granted() else { return self.gone().await };
        let turn = match self.take_turn(&granted).await? {
            Taken::Turn(turn) => turn,
            Taken::Ended(step) => return Ok(step),
        };
        let started_ms = self.pipeline.clock.now_ms();
        if let Some(judgement) = self.expired(started_ms) {
            if self.is_between_attempts() {
                return self.give_up("the approval has expired").await;
            }
            return self.judge(judgement).await;
        }
        let Some(adapter) = self.pipeline.adapters.get(&granted.adapter).cloned() else {
            return self.gone().await;
        };
        if let Some(step) = self.stopped_short(&granted).await? {
            return Ok(step);
        }
        let n = self.story.next_attempt();
        let once = self.once(&granted)?;
        let scope = Scope { tags: self.tags(), once, ..self.scope(&granted, n)? };
        let decision = self.story.decision.as_ref().map(|(d, _)| d);
        let cleared = match decision.map(|d| grant::clear(d, scope)) {
            Some(Ok(cleared)) => cleared,
            Some(Err(error)) if self.is_between_attempts() => {
                return self.give_up(&error.to_string()).await;
            }
            Some(Err(error)) => {
                return self.judge(Judgement::plain(Outcome::Denied, error.to_string())).await;
            }
            None => return self.gone().await,
        };
        let deadline_ms = started_ms + granted.contract.limits.timeout.as_signed();
        let decision = self.signed_decision(started_ms, deadline_ms)?;
        let epoch = self.story.epoch.saturating_add(1);
        let started = Event::AttemptStarted { n, epoch, deadline_ms, decision };
        let pipeline = Arc::clone(self.pipeline);
        let spent = async {
            self.append(vec![started], true).await?;
            Ok::<_, LedgerError>(self.story.version)
        };
        let live = grant::spend(cleared, spent).await?;
        let book = Arc::new(Mutex::new((self.story.clone(), self.pages.clone())));
        let run = pipeline
            .sandbox
            .perform(&adapter, live, steps(&pipeline, Arc::clone(&book), n, epoch), &turn)
            .await;
        self.turn = Some(turn);
        (self.story, self.pages) = book.lock().await.clone();
        let ended = attempt_of(n, run, started_ms, pipeline.clock.now_ms());
        // What became of its writes is on disk already.
        self.append(vec![Event::AttemptEnded { attempt: Arc::new(ended) }], false).await
    }

    /// Why this attempt may run, under the host's key: it is on disk before anything can leave.
    fn signed_decision(
        &mut self,
        cleared_ms: i64,
        deadline_ms: i64,
    ) -> Result<Arc<Signed>, LedgerError> {
        let failed = |e: SealError| LedgerError::Failed(e.to_string());
        let nothing = || LedgerError::Failed("nothing was asked of policy".to_owned());
        let asked = self.asked()?.ok_or_else(nothing)?;
        let key = &self.pipeline.keys.receipt;
        let signed = receipt::decide(&self.story, &asked, cleared_ms, deadline_ms, key);
        Ok(Arc::new(signed.map_err(failed)?))
    }

    /// What statements say of the question of the latest decision. The receipt's is most often the attempt's.
    pub(super) fn asked(&mut self) -> Result<Option<Question>, LedgerError> {
        let Some(latest) = &self.story.decision else { return Ok(None) };
        let is_latest = |(decision, facts): &Decided| {
            Arc::ptr_eq(decision, &latest.0) && Arc::ptr_eq(facts, &latest.1)
        };
        if let Some((_, question)) = self.asked.as_ref().filter(|(of, _)| is_latest(of)) {
            return Ok(Some(question.clone()));
        }
        let question = self.pipeline.asked(&self.story)?;
        self.asked = self.story.decision.clone().zip(question.clone());
        Ok(question)
    }

    /// The entity tags of the look, for the writes that they guard.
    fn tags(&self) -> BTreeMap<(String, String), String> {
        let Some(pre) = &self.story.pre else { return BTreeMap::new() };
        let tag = |write: &Rendered| {
            let place = (write.upstream.clone(), write.path.clone());
            pre.tag(write).map(|tag| (place, tag.to_owned()))
        };
        self.story.bound.perform.iter().filter_map(tag).collect()
    }

    /// The writes of the next attempt: by which key the upstream knows each, and which are done already.
    fn once(&self, granted: &Granted) -> Result<Vec<Once>, LedgerError> {
        let Self { story, pipeline, tenant, .. } = self;
        let mut known = recovery::known(&story.attempts);
        let mut once = Vec::new();
        let writes = story.bound.perform.iter().filter(|request| request.writes);
        let calls = writes.flat_map(|request| (0..request.calls).map(move |_| request));
        for request in calls {
            let nth = once.iter().filter(|other: &&Once| other.request == *request).count();
            let promise = tenant.upstreams.get(&request.upstream);
            let promise = promise.and_then(|upstream| upstream.idempotency.as_ref());
            let counts = promise.filter(|_| granted.contract.action.effect == Effect::Keyed);
            let window_ms = counts.map(|one| i64::try_from(one.window_ms).unwrap_or(i64::MAX));
            let before = known.iter().position(|one| one.request == *request);
            let before = before.map(|at| known.remove(at));
            let left_ms = before.as_ref().and_then(|one| one.left_ms);
            let until_ms = left_ms.zip(window_ms).map(|(left, window)| left.saturating_add(window));
            let (key, done) = before.map_or((None, None), |one| (one.key, one.done));
            let made = || pipeline.keys.idempotency_key(&story.bound.action.id, request, nth);
            let key = match key {
                None if promise.is_some() => {
                    Some(made().map_err(|e| LedgerError::Failed(e.to_string()))?)
                }
                key => key,
            };
            once.push(Once { request: request.clone(), key, until_ms, done });
        }
        Ok(once)
    }

    /// What a run may know and do: a look where `attempt` is 0. Here private values come into it.
    fn scope(&self, granted: &Granted, attempt: u32) -> Result<Scope, LedgerError> {
        let Bound { action, proposal, observe, perform, private } = &*self.story.bound;
        let opened = |e: OpeningError| LedgerError::Failed(e.to_string());
        let recorded = if attempt == 0 { observe } else { perform };
        let rendered = if private.is_empty() {
            recorded.iter().cloned().map(Prepared::plain).collect()
        } else {
            let requests = private.requests(&granted.contract, proposal).map_err(opened)?;
            if attempt == 0 { requests.observe } else { requests.perform }
        };
        let params = private.params(&granted.contract, &action.params);
        let reachable =
            self.tenant.upstreams.iter().filter(|(name, _)| granted.upstreams.contains(*name));
        Ok(Scope {
            tenant: action.tenant.clone(),
            action: action.id.clone(),
            contract: action.contract.name.clone(),
            params: params.map_err(|e| opened(e.into()))?,
            private: private.hidden(),
            attempt,
            rendered,
            tags: BTreeMap::new(),
            once: vec![],
            upstreams: reachable
                .map(|(n, u)| (n.clone(), Arc::clone(u)))
                .collect::<BTreeMap<_, _>>(),
            states: granted.contract.state.clone(),
            adapter: action.adapter,
            timeout: Duration::from_millis(granted.contract.limits.timeout.as_millis()),
        })
    }
}

/// The function through which egress makes steps of writes durable. The story is shared with it while the
/// run lasts, so that each append goes on from the version before. It runs in a task of its own: a caller
/// that stops waiting must not part the story from the journal.
fn steps(pipeline: &Arc<Pipeline>, book: Arc<Mutex<(Story, Pages)>>, n: u32, epoch: u64) -> Keep {
    let pipeline = Arc::clone(pipeline);
    Arc::new(move |step: WriteStep| {
        let (pipeline, book) = (Arc::clone(&pipeline), Arc::clone(&book));
        let append = tokio::spawn(async move {
            let mut book = book.lock_owned().await;
            let (story, pages) = &mut *book;
            // The journal is one sequence: an end is on disk with the next intent, or with the receipt.
            let durable = matches!(step, WriteStep::Intended(_));
            let event = match step {
                WriteStep::Ended(exchange) => {
                    Event::WriteEnded { n, epoch, exchange: exchange.into() }
                }
                WriteStep::Intended(intent) => {
                    // The run may have waited for its turn: an approval that is over covers no write.
                    let expires_ms = story.ask.as_ref().map_or(i64::MAX, |ask| ask.expires_ms);
                    if pipeline.clock.now_ms() >= expires_ms {
                        return Err("the approval has expired".to_owned());
                    }
                    intended(n, epoch, *intent)?
                }
            };
            let (before, mark) = (story.clone(), pages.mark());
            let kept = match pipeline.put(story, pages, event).await {
                Ok(()) => pipeline.hand_over(story, pages, vec![], durable).await,
                Err(error) => Err(error),
            };
            kept.map_err(|error| {
                *story = before;
                pages.forget(mark);
                error.to_string()
            })
        });
        Box::pin(async move { append.await.map_err(|e| e.to_string())? })
    })
}

fn intended(n: u32, epoch: u64, intent: Intent) -> Result<Event, String> {
    let bytes = json::to_canonical(&intent.request).map_err(|e| e.to_string())?;
    Ok(Event::WriteIntended {
        n,
        epoch: Some(epoch),
        ordinal: intent.ordinal,
        request_sha256: Digest::of(&bytes),
        deadline_ms: intent.deadline_ms,
        idempotency_key: intent.idempotency_key,
    })
}

fn attempt_of(n: u32, run: Run, started_ms: i64, ended_ms: i64) -> Attempt {
    Attempt {
        n,
        claim: run.claim,
        exchanges: run.exchanges,
        refused: run.refused,
        started_ms,
        ended_ms,
    }
}

fn unseen(problem: String, at_ms: i64) -> Observation {
    Observation {
        state: BTreeMap::new(),
        derived: [].into(),
        exchanges: vec![],
        claim: None,
        refused: vec![],
        at_ms,
        problem: Some(problem),
    }
}
