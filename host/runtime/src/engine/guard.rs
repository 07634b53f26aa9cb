//! Handles a write that its guard rejected: the upstream answered 412 (Precondition Failed) and did not carry out the
//! write.
//!
//! Approvers are asked again until the guard has rejected the write [`TURNS`] times. If neither the state nor the
//! entity tag that the guard rests on changed, approvers are not asked again, because the guard cannot work with this
//! upstream.

use deed_record::contract::Contract;
use deed_record::exchange::{Exchange, Guard};
use deed_record::lifecycle::event::{Attempt, Phase};
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_spec::json;

use super::bounds::ATTEMPTS_BYTES;
use super::drive::{Drive, Step};
use super::error::EngineError;
use super::pause;
use crate::config::Granted;
use crate::stage::reconcile;

/// How many times the guard of a write may reject the write before the action fails.
const TURNS: usize = 3;

/// Why approvals become stale when the guard of a write rejected the write.
const TURNED_AWAY: &str =
    "the upstream rejected the write (412): the state changed after the observation";

impl Drive<'_> {
    /// Whether the guard rejected the latest write, and the observation after the write does not indicate that the
    /// write took effect.
    pub(super) fn was_turned_away(&self, granted: &Granted) -> bool {
        self.work.story.was_turned_away()
            && !reconcile::may_have_landed(&granted.contract, &self.work.story)
    }

    /// Continues after the guard rejected a write and an observation showed that the write had no effect: fails the
    /// action, observes the state again after a pause, or goes back to the observation before the attempt.
    pub(super) async fn turned_away(
        &mut self,
        granted: &Granted,
        judgement: Judgement,
    ) -> Result<Step, EngineError> {
        let failed = judgement.outcome == Outcome::Failed;
        match self.unmoved(&granted.contract).filter(|_| failed) {
            // The write carried a weak tag, which `If-Match` never matches (RFC 9110 section 13.1.1), so the action
            // fails.
            Some(write) if write.if_match.as_deref().is_some_and(|tag| tag.starts_with("W/")) => {
                let reason = useless(
                    write,
                    "neither the state nor the tag changed",
                    "its own weak entity tag",
                );
                self.judge(Judgement { reason, ..judgement }).await
            }
            Some(write) if self.looked_again && write.request.guard == Some(Guard::Absent) => {
                let reason = hidden(write);
                self.judge(Judgement { reason, ..judgement }).await
            }
            Some(write) if self.looked_again => {
                let what = "two later looks show the same state and tag";
                let reason = useless(write, what, "the entity tag that it shows");
                self.judge(Judgement { reason, ..judgement }).await
            }
            Some(_) => {
                self.looked_again = true;
                self.wait_for_replicas().await?;
                self.observe(Phase::Post).await
            }
            None => {
                self.looked_again = false;
                self.stale(TURNED_AWAY).await
            }
        }
    }

    /// The rejected write, if the upstream still shows the state, and with `guard = "etag"` the entity tag, on which the
    /// write was based.
    fn unmoved(&self, contract: &Contract) -> Option<&Exchange> {
        let story = &self.work.story;
        let write = story.attempts.last().and_then(rejected)?;
        let (pre, post) = (story.pre.as_ref()?, story.post.as_ref()?);
        (shows_its_basis(post, write) && pre.shows_same(post, contract)).then_some(write)
    }

    /// Waits before the state is observed again. An unchanged strong tag does not prove that the write had no effect:
    /// if the write was delivered twice, it may have been carried out the first time and rejected the second time, and
    /// a replica may still show the old state.
    async fn wait_for_replicas(&mut self) -> Result<(), EngineError> {
        let Some(granted) = self.granted() else { return Ok(()) };
        let pause = pause::after(&granted.contract.limits, 1, &[])?;
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let at_ms = self.engine.clock.now_ms().saturating_add(pause_ms);
        self.slot = None;
        self.flush(false).await?;
        self.engine.until(at_ms).await?;
        Ok(())
    }

    /// Observes the state again before approval is requested, because the guard rejected the write and the state
    /// observed before the attempt is therefore out of date.
    pub(super) async fn after_turned_away(&mut self) -> Result<Step, EngineError> {
        let tried = self.work.story.attempts.len();
        let kept = json::to_canonical(&self.work.story.attempts)?.len();
        if tried < TURNS && kept <= ATTEMPTS_BYTES {
            return self.observe(Phase::Pre).await;
        }
        let reason = format!("{TURNED_AWAY}, {tried} times; nothing was carried out");
        self.judge(Judgement::plain(Outcome::Failed, reason)).await
    }
}

fn rejected(attempt: &Attempt) -> Option<&Exchange> {
    attempt.exchanges.iter().find(|exchange| exchange.is_turned_away())
}

/// Whether the observation shows the same entity tag as the one that the write carried in `If-Match`. A write with
/// `guard = "absent"` carries no tag, so only the state matters, which the caller compares.
fn shows_its_basis(seen: &Observation, write: &Exchange) -> bool {
    let is_same_tag =
        || write.if_match.is_some() && seen.tag(&write.request) == write.if_match.as_deref();
    write.request.guard == Some(Guard::Absent) || is_same_tag()
}

/// Why a write with `guard = "absent"` cannot be carried out, although nothing was found.
fn hidden(write: &Exchange) -> String {
    let (upstream, path) = (&write.request.upstream, &write.request.path);
    format!(
        "the upstream rejected the write with `If-None-Match: *` (412), but two later looks show the same state as before: \
         upstream `{upstream}` does not support `guard = \"absent\"` for this request, or something exists at `{path}` \
         that the looks do not show; use a read credential that sees everything there and, if nothing exists there, leave \
         `guard` out of this rule; nothing was carried out"
    )
}

/// Why the entity tag of this write cannot work as a guard, and what to write instead.
fn useless(write: &Exchange, what: &str, its: &str) -> String {
    let upstream = &write.request.upstream;
    let tag = write.if_match.as_deref().unwrap_or_default();
    format!(
        "the upstream rejected the write with the entity tag `{tag}` (412), but {what}: upstream `{upstream}` does \
         not accept {its} in `If-Match`, so `guard = \"etag\"` cannot work there; leave `guard` out of this rule, unless \
         a replica of the upstream is out of date; nothing was carried out"
    )
}
