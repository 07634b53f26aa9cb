//! Computes the scope of a run from a story and its grant: which data an observation or an attempt gets, and which
//! requests it may send.
//!
//! A scope alone does not permit a run: only the module `grant` turns a scope into a grant, with a permit from policy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deed_record::action::Bound;
use deed_record::action::private::{OpeningError, Prepared};
use deed_record::contract::Effect;
use deed_record::exchange::Rendered;
use deed_record::lifecycle::observation::answers::Answers;
use deed_record::lifecycle::recovery;
use deed_record::plan::course::Course;
use deed_sandbox::credentials::VaultSlots;
use deed_sandbox::grant::{Once, Scope};

use super::drive::Drive;
use super::error::EngineError;
use crate::config::Granted;

impl Drive<'_> {
    /// The entity tags from the last pre-observation, for the writes that they guard. A planned write has the path of
    /// its rule, because a path with a value of an answer cannot be read before the write.
    pub(super) fn tags(&self) -> BTreeMap<(String, String), String> {
        let Some(pre) = &self.work.story.pre else { return BTreeMap::new() };
        let tag = |write: &Rendered| {
            let place = (write.upstream.clone(), write.path.clone());
            pre.tag(write).map(|tag| (place, tag.to_owned()))
        };
        self.work.story.bound.perform.iter().filter_map(tag).collect()
    }

    /// The writes of the next attempt, for a plan in the order of the plan. Each write has its idempotency key, if any,
    /// and its result if it is already done.
    pub(super) fn once(&self, granted: &Granted) -> Result<Vec<Once>, EngineError> {
        let story = &self.work.story;
        let mut known = recovery::known(&story.attempts);
        let writes = story.writes(&granted.contract).map_err(OpeningError::from)?;
        // A planned write is known by its plan, because values of answers may be added to it between two attempts.
        let names: Vec<&Rendered> = match story.plan() {
            Some(plan) => plan.writes.iter().map(|write| &write.request).collect(),
            None => writes.iter().collect(),
        };
        let mut known_of = Vec::with_capacity(writes.len());
        for (at, (request, name)) in writes.iter().zip(&names).enumerate() {
            let promise = self.tenant.upstreams.get(&request.upstream);
            let promise = promise.and_then(|upstream| upstream.idempotency.as_ref());
            let counts = promise.filter(|_| granted.contract.action.effect == Effect::Keyed);
            let window_ms = counts.map(|one| i64::try_from(one.window_ms).unwrap_or(i64::MAX));
            let before = known.iter().position(|one| one.request == *request);
            let before = before.map(|at| known.remove(at));
            let left_ms = before.as_ref().and_then(|one| one.left_ms);
            let until_ms = left_ms.zip(window_ms).map(|(left, window)| left.saturating_add(window));
            let (key, done) = before.map_or((None, None), |one| (one.key, one.done));
            let key = match key {
                None if promise.is_some() => {
                    Some(self.key(name, names.get(..at).unwrap_or_default())?)
                }
                key => key,
            };
            known_of.push((key, until_ms, done));
        }
        let once = writes.into_iter().zip(known_of);
        Ok(once
            .map(|(request, (key, until_ms, done))| Once { request, key, until_ms, done })
            .collect())
    }

    /// The idempotency key of a write that follows these other writes.
    fn key(&self, write: &Rendered, before: &[&Rendered]) -> Result<String, EngineError> {
        let nth = before.iter().filter(|other| ***other == *write).count();
        Ok(self.engine.keys.idempotency_key(&self.work.story.bound.action.id, write, nth)?)
    }

    /// The course of an attempt that has this scope; `None` if the contract is closed. Reads are answered from the
    /// rehearsal, so that the adapter computes the same writes again.
    pub(super) fn course(&self, granted: &Granted, scope: &Scope) -> Option<Course> {
        let story = &self.work.story;
        let rehearsal = story.rehearsal.as_ref()?;
        let (plan, reads) = (rehearsal.plan.as_ref()?, rehearsal.exchanges.clone());
        let course = Course::new(&granted.contract, scope.rendered.clone(), plan, reads);
        Some(course.knowing(&story.exchanges()))
    }

    /// The scope of an observation. A request that contains a value of an answer is left out as long as that answer is
    /// not known.
    pub(super) fn look_scope(
        &self,
        granted: &Granted,
        answers: &Answers,
    ) -> Result<Scope, EngineError> {
        let mut scope = self.scope(granted, 0)?;
        let asked = answers.asked(&self.work.story.bound.observe);
        let mut rendered = Vec::with_capacity(asked.len());
        for (request, asked) in scope.rendered.into_iter().zip(asked) {
            if asked.request().is_some() {
                let filled = request.with_answers(|path| answers.text(path));
                rendered.push(filled.map_err(OpeningError::from)?);
            }
        }
        scope.rendered = rendered;
        let looks = granted.contract.observe.http.iter().zip(&self.work.story.bound.observe);
        let safe = looks.filter(|(rule, _)| rule.reads && granted.safe.contains(&rule.request));
        scope.searches = safe.map(|(_, request)| request.clone()).collect();
        Ok(scope)
    }

    /// The scope of an attempt, or of an observation if `attempt` is 0. This function replaces the commitments to
    /// private parameters with their values.
    pub(super) fn scope(&self, granted: &Granted, attempt: u32) -> Result<Scope, EngineError> {
        let Bound { action, proposal, observe, perform, private, salts } = &*self.work.story.bound;
        let recorded = if attempt == 0 { observe } else { perform };
        let rendered = if private.is_empty() {
            recorded.iter().cloned().map(Prepared::plain).collect()
        } else {
            let requests = private.requests(&granted.contract, proposal, &action.id)?;
            if attempt == 0 { requests.observe } else { requests.perform }
        };
        let rendered = match self.work.story.pre.as_ref().filter(|_| attempt > 0) {
            Some(pre) => {
                Prepared::with_state(rendered, &pre.value()).map_err(OpeningError::from)?
            }
            None => rendered,
        };
        let params = private.params(&granted.contract, &action.params);
        let reachable =
            self.tenant.upstreams.iter().filter(|(name, _)| granted.upstreams.contains(*name));
        Ok(Scope {
            tenant: action.tenant.clone(),
            person: action.person.clone(),
            access: self.access(),
            action: action.id.clone(),
            contract: action.contract.name.clone(),
            params: params.map_err(OpeningError::from)?,
            private: private.hidden(),
            attempt,
            rendered,
            searches: vec![],
            tags: BTreeMap::new(),
            once: vec![],
            course: None,
            upstreams: reachable
                .map(|(n, u)| (n.clone(), Arc::clone(u)))
                .collect::<BTreeMap<_, _>>(),
            slots: Arc::new(VaultSlots { vaults: granted.vaults.clone(), salts: salts.clone() }),
            memory: Arc::clone(&self.tenant.memory),
            states: granted.contract.state.clone(),
            adapter: action.adapter,
            timeout: Duration::from_millis(granted.contract.limits.timeout.as_millis()),
        })
    }
}
