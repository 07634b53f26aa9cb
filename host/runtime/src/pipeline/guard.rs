//! What follows when the guard of a write held: the upstream answered 412 and carried nothing out.
//!
//! Never asks people again where that cannot help: an upstream may not accept the entity tags that it shows.

use deed_record::event::Phase;
use deed_record::json;
use deed_record::outcome::{Judgement, Outcome};

use super::drive::{Drive, Step};
use super::gate::ATTEMPTS_BYTES;
use super::ledger::LedgerError;
use crate::config::Granted;
use crate::reconcile;

/// How often an action may be turned away by the guard of its write before it is given up.
const TURNS: usize = 3;

/// Why approvals are void when the guard of a write held.
pub(super) const TURNED_AWAY: &str =
    "the upstream turned the write away (412): the state changed after the look";

impl Drive<'_> {
    /// Whether the latest write was turned away, and nothing that was seen since says otherwise.
    pub(super) fn was_turned_away(&self, granted: &Granted) -> bool {
        self.story.was_turned_away() && !reconcile::may_have_landed(&granted.contract, &self.story)
    }

    /// Why asking people again would not help: the upstream turned the write away, and still shows the state
    /// and the entity tag that the write carried. Strictly, `If-Match` never matches a weak tag (RFC 9110 section 13.1.1).
    pub(super) fn useless_guard(&self, judgement: &Judgement) -> Option<String> {
        let (pre, post) = (self.story.pre.as_ref()?, self.story.post.as_ref()?);
        let latest = self.story.attempts.last()?;
        let write = latest.exchanges.iter().find(|exchange| exchange.is_turned_away())?;
        let tag = write.if_match.as_deref()?;
        let same = post.tag(&write.request) == Some(tag) && pre.value() == post.value();
        if !same || judgement.outcome != Outcome::Failed {
            return None;
        }
        Some(useless(&write.request.upstream, tag))
    }

    /// The guard held. What was seen before the attempt is not what is: look again before anybody is asked.
    pub(super) async fn after_turned_away(&mut self) -> Result<Step, LedgerError> {
        let tried = self.story.attempts.len();
        let kept = json::to_canonical(&self.story.attempts)?.len();
        if tried < TURNS && kept <= ATTEMPTS_BYTES {
            return self.observe(Phase::Pre).await;
        }
        let reason = format!("{TURNED_AWAY}, {tried} times; nothing was carried out");
        self.judge(Judgement::plain(Outcome::Failed, reason)).await
    }
}

fn useless(upstream: &str, tag: &str) -> String {
    let why = if tag.starts_with("W/") {
        "does not accept its own weak entity tag in `If-Match`, so `guard = \"etag\"` cannot work there"
    } else {
        "does not accept in `If-Match` the entity tag that it shows, so `guard = \"etag\"` does not work there"
    };
    format!(
        "the upstream turned the write away (412), and neither state nor entity tag `{tag}` changed: \
         upstream `{upstream}` {why}; nothing was carried out"
    )
}
