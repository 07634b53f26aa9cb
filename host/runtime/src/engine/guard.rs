//! Handles a write that its guard rejected: the upstream answered 412 (Precondition Failed) and did not carry out the
//! write.
//!
//! Approvers are asked again, up to [`TURNS`] times, unless another approval cannot help because `If-Match` never
//! matches a weak entity tag.

use deed_record::exchange::Exchange;
use deed_record::lifecycle::event::{Attempt, Phase};
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_spec::json;

use super::bounds::ATTEMPTS_BYTES;
use super::drive::{Drive, Step};
use super::error::EngineError;
use crate::config::Granted;
use crate::stage::reconcile;

/// How many times the guard of a write may reject the write before the action fails.
const TURNS: usize = 3;

/// Why approvals become stale when the guard of a write rejected the write.
pub(super) const TURNED_AWAY: &str =
    "the upstream rejected the write (412): the state changed after the observation";

impl Drive<'_> {
    /// Whether the guard rejected the latest write, and no later observation indicates that the write took effect.
    pub(super) fn was_turned_away(&self, granted: &Granted) -> bool {
        self.work.story.was_turned_away()
            && !reconcile::may_have_landed(&granted.contract, &self.work.story)
    }

    /// The reason why another approval would not help, if there is one: the upstream rejected the write, but still
    /// shows the old state and the weak entity tag that the write carried. `If-Match` never matches a weak tag (RFC
    /// 9110 section 13.1.1). An unchanged strong tag may be an older one that a replica still shows.
    pub(super) fn useless_guard(&self, judgement: &Judgement) -> Option<String> {
        let (pre, post) = (self.work.story.pre.as_ref()?, self.work.story.post.as_ref()?);
        let write = turned_away(self.work.story.attempts.last()?)?;
        let tag = write.if_match.as_deref().filter(|tag| tag.starts_with("W/"))?;
        let same = post.tag(&write.request) == Some(tag) && pre.value() == post.value();
        if !same || judgement.outcome != Outcome::Failed {
            return None;
        }
        let upstream = &write.request.upstream;
        Some(format!(
            "the upstream rejected the write (412), and neither the state nor the entity tag `{tag}` changed: \
             upstream `{upstream}` does not accept its own weak entity tag in `If-Match`, so `guard = \"etag\"` \
             cannot work there; nothing was carried out"
        ))
    }

    /// The guard rejected the write, so the state observed before the attempt is out of date. The state is observed
    /// again before approval is requested.
    pub(super) async fn after_turned_away(&mut self) -> Result<Step, EngineError> {
        let tried = self.work.story.attempts.len();
        let kept = json::to_canonical(&self.work.story.attempts)?.len();
        if tried < TURNS && kept <= ATTEMPTS_BYTES {
            return self.observe(Phase::Pre).await;
        }
        let reason = match unmoved(&self.work.story.attempts) {
            Some(write) if tried >= TURNS => never_moved(write, tried),
            _ => format!("{TURNED_AWAY}, {tried} times; nothing was carried out"),
        };
        self.judge(Judgement::plain(Outcome::Failed, reason)).await
    }
}

fn turned_away(attempt: &Attempt) -> Option<&Exchange> {
    attempt.exchanges.iter().find(|exchange| exchange.is_turned_away())
}

/// The write that every attempt sent with the same entity tag and that the upstream rejected each time.
fn unmoved(attempts: &[Attempt]) -> Option<&Exchange> {
    let (last, before) = attempts.split_last()?;
    let last = turned_away(last).filter(|write| write.if_match.is_some())?;
    let is_same = |one: &Exchange| one.request == last.request && one.if_match == last.if_match;
    before.iter().all(|attempt| turned_away(attempt).is_some_and(is_same)).then_some(last)
}

fn never_moved(write: &Exchange, times: usize) -> String {
    let (upstream, tag) = (&write.request.upstream, write.if_match.as_deref().unwrap_or_default());
    format!(
        "the upstream rejected the write (412) {times} times, and the entity tag `{tag}` never changed: upstream \
         `{upstream}` may not accept in `If-Match` the entity tag that it shows; nothing was carried out"
    )
}
