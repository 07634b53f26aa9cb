//! Runs of the adapter: looks and attempts, each under a grant, each announced before it starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deed_record::action::Bound;
use deed_record::digest::Digest;
use deed_record::envelope::Envelope;
use deed_record::event::{Attempt, Event, Phase};
use deed_record::exchange::Rendered;
use deed_record::json;
use deed_record::observation::Observation;
use deed_record::outcome::{Judgement, Outcome};
use deed_record::private::{OpeningError, Prepared};
use deed_record::story::Story;
use tokio::sync::Mutex;

use super::Pipeline;
use super::drive::{Drive, Step};
use super::ledger::LedgerError;
use crate::config::Granted;
use crate::grant::{self, Scope};
use crate::observe;
use crate::receipt::{self, SealError};
use crate::sandbox::{Adapter, Intend, Intent, Run};

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
        self.append(vec![Event::ObserveStarted { phase }], false).await?;
        let observation = self.look(&granted, adapter).await?;
        self.append(vec![Event::Observed { phase, observation: Box::new(observation) }], false)
            .await
    }

    pub(super) async fn look(
        &self,
        granted: &Granted,
        adapter: &Adapter,
    ) -> Result<Observation, LedgerError> {
        let scope = self.scope(granted, 0)?;
        let decision = self.story.decision.as_ref().map(|(d, _)| d);
        let clock = self.pipeline.clock.clone();
        Ok(match decision.map(|d| grant::read(d, scope)) {
            Some(Ok(grant)) => {
                observe::look(&self.pipeline.sandbox, adapter, grant, || clock.now_ms()).await
            }
            Some(Err(error)) => unseen(error.to_string(), clock.now_ms()),
            None => unseen("policy has not decided".to_owned(), clock.now_ms()),
        })
    }

    /// One attempt: the start is durable before the grant is live, each write before its first byte.
    pub(super) async fn attempt(&mut self) -> Result<Step, LedgerError> {
        let started_ms = self.pipeline.clock.now_ms();
        if let Some(judgement) = self.expired(started_ms) {
            return self.judge(judgement).await;
        }
        let Some(granted) = self.granted() else { return self.gone().await };
        let Some(adapter) = self.pipeline.adapters.get(&granted.adapter).cloned() else {
            return self.gone().await;
        };
        let n = self.story.next_attempt();
        let scope = Scope { tags: self.tags(), ..self.scope(&granted, n)? };
        let decision = self.story.decision.as_ref().map(|(d, _)| d);
        let cleared = match decision.map(|d| grant::clear(d, scope)) {
            Some(Ok(cleared)) => cleared,
            Some(Err(error)) => {
                return self.judge(Judgement::plain(Outcome::Denied, error.to_string())).await;
            }
            None => return self.gone().await,
        };
        let deadline_ms = started_ms + granted.contract.limits.timeout.as_signed();
        let decision = self.signed_decision(started_ms, deadline_ms)?;
        let started = Event::AttemptStarted { n, epoch: u64::from(n), deadline_ms, decision };
        let pipeline = Arc::clone(self.pipeline);
        let story = &mut self.story;
        let spent =
            async { pipeline.append(story, vec![started], true).await.map(|()| story.version) };
        let live = grant::spend(cleared, spent).await?;
        let book = Arc::new(Mutex::new(self.story.clone()));
        let run = pipeline
            .sandbox
            .perform(&adapter, live, intents(&pipeline, Arc::clone(&book), n))
            .await;
        self.story = book.lock().await.clone();
        let ended = attempt_of(n, run, started_ms, pipeline.clock.now_ms());
        self.append(vec![Event::AttemptEnded { attempt: Box::new(ended) }], true).await
    }

    /// Why this attempt may run, under the host's key: it is on disk before anything can leave.
    fn signed_decision(
        &self,
        cleared_ms: i64,
        deadline_ms: i64,
    ) -> Result<Box<Envelope>, LedgerError> {
        let failed = |e: SealError| LedgerError::Failed(e.to_string());
        let nothing = || LedgerError::Failed("nothing was asked of policy".to_owned());
        let asked = self.pipeline.question(&self.story)?.ok_or_else(nothing)?;
        let key = &self.pipeline.keys.receipt;
        let signed = receipt::decide(&self.story, &asked, cleared_ms, deadline_ms, key);
        Ok(Box::new(signed.map_err(failed)?))
    }

    /// An attempt without an end: the host stopped under it. It looks; it never sends again blindly.
    pub(super) async fn recover_attempt(&mut self) -> Result<Step, LedgerError> {
        let now = self.pipeline.clock.now_ms();
        let Some(attempt) = self.story.lost_attempt(now) else { return Ok(Step::Rest) };
        self.append(vec![Event::AttemptEnded { attempt: Box::new(attempt) }], true).await
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

    /// What a run may know and do: a look where `attempt` is 0. Here private values come into it.
    fn scope(&self, granted: &Granted, attempt: u32) -> Result<Scope, LedgerError> {
        let Bound { action, proposal, observe, perform, private } = &self.story.bound;
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
            upstreams: reachable
                .map(|(n, u)| (n.clone(), Arc::clone(u)))
                .collect::<BTreeMap<_, _>>(),
            states: granted.contract.state.clone(),
            adapter: action.adapter,
            timeout: Duration::from_millis(granted.contract.limits.timeout.as_millis()),
        })
    }
}

/// The function through which egress makes the intent of a write durable. The story is shared with it
/// while the run lasts, so that each append goes on from the version before. It runs in a task of its
/// own: a caller that stops waiting must not part the story from the journal.
fn intents(pipeline: &Arc<Pipeline>, story: Arc<Mutex<Story>>, n: u32) -> Intend {
    let pipeline = Arc::clone(pipeline);
    Arc::new(move |intent: Intent| {
        let (pipeline, story) = (Arc::clone(&pipeline), Arc::clone(&story));
        let append = tokio::spawn(async move {
            let mut story = story.lock_owned().await;
            // The run may have waited for its turn: an approval that is over covers no write.
            let expires_ms = story.ask.as_ref().map_or(i64::MAX, |ask| ask.expires_ms);
            if pipeline.clock.now_ms() >= expires_ms {
                return Err("the approval has expired".to_owned());
            }
            let event = intended(n, &intent)?;
            pipeline.append(&mut story, vec![event], true).await.map_err(|e| e.to_string())
        });
        Box::pin(async move { append.await.map_err(|e| e.to_string())? })
    })
}

fn intended(n: u32, intent: &Intent) -> Result<Event, String> {
    let bytes = json::to_canonical(&intent.request).map_err(|e| e.to_string())?;
    Ok(Event::WriteIntended {
        n,
        ordinal: intent.ordinal,
        request_sha256: Digest::of(&bytes),
        deadline_ms: intent.deadline_ms,
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
